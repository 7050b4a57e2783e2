"""Layouts whose names tell the case and the kind: a folder for each case or each kind, or words in the names of files.

BraTS (`CASE/CASE-t1n.nii.gz`, `CASE_seg.nii`), TotalSegmentator (`CASE/ct.nii.gz`, `CASE/segmentations/`), KiTS,
LiTS, IXI, the Decathlon without its description (`imagesTr/`, `labelsTr/`), and any cohort of one kind.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bnstat.sources.label_names import says_labels
from bnstat.sources.survey.parts import PLAIN, Part, Traits, stem_of
from bnstat.sources.survey.words import Words, words_of

TRAITS = Traits(joins=True, kinds=("kind of file", "kinds of file"))

# The number of a channel at the end of a name in nnU-Net's folders of images.
_NUMBER = re.compile(r"(.+)_(\d{4})")
# Folders of points in time, and those among them that are no modalities.
_TIMED, _TIME = re.compile(r"t\d+", re.IGNORECASE), re.compile(r"t(?:0|[3-9]|\d\d+)", re.IGNORECASE)
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


def parts_of(paths: Mapping[str, str], named: str = "") -> list[Part]:
    """Return the parts of a folder.

    Args:
        paths: the files as they are opened, by their paths relative to the folder.
        named: the name of the folder.
    """
    read = [_read(path) for path in paths]
    numbered = _numbered(read, named)
    bare = _bare_kinds(read)
    folders = _folders(read)
    parts = [
        _part(one, paths[one.path], [folders[place, name] for place, name in enumerate(one.folders)], numbered, bare)
        for one in read
    ]
    parts = _with_unknown_kinds_that_recur(parts)
    if all(part.labels for part in parts):  # nothing but labels: no image is told from them
        parts = [replace(part, labels=False, known=False) for part in parts]
    return _titled(parts)


def _read(path: str) -> _Read:
    folder, name = posixpath.split(path)
    stem = stem_of(name)
    return _Read(path, tuple(folder.split("/")) if folder else (), stem, words_of(stem))


def _numbered(read: Sequence[_Read], named: str) -> frozenset[str]:
    """Return the folders whose files end in the number of a channel, as nnU-Net has them: `case_0000`, `case_0001`."""
    cases: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    plain = set()
    for one in read:
        folder = "/".join(one.folders)
        if not _IMAGES.fullmatch(one.folders[-1] if one.folders else named):
            continue
        match = _NUMBER.fullmatch(one.stem)
        if match is None:
            plain.add(folder)
        else:
            cases[folder][match[1]].add(match[2])
    return frozenset(
        folder
        for folder, found in cases.items()
        if folder not in plain and len(found) > 1 and all("0000" in numbers for numbers in found.values())
    )


def _bare_kinds(read: Sequence[_Read]) -> frozenset[str]:
    """Return the names of unknown words that stand for a kind: each in at least two folders, beside another file."""
    files = Counter(one.folders for one in read)
    folders: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for one in read:
        if one.words.bare and one.folders and files[one.folders] > 1:
            folders[one.stem].add(one.folders)
    return frozenset(stem for stem, found in folders.items() if len(found) > 1)


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
            elif not words.known or (constant and not words.labels):
                words = Words(words.case or name, "", True, "", False)
            found[place, name] = words
    return found


def _part(one: _Read, file: str, folders: Sequence[Words], numbered: frozenset[str], bare: frozenset[str]) -> Part:
    """Return the part that a file is."""
    words, stem = one.words, one.stem
    if "/".join(one.folders) in numbered:
        match = _NUMBER.fullmatch(stem)
        assert match is not None, "the files of such a folder have numbers"
        stem, kind = match[1], match[2]
        own = Words(words_of(stem).case, kind, True, "", False)
    elif stem in bare:
        own = Words("", stem, False, "", words.labels)
    elif words.bare and (last := re.fullmatch(r"(.+)[_\-. ]([^_\-. ]{2,})", stem)):
        own = Words(last[1], last[2], False, "", words.labels)
    else:
        own = words
    of_labels = next((name for name in one.folders if _holds_labels(name)), None)
    above = [folder for name, folder in zip(one.folders, folders, strict=True) if not _holds_labels(name)]
    told = [folder.kind for folder in above if folder.kind and folder.kind.lower() not in _lower_words(own.kind)]
    told += [own.kind] * bool(own.kind)
    if of_labels is not None:  # what lies in a folder of labels is one kind, whatever its names say
        told, own = [of_labels], replace(own, case=own.case or stem, labels=True)
    kinds = list({kind.lower(): kind for kind in told}.values())
    case = tuple(folder.case for folder in above if folder.case) + ((own.case,) if own.case else ())
    kind = "_".join(kinds)
    known = own.known and bool(kinds) and not own.labels
    return Part(one.path, file, case, kind.lower(), kind or PLAIN, known, own.labels)


def _lower_words(kind: str) -> list[str]:
    """Return the words of a kind in small letters."""
    return re.split(r"[_\-. ]+", kind.lower())


def _holds_labels(folder: str) -> bool:
    """Return True if the name of a folder says that labels are in it; with a number it is that of a case."""
    return says_labels(folder) and not any(map(str.isdigit, folder))


def _with_unknown_kinds_that_recur(parts: Sequence[Part]) -> list[Part]:
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
    return [
        part
        if part.known or part.labels or not part.kind or part.kind in together
        else replace(part, case=(*part.case, part.kind), kind="", title=PLAIN)
        for part in parts
    ]


def _titled(parts: Sequence[Part]) -> list[Part]:
    """Return parts whose kinds have one title each, the one that most of their names have."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for part in parts:
        counted[part.kind][part.title] += 1
    titles = {kind: found.most_common(1)[0][0] for kind, found in counted.items()}
    return [replace(part, title=titles[part.kind]) for part in parts]
