"""What moved between two checkpoints as rows of text: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.moved import LayerMoved
from bnstat.renderers.numbers import UNDEFINED
from bnstat.renderers.screen import MOST_ROWS
from bnstat.reports.checkpoint import Spread, spread
from bnstat.reports.checkpoint_comparison import CheckpointComparison
from bnstat.text import number, plural, printable

_DIGITS = 3

HEADERS = (
    "layer",
    "batches",
    "mean moved median",
    "mean moved max",
    "variance ratio min",
    "variance ratio max",
    "γ moved max",
)
# How soon a column is hidden where width is short: 0 for never.
RANKS = (0, 4, 2, 0, 1, 1, 3)

LEGEND = (
    "mean moved: |mean after − mean before| in SD, the standard deviations of the first file, √(variance + ε)",
    "variance ratio: running variance after / before; γ moved: how far the learned scale moved; of all channels",
)


def cells(layer: LayerMoved) -> list[str]:
    """Return one layer, a text for each header."""
    scale = layer.scale_moved
    return [
        printable(layer.name),
        _batches(layer),
        _cell(layer.mean_moved, lambda one: one.median),
        _cell(layer.mean_moved, lambda one: one.greatest),
        _cell(layer.variance_ratio, lambda one: one.least),
        _cell(layer.variance_ratio, lambda one: one.greatest),
        _cell(None if scale is None else abs(scale), lambda one: one.greatest),
    ]


def chosen(layers: Sequence[LayerMoved], *, every: bool) -> list[LayerMoved]:
    """Return the layers that are shown, in the order of the file: those that moved most if not all fit."""
    if every or len(layers) <= MOST_ROWS:
        return list(layers)
    order = sorted(range(len(layers)), key=lambda place: -_far(layers[place]))
    return [layers[place] for place in sorted(order[:MOST_ROWS])]


def file_lines(comparison: CheckpointComparison) -> list[str]:
    """Return a line for each file: its layers, the batches that they count, and its findings."""
    lines = []
    for place, report in enumerate(comparison.reports, 1):
        counts = sorted({layer.batches for layer in report.audit.with_statistics if layer.batches is not None})
        batches = "" if not counts else f", {counts[0]:,}" if len(counts) == 1 else f", {counts[0]:,} to {counts[-1]:,}"
        batches += " batches" if counts else ""
        findings = plural(len(report.findings), "finding") if report.findings else "no findings"
        layers = plural(len(report.layers), "normalization layer")
        lines.append(f"{place}. {printable(report.file)}: {layers}{batches}, {findings}")
    return lines


def _batches(layer: LayerMoved) -> str:
    counts = [one.stored.batches_tracked for one in (layer.before, layer.after)]
    if counts == [None, None]:
        return UNDEFINED
    return " → ".join(UNDEFINED if count is None else f"{count:,}" for count in counts)


def _cell(values: Doubles | None, which: Callable[[Spread], float]) -> str:
    three = spread(values)
    return UNDEFINED if three is None else number(which(three), _DIGITS)


def _far(layer: LayerMoved) -> float:
    """Return how far a layer moved: its mean in SD, or its variance as a logarithm, whichever is more."""
    mean, ratio = spread(layer.mean_moved), spread(layer.variance_ratio)
    ratios = [] if ratio is None else [abs(log(one)) for one in (ratio.least, ratio.greatest) if one > 0.0]
    return max([0.0 if mean is None else mean.greatest, *ratios])
