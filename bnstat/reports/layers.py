"""The result of `bnstat layers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from bnstat.networks.results import BatchSizeResult, LayerResult, Measured
from bnstat.networks.settings import Measuring
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.documents.inputs import failure_fields, preparation_fields, sample_fields
from bnstat.reports.finding import Failure, Finding, counted
from bnstat.reports.layers_verdict import verdict
from bnstat.sources.sample import Sample
from bnstat.text import by, plural

# The figures of a channel, in the order of the document.
_FIGURES = ("rho", "epsilon_share", "mean_gap", "variance_ratio", "eval_output_variance", "largest")
# The lists of channels of which something is true.
_LISTS = ("dead", "constant_in_a_sample", "not_finite")


@dataclass(frozen=True, repr=False)
class Layers(Document):
    """The answer: each normalization of a network, measured on samples, and what to do.

    Attributes:
        measured: The network and its layers.
        measuring: What was asked to be measured.
        samples: The samples that were read, in the order in which they were run.
        preparation: What was done to their voxels.
        device: The device that ran the network.
        amp: The type of mixed precision, as "bfloat16"; None without it.
        findings: What the rules found.
        errors: The inputs that could not be read.
        notes: Notes on how inputs and settings were understood, and on what was not measured.
    """

    measured: Measured
    measuring: Measuring
    samples: tuple[Sample, ...]
    preparation: Preparation = UNPREPARED
    device: str = "cpu"
    amp: str | None = None
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[LayerResult, ...]:
        """The normalizations, in the order in which they run."""
        return self.measured.layers

    @property
    def volumes(self) -> int | None:
        """The number of volumes that the samples are patches of; None if they are no patches."""
        if self.preparation.patches is None:
            return None
        return len({sample.volume for sample in self.samples})

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        layers = plural(len(self.layers), "normalization")
        return f"{self.measured.model.source}, {layers}, {counted(self.samples, self.errors, self.findings)}"

    @property
    def verdict(self) -> tuple[str, ...]:
        """What was measured, in sentences: a text for each question, the most important first."""
        return verdict(self.measured, self.measuring)

    @property
    def opening(self) -> Sequence[str]:
        """The verdict, which every format for people opens with."""
        return self.verdict

    @property
    def sentences(self) -> Sequence[str]:
        """What cannot be seen of the network, which a notebook shows below the table."""
        return self.measured.missed if self.layers else ()

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.layers/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        model, asked = self.measured.model, self.measuring
        return {
            "model": {
                "source": model.source,
                "weights": model.weights,
                "framework": model.framework,
                "parameters": model.parameters,
                "trains": model.trains,
                "normalizers": dict(model.normalizers),
            },
            "settings": {
                "batch_sizes": list(asked.batch_sizes),
                "draws": asked.draws,
                "switch": asked.switch,
                "layers": list(asked.layers),
                "seed": asked.seed,
                "device": self.device,
                "amp": self.amp,
                **preparation_fields(self.preparation),
            },
            "verdict": list(self.verdict),
            "samples": [sample_fields(sample) for sample in self.samples],
            "missed": list(self.measured.missed),
            "output": self.measured.output,
            "output_moved": _known(self.measured.output_moved),
            "layers": [_layer(layer) for layer in self.layers],
            "findings": [finding_fields(finding) for finding in self.findings],
            "errors": [failure_fields(failure) for failure in self.errors],
            "notes": list(self.notes),
        }

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of the table, which depend on the batch sizes."""
        sizes = (f"{name}_at_{size}" for size in self.measuring.batch_sizes for name in ("mean_noise", "shortfall"))
        own = ("layer", "kind", "channel", "shape", "values", "epsilon")
        raises = (f"raises_at_{size}" for size in self.measuring.batch_sizes)
        return (*own, *_FIGURES, *_LISTS, "output_moved", *sizes, *raises)

    def to_rows(self) -> list[Fields]:
        """Return a row for each layer and channel, the shape as in 8x32x32x32."""
        return [_row(layer, channel) for layer in self.layers for channel in range(layer.channels)]


def _layer(layer: LayerResult) -> Fields:
    """Return the fields of one normalization."""
    return {
        "layer": layer.layer,
        "kind": layer.kind,
        "functional": layer.functional,
        "groups": layer.groups,
        "shape": list(layer.shape),
        "axis": layer.axis,
        "dtype": layer.dtype,
        "channels": layer.channels,
        "values": layer.values,
        "epsilon": layer.epsilon,
        "momentum": layer.momentum,
        "stored": layer.stored,
        "never_updated": layer.never_updated,
        **{name: _figures(getattr(layer, name), layer.channels) for name in _FIGURES},
        **{name: list(getattr(layer, name)) for name in _LISTS},
        "output_moved": _known(layer.output_moved),
        "batches": [_batch(one, layer.channels) for one in layer.batches],
    }


def _batch(one: BatchSizeResult, channels: int) -> Fields:
    """Return the fields of training batches of one size."""
    return {
        "batch_size": one.batch_size,
        "drawn": one.drawn,
        "values": one.values,
        "mean_noise": _figures(one.mean_noise, channels),
        "shortfall": _figures(one.shortfall, channels),
        "raises": one.raises,
        "message": one.message,
    }


def _row(layer: LayerResult, channel: int) -> Fields:
    """Return the columns of one channel of a layer."""
    row: Fields = {
        "layer": layer.layer,
        "kind": layer.kind,
        "channel": channel,
        "shape": by(layer.shape, "x"),
        "values": layer.values,
        "epsilon": layer.epsilon,
        **{name: _figures(getattr(layer, name), layer.channels)[channel] for name in _FIGURES},
        **{name: channel in getattr(layer, name) for name in _LISTS},
        "output_moved": _known(layer.output_moved),
    }
    for one in layer.batches:
        row[f"mean_noise_at_{one.batch_size}"] = _figures(one.mean_noise, layer.channels)[channel]
        row[f"shortfall_at_{one.batch_size}"] = _figures(one.shortfall, layer.channels)[channel]
        row[f"raises_at_{one.batch_size}"] = one.raises
    return row


def _figures(values: Sequence[float | None], channels: int) -> list[float | None]:
    """Return a figure for each channel; all undefined where the layer has none."""
    return [_known(value) for value in values] if values else [None] * channels


def _known(value: float | None) -> float | None:
    """Return a figure; None for one that is not finite, which JSON cannot hold."""
    return value if value is not None and isfinite(value) else None
