"""The settings of a page that Python asked for: those that differ from the defaults, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bnstat.preprocessing.settings import UNPREPARED, Patching, Preparation
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.rules.overrides import Override

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# What is asked if nothing is given, by the parameter; None, or nothing, for any other.
_DEFAULTS: Mapping[str, object] = {
    "population": "infinite",
    "fail_on": "never",
    "limits": DEFAULT_LIMITS,
    "axis": -1,
    "framework": "keras",
    "seed": 0,
    "ranks": 1,
    "dtype": "float32",
    "emulate": True,
}


def settings_of(
    given: Mapping[str, Any], reading: Reading, overrides: Sequence[Override]
) -> tuple[tuple[str, str], ...]:
    """Return each setting that differs from its default, by its parameter, as text.

    Args:
        given: the settings by their parameters.
        reading: how inputs are found, prepared and read.
        overrides: rules that are ignored for some files.
    """
    found = [*_differing(given), *_changed(FILES_AS_THEY_ARE, reading)]
    return (*found, *((f"overrides: {' '.join(one.paths)}", ",".join(one.ignore)) for one in overrides))


def _differing(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        default = _DEFAULTS.get(name)
        if value == default or (default is None and value in (None, (), [], False)):
            continue
        if isinstance(value, Limits):
            yield from ((f"limits.{one}", text) for one, text in _changed(DEFAULT_LIMITS, value))
        else:
            yield name, _text(value)


def _changed(default: DataclassInstance, value: DataclassInstance) -> Iterator[tuple[str, str]]:
    """Yield the fields in which a value differs from its default, those of values in it too."""
    for field in fields(value):
        own, usual = getattr(value, field.name), getattr(default, field.name)
        if own == usual:
            continue
        if isinstance(own, Patching):
            yield from ((one.name, _text(getattr(own, one.name))) for one in fields(own))
        elif isinstance(own, Preparation):
            yield from _changed(UNPREPARED, own)
        else:
            yield field.name, _text(own)


def _text(value: object) -> str:
    """Return a value as text; several of them with commas between them."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    return str(value)
