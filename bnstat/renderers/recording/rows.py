"""The layers of a recorded training as rows of text, and the sentences around them."""

from __future__ import annotations

from collections.abc import Collection

from bnstat.networks.recordings.results import RecordedLayer
from bnstat.networks.results import PerChannel, middle
from bnstat.renderers.numbers import UNDEFINED
from bnstat.reports.recording import Recording
from bnstat.text import number, plural, printable

PARTS = ("first", "middle", "last")
FIGURES = ("noise", "ρ", "drift", "ratio")
HEADERS = ("layer", "kind", *(f"{figure} {part}" for figure in FIGURES for part in PARTS))

_FRAMEWORKS = {"pytorch": "PyTorch", "keras": "Keras"}

# Digits of figures in the table: noise of a hundred steps is known to 7 %.
_DIGITS = 2

_MEANINGS = {
    "noise": "noise: how much the batch mean varies from one recorded step to the next, in SD of all values",
    "ρ": "ρ: the share of the variance that lies between samples",
    "drift": "drift: how far the running mean is from the batch means, in SD of all values",
    "ratio": "ratio: running variance / variance of the batches",
}


def cells(layer: RecordedLayer) -> list[str]:
    """Return one layer, a text for each header: the median over its channels."""
    parts = {part.name: part for part in layer.parts}
    found = [printable(layer.layer), layer.kind]
    for figure in ("mean_noise", "rho", "drift", "variance_ratio"):
        for name in PARTS:
            values: PerChannel = getattr(parts[name], figure) if name in parts else ()
            found.append(_text(middle(values)))
    return found


def _text(value: float | None) -> str:
    """Return a figure with few digits; below 0.001 it says only that."""
    if value is None:
        return UNDEFINED
    return "<0.001" if 0 < value < 1e-3 else number(value, _DIGITS)


def title(recording: Recording) -> str:
    """Return what was recorded, in a line."""
    least, most = recording.batch_sizes or (None, None)
    sizes = f"batch size {least}" if least == most else f"batch sizes {least} to {most}"
    of = "" if least is None else f", {sizes}"
    framework = _FRAMEWORKS.get(recording.framework, printable(recording.framework))
    return (
        f"{printable(recording.source)}: {printable(recording.model)} in {framework}, "
        f"{plural(recording.steps, 'step')}, of which {recording.recorded:,} are recorded{of}"
    )


def legend(headers: Collection[str]) -> list[str]:
    """Return what the columns of these headers mean, a line each."""
    shown = {header.partition(" ")[0] for header in headers}
    thirds = "first, middle, last: thirds of the recorded steps; medians over the channels of a layer"
    return [thirds, *(meaning for figure, meaning in _MEANINGS.items() if figure in shown)]
