"""From the parts of a folder to cases: what is taken, what is left out, and what has to be asked."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bnstat.errors import InputError, UsageError
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.datasets.pattern import without
from bnstat.sources.names import shared
from bnstat.sources.selection import Selection
from bnstat.sources.survey.entities import require_one_content, with_entities
from bnstat.sources.survey.parts import PLAIN, Part, Traits, stem_of
from bnstat.sources.survey.question import asked_of, kinds_in
from bnstat.text import plural

# A series beside single images.
_SERIES = re.compile(r"(?:^|[_\-. ])4d(?:pwi)?(?:$|[_\-. ])")
# What images of CT and of MR are called.
_CT, _MR = re.compile(r"(?:^|[_\-. ])(?:ct|cta|cbct)(?:$|[_\-. ])"), re.compile(r"(?:^|[_\-. ])(?:mr|mri|t1|t2)")
# Folders of test images beside those of training images, as the Decathlon and nnU-Net name them.
_TRAINING, _TEST = re.compile(r"images?tr", re.IGNORECASE), re.compile(r"images?ts", re.IGNORECASE)


def taken(folder: str, parts: Sequence[Part], selection: Selection, traits: Traits) -> FoundCases:
    """Return the cases of a folder.

    Args:
        folder: the folder that was named.
        parts: its files.
        selection: what was asked for.
        traits: how its layout is treated.

    Raises:
        UsageError: if several kinds are there and none was chosen, or if one that was chosen is not there.
    """
    parts = with_entities(folder, parts, selection)
    labels = [part for part in parts if part.labels]
    if selection.kinds:
        wanted = [_of_kind(folder, parts, name, "channels", traits) for name in selection.kinds]
        return _joined(wanted, selection.kinds, labels)
    if selection.suffix is not None:
        chosen = _of_kind(folder, parts, selection.suffix, "suffix", traits)
        if not traits.joins and not selection.each:
            require_one_content(folder, chosen)
        return FoundCases(_samples(chosen, labels, named=True))
    if selection.each:
        return FoundCases([Case.of(part.file) for part in parts])
    return _unasked(folder, parts, labels, traits)


def _unasked(folder: str, parts: Sequence[Part], labels: Sequence[Part], traits: Traits) -> FoundCases:
    """Return the cases of a folder of which nothing was asked.

    Raises:
        UsageError: if several answers are defensible.
    """
    found = FoundCases()
    images = [part for part in parts if not part.labels] or list(parts)
    images, tests = _without_tests(images)
    kinds = {part.kind: part.title for part in images}
    # one kind, perhaps beside labels
    if not traits.joins and len({part.kind for part in parts}) > 1:
        raise asked_of(folder, parts, traits)
    if not traits.joins:
        require_one_content(folder, images)
    if len(labels) < len(parts) and not _belong(labels, images):
        raise asked_of(folder, parts, traits)
    left = [*tests, *(labels if len(labels) < len(parts) else ())]
    if len(kinds) == 1:
        found.cases = _samples(images, labels, named=bool(left))
        found.surveyed += _left_note(folder, left, [])
        return found
    # several kinds of images
    there: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for part in images:
        there[part.case].add(part.kind)
    known = all(part.known for part in images)
    together = any(len(some) > 1 for some in there.values())
    whole = sum(len(some) == len(kinds) for some in there.values())
    asked = any(map(_is_series, kinds)) or _may_be_other_subjects(images)
    if known and together and 2 * whole >= len(there) and not asked:
        titles = sorted(kinds.values())
        found = _joined([[part for part in images if part.title == title] for title in titles], titles, labels)
        found.surveyed += _left_note(folder, left, titles)
        return found
    # names without a word are no kind of their own, as those of a folder of examples
    several = sum(number > 1 for number in Counter(part.kind for part in images if part.kind).values())
    recurring = any(part.kind and not part.known for part in images)  # else an unknown word tells the case
    if known or together or recurring or several > 1 or any(map(_is_series, kinds)):
        raise asked_of(folder, parts, traits)
    # the words are those of a cohort with free names
    found.cases = _samples(images, labels, named=False)
    found.surveyed += _left_note(folder, left, [])
    return found


def _may_be_other_subjects(images: Sequence[Part]) -> bool:
    """Return True if CT and MR may be those of other subjects with the same numbers: `ct_1001` and `mr_1001` of MM-WHS.

    They are of one subject if a folder is that of the case, or if the names of its files begin with it.
    """
    if not any(_CT.search(part.kind) for part in images) or not any(_MR.search(part.kind) for part in images):
        return False
    cases: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for part in images:
        cases[part.path.rpartition("/")[0]].add(part.case)
    return any(
        len(cases[part.path.rpartition("/")[0]]) > 1 and _stem(part).startswith(part.kind.partition("_")[0])
        for part in images
    )


def _is_series(kind: str) -> bool:
    return _SERIES.search(kind) is not None


def _without_tests(images: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Return images, and apart from them those of test cases, if there is a folder of training images beside these."""
    folders = {part.path: part.path.split("/")[:-1] for part in images}
    if not any(_TRAINING.fullmatch(name) for names in folders.values() for name in names):
        return list(images), []
    tests = {path for path, names in folders.items() if any(map(_TEST.fullmatch, names))}
    return [part for part in images if part.path not in tests], [part for part in images if part.path in tests]


def _of_kind(folder: str, parts: Sequence[Part], name: str, option: str, traits: Traits) -> list[Part]:
    """Return the parts of a kind: those of its name, else those whose names end so.

    Raises:
        UsageError: if there is none.
    """
    wanted = name.strip("_").lower()
    kind = "" if wanted == PLAIN else wanted
    found = [part for part in parts if part.kind == kind]
    ends = re.compile(rf"(?:^|[_\-. ]){re.escape(wanted)}$")
    found = found or [replace(part, title=name) for part in parts if ends.search(_stem(part))]
    if not found:
        # several kinds are channels, also where one was asked for
        several = f"; to join several kinds as channels, type `channels={name}`" if "," in name else ""
        where = folder or (parts[0].file if len(parts) == 1 else "the files")
        raise UsageError(
            f"{where}: there is no {traits.kinds[0]} {name!r}, which `{option}` names; there "
            f"{'is' if len({part.kind for part in parts}) == 1 else 'are'} {kinds_in(parts)}{several}"
        )
    return found


def _stem(part: Part) -> str:
    """Return the name of a file in small letters, without its ending."""
    return stem_of(part.path).lower()


def _samples(images: Sequence[Part], labels: Sequence[Part], *, named: bool) -> list[Case]:
    """Return a case for each image; `named` is True if its channel has the name of the kind."""
    pairs = _pairs(images, labels)
    return [
        Case(
            part.file,
            (part.file,),
            (part.title,) if named and part.title != PLAIN else (),
            labels=pairs.get(part.path),
        )
        for part in images
    ]


def _joined(wanted: Sequence[Sequence[Part]], names: Sequence[str], labels: Sequence[Part]) -> FoundCases:
    """Return cases with a channel of each kind; a case that lacks one, or has it several times, is a failure."""
    found = FoundCases()
    cases: dict[tuple[str, ...], list[list[Part]]] = {}
    for place, parts in enumerate(wanted):
        for part in parts:
            cases.setdefault(part.case, [[] for _ in names])[place].append(part)
    pairs = _pairs([part for parts in wanted for part in parts], labels)
    for case in sorted(cases, key=lambda case: min(part.path for parts in cases[case] for part in parts)):
        for channels in _repeats(cases[case]):
            there = [part for parts in channels for part in parts]
            files = [parts[0].file for parts in channels if parts]
            name = _name_of(files, case)
            missing = tuple(one for one, parts in zip(names, channels, strict=True) if not parts)
            several = next((parts for parts in channels if len(parts) > 1), None)
            if several is not None:
                found.failures.append(_twice(name, several))
            elif missing:
                found.failures.append(without(name, missing, f"other cases have it, and this case has {files[0]}"))
            else:
                told = pairs.get(there[0].path)
                found.cases.append(Case(name or files[0], tuple(files), tuple(names), labels=told))
    return _named_apart(found)


def _named_apart(found: FoundCases) -> FoundCases:
    """Return cases with different names: one that shares its name gets that of its first file."""
    times = Counter(case.name for case in found.cases)
    found.cases = [replace(case, name=case.files[0]) if times[case.name] > 1 else case for case in found.cases]
    return found


def _name_of(files: Sequence[str], case: tuple[str, ...]) -> str:
    """Return the name of a case: its folder and what the names of its files share, else what tells the case."""
    if len(files) == 1:
        return files[0]
    paths = [file.replace("\\", "/") for file in files]
    name = shared(paths)[0]
    own = name.rpartition("/")[2]
    # names that begin with the kind share only the folder, which is that of other cases too
    if case and all(path.startswith(f"{name}/") for path in paths) and own not in "/".join(case):
        return f"{name}/{case[-1]}"
    return name


def _repeats(channels: list[list[Part]]) -> list[list[list[Part]]]:
    """Return the channels of each repetition of a case, if every channel has each of them once; else all together."""
    repeats = sorted({part.repeat for parts in channels for part in parts})
    split = [[[part for part in parts if part.repeat == one] for parts in channels] for one in repeats]
    whole = all(len(parts) == 1 for some in split for parts in some)
    return split if len(repeats) > 1 and whole else [channels]


def _twice(name: str, several: Sequence[Part]) -> InputError:
    """Return the error that a case has several files for one channel."""
    remedy = "choose one with `entity`, as in --entity run=1" if several[0].repeat else "leave out all but one"
    return InputError(
        name,
        f"channel {several[0].title} is there {len(several)} times: {several[0].file} and {several[1].file}"
        f"{', …' if len(several) > 2 else ''}; {remedy}",
    )


def _belong(labels: Sequence[Part], images: Sequence[Part]) -> bool:
    """Return True if a label map belongs to an image by its case, its name or its number, or if there is none.

    Others may be images that are named after what they show: `lesion/p1` and `healthy/p2`.
    """
    cases = {part.case[:length] for part in labels for length in range(len(part.case) + 1)}
    names = {part.case[-1] for part in labels if part.case}
    numbers = {_number_of(part) for part in labels} - {""}
    whole = {part.case for part in labels}
    return not labels or any(
        (part.case and part.case in cases)
        or any(part.case[:length] in whole for length in range(1, len(part.case)))
        or not part.case
        or (part.case and part.case[-1] in names)
        or _number_of(part) in numbers
        for part in images
    )


def _pairs(images: Sequence[Part], labels: Sequence[Part]) -> Mapping[str, str]:
    """Return the label map of each image that has exactly one, by the path of the image.

    A label map is that of the images with the same case; else of those whose case begins as its own does, as for a
    folder of labels in the folder of a case; else of the images of which a folder of labels has the name.
    """
    by_case: dict[tuple[str, ...], list[str]] = defaultdict(list)
    by_name: dict[str, list[str]] = defaultdict(list)
    for part in labels:
        for length in range(1, len(part.case) + 1):
            by_case[part.case[:length]].append(part.file)
        by_name[part.case[-1] if part.case else ""].append(part.file)
        if not part.case:
            by_case[()].append(part.file)
    by_number = _by_number(labels)
    labels_of: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for part in labels:
        labels_of[part.case].append(part.file)
    images_below = Counter(case[:length] for case in {part.case for part in images} for length in range(1, len(case)))
    names = Counter(name for name in {part.case: part.case[-1] if part.case else "" for part in images}.values())
    found = {}
    for part in images:
        name = part.case[-1] if part.case else ""
        some = by_case.get(part.case) or (by_name.get(name, []) if names[name] == 1 else [])
        some = some or _of_folder(part.case, labels_of, images_below) or by_number.get(_number_of(part), [])
        if len(some) == 1 and some[0] != part.file:
            found[part.path] = some[0]
    return found


def _of_folder(
    case: tuple[str, ...], labels_of: Mapping[tuple[str, ...], list[str]], images_below: Mapping[tuple[str, ...], int]
) -> list[str]:
    """Return the label maps in a folder above that of an image, if this is the only case below it."""
    above = (case[:length] for length in range(len(case) - 1, 0, -1))
    return next((labels_of[one] for one in above if one in labels_of and images_below[one] == 1), [])


def _by_number(labels: Sequence[Part]) -> Mapping[str, list[str]]:
    """Return label maps by their numbers, if these and nothing else are their names, as in `label0001`."""
    if not all(_number_of(part) == part.case[-1] for part in labels if part.case):
        return {}
    found: dict[str, list[str]] = defaultdict(list)
    for part in labels:
        found[_number_of(part)].append(part.file)
    return {number: files for number, files in found.items() if number}


def _number_of(part: Part) -> str:
    """Return the number at the end of what tells a case; empty if there is none."""
    number = re.search(r"\d+$", part.case[-1]) if part.case else None
    return number[0] if number is not None else ""


def _left_note(folder: str, left: Sequence[Part], joined: Sequence[str]) -> list[tuple[str, str]]:
    """Return the note on what was joined and left out; none if nothing was."""
    said = f"joined {', '.join(joined)} as channels" if joined else ""
    labels, tests = [part for part in left if part.labels], [part for part in left if not part.labels]
    if labels:
        said += f"{' and ' if said else ''}left out {plural(len(labels), 'label file')} ({_titles(labels)})"
    if tests:
        said += f"{' and ' if said else ''}left out {plural(len(tests), 'test image')}"
    if not said:
        return []
    other = " `channels` takes others;" if joined else ""
    return [(folder, f"{said}, by their names;{other} `each` takes every file as a sample")]


def _titles(parts: Sequence[Part]) -> str:
    """Return the titles of kinds, the first ones of many."""
    titles = list(dict.fromkeys(part.title for part in parts))
    return ", ".join(titles[:3]) + (", …" if len(titles) > 3 else "")
