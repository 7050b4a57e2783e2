"""What `bnstat compare` tells of layers beside each other: of frameworks, of normalizers, or of values of ε."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.report.documents.document import Document, Fields
from bnstat.report.documents.findings import finding_fields
from bnstat.report.documents.inputs import failure_fields, sample_fields
from bnstat.report.documents.layers import batch_fields, settings_fields
from bnstat.report.finding import Failure
from bnstat.report.inspect import Report
from bnstat.sources.sample import Sample

By = Literal["frameworks", "normalizers", "epsilons"]

# Where outputs are compared: the index of a batch, and a place in the `outputs` of it.
OutputPlace = tuple[int, int]

# Settings in which layers may differ: each layer tells its own.
_OWN: dict[By, tuple[str, ...]] = {
    "frameworks": ("framework", "epsilon", "momentum"),
    "normalizers": ("normalizer", "epsilon", "momentum"),
    "epsilons": ("epsilon",),
}


@dataclass(frozen=True)
class ComparedLayer:
    """One of the layers that are compared.

    Attributes:
        name: what it is compared as: a preset, a normalizer, or ε.
        report: what `bnstat inspect` tells of it.
        outputs: what is compared, for each batch. By normalizers the variance of the normalized values of each
            channel, whatever it was normalized together with; else the output of each part, as in its report.
    """

    name: str
    report: Report
    outputs: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class LayerComparison(Document):
    """Layers beside each other, from one pass over the data.

    Attributes:
        by: in what they differ.
        entries: the layers; the first is the one that the others are compared with.
        samples: those of every entry.
        errors: inputs that could not be read.
        notes: on how inputs and settings were taken.
        differences: what differs, for which channel it matters, and what does not differ; a sentence each.
        order: where outputs are compared, as a batch and a place in the `outputs` of it, the greatest difference first.
    """

    by: By
    entries: tuple[ComparedLayer, ...]
    samples: tuple[Sample, ...]
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    order: tuple[OutputPlace, ...] = ()

    @property
    def reference(self) -> ComparedLayer:
        """The entry that the others are compared with."""
        return self.entries[0]

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return f"bnstat.compare-{self.by}/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        report = self.reference.report
        settings = {name: one for name, one in settings_fields(report.settings).items() if name not in _OWN[self.by]}
        if self.by == "normalizers":  # each has a preset of its own, and what they share is the maker
            settings["framework"] = report.settings.framework.maker
        return {
            "settings": settings,
            "samples": [sample_fields(sample) for sample in report.samples],
            self.by: [self._entry(entry) for entry in self.entries],
            "differences": list(self.differences),
            "errors": [failure_fields(failure) for failure in report.errors],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each layer, batch and channel or group: what names the layer, then those of its report."""
        return [
            {"name": entry.name, **_layer(entry), **row} for entry in self.entries for row in entry.report.to_rows()
        ]

    def _entry(self, entry: ComparedLayer) -> Fields:
        """Return one layer: its own settings, and the batches and findings of its report."""
        report, settings = entry.report, entry.report.settings
        together = [batch_fields(batch) for batch in report.synchronized]
        outputs = [list(batch) for batch in entry.outputs]
        return {
            "name": entry.name,
            **_layer(entry),
            "batch_weight": settings.batch_weight,
            "running_variance": settings.framework.running_variance if settings.keeps_running else None,
            "batches": [batch_fields(batch) for batch in report.batches],
            **({"synchronized": together} if together else {}),
            **({"channel_outputs": outputs} if self.by == "normalizers" else {}),
            "findings": [finding_fields(finding) for finding in report.findings],
        }


def _layer(entry: ComparedLayer) -> Fields:
    settings = entry.report.settings
    return {
        "framework": settings.framework.name,
        "normalizer": settings.normalizer,
        "epsilon": settings.epsilon,
        "momentum": settings.momentum,
    }
