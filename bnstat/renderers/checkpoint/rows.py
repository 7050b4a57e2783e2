"""The layers of a checkpoint as rows of text, and the lines around them: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.audit import Audit, LayerAudit
from bnstat.renderers.numbers import UNDEFINED
from bnstat.renderers.screen import MOST_ROWS
from bnstat.reports.checkpoint import CheckpointReport, Spread, spread
from bnstat.text import number, plural, printable, short

# Formats as a person knows them.
_FORMATS = {
    "torch": "PyTorch",
    "torch-legacy": "PyTorch before 1.6",
    "torchscript": "TorchScript",
    "pt2": "torch.export",
    "safetensors": "safetensors",
    "npz": "numpy",
    "keras": "Keras",
    "h5": "HDF5 of Keras",
    "onnx": "ONNX",
}
_DIGITS = 3
# A share of the initial values that is shown: less is 0.
_LEAST_START = 1e-4

# What a row is marked with, by the attribute of the channels that it counts.
_MARKS = {
    "nan": "NaN",
    "inf": "Inf",
    "negative": "negative",
    "dead": "dead",
    "faded": "faded",
    "zero": "zero",
    "below_epsilon": "below ε",
    "huge": "huge",
    "small_scale": "γ≈0",
    "beyond_float16": ">float16",
}


@dataclass(frozen=True)
class Column:
    """A column: where width is short, those of the highest rank are hidden first.

    Attributes:
        header: The title; its first space may be a line break.
        cell: Returns the text of a layer.
        rank: How soon it is hidden, 0 for never.
        meaning: What the title means, where that is more than the title says.
        side: The side at which the cells stand.
    """

    header: str
    cell: Callable[[LayerAudit], str]
    rank: int = 0
    meaning: str = ""
    side: Literal["left", "right"] = "right"

    @property
    def split(self) -> str:
        """The title over two lines, if it has several words."""
        return self.header.replace(" ", "\n", 1)


def columns_of(audit: Audit) -> list[Column]:
    """Return the columns behind the name of a layer, without those that hold nothing for any layer of the file."""
    layers, keeps = audit.layers, bool(audit.with_statistics)
    found = []
    if len({layer.stored.kind for layer in layers}) > 1:
        found.append(Column("kind", lambda layer: layer.stored.kind, 6, side="left"))
    found.append(Column("channels", lambda layer: f"{layer.channels:,}", 7))
    if any(layer.stored.batches_tracked is not None for layer in layers):
        found.append(Column("batches", _batches, 5, "how many batches the file counts in the running statistics"))
    if any((layer.start_weight or 0.0) >= _LEAST_START for layer in layers):
        found.append(Column("start", _start, 1, "what the initial values still weigh in the running statistics"))
    if keeps:
        found += [
            Column("variance min", _of(lambda one: one.least, lambda layer: layer.variance), 1),
            Column("variance median", _of(lambda one: one.median, lambda layer: layer.variance), 4),
            Column(
                "variance max",
                _of(lambda one: one.greatest, lambda layer: layer.variance),
                2,
                "the running variance of the layer's channels",
            ),
            Column("gain min", _of(lambda one: one.least, _size_of_gain), 6),
            Column(
                "gain max",
                _of(lambda one: one.greatest, _size_of_gain),
                3,
                "|γ|/√(variance + ε), by which folding at export multiplies weights",
            ),
        ]
    if any(layer.stored.scale is not None for layer in layers):
        rank = 8 if len(audit.with_statistics) == len(layers) else 1
        found += [
            Column("γ min", _of(lambda one: one.least, lambda layer: layer.stored.scale), rank),
            Column("γ max", _of(lambda one: one.greatest, lambda layer: layer.stored.scale), rank, "the learned scale"),
        ]
    if any(map(marks, layers)):
        found.append(Column("found", marks, side="left"))
    return found


def legend(columns: Sequence[Column]) -> list[str]:
    """Return what the columns mean, a line each."""
    return [f"{column.header.split()[0]}: {column.meaning}" for column in columns if column.meaning]


def marks(layer: LayerAudit) -> str:
    """Return what is found in the channels of a layer, in a few words."""
    words = ["initial"] if layer.initial else []
    told: set[int] = set()
    for attribute, word in _MARKS.items():
        channels = [channel for channel in getattr(layer, attribute) if channel not in told]
        if attribute in ("nan", "inf", "negative", "dead", "faded"):
            told.update(channels)
        if channels:
            words.append(f"{len(channels):,} {word}")
    return ", ".join(words)


def grave(layer: LayerAudit) -> bool:
    """Return True if evaluation mode fails in a layer."""
    return bool(layer.nan or layer.inf or layer.negative)


def title(audit: Audit) -> list[str]:
    """Return the file, what is in it, and which ε and momentum were taken, a line each."""
    checkpoint = audit.checkpoint
    counts = f"{plural(checkpoint.tensors, 'tensor')} of {checkpoint.parameters:,} values"
    lines = [
        f"{printable(audit.file)} ({_FORMATS.get(checkpoint.format, checkpoint.format)}): {counts}",
        _layers(audit),
    ]
    return [line for line in lines if line]


def _layers(audit: Audit) -> str:
    """Return how many layers there are, and their ε and momentum."""
    keeps, others = len(audit.with_statistics), len(audit.layers) - len(audit.with_statistics)
    channels = sum(layer.channels for layer in audit.layers)
    if not keeps:
        return f"{plural(others, 'layer')} without running statistics, {plural(channels, 'channel')}"
    kinds = [plural(keeps, "layer with running statistics", "layers with running statistics")] if keeps else []
    kinds += [plural(others, "layer without them", "layers without them")] if others else []
    line = f"{' and '.join(kinds)}, {plural(channels, 'channel')}"
    epsilons = dict.fromkeys(f"{layer.epsilon:g}" for layer in audit.with_statistics)
    momenta = dict.fromkeys(
        "none" if layer.momentum is None else f"{layer.momentum:g}" for layer in audit.with_statistics
    )
    return f"{line}; ε {', '.join(epsilons)}; momentum {', '.join(momenta)} (the weight of a batch)"


def chosen(report: CheckpointReport, *, every: bool) -> list[LayerAudit]:
    """Return the layers that are shown, in the order of the file: those with findings first if not all fit."""
    layers = report.layers
    if every or len(layers) <= MOST_ROWS:
        return list(layers)
    found = {finding.layer for finding in report.findings}
    order = sorted(range(len(layers)), key=lambda place: layers[place].name not in found and not marks(layers[place]))
    return [layers[place] for place in sorted(order[:MOST_ROWS])]


def hidden_line(every: Collection[object], shown: Collection[object]) -> str:
    """Return how many layers are not shown; empty if all are."""
    hidden = len(every) - len(shown)
    return f"{plural(hidden, 'more layer')} (--all shows all)" if hidden else ""


def _of(
    which: Callable[[Spread], float], values: Callable[[LayerAudit], Doubles | None]
) -> Callable[[LayerAudit], str]:
    def cell(layer: LayerAudit) -> str:
        three = spread(values(layer))
        return UNDEFINED if three is None else number(which(three), _DIGITS)

    return cell


def _size_of_gain(layer: LayerAudit) -> Doubles | None:
    return None if layer.gain is None else abs(layer.gain)


def _batches(layer: LayerAudit) -> str:
    counted = layer.stored.batches_tracked
    return UNDEFINED if counted is None else f"{counted:,}"


def _start(layer: LayerAudit) -> str:
    weight = layer.start_weight
    return UNDEFINED if weight is None else f"{short(100 * weight, 3) if weight >= _LEAST_START else '0'}%"
