"""Kinds of file whose words are not known: the same cases in several folders, or after several words.

`alpha/p1.nii`, `beta/p1.nii`, and `alpha_001.nii`, `beta_001.nii`: kinds of file or sites, which only the user knows.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from bnstat.sources.survey.parts import Part

# Words for groups, sites, scanners, splits, visits and sides, whose members are of one kind.
_GROUPS = frozenset(
    {
        *(
            "ge",
            "philips",
            "siemens",
            "toshiba",
            "canon",
            "hitachi",
            "uih",
            "neusoft",
            "train",
            "training",
            "val",
            "va",
        ),
        *("valid", "validation", "test", "testing", "dev", "holdout", "labeled", "labelled", "unlabeled", "unlabelled"),
        *("control", "controls", "patient", "patients", "healthy", "normal", "abnormal", "disease", "diseased", "hc"),
        *(
            "nc",
            "cn",
            "mci",
            "lgg",
            "hgg",
            "benign",
            "malignant",
            "positive",
            "negative",
            "pos",
            "neg",
            "case",
            "cases",
        ),
        *("subject", "subjects", "male", "female", "young", "old", "internal", "external", "tr"),
        *("ts", "scan", "scans", "run", "rep", "repeat", "repetition", "retest", "part", "set"),
    }
)
_SIDES_AND_TIMES = frozenset(
    {
        *("left", "right", "lh", "rh", "l", "r", "rl", "lr", "ap", "pa", "baseline", "bl", "followup", "fu", "visit"),
        *("session", "ses", "time", "timepoint", "month", "week", "day", "year", "screening", "scan", "rescan"),
        *("retest", "train", "training", "val", "valid", "validation", "test"),
    }
)
_NUMBERED_GROUP = re.compile(
    r"(?:site|cent[er]{2}|hosp|clinic|institut|scanner|vendor|fold|batch|subset|split|group|cohort)"
)
_SEPARATOR = re.compile(r"[_\-. ]+")
# The least share of cases that several folders have in common if they are kinds.
_SHARED = 0.75

# A place in what tells the case: a part of it, counted from the end, and a word of this part; -1 for all of it.
_Place = tuple[int, int]
_Rest = tuple[tuple[str, ...], str]


def is_side_or_time(kind: str) -> bool:
    """Return True if all words of a kind tell a side or a point in time."""
    return all(word in _SIDES_AND_TIMES for word in _SEPARATOR.split(kind.lower()))


def _is_group(value: str) -> bool:
    words = _SEPARATOR.split(value.lower())
    return any(word in _GROUPS or word in _SIDES_AND_TIMES or _NUMBERED_GROUP.match(word) for word in words)


def with_kinds_of_grids(parts: Sequence[Part]) -> list[Part]:
    """Return parts in which a word of the case is a kind if the same cases have it as have another such word."""
    parts = _apart_from_those_without(parts)
    images = [part for part in parts if not part.labels]
    values: dict[_Place, dict[str, dict[_Rest, None]]] = defaultdict(lambda: defaultdict(dict))
    for part in images:
        for place, value, rest in _ways(part):
            values[place][value][rest, part.kind] = None
    grids = {place: _kinds_among(found) for place, found in values.items() if 1 < len(found) <= len(images) // 2}
    grids = {place: kinds for place, kinds in grids.items() if kinds}
    if not grids:
        return list(parts)
    place = min(grids, key=lambda place: (len(grids[place]), -place[0], -place[1]))
    return [_as_kind(part, place, grids[place]) for part in parts]


def _apart_from_those_without(parts: Sequence[Part]) -> list[Part]:
    """Return parts in which a folder is a kind if its cases are there without it: `s1.nii`, `predictions/s1.nii`."""
    bare = {(part.case, part.kind) for part in parts if not part.labels}
    cases_of_all = {case for case, _ in bare}
    cases: dict[tuple[_Place, str], set[_Rest]] = defaultdict(set)
    for part in parts:
        for place, value, rest in _ways(part) if not part.labels else ():
            if (
                place[1] == -1
                and ((rest, part.kind) in bare or (not part.kind and rest in cases_of_all))
                and not _is_group(value)
            ):
                cases[place, value].add((rest, part.kind))
    kinds = {way for way, rests in cases.items() if _are_cases(frozenset(rests))}
    for place in {place for place, _ in kinds}:
        values = frozenset(value for there, value in kinds if there == place)
        parts = [_as_kind(part, place, values) for part in parts]
    return list(parts)


def _ways(part: Part) -> Iterator[tuple[_Place, str, tuple[str, ...]]]:
    """Yield each word of a case that may be a kind, with its place and the rest of the case."""
    for number, one in enumerate(part.case):
        before, after = part.case[:number], part.case[number + 1 :]
        from_end = number - len(part.case)
        if len(part.case) > 1 and not _has_digit(one):
            yield (from_end, -1), one, (*before, *after)
        words = _SEPARATOR.split(one)
        # before another kind a word is that of a site or a group, as in london_001_t1
        for place, word in enumerate(words) if len(words) > 1 and not part.kind else ():
            if _has_digit(word) or (len(word) == 1 and place > 0 and _is_group(words[place - 1])):
                continue
            yield (from_end, place), word, (*before, "_".join(words[:place] + words[place + 1 :]), *after)


@lru_cache(maxsize=1 << 15)
def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _kinds_among(found: Mapping[str, Mapping[_Rest, None]]) -> frozenset[str]:
    """Return the words that are kinds: those of which at least two have the same two or more cases."""
    files = {value: frozenset(rests) for value, rests in found.items() if not _is_group(value)}
    cases = {value: frozenset(rest for rest, _ in rests) for value, rests in files.items()}
    if len(cases) < 2:
        return frozenset()
    all_of, any_of = frozenset.intersection(*cases.values()), frozenset.union(*cases.values())
    if len(all_of) >= _SHARED * len(any_of):
        same = frozenset.intersection(*files.values())
    else:
        value, times = max(Counter(cases.values()).items(), key=lambda item: (item[1], len(item[0])))
        some = [files[one] for one in cases if cases[one] == value]
        same = frozenset.intersection(*some) if times > 1 else frozenset()
    pairs = {value.lower() for value in cases} >= {"x", "y"} and len(same) > 1  # X_train and y_train
    return frozenset(cases) if pairs or _are_cases(same) else frozenset()


def _are_cases(rests: frozenset[_Rest]) -> bool:
    """Return True if rests tell two cases or more, beside sides and visits."""
    told = set()
    for rest, _ in rests:
        told.add(tuple(one for one in rest if one and not is_side_or_time(one)))
        if len(told) > 1:
            return True
    return False


def _as_kind(part: Part, place: _Place, kinds: frozenset[str]) -> Part:
    """Return a part whose word at this place is its kind, if it is one of these."""
    for there, value, rest in _ways(part):
        if there == place and value in kinds and not part.labels:
            title = f"{value}_{part.title}" if part.kind else value
            return replace(part, case=rest, kind=title.lower(), title=title, known=False)
    return part
