"""Columns of numbers, one for each channel, as rows of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from bnstat.moments.moments import Doubles


def rows_of(columns: Mapping[str, Doubles]) -> list[dict[str, Any]]:
    """Return columns of shape (c,) as c rows of plain numbers; NaN is None."""
    plain = [[None if isnan(value) else value for value in column.tolist()] for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]
