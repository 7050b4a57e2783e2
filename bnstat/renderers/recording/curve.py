"""Noise and drift of one layer over the steps of a training, as a curve of characters."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.networks.recordings.results import Point, RecordedLayer
from bnstat.renderers.layer_names import cut
from bnstat.reports.recording import Recording
from bnstat.text import printable

NOISE, DRIFT, BOTH = "●", "○", "◉"

# Rows from the largest value down to 0, and columns from one point to the next at most.
ROWS, WIDEST_STEP = 8, 3
_LEAST_POINTS = 3
# Columns left of the axis.
_GUTTER = 6


def chosen(recording: Recording) -> RecordedLayer | None:
    """Return the layer whose curve says most: the one that lags furthest behind, or else the first that varies."""
    drawable = [one for one in recording.layers if len(one.points) >= _LEAST_POINTS and _top(one.points)]
    lagging = [one for one in drawable if one.lags]
    if lagging:
        return max(lagging, key=lambda one: one.points[-1].drift or 0.0)
    return next(iter(drawable), None)


def draw(layer: RecordedLayer, width: int) -> list[str]:
    """Return the curve of a layer with its axes, below a line that says what is drawn."""
    points, top = layer.points, _top(layer.points)
    step = max(min((width - _GUTTER - 3) // len(points), WIDEST_STEP), 1)
    grid = [[" "] * (step * len(points)) for _ in range(ROWS)]
    for place, point in enumerate(points):
        for value, mark in ((point.drift, DRIFT), (point.mean_noise, NOISE)):
            if value is not None:
                row = grid[round((1 - value / top) * (ROWS - 1))]
                row[place * step] = mark if row[place * step] == " " else BOTH
    labels = [f"{top:.2g}", *[""] * (ROWS - 2), "0"]
    area = [
        f"{label:>{_GUTTER}} {'┤' if label else '│'} {''.join(row)}" for label, row in zip(labels, grid, strict=True)
    ]
    return [*_title(layer, width), *area, f"{'':{_GUTTER}} └{'─' * (step * len(points) + 1)}", _steps(points, step)]


def _title(layer: RecordedLayer, width: int) -> list[str]:
    """Return which layer is drawn and what the marks are: in one line, or in two where width is short."""
    marks = [f"{NOISE} noise", *([f"{DRIFT} drift of the running mean", f"{BOTH} both"] if layer.stored else [])]
    name = f"{cut(printable(layer.layer), width - _GUTTER - 6)}, SD by step:"
    one = f"{name} {'   '.join(marks)}"
    return [one] if len(one) <= width else [name, "  ".join(marks)]


def _steps(points: Sequence[Point], step: int) -> str:
    """Return the first step of the curve and that of its last point, under their columns."""
    first, last = f"{points[0].step:,}", f"{points[-1].step:,}"
    end = _GUTTER + 3 + step * (len(points) - 1) + 1
    return f"{'step':>{_GUTTER}}   {first}{last:>{max(end - _GUTTER - 3 - len(first), len(last) + 1)}}"


def _top(points: Sequence[Point]) -> float:
    """Return the largest value."""
    return max((value for one in points for value in (one.mean_noise, one.drift) if value is not None), default=0.0)
