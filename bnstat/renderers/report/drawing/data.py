"""The numbers of a plot as JSON, beside its picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any

from bnstat.escapes import json_text
from bnstat.renderers.report.plots import Axis, Mark, Plot

# What else a mark has that is a part of its data.
_VALUES = ("ranges", "lows", "highs", "titles", "labels", "at")
# Characters that would end the element of the page that has the data, whatever they are part of.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def data_of(plot: Plot) -> str:
    """Return the axes and marks of a plot as JSON that can stand in a page. What is undefined is null."""
    document = {
        "title": plot.title,
        "x": _axis(plot.x),
        "y": _axis(plot.y),
        "marks": list(_marks(plot.marks)),
    }
    text = json_text(json.dumps(document, separators=(",", ":"), allow_nan=False))
    for letter, escape in _ESCAPED.items():
        text = text.replace(letter, escape)
    return text


def _axis(axis: Axis) -> dict[str, Any]:
    return {"label": axis.label, "scale": axis.scale} | ({"names": list(axis.names)} if axis.names else {})


def _marks(marks: Sequence[Mark]) -> Iterator[dict[str, Any]]:
    """Yield what each mark shows, without how it looks. Lines at the same x have it once: x_of is the first of them."""
    seen: dict[tuple[float, ...], int] = {}
    for place, mark in enumerate(marks):
        known = {field.name: getattr(mark, field.name) for field in fields(mark)}
        document: dict[str, Any] = {"mark": type(mark).__name__.lower()}
        document |= {name: known[name] for name in ("name", "title", "label", "along") if known.get(name)}
        document |= {name: _plain(known[name]) for name in _VALUES if known.get(name) not in (None, ())}
        if "points" in known:
            x = tuple(point[0] for point in known["points"])
            first = seen.setdefault(x, place)
            document |= {"x": _plain(x)} if first == place else {"x_of": first}
            document["y"] = _plain(tuple(point[1] for point in known["points"]))
        yield document


def _plain(value: object) -> object:
    """Return numbers as JSON has them: whole ones without a point, undefined ones as null."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        if not isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return value
