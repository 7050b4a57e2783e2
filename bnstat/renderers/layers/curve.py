"""ρ through the network as a curve of characters, which are told apart without colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bnstat.networks.results import LayerResult, middle
from bnstat.reports.layers_words import between_in_training

EVALUATION, TRAINING, BOTH = "●", "○", "◉"

# Rows from the largest value down to 0, columns from one layer to the next at most, and layers that make a curve.
ROWS = 8
WIDEST_STEP = 4
LEAST_LAYERS = 3

_AXIS = "norm"
_GUTTER = 6
# Columns that are left of the first layer and right of the last.
_MARGIN = 1


def draw(layers: Sequence[LayerResult], width: int) -> list[str]:
    """Return the curve over all layers in network order; no line if too few have values, or if all are 0.

    The training passes that are drawn beside evaluation mode are those of batch size 1, in which the share of the
    variance between samples is what a batch lacks; of other sizes it is not known.
    """
    evaluation = [middle(layer.rho) for layer in layers]
    training = [between_in_training(layer) for layer in layers]
    known = [value for value in (*evaluation, *training) if value is not None]
    top = max(known, default=0.0)
    if sum(value is not None for value in evaluation) < LEAST_LAYERS or top <= 0:
        return []
    columns = _columns(len(layers), width - _GUTTER - 2)
    area = _area(evaluation, training, columns, top)
    labels = [f"{_percent(top)}", *[""] * (ROWS - 2), "0%"]
    plotted = [f"{label:>{_GUTTER}} {'┤' if label else '│'}{row}" for label, row in zip(labels, area, strict=True)]
    axis = "─" * (columns[-1] + _MARGIN + 1)
    return [
        _legend(any(value is not None for value in training), any(BOTH in row for row in area), width),
        *(line.rstrip() for line in plotted),
        f"{'':{_GUTTER}} └{axis}",
        f"{_AXIS:>{_GUTTER}}  {_numbers(columns)}",
    ]


def _columns(layers: int, width: int) -> list[int]:
    """Return a column for each layer, by whole steps unless there are too many layers, which then share columns."""
    room = width - 2 * _MARGIN - 1
    step = min(room // (layers - 1), WIDEST_STEP)
    span = step * (layers - 1) if step else room
    return [_MARGIN + place * span // (layers - 1) for place in range(layers)]


def _area(
    evaluation: Sequence[float | None], training: Sequence[float | None], columns: Sequence[int], top: float
) -> list[str]:
    """Return the rows between the axes."""
    grid = [[" "] * (columns[-1] + _MARGIN + 1) for _ in range(ROWS)]
    for mark, values in ((TRAINING, training), (EVALUATION, evaluation)):
        for value, column in zip(values, columns, strict=True):
            if value is not None:
                row = grid[round((1 - value / top) * (ROWS - 1))]
                row[column] = mark if row[column] in (" ", mark) else BOTH
    return ["".join(row) for row in grid]


def _numbers(columns: Sequence[int]) -> str:
    """Return the places of layers under their columns: the first, the last, and between them as many as have room."""
    last = len(columns) - 1
    end = str(last + 1)
    start = min(columns[last], columns[last] + _MARGIN + 1 - len(end))  # of the last number, within the axis
    every = next((step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if _fits(columns, step)), last)
    line = ""
    for place in range(last):
        label, column = str(place + 1), columns[place]
        asked = place == 0 or (place + 1) % every == 0
        if asked and (not line or column > len(line)) and column + len(label) < start:
            line = line.ljust(column) + label
    return line.ljust(start) + end


def _fits(columns: Sequence[int], every: int) -> bool:
    """Return True if numbers of every so many layers do not touch."""
    chosen = columns[every - 1 :: every]
    room = len(str(len(columns))) + 1
    return all(after - before >= room for before, after in pairwise(chosen))


def _legend(training: bool, both: bool, width: int) -> str:
    """Return what the marks are, in as many words as a line has room for."""
    shared = f"   {BOTH} both" if both else ""
    if not training:
        return f"ρ by depth:   {EVALUATION} evaluation mode"
    long = f"ρ by depth:   {EVALUATION} evaluation mode   {TRAINING} training at batch size 1{shared}"
    return long if len(long) <= width else f"ρ: {EVALUATION} evaluation {TRAINING} training{shared}"


def _percent(value: float) -> str:
    return f"{100 * value:.3g}%"
