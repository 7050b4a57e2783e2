"""Statistics of each volume for the rules that judge volumes: a whole sample, or the patches of a volume together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import TYPE_CHECKING, overload

from bnstat.reports.evidence import Evidence, SampleChannel
from bnstat.sources.sample import Sample

if TYPE_CHECKING:
    from bnstat.reports.sample_channels import SampleChannels


@dataclass(frozen=True)
class VolumeStatistics:
    """The statistics of one volume.

    Attributes:
        sample: The first of its samples.
        batch: The index of the batch that it is in, which tells samples of one file apart. It is None for patches, and
            if there is no batch.
        sample_channels: The channels of each of its samples. A whole volume is one sample, patches are several.
        channels: The channels of all its samples together, each patch with equal weight.
    """

    sample: Sample
    batch: int | None
    sample_channels: tuple[tuple[SampleChannel, ...], ...]
    channels: tuple[SampleChannel, ...]

    @property
    def title(self) -> str:
        """The name of the volume in a sentence."""
        sample = self.sample
        return sample.source if sample.index is None else f"{sample.source}[{sample.index}]"


@dataclass(frozen=True, eq=False)
class Volumes(Sequence[VolumeStatistics]):
    """Volumes, in the order of their samples, each of which is made when someone asks for it.

    Attributes:
        evidence: What the rules judge.
        places: The places of the samples of each volume.
    """

    evidence: Evidence
    places: Sequence[Sequence[int]]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> VolumeStatistics: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[VolumeStatistics]: ...

    def __getitem__(self, place: int | slice) -> VolumeStatistics | Sequence[VolumeStatistics]:
        if isinstance(place, slice):
            return self._all[place]
        return _volume(self.evidence, self.places[place], self._batch_of.get(self.places[place][0]))

    def __iter__(self) -> Iterator[VolumeStatistics]:
        return iter(self._all)

    @cached_property
    def columns(self) -> SampleChannels:
        """The channels of all volumes as columns: those of the samples where each is a volume."""
        from bnstat.reports.sample_channels import SampleChannels  # noqa: PLC0415  (numpy, not for explaining a rule)

        whole = all(len(some) == 1 for some in self.places)
        return SampleChannels.of(self.evidence.sample_channels if whole else [volume.channels for volume in self])

    @cached_property
    def _all(self) -> tuple[VolumeStatistics, ...]:
        return tuple(self[place] for place in range(len(self)))

    @cached_property
    def _batch_of(self) -> dict[int, int]:
        from bnstat.layers.batch_columns import batches_of_samples  # noqa: PLC0415  (as in `columns`)

        report = self.evidence.report
        return {} if report.patched else batches_of_samples(report.batches)


def volumes_of(evidence: Evidence) -> Volumes:
    """Return the volumes of the evidence, in the order of its samples; none if it has no channels of samples."""
    found: dict[tuple[str, int | None], list[int]] = {}
    for place, sample in enumerate(evidence.report.samples[: len(evidence.sample_channels)]):
        found.setdefault(sample.volume, []).append(place)
    return Volumes(evidence, tuple(found.values()))


def _volume(evidence: Evidence, places: Sequence[int], batch: int | None) -> VolumeStatistics:
    sample_channels = tuple(evidence.sample_channels[place] for place in places)
    together = sample_channels[0]
    if len(places) > 1:
        together = tuple(_together(column) for column in zip(*sample_channels, strict=False))
    return VolumeStatistics(evidence.report.samples[places[0]], batch, sample_channels, together)


def _together(column: Sequence[SampleChannel]) -> SampleChannel:
    """Merge one channel of several patches as if they were one volume."""
    means = [one.mean for one in column if one.mean is not None]
    variances = [one.variance for one in column if one.variance is not None]
    count = sum(one.count for one in column)
    if len(means) < len(column) or len(variances) < len(column):
        return SampleChannel(count, None, None, constant=False)
    try:
        mean = fsum(means) / len(means)
        variance = fsum(variances) / len(variances) + fsum((one - mean) ** 2 for one in means) / len(means)
    except OverflowError:  # of means that float64 cannot square
        return SampleChannel(count, None, None, constant=False)
    return SampleChannel(
        count, mean, variance, constant=all(one.constant for one in column) and min(means) == max(means)
    )


def named(evidence: Evidence, channel: int) -> str:
    """Name a channel in a sentence, with the name that a data set gives it: "channel 1 (T2w)"."""
    names = evidence.report.samples[0].channels if evidence.report.samples else ()
    return f"channel {channel} ({names[channel]})" if channel < len(names) else f"channel {channel}"
