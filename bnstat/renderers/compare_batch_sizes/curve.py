"""Noise and shortfall over batch sizes as a curve of characters, which are told apart without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnstat.reports.compare_batch_sizes import Comparison

NOISE, SHORTFALL, BOTH, TOLERANCE = "●", "○", "◉", "╌"

# Rows from the largest value down to 0, columns from one size to the next at most, and sizes that make a curve.
ROWS = 8
WIDEST_STEP = 12
LEAST_SIZES = 3

# What stands left of the sizes, and thereby how wide the labels of the other axis are.
_SIZES = "batch size"
_GUTTER = len(_SIZES)
# Columns that are left of the first size and right of the last, so that their labels have room.
_MARGIN = 2


@dataclass(frozen=True)
class Marked:
    """One batch size, with the two values that are marked above it."""

    batch_size: int
    noise: float
    shortfall: float


def draw(comparison: Comparison, channel: int, width: int) -> list[str]:
    """Return the curve of a channel with axes and legend; no line if too few sizes have values, or if all are 0."""
    points = _points(comparison, channel)
    top = max((max(point.noise, point.shortfall) for point in points), default=0.0)
    if len(points) < LEAST_SIZES or top == 0:
        return []
    tolerance = comparison.settings.tolerances.noise
    columns = _columns(len(points), width - _GUTTER - 2)
    area = _area(points, columns, top, tolerance)
    labels = _labels(top, tolerance)
    plotted = [f"{label:>{_GUTTER}} {'┤' if label else '│'}{row}" for label, row in zip(labels, area, strict=True)]
    return [
        _legend(any(BOTH in row for row in area), tolerance, top, width),
        *plotted,
        f"{'':{_GUTTER}} └{_axis(columns)}",
        f"{_SIZES}  {_sizes([str(point.batch_size) for point in points], columns)}",
    ]


def _points(comparison: Comparison, channel: int) -> list[Marked]:
    """Return the sizes that have values, from the least up."""
    found = ((point.batch_size, point.channels[channel]) for point in comparison.batch_sizes)
    return sorted(
        (
            Marked(size, one.mean_noise, one.variance_shortfall)
            for size, one in found
            if one.mean_noise is not None and one.variance_shortfall is not None
        ),
        key=lambda point: point.batch_size,
    )


def _columns(sizes: int, width: int) -> list[int]:
    """Return a column for each size, evenly spaced, by whole steps unless there are too many sizes."""
    room = width - 2 * _MARGIN - 1
    step = min(room // (sizes - 1), WIDEST_STEP)
    span = step * (sizes - 1) if step else room
    return [_MARGIN + place * span // (sizes - 1) for place in range(sizes)]


def _row(value: float, top: float) -> int:
    """Return the row of a value; row 0 is that of the largest."""
    return round((1 - value / top) * (ROWS - 1))


def _area(points: Sequence[Marked], columns: Sequence[int], top: float, tolerance: float) -> list[str]:
    """Return the rows between the axes: the dashed line, and the marks over it."""
    width = columns[-1] + _MARGIN + 1
    grid = [[" "] * width for _ in range(ROWS)]
    if tolerance <= top:
        grid[_row(tolerance, top)] = [TOLERANCE] * width
    for point, column in zip(points, columns, strict=True):
        grid[_row(point.shortfall, top)][column] = SHORTFALL
        noise = grid[_row(point.noise, top)]
        noise[column] = BOTH if noise[column] in (SHORTFALL, BOTH) else NOISE
    return ["".join(row) for row in grid]


def _labels(top: float, tolerance: float) -> list[str]:
    """Return what stands left of each row: the largest value, the tolerance if it lies between them, and 0."""
    labels = [""] * ROWS
    if tolerance <= top:
        labels[_row(tolerance, top)] = f"{tolerance:.3g}"
    labels[0], labels[-1] = f"{top:.3g}", "0"
    return labels


def _axis(columns: Sequence[int]) -> str:
    ticks = set(columns)
    return "".join("┴" if column in ticks else "─" for column in range(columns[-1] + _MARGIN + 1))


def _sizes(labels: Sequence[str], columns: Sequence[int]) -> str:
    """Return the sizes centred under their ticks, as many as have room: all, or each second, third, …."""
    for every in range(1, len(labels)):
        line = _spaced(zip(labels[::every], columns[::every], strict=True), columns[-1] + _MARGIN + 1)
        if line is not None:
            return line
    return ""


def _spaced(labels: Iterable[tuple[str, int]], width: int) -> str | None:
    """Return labels centred at their columns; None if two of them would touch or one does not fit."""
    line = ""
    for label, column in labels:
        start = max(column - len(label) // 2, 0)
        if line and start <= len(line):
            return None
        line = line.ljust(start) + label
    return line if len(line) <= width else None


def _legend(both: bool, tolerance: float, top: float, width: int) -> str:
    """Return what the marks are, in as many words as a line has room for."""
    above = " (above)" if tolerance > top else ""
    shared = f"   {BOTH} both" if both else ""
    dashed = f"{TOLERANCE} noise tolerance {tolerance:.3g}{above}"
    long = f"{NOISE} mean noise   {SHORTFALL} variance shortfall{shared}   {dashed}"
    short = f"{NOISE} mean noise   {SHORTFALL} shortfall{shared}   {dashed}"
    least = f"{NOISE} noise {SHORTFALL} shortfall {TOLERANCE} {tolerance:.3g}"
    return next((line for line in (long, short) if len(line) <= width), least)
