"""The comparison as CSV: a row for each batch size, composition and channel. What is undefined is an empty field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from bnstat.batch_size.results import CurveChannel, CurvePoint, Observed, Renorm, Runs, Simulated
from bnstat.renderers import sheet
from bnstat.report.compare_batch_sizes import Comparison

# Fields that hold more fields, in the order of their columns.
_NESTED: dict[str, Any] = {"observed": Observed, "renorm": Renorm}


def render(comparison: Comparison) -> str:
    """The comparison as CSV with a header line."""
    points = [one for point in comparison.batch_sizes for one in (point, point.one_group, point.synchronized) if one]
    return sheet.written([_row(point, channel, comparison) for point in points for channel in point.channels])


def _row(point: CurvePoint, channel: CurveChannel, comparison: Comparison) -> dict[str, Any]:
    row: dict[str, Any] = {
        "batch_size": point.batch_size,
        "composition": point.composition,
        "batches_drawn": point.batches_drawn,
    }
    for name, value in asdict(channel).items():
        if name in _NESTED:
            row.update(_parts(name, _NESTED[name], value))
        elif name != "simulated":
            row[name] = value
        if name == "channel" and comparison.names:
            row["name"] = comparison.names[channel.channel]
    return {**row, **dict(_simulated(channel))}


def _parts(name: str, kind: Any, value: dict[str, Any] | None) -> dict[str, Any]:  # noqa: ANN401  (a class)
    return {f"{name}_{part.name}": (value or {}).get(part.name) for part in fields(kind)}


def _simulated(channel: CurveChannel) -> Iterator[tuple[str, Any]]:
    """The columns of simulated runs, of both orders."""
    runs = channel.simulated
    for order in fields(Runs):
        one = None if runs is None else getattr(runs, order.name)
        yield from _parts(f"simulated_{order.name}", Simulated, None if one is None else asdict(one)).items()
