"""Layouts whose names tell the case and the kind: a folder for each case or each kind, or words in the names of files.

BraTS (`CASE/CASE-t1n.nii.gz`, `CASE_seg.nii`), TotalSegmentator (`CASE/ct.nii.gz`, `CASE/segmentations/`), KiTS,
LiTS, IXI, the Decathlon without its description (`imagesTr/`, `labelsTr/`), and any cohort of one kind.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bnstat.sources.label_names import says_labels
from bnstat.sources.survey import prefixes
from bnstat.sources.survey.case_folders import by_folder
from bnstat.sources.survey.grids import is_side_or_time, with_kinds_of_grids
from bnstat.sources.survey.parts import PLAIN, Part, Traits, stem_of
from bnstat.sources.survey.recurring import local_stem, recurring_kinds
from bnstat.sources.survey.words import Words, is_modality, words_of

TRAITS = Traits(joins=True, kinds=("kind of file", "kinds of file"))

# The number of a channel at the end of a name in nnU-Net's folders of images.
_NUMBER = re.compile(r"(.+)_(\d{4})")
# Folders of points in time, and those among them that are no modalities.
_TIMED, _TIME = re.compile(r"t\d+", re.IGNORECASE), re.compile(r"t(?:0|[3-9]|\d\d+)", re.IGNORECASE)
# Folders of a split, which may have the same names of other cases.
_SPLIT = re.compile(r"\w*(?:tr|ts|va|val|test|train)", re.IGNORECASE)
_IMAGES = re.compile(r"images?(tr|ts)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Read:
    """A file with its name taken apart.

    Attributes:
        path: its path relative to the folder that was named.
        folders: the folders of the path.
        stem: its name without ending.
        words: the words of its name.
    """

    path: str
    folders: tuple[str, ...]
    stem: str
    words: Words


@dataclass(frozen=True)
class _Above:
    """What the folders of a file tell.

    Attributes:
        cases: what tells the case.
        kinds: the kinds that folders without a number tell, and those that the folders of cases tell.
        of_labels: the folder that holds labels; None if there is none.
    """

    cases: tuple[str, ...]
    kinds: tuple[str, ...]
    kinds_of_cases: tuple[str, ...]
    of_labels: str | None


def parts_of(paths: Mapping[str, str], named: str = "") -> list[Part]:
    """Return the parts of a folder.

    Args:
        paths: the files as they are opened, by their paths relative to the folder.
        named: the name of the folder.
    """
    read = [_read(path) for path in paths]
    above = _above(read)
    own, recurring = _own_words(read, above, named)
    parts = [_part(one, paths[one.path], above[one.folders], words) for one, words in zip(read, own, strict=True)]
    parts = with_kinds_of_grids(_with_folders_of_images(_with_unknown_kinds_that_recur(by_folder(parts), recurring)))
    if all(part.labels for part in parts):  # nothing but labels: no image is told from them
        parts = [replace(part, labels=False, known=False) for part in parts]
    return _titled(parts)


def _read(path: str) -> _Read:
    folder, _, name = path.rpartition("/")
    stem = stem_of(name)
    return _Read(path, tuple(folder.split("/")) if folder else (), stem, words_of(stem))


def _own_words(
    read: Sequence[_Read], above: Mapping[tuple[str, ...], _Above], named: str
) -> tuple[list[Words], frozenset[str]]:
    """Return what the name of each file tells of its case and its kind, and the kinds that recur from case to case."""
    numbered = _numbered(read, named)
    local = [local_stem(one.folders, one.stem) for one in read]
    recurring = recurring_kinds(
        (above[one.folders].cases, name)
        for one, name in zip(read, local, strict=True)
        if above[one.folders].of_labels is None and one.folders not in numbered
    )
    prefixed = prefixes.split((one.folders, one.stem) for one in read)
    modalities = _modalities_of_cases(one.stem for one in read if numbered.get(one.folders))
    own = [
        _words_with_number(one.stem, modalities=modalities, channels=numbered[one.folders])
        if one.folders in numbered
        else _words_with_prefix(*prefixed[one.folders, one.stem])
        if (one.folders, one.stem) in prefixed
        else recurring.get(name) or _words_with_last(one)
        for one, name in zip(read, local, strict=True)
    ]
    return own, frozenset(words.kind.lower() for words in recurring.values())


def _modalities_of_cases(stems: Iterable[str]) -> bool:
    """Return True if modalities in names before the number of a channel tell files of one case apart."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for stem in stems:
        words = words_of(stem.rpartition("_")[0])
        kinds[words.case].add(words.kind)
    return any(len(some) > 1 for some in kinds.values())


def _words_with_number(stem: str, *, modalities: bool, channels: bool) -> Words:
    """Return the words of a name that ends in the number of a channel; it is a kind if there are several channels."""
    match = _NUMBER.fullmatch(stem)
    if match is None or not channels:
        return words_of(match[1] if match is not None else stem)
    words = words_of(match[1])
    kind = f"{words.kind}_{match[2]}".lstrip("_") if modalities else match[2]
    return Words(words.case or match[1], kind, True, "", False)


def _words_with_prefix(prefix: str, base: str) -> Words:
    """Return the words of a name that begins with what was made of the scan."""
    words, made = words_of(base), prefix.rstrip("_")
    return Words(words.case or base, f"{made}_{words.kind}".rstrip("_"), False, "", words.labels)


def _words_with_last(one: _Read) -> Words:
    """Return the words of a name, of which the last one of several that are not known may be the kind."""
    words = one.words
    if words.bare and (last := re.fullmatch(r"(.+)[_\-. ]([^_\-. ]{2,})", one.stem)):
        return Words(last[1], last[2], False, "", words.labels)
    return words


def _numbered(read: Sequence[_Read], named: str) -> Mapping[tuple[str, ...], bool]:
    """Return the folders whose files end in the number of a channel, as nnU-Net has them: `case_0000`, `case_0001`.

    Each is given with True if there are several channels. They are known as such in folders of images; elsewhere the
    numbers have to be those of every case.
    """
    cases: dict[tuple[str, ...], dict[tuple[tuple[str, ...], str], set[str]]] = defaultdict(lambda: defaultdict(set))
    plain, of_images = set(), {}
    for one in read:
        if one.folders not in of_images:
            of_images[one.folders] = any(map(_IMAGES.fullmatch, one.folders or (named,)))
        # a folder for each case has one case: all of them together are one folder
        match = _NUMBER.fullmatch(one.stem)
        place = (
            one.folders[:-1] if match and one.folders and match[1].lower() == one.folders[-1].lower() else one.folders
        )
        if match is None:
            plain.add(place)
        else:
            cases[place][one.folders, match[1]].add(match[2])
    found = {}
    for place, some in cases.items():
        sets = {frozenset(numbers) for numbers in some.values()}
        if place in plain or len(some) < 2 or not all("0000" in numbers for numbers in sets):
            continue
        channels = any(len(numbers) > 1 for numbers in sets)
        if channels and len(sets) > 1 and not any(of_images[folders] for folders, _ in some):
            continue
        found.update({folders: channels for folders, _ in some})
    return found


def _above(read: Sequence[_Read]) -> Mapping[tuple[str, ...], _Above]:
    """Return what the folders above files tell, for each of them."""
    words = _folders(read)
    holders = _holders(read)
    found = {}
    for folders in {one.folders for one in read}:
        of_labels = next((name for place, name in enumerate(folders) if (place, name) in holders), None)
        told = [words[place, name] for place, name in enumerate(folders) if (place, name) not in holders]
        found[folders] = _Above(
            tuple(one.case for one in told if one.case),
            tuple(one.kind for one in told if one.kind and not one.case),
            tuple(one.kind for one in told if one.kind and one.case),
            of_labels,
        )
    return found


def _holders(read: Sequence[_Read]) -> frozenset[tuple[int, str]]:
    """Return the folders that hold labels, by their place in the paths.

    No such folder is that of everything, which tells nothing; nor one in which images lie beside labels by their names;
    nor, with a number, one whose files say what they are, which is that of a case.
    """
    named: dict[tuple[int, str], list[_Read]] = defaultdict(list)
    for one in read:
        for place, name in enumerate(one.folders):
            if says_labels(name):
                named[place, name].append(one)
    found = set()
    for (place, name), files in named.items():
        labels = any(one.words.labels for one in files)
        images = any((one.words.kind or one.words.image) and one.words.known and not one.words.labels for one in files)
        numbered = any(map(str.isdigit, name))
        modality = any(map(is_modality, re.split(r"[_\-. ]+", name)))
        if len(files) < len(read) and not (labels and images) and not (numbered and (images or modality)):
            found.add((place, name))
    return frozenset(found)


def _folders(read: Sequence[_Read]) -> dict[tuple[int, str], Words]:
    """Return the words of each folder by its place in the paths.

    A kind that all files have in the same place tells nothing, as the `mri` of FreeSurfer; unknown words tell the case,
    as the `baseline` of a visit; and `t1` beside `t0` or `t3` is a point in time.
    """
    places: dict[int, set[str]] = defaultdict(set)
    depths: Counter[int] = Counter()
    for one in read:
        for place, name in enumerate(one.folders):
            places[place].add(name)
            depths[place] += 1
    found = {}
    for place, names in places.items():
        constant = depths[place] == len(read) and len({words_of(name).kind.lower() for name in names}) == 1
        timed = any(_TIME.fullmatch(name) for name in names)
        for name in names:
            words = words_of(name)
            if timed and _TIMED.fullmatch(name):
                words = Words(name, "", True, "", False)
            elif not words.known or constant or words.labels:
                words = Words(words.case or name, "", True, "", False)
            found[place, name] = words
    return found


def _part(one: _Read, file: str, above: _Above, own: Words) -> Part:
    """Return the part that a file is."""
    words = _lower_words(own.kind)
    kinds_above = (*above.kinds, *(() if own.kind else above.kinds_of_cases))
    told = [kind for kind in kinds_above if kind.lower() not in words] + [own.kind] * bool(own.kind)
    case = own.case
    if above.of_labels is not None:  # what lies in a folder of labels is one kind, whatever its names say
        told, case = [_title_of(above.of_labels)], case or one.stem
    labels = own.labels or above.of_labels is not None
    kind = "_".join({kind.lower(): kind for kind in told}.values())
    known = own.known and bool(kind) and not labels
    return Part(
        one.path, file, (*above.cases, case) if case else above.cases, kind.lower(), kind or PLAIN, known, labels
    )


def _title_of(folder: str) -> str:
    """Return the kind that a folder of labels is: its name, or a word of it if it has a number, as that of a case."""
    return words_of(folder).kind or folder if any(map(str.isdigit, folder)) else folder


def _lower_words(kind: str) -> list[str]:
    """Return the words of a kind in small letters."""
    return re.split(r"[_\-. ]+", kind.lower()) if kind else []


def _with_unknown_kinds_that_recur(parts: Sequence[Part], recurring: frozenset[str]) -> list[Part]:
    """Return parts in which an unknown word is a kind only if several cases have it beside another kind.

    Elsewhere it tells the case, as the names of persons and sites do.
    """
    kinds: dict[tuple[str, ...], set[str]] = defaultdict(set)
    cases: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for part in parts:
        kinds[part.case].add(part.kind)
        cases[part.kind].add(part.case)
    together = {
        kind
        for kind, found in cases.items()
        if len(found) > 1 and 2 * sum(len(kinds[case]) > 1 for case in found) >= len(found)
    }
    unknown = {part.kind for part in parts if part.kind in together and not (part.known or part.labels) and part.kind}
    if all(map(is_side_or_time, unknown)):  # the two knees, or the visits, of a person
        together -= unknown
    together |= {kind for kind in recurring if not is_side_or_time(kind)}
    return [
        part
        if part.known or part.labels or not part.kind or part.kind in together
        else replace(part, case=(*part.case, part.kind), kind="", title=PLAIN)
        for part in parts
    ]


def _with_folders_of_images(parts: Sequence[Part]) -> list[Part]:
    """Return parts whose folder is the kind if other folders of images have the cases: `raw/1.nii`, `data/1.nii`."""
    places: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    for part in parts:
        places[part.case, part.kind].add(part.path.rpartition("/")[0])
    twice = {key for key, some in places.items() if len(some) > 1}
    if len({case for case, _ in twice}) < 2:
        return list(parts)
    return [
        replace(part, kind=f"{name.lower()}_{part.kind}".rstrip("_"), title=_joined(name, part), known=False)
        if (part.case, part.kind) in twice and not part.labels and (name := _folder_of_images(part.path))
        else part
        for part in parts
    ]


def _folder_of_images(path: str) -> str:
    """Return the last folder of a path whose name only says that images are in it; empty if there is none."""
    folders = path.split("/")[:-1]
    return next((name for name in reversed(folders) if words_of(name).image and not _SPLIT.fullmatch(name)), "")


def _joined(name: str, part: Part) -> str:
    return f"{name}_{part.title}" if part.kind else name


def _titled(parts: Sequence[Part]) -> list[Part]:
    """Return parts whose kinds have one title each, the one that most of their names have."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for part in parts:
        counted[part.kind][part.title] += 1
    titles = {kind: found.most_common(1)[0][0] for kind, found in counted.items()}
    return [replace(part, title=titles[part.kind]) for part in parts]
