"""The comparison as CSV: a row for each batch size and channel. What is undefined is an empty field."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from bnstat.renderers import sheet
from bnstat.report import Comparison, CurveChannel, CurvePoint, Observed, Renorm

_NESTED = {"observed": Observed, "renorm": Renorm}


def render(comparison: Comparison) -> str:
    """The comparison as CSV with a header line."""
    rows = [_row(point, channel) for point in comparison.batch_sizes for channel in point.channels]
    return sheet.written(rows)


def _row(point: CurvePoint, channel: CurveChannel) -> dict[str, Any]:
    row: dict[str, Any] = {"batch_size": point.batch_size, "batches_drawn": point.batches_drawn}
    for name, value in asdict(channel).items():
        if name in _NESTED:
            parts = value or {}
            row.update({f"{name}_{part.name}": parts.get(part.name) for part in fields(_NESTED[name])})
        else:
            row[name] = value
    return row
