"""What `bnstat inspect` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bnstat.layers.results import Batch, Group, Statistics
from bnstat.layers.settings import Settings
from bnstat.report.finding import Failure, Finding
from bnstat.report.limits import DEFAULT_LIMITS, Limits
from bnstat.sources.sample import Sample, names_of
from bnstat.text import channel_title

if TYPE_CHECKING:
    from bnstat.batch_size.results import CurvePoint
    from bnstat.report.evidence import Cell, Pool, Reference


@dataclass(frozen=True)
class Report:
    """The answer: settings, samples, a batch after the other, findings, inputs that failed, notes, and a sentence.

    With several ranks each of the `batches` is that of one rank, and `synchronized` are those of all ranks together.
    For rules there are also the `limits` that they judge by, the `shapes` that samples have, what `curve` a batch size
    has on these samples taken for some of a larger set (None where it is not known, or there are too few), the
    `steps` of a training (None where these are not known), the `cells` of each sample at any batch size (empty where
    nobody asks for them), the `pools` of each channel, and the `reference` that these are held against.
    """

    settings: Settings
    samples: tuple[Sample, ...]
    batches: tuple[Batch, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str | None = None
    synchronized: tuple[Batch, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    shapes: tuple[tuple[int, ...], ...] = ()
    curve: CurvePoint | None = None
    steps: int | None = None
    cells: tuple[tuple[Cell, ...], ...] = ()
    pools: tuple[Pool, ...] = ()
    reference: Reference | None = None

    @property
    def patched(self) -> bool:
        """Whether samples are patches of volumes."""
        return bool(self.samples) and all(sample.patch is not None for sample in self.samples)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels, where all samples agree on them."""
        return names_of(self.samples)

    def title_of(self, channel: int) -> str:
        """What to call a channel of all samples in a sentence."""
        return channel_title(channel, self.names)

    def source_of(self, batch: Batch, part: Statistics | None = None) -> str | None:
        """The file of a group, or of a batch of one sample; None where there are several."""
        if isinstance(part, Group):
            return self.samples[part.sample].source
        return self.samples[batch.samples[0]].source if len(batch.samples) == 1 else None
