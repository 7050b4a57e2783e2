"""The numbers of a plot as JSON, beside its picture."""

from __future__ import annotations

import json
from dataclasses import fields
from math import isfinite
from typing import Any

from bnstat.renderers.report.plots import Axis, Mark, Plot

# Characters that would end the element of the page that has the data, whatever they are part of.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def data_of(plot: Plot) -> str:
    """Return the axes and marks of a plot as JSON that can stand in a page. What is undefined is null."""
    document = {
        "title": plot.title,
        "x": _axis(plot.x),
        "y": _axis(plot.y),
        "marks": [_mark(mark) for mark in plot.marks],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for letter, escape in _ESCAPED.items():
        text = text.replace(letter, escape)
    return text


def _axis(axis: Axis) -> dict[str, Any]:
    return {"label": axis.label, "scale": axis.scale} | ({"names": list(axis.names)} if axis.names else {})


def _mark(mark: Mark) -> dict[str, Any]:
    """Return what a mark shows, without how it looks."""
    known = {field.name: getattr(mark, field.name) for field in fields(mark)}
    shown = {name: known[name] for name in ("name", "title", "label") if known.get(name)}
    places = ("points", "ranges", "lows", "highs", "titles", "labels", "at", "along", "paths")
    numbers = {name: _plain(known[name]) for name in places if known.get(name) not in (None, ())}
    return {"mark": type(mark).__name__.lower(), **shown, **numbers}


def _plain(value: object) -> object:
    """Return numbers as JSON has them: whole ones without a point, undefined ones as null."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        if not isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return value
