"""The result of `bnstat compare --batch-sizes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bnstat.batch_size.results import CurvePoint, Forgetting, LayerCurve, PopulationChannel, Recommendation, SampleGroup
from bnstat.batch_size.settings import CompareSettings
from bnstat.reports.documents.batch_sizes import (
    compare_settings_fields,
    curve_fields,
    layer_fields,
    name_fields,
    point_fields,
    point_row,
    population_fields,
)
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.documents.inputs import failure_fields, sample_fields
from bnstat.reports.finding import Failure, Finding, counted
from bnstat.sources.sample import Sample, channel_names_of
from bnstat.text import channel_title


@dataclass(frozen=True, repr=False)
class Comparison(Document):
    """The answer: the population, a curve over batch sizes, and what to do.

    Attributes:
        settings: The layer and what is compared.
        samples: The samples that were read.
        population: How the variance of each channel splits within and between samples.
        groups: The groups of samples, empty without groups.
        batch_sizes: What each batch size does.
        others: The same with the other frameworks' layers.
        recommendation: The batch size that is enough, None if nothing could be read.
        forgetting: How long each framework's layer remembers its initial running statistics, the one that was asked
            about first.
        findings: Samples that were left out.
        errors: The inputs that could not be read.
        notes: Notes on how inputs and settings were understood.
    """

    settings: CompareSettings
    samples: tuple[Sample, ...]
    population: tuple[PopulationChannel, ...]
    groups: tuple[SampleGroup, ...]
    batch_sizes: tuple[CurvePoint, ...]
    others: tuple[LayerCurve, ...]
    recommendation: Recommendation | None
    forgetting: tuple[Forgetting, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the channels, if all samples agree on them."""
        return channel_names_of(self.samples)

    def title_of(self, channel: int) -> str:
        """Return the name of a channel in a sentence."""
        return channel_title(channel, self.names)

    @property
    def volumes(self) -> int | None:
        """The number of volumes that the samples are patches of; None if they are no patches."""
        if self.settings.preparation.patches is None:
            return None
        return len({sample.volume for sample in self.samples})

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        sizes = ", ".join(str(point.batch_size) for point in self.batch_sizes) or "none"
        return f"batch sizes {sizes}, {counted(self.samples, self.errors, self.findings)}"

    @property
    def verdict(self) -> str:
        """The verdict on the compared batch sizes, in sentences; empty if nothing could be read."""
        return "" if self.recommendation is None else self.recommendation.reason

    @property
    def opening(self) -> Sequence[str]:
        """The first sentence of the verdict, which formats for people open with, and the others as a paragraph."""
        if self.recommendation is None:
            return []
        headline = self.recommendation.headline
        rest = self.recommendation.reason.removeprefix(headline).strip()
        return [headline, rest] if rest else [headline]

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.compare/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "settings": compare_settings_fields(self.settings),
            "samples": [sample_fields(sample) for sample in self.samples],
            "population": self._population(),
            "batch_sizes": [point_fields(point, self.names) for point in self.batch_sizes],
            "frameworks": [curve_fields(curve, self.batch_sizes, self.names) for curve in self.others],
            "running": self._running(),
            "recommendation": self._recommendation(),
            "findings": [finding_fields(finding) for finding in self.findings],
            "errors": [failure_fields(failure) for failure in self.errors],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each batch size, composition and channel."""
        variants = [(point, point.one_group, point.synchronized) for point in self.batch_sizes]
        points = [point for some in variants for point in some if point is not None]
        return [point_row(point, channel, self.names) for point in points for channel in point.channels]

    def _recommendation(self) -> Fields | None:
        if self.recommendation is None:
            return None
        return {**asdict(self.recommendation), "unjudged": [asdict(one) for one in self.recommendation.unjudged]}

    def _population(self) -> Fields:
        patched = self.volumes is not None
        return {
            "samples": len(self.samples),
            **({"volumes": self.volumes} if patched else {}),
            "groups": [population_fields(group, patched=patched) for group in self.groups],
            "channels": [
                {**population_fields(one, patched=patched), **name_fields(one.channel, self.names)}
                for one in self.population
            ],
        }

    def _running(self) -> Fields:
        """Return how long the start of the running statistics is remembered: by this layer, and by each framework's."""
        own = next((one for one in self.forgetting if one.layer == self.settings.layer), None)
        return {
            "batch_weight": self.settings.layer.batch_weight,
            "steps_to_forget": None if own is None else own.steps,
            "frameworks": [{**layer_fields(one.layer), "steps_to_forget": one.steps} for one in self.forgetting],
        }
