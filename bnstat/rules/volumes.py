"""What rules share that judge each volume by itself: samples, or the patches of one volume put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from bnstat.report.evidence import Cell
from bnstat.report.inspect import Report
from bnstat.sources.sample import Sample


@dataclass(frozen=True)
class Volume:
    """One volume.

    Attributes:
        sample: the first of its samples.
        batch: the one that it is in, which tells samples of one file apart; None where there is none, or of patches.
        cells: the channels of each of its samples: a whole volume is one, patches are several.
        channels: the channels of all of them together, each patch with equal weight.
    """

    sample: Sample
    batch: int | None
    cells: tuple[tuple[Cell, ...], ...]
    channels: tuple[Cell, ...]

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        sample = self.sample
        return sample.source if sample.index is None else f"{sample.source}[{sample.index}]"


def volumes_of(report: Report) -> tuple[Volume, ...]:
    """The volumes of a report, in its order; none where it has no cells."""
    found: dict[tuple[str, int | None], list[int]] = {}
    for place, sample in enumerate(report.samples[: len(report.cells)]):
        found.setdefault(sample.volume, []).append(place)
    batch_of = {} if report.patched else {place: batch.index for batch in report.batches for place in batch.samples}
    return tuple(_volume(report, places, batch_of.get(places[0])) for places in found.values())


def _volume(report: Report, places: Sequence[int], batch: int | None) -> Volume:
    cells = tuple(report.cells[place] for place in places)
    channels = tuple(_together(column) for column in zip(*cells, strict=False))
    return Volume(report.samples[places[0]], batch, cells, channels)


def _together(column: Sequence[Cell]) -> Cell:
    """One channel of several patches as if they were one volume."""
    if len(column) == 1:
        return column[0]
    means = [one.mean for one in column if one.mean is not None]
    variances = [one.variance for one in column if one.variance is not None]
    count = sum(one.count for one in column)
    if len(means) < len(column) or len(variances) < len(column):
        return Cell(count, None, None, constant=False)
    try:
        mean = fsum(means) / len(means)
        variance = fsum(variances) / len(variances) + fsum((one - mean) ** 2 for one in means) / len(means)
    except OverflowError:  # of means that float64 cannot square
        return Cell(count, None, None, constant=False)
    return Cell(count, mean, variance, constant=all(one.constant for one in column) and min(means) == max(means))


def named(report: Report, channel: int) -> str:
    """A channel in a sentence, with the name that a data set gives it, as in "channel 1 (T2w)"."""
    names = report.samples[0].channels if report.samples else ()
    return f"channel {channel} ({names[channel]})" if channel < len(names) else f"channel {channel}"
