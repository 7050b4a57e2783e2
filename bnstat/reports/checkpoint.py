"""The result of `bnstat checkpoint` for one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.audit import Audit, LayerAudit
from bnstat.reports.checkpoint_verdict import verdict
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.finding import Finding
from bnstat.text import plural

# The lists of channels of which something is true, by their fields.
CHANNEL_LISTS = {
    "nan": "nan",
    "inf": "inf",
    "negative_variance": "negative",
    "zero_variance": "zero",
    "dead": "dead",
    "faded": "faded",
    "below_epsilon": "below_epsilon",
    "huge_variance": "huge",
    "beyond_float16": "beyond_float16",
    "small_scale": "small_scale",
}


@dataclass(frozen=True)
class Spread:
    """The least, the median and the greatest of the finite numbers of a layer's channels."""

    least: float
    median: float
    greatest: float


@dataclass(frozen=True, repr=False, eq=False)
class CheckpointReport(Document):
    """The answer: what a checkpoint stores of its normalization layers.

    Attributes:
        audit: The layers of the file.
        findings: What the rules found.
        notes: Notes on how the file was understood.
    """

    audit: Audit
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file, as the user named it."""
        return self.audit.file

    @property
    def layers(self) -> tuple[LayerAudit, ...]:
        """The normalization layers, in the order of the file."""
        return self.audit.layers

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        layers = plural(len(self.layers), "normalization layer")
        return f"{self.file}, {layers}, {plural(len(self.findings), 'finding')}"

    @property
    def opening(self) -> Sequence[str]:
        """The verdict in words, which every format for people opens with."""
        return verdict(self.audit)

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.checkpoint/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {**file_fields(self), "notes": list(self.notes)}

    def to_rows(self) -> list[Fields]:
        """Return a row for each layer: its spreads as three columns each, and lists of channels joined by spaces."""
        return [_row(layer_fields(layer)) for layer in self.layers]


def file_fields(report: CheckpointReport) -> Fields:
    """Return the fields of one file, without notes."""
    checkpoint, settings = report.audit.checkpoint, report.audit.settings
    names = checkpoint.other_names
    return {
        "file": report.file,
        "format": checkpoint.format,
        "tensors": checkpoint.tensors,
        "parameters": checkpoint.parameters,
        "settings": {
            "framework": settings.framework,
            "epsilon": settings.epsilon,
            "momentum": settings.momentum,
            "steps": settings.steps,
        },
        "verdict": list(report.opening),
        "layers": [{**layer_fields(one), "other_names": list(names.get(one.name, ()))} for one in report.layers],
        "findings": [finding_fields(finding) for finding in report.findings],
    }


def layer_fields(layer: LayerAudit) -> Fields:
    """Return the fields of a layer. A momentum of None is that of a cumulative average, or of no running statistics."""
    stored, keeps = layer.stored, layer.variance is not None
    return {
        "layer": layer.name,
        "kind": stored.kind,
        "dtype": stored.dtype,
        "channels": layer.channels,
        "batches_tracked": stored.batches_tracked,
        "epsilon": layer.epsilon if keeps or stored.epsilon is not None else None,
        "momentum": layer.momentum if keeps else None,
        "start_weight": layer.start_weight,
        "never_updated": layer.initial if keeps else None,
        "running_mean": _spread_fields(stored.running_mean),
        "running_variance": _spread_fields(stored.running_variance),
        "scale": _spread_fields(stored.scale),
        "gain": _spread_fields(layer.gain),
        **{name: list(getattr(layer, attribute)) for name, attribute in CHANNEL_LISTS.items()},
        "from_neighbours": layer.from_neighbours,
    }


def spread(values: Doubles | None) -> Spread | None:
    """Return the least, the median and the greatest of the finite numbers; None without any."""
    finite = np.array([]) if values is None else values[np.isfinite(values)]
    if not len(finite):
        return None
    return Spread(float(finite.min()), float(np.median(finite)), float(finite.max()))


def _spread_fields(values: Doubles | None) -> Fields | None:
    found = spread(values)
    return None if found is None else {"min": found.least, "median": found.median, "max": found.greatest}


def _row(fields: Fields) -> Fields:
    """Return a row of plain values for a table."""
    row: Fields = {}
    for name, value in fields.items():
        if name in ("running_mean", "running_variance", "scale", "gain"):
            three = value if isinstance(value, dict) else {}
            row |= {f"{name}_{which}": three.get(which) for which in ("min", "median", "max")}
        else:
            row[name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return row
