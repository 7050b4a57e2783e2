"""The result of `bnstat compare` for layers: of frameworks, of normalizers, with different ε, or of other values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.documents.inputs import failure_fields, sample_fields
from bnstat.reports.documents.layers import batch_fields, settings_fields
from bnstat.reports.finding import Failure, counted
from bnstat.reports.inspect import Report
from bnstat.sources.sample import Sample

if TYPE_CHECKING:
    from bnstat.layers.columns import Doubles

By = Literal["frameworks", "normalizers", "epsilons", "intensities"]

# Where outputs are compared: the index of a batch, and a place in the `outputs` of it.
OutputPlace = tuple[int, int]

# Settings in which layers may differ: each layer tells its own.
_OWN: dict[By, tuple[str, ...]] = {
    "frameworks": ("framework", "epsilon", "momentum"),
    "normalizers": ("normalizer", "epsilon", "momentum"),
    "epsilons": ("epsilon",),
    "intensities": ("intensity",),
}


@dataclass(frozen=True)
class ComparedLayer:
    """One of the layers that are compared.

    Attributes:
        name: The name of the layer in the comparison: a preset, a normalizer, ε, or the steps on intensities.
        report: The result of `bnstat inspect` for it.
        outputs: The numbers that are compared, for each batch. Between normalizers this is the variance of the
            normalized values of each channel, whatever it was normalized together with; otherwise the output of each
            channel or group, as in its report.
    """

    name: str
    report: Report
    outputs: tuple[tuple[float | None, ...], ...]

    @cached_property
    def numbers(self) -> Doubles:
        """The outputs one after the other; NaN where there is none."""
        import numpy as np  # noqa: PLC0415  (as in `Report.parts`)

        return np.array([one for row in self.outputs for one in row], np.float64)


@dataclass(frozen=True)
class LayerCall:
    """The call that makes a layer of one framework give the statistics of another.

    Attributes:
        name: The name of the layer in the comparison.
        statistics_of: The name of the layer whose ε and momentum it has.
        call: What to type.
    """

    name: str
    statistics_of: str
    call: str


@dataclass(frozen=True, repr=False)
class LayerComparison(Document):
    """Layers beside each other, from one pass over the data.

    Attributes:
        by: The setting in which they differ.
        entries: The layers; the others are compared with the first.
        samples: The samples, which are the same for every layer.
        errors: The inputs that could not be read.
        notes: Notes on how inputs and settings were understood.
        verdict: Sentences on what the output becomes with another layer, for which channel it matters most.
        differences: All sentences on what differs and what does not, those of the verdict first.
        told: The places whose numbers they tell.
        calls: For frameworks, the call that makes each layer give the statistics of another.
        order: The places where outputs are compared, the greatest difference first.
    """

    by: By
    entries: tuple[ComparedLayer, ...]
    samples: tuple[Sample, ...]
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    told: tuple[OutputPlace, ...] = ()
    calls: tuple[LayerCall, ...] = ()
    order: tuple[OutputPlace, ...] = ()

    @property
    def reference(self) -> ComparedLayer:
        """The layer that the others are compared with."""
        return self.entries[0]

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        names = ", ".join(entry.name for entry in self.entries)
        return f"{self.by} {names}, {counted(self.samples, self.errors)}"

    @property
    def opening(self) -> Sequence[str]:
        """The sentences that every format for people opens with: on inputs that are label maps, and the verdict."""
        return (*filter(None, [self.reference.report.label_maps.sentence]), *self.verdict)

    @property
    def sentences(self) -> Sequence[str]:
        """The sentences that every format for people has below the table: what is not in the verdict."""
        return self.differences[len(self.verdict) :]

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
            **({"calls": [asdict(call) for call in self.calls]} if self.by == "frameworks" else {}),
            "errors": [failure_fields(failure) for failure in report.errors],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each layer, batch and channel or group: what names the layer, then those of its report."""
        return [
            {"name": entry.name, **self._layer(entry), **row}
            for entry in self.entries
            for row in entry.report.to_rows()
        ]

    def _entry(self, entry: ComparedLayer) -> Fields:
        """Return one layer: its own settings, and the batches and findings of its report."""
        report, settings = entry.report, entry.report.settings
        together = [batch_fields(batch) for batch in report.synchronized]
        outputs = [list(batch) for batch in entry.outputs]
        return {
            "name": entry.name,
            **self._layer(entry),
            "batch_weight": settings.batch_weight,
            "running_variance": settings.framework.running_variance if settings.keeps_running else None,
            "batches": [batch_fields(batch) for batch in report.batches],
            **({"synchronized": together} if together else {}),
            **({"channel_outputs": outputs} if self.by == "normalizers" else {}),
            "findings": [finding_fields(finding) for finding in report.findings],
        }

    def _layer(self, entry: ComparedLayer) -> Fields:
        """Return what names a layer."""
        settings = entry.report.settings
        intensity = {"intensity": settings.preparation.intensity} if self.by == "intensities" else {}
        return {
            "framework": settings.framework.name,
            "normalizer": settings.normalizer,
            "epsilon": settings.epsilon,
            "momentum": settings.momentum,
            **intensity,
        }
