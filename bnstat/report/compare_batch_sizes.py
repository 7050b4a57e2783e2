"""What `bnstat compare --batch-sizes` tells."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.batch_size.results import CurvePoint, Forgetting, LayerCurve, PopulationChannel, Recommendation, SampleGroup
from bnstat.batch_size.settings import CompareSettings
from bnstat.report.finding import Failure, Finding
from bnstat.sources.sample import Sample, names_of
from bnstat.text import channel_title


@dataclass(frozen=True)
class Comparison:
    """The answer: the population, a curve over batch sizes, and what to do.

    Attributes:
        settings: what was asked for.
        samples: the rows of the table.
        population: how the variance of each channel splits.
        groups: what the samples were grouped into, if they were.
        batch_sizes: the curve.
        others: what the other layers have of it.
        recommendation: None where nothing could be read.
        forgetting: how long each framework's layer remembers its start, the one asked about first.
        findings: samples that were left out.
        errors: inputs that could not be read.
        notes: how the inputs and settings were taken.
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
        """Names of the channels, where all samples agree on them."""
        return names_of(self.samples)

    def title_of(self, channel: int) -> str:
        """What to call a channel in a sentence."""
        return channel_title(channel, self.names)

    @property
    def volumes(self) -> int | None:
        """The volumes that samples are patches of; None where samples are no patches."""
        if self.settings.preparation.patches is None:
            return None
        return len({sample.volume for sample in self.samples})
