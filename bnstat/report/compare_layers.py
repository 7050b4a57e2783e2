"""What `bnstat compare` tells of layers beside each other: of frameworks, of normalizers, or of values of ε."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.report.finding import Failure
from bnstat.report.inspect import Report
from bnstat.sources.sample import Sample

By = Literal["frameworks", "normalizers", "epsilons"]


@dataclass(frozen=True)
class Entry:
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
class LayerComparison:
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
    entries: tuple[Entry, ...]
    samples: tuple[Sample, ...]
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    order: tuple[tuple[int, int], ...] = ()

    @property
    def reference(self) -> Entry:
        """The entry that the others are compared with."""
        return self.entries[0]
