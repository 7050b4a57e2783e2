"""The result of `bnstat inspect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bnstat.layers.results import Batch, Channel, Group, Statistics
from bnstat.layers.settings import Settings
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.documents.inputs import failure_fields, sample_fields
from bnstat.reports.documents.layers import batch_fields, part_row, settings_fields
from bnstat.reports.finding import Failure, Finding, counted
from bnstat.reports.label_maps import LabelMapsFound
from bnstat.sources.sample import Sample, channel_names_of
from bnstat.text import channel_title, plural

if TYPE_CHECKING:
    from bnstat.layers.parts import Parts


@dataclass(frozen=True, repr=False)
class Report(Document):
    """The answer.

    Attributes:
        settings: The layer and how batches are made.
        samples: The samples that were read.
        batches: The batches, in the order of training. With several ranks, each is the batch of one rank.
        findings: What the rules found.
        errors: The inputs that could not be read.
        notes: Notes on how inputs and settings were understood.
        verdict: Which inputs are label maps and no images, whether a variance is zero, and whether ε matters, a
            sentence for each; empty if there is no batch.
        answer: What the batch size means for these data, in a few sentences; None if there is no batch.
        synchronized: With several ranks, the batches of all ranks together.
    """

    settings: Settings
    samples: tuple[Sample, ...]
    batches: Sequence[Batch]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    answer: str | None = None
    synchronized: Sequence[Batch] = ()

    @cached_property
    def patched(self) -> bool:
        """True if samples are patches of volumes."""
        return bool(self.samples) and all(sample.patch is not None for sample in self.samples)

    @cached_property
    def parts(self) -> Parts:
        """The channels or groups of all batches."""
        from bnstat.layers.parts import Parts  # noqa: PLC0415  (numpy, which a list of rules does not need)

        return Parts(self.batches)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the channels, if all samples agree on them."""
        return channel_names_of(self.samples)

    @cached_property
    def label_maps(self) -> LabelMapsFound:
        """The inputs that look like label maps."""
        channels = self.batches[0].channel_count if self.batches else 0
        return LabelMapsFound(self.findings, self.samples, channels, self.names)

    def title_of(self, channel: int) -> str:
        """Return the name of a channel of all samples in a sentence."""
        return channel_title(channel, self.names)

    def source_of(self, batch: Batch, part: Statistics | None = None) -> str | None:
        """Return the file of a group, or of a batch of one sample; None if there are several."""
        if isinstance(part, Group):
            return self.samples[part.sample].source
        return self.samples[batch.samples[0]].source if len(batch.samples) == 1 else None

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        settings = self.settings
        layer = f"{settings.layer} as in {settings.maker}"
        batches = plural(len(self.batches), "batch", "batches")
        return f"{layer}, {batches} of {settings.batch_size}, {counted(self.samples, self.errors, self.findings)}"

    @property
    def opening(self) -> Sequence[str]:
        """The sentences that every format for people opens with."""
        return self.verdict

    @property
    def sentences(self) -> Sequence[str]:
        """The sentences that a notebook shows below the table."""
        return [] if self.answer is None else [self.answer]

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.inspect/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "settings": settings_fields(self.settings),
            "samples": [sample_fields(sample) for sample in self.samples],
            "batches": [batch_fields(batch) for batch in self.batches],
            **({"synchronized": [batch_fields(batch) for batch in self.synchronized]} if self.synchronized else {}),
            "findings": [finding_fields(finding) for finding in self.findings],
            "errors": [failure_fields(failure) for failure in self.errors],
            "notes": list(self.notes),
            "verdict": list(self.verdict),
            "answer": self.answer,
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each channel or group of each batch; `findings` are the codes of rules, joined by spaces.

        With several ranks the rows of the synchronized batches follow, told apart by the column `synchronized`.
        """
        codes: dict[tuple[int | None, int | None], list[str]] = {}
        for finding in self.findings:
            codes.setdefault(finding.place, []).append(finding.rule)
        rows = [self._row(batch, part, codes) for batch in self.batches for part in batch.parts]
        if not self.synchronized:
            return rows
        together = [self._row(batch, part, {}) for batch in self.synchronized for part in batch.parts]
        return [*({"synchronized": False, **row} for row in rows), *({"synchronized": True, **row} for row in together)]

    def _row(
        self, batch: Batch, part: Channel | Group, codes: Mapping[tuple[int | None, int | None], Sequence[str]]
    ) -> Fields:
        # a finding holds for a row if it is about it, its batch, its channel in all batches, or everything
        every = [(None, part.channel)] if isinstance(part, Channel) else []
        places = [(batch.index, part.place), (batch.index, None), *every, (None, None)]
        return {
            "batch": batch.index,
            "samples": " ".join(str(index) for index in batch.samples),
            "source": self.source_of(batch, part) or "",
            **part_row(batch, part),
            "findings": " ".join(code for place in places for code in codes.get(place, ())),
        }
