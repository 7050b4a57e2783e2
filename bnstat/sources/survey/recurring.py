"""Names of files that recur in the folders of cases tell kinds of file, as `T1.nii` and `T1_brain.nii` in each."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bnstat.sources.survey.words import Words, is_modality, words_of

# The folder of a case, and the name of a file in it without that of the folder.
Local = tuple[tuple[str, ...], str]

# Images that FreeSurfer makes of one scan, of which three tell the folder of a subject that was named itself.
_FREESURFER = frozenset(
    {"orig", "orig_nu", "rawavg", "nu", "T1", "norm", "brain", "brainmask", "wm", "filled", "brain.finalsurfs"}
)
# Names that are those of labels if they recur beside others: WMH's and CHAOS's ground truth, and what is segmented.
_LABELS = frozenset({"wmh", "ground", "tumor", "tumour"})
_DIGITS, _WITH_NUMBER = re.compile(r"\d+"), re.compile(r"[A-Za-z]+\d+")
_WORD = re.compile(r"[^_\-. ]+")


def local_stem(folders: Sequence[str], stem: str) -> str:
    """Return the name of a file without that of its folder before it: `T1` for `p1_T1` in `p1` or in `p1_nifti`."""
    if not folders or not words_of(folders[-1]).case:
        return stem
    above = folders[-1].lower()
    for name in (above, above.rpartition("_")[0]):
        if name and stem.lower().startswith(name) and stem[len(name) : len(name) + 1] in ("_", "-", "."):
            return stem[len(name) + 1 :] or stem
    return stem


def recurring_kinds(files: Iterable[Local]) -> Mapping[str, Words]:
    """Return what names tell that recur in at least two folders of cases, each beside another file.

    A name that is a modality or names labels tells that; of two with the same modality the whole name is the kind. Of
    names that differ in a number only, as `scan_1` and `scan_2`, the number tells the case.
    """
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for where, local in files:
        names[where].add(local)
    there = _times(names)
    numbered: dict[str, set[str]] = defaultdict(set)
    for local in there:
        numbered[_base(local)].add(local)
    recurring = [local for local, number in there.items() if number > 1]
    kinds = Counter(kind for kind, _ in {(words_of(local).kind.lower(), _base(local)) for local in recurring})
    found = {}
    for local in recurring:
        alone = kinds[words_of(local).kind.lower()] == 1
        words = _told(local, alone=alone, several=len(numbered[_base(local)]) > 1)
        if words is not None:
            found[local] = words
    return found


def _times(names: Mapping[tuple[str, ...], set[str]]) -> Mapping[str, int]:
    """Return in how many folders of cases a name is there, each beside another file."""
    there: Counter[str] = Counter()
    for where, some in names.items():
        alone = len(_FREESURFER & some) > 2
        several = len(some) > 1 and where
        numbered = any(map(_DIGITS.search, where))
        for local in some:
            # a name with a number in a folder without one is that of a case: alpha/p1.nii
            if (
                (several and (numbered or not words_of(local).case or "#" not in _base(local)))
                or alone
                or local.lower() in _LABELS
            ):
                there[local] += 2 if alone else 1
    return there


def _base(local: str) -> str:
    """Return a name without the numbers of its words that are no modalities."""
    return _WORD.sub(lambda word: word[0] if is_modality(word[0]) else _DIGITS.sub("#", word[0]), local)


def _told(local: str, *, alone: bool, several: bool) -> Words | None:
    """Return what a name tells that recurs; None if its number tells the case.

    Args:
        local: the name.
        alone: True if no other such name has its kind.
        several: True if others differ from it in a number only.
    """
    words = words_of(local)
    if local.lower() in _LABELS:
        return Words("", local, False, "", True)
    if words.known and not words.case:
        return words
    if several:
        kind = _base(local).replace("#", "").rstrip("_-. ")
        if alone or not words.kind or kind.lower() == words.kind.lower():
            return None
        return Words("_".join(_DIGITS.findall(local)), kind, False, "", words.labels)
    if words.known and words.kind and alone:
        kind = local if _WITH_NUMBER.fullmatch(local) else words.kind
        return Words("", kind, True, words.image, words.labels)
    return Words("", local, False, "", words.labels)
