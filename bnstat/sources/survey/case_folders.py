"""Folders of cases in which the name of each file has a number of its own, as in ISLES 2015 and 2018."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bnstat.sources.survey.parts import Part


def by_folder(parts: Sequence[Part]) -> list[Part]:
    """Return parts whose case is their folder, if names alone give no case two kinds, and folders have each once."""
    kinds: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for part in parts:
        kinds[part.case].add(part.kind)
    all_kinds = {part.kind for part in parts}
    if len(all_kinds) < 2 or any(len(some) > 1 for some in kinds.values()):
        return list(parts)
    folders = [tuple(part.path.split("/")[:-1]) for part in parts]
    for depth in range(1, min(map(len, folders)) + 1):
        there: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for part, folder in zip(parts, folders, strict=True):
            there[folder[:depth]][part.kind] += 1
        once = all(max(found.values()) == 1 for found in there.values())
        if once and 2 * sum(len(found) > 1 for found in there.values()) > len(there) > 1:
            return [replace(part, case=folder[:depth]) for part, folder in zip(parts, folders, strict=True)]
    return list(parts)
