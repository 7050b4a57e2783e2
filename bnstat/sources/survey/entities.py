"""Entities of BIDS in names, as `task-rest`: what they tell apart, and files that have them."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from bnstat.errors import UsageError
from bnstat.sources.selection import Selection
from bnstat.sources.survey.parts import Part, stem_of
from bnstat.text import plural

_ENTITY = re.compile(r"(?:^|_)([A-Za-z]+)-([A-Za-z0-9+]+)(?=_|$)")
# Entities that tell the case, and those whose values are repetitions of one and the same acquisition.
_OF_CASE, _REPEATED = ("sub", "ses"), ("run", "chunk", "split")
# Entities that may differ from case to case, as with the scanner: they tell contents apart only within one case.
_OF_SCANNER = ("acq", "rec", "dir")
# Entities whose values are numbers, with or without zeros before them.
_NUMBERS = ("run", "echo", "flip", "inv", "split", "chunk")


@lru_cache(maxsize=1 << 15)
def entities_of(path: str) -> Mapping[str, str]:
    """Return the entities in the name of a file."""
    return dict(_ENTITY.findall(stem_of(path)))


def _same(key: str, one: str, other: str) -> bool:
    """Return True if two values of an entity are the same; numbers may have zeros before them."""
    if key in _NUMBERS and one.isdecimal() and other.isdecimal():
        return int(one) == int(other)
    return one == other


def with_entities(folder: str, parts: Sequence[Part], selection: Selection) -> list[Part]:
    """Return the parts whose names have the entities that are asked for.

    Files of a kind in which no name has an entity stay, since it tells nothing of them.

    Raises:
        UsageError: if no name has an entity, or none has the value.
    """
    kept = list(parts)
    for key, values in selection.entities.items():
        having = {part.kind for part in kept if key in entities_of(part.path)}
        there = sorted({entities_of(part.path)[key] for part in kept if key in entities_of(part.path)})
        if not having:
            keys = sorted({name for part in parts for name in entities_of(part.path)})
            known = f"there are {', '.join(keys)}" if keys else "they have no entities"
            raise UsageError(f"{folder or 'the files'}: no name has the entity {key!r}, which `entity` names; {known}")
        found = [
            part
            for part in kept
            if part.kind in having and any(_same(key, entities_of(part.path).get(key, ""), value) for value in values)
        ]
        if not found:
            raise UsageError(
                f"{folder or 'the files'}: no name has {key}-{values[0]}, which `entity` names; there are "
                f"{', '.join(f'{key}-{value}' for value in there[:12])}{', …' if len(there) > 12 else ''}"
            )
        # of several kinds, those without the entity are kept only where several were asked for
        paths = {part.path for part in found}
        kept = [part for part in kept if part.path in paths or (selection.kinds and part.kind not in having)]
    return kept


def require_one_content(folder: str, images: Sequence[Part]) -> None:
    """Raise an error if entities tell files of one kind apart: other tasks, spaces, echoes or reconstructions.

    Raises:
        UsageError: if so; the message lists the values with their counts.
    """
    told: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    cases: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    keys = {key for part in images for key in entities_of(part.path)} - {*_OF_CASE, *_REPEATED}
    for part in images:
        for key in keys:
            value = entities_of(part.path).get(key, "")
            told[key][value] += 1
            cases[part.case, key].add(value)
    for key in sorted(keys):
        within = any(len(cases[part.case, key]) > 1 for part in images)
        if len(told[key]) < 2 or (key in _OF_SCANNER and not within):
            continue
        counts = [
            f"{f'{key}-{value}' if value else f'none of {key}'} ({plural(number, 'file')})"
            for value, number in sorted(told[key].items())
        ]
        some = max(told[key], key=lambda value: (bool(value), told[key][value]))
        kind = shlex.quote(images[0].title)
        raise UsageError(
            f"{folder or 'the files'}: the {plural(len(images), 'file')} of {images[0].title} differ in the entity "
            f"{key}: {', '.join(counts)}; take one, as in: bnstat inspect {shlex.quote(folder or '.')} --suffix {kind} "
            f"--entity {key}={some}; `each` takes every one of them as a sample"
        )
