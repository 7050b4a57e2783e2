"""The volumes of a report, each with the statistics of its channels."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.layers.results import Number
from bnstat.sources.sample import Sample


@dataclass(frozen=True)
class VolumeChannel:
    """One channel of one volume, over the values that the layer gets of it.

    Attributes:
        channel: Its index on the kept axis.
        count: The number of its values, NaN and Inf among them.
        mean: The mean of its finite values; None if there are none.
        std: The square root of their biased variance; None if there are none, or float64 cannot hold their squares.
        minimum: The least finite value; None if there are none.
        maximum: The greatest finite value; None if there are none.
        nan: The number of NaN values.
        inf: The number of infinite values.
        zeros: The share of values that are exactly 0, from 0 to 1; None if the voxels were not read again.
    """

    channel: int
    count: int
    mean: float | None
    std: float | None
    minimum: Number | None
    maximum: Number | None
    nan: int
    inf: int
    zeros: float | None = None


@dataclass(frozen=True)
class ReportedVolume:
    """One volume: a sample, or all patches that are of one volume.

    Attributes:
        place: Its number among the volumes of the report.
        sample: The sample, or the first of its patches.
        samples: The number of its samples: 1, or the number of its patches.
        channels: Its channels.
        group: The group that it belongs to, as a site; None without groups.
        findings: The places of the findings about it, among those of the check.
    """

    place: int
    sample: Sample
    samples: int
    channels: tuple[VolumeChannel, ...]
    group: str | None = None
    findings: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """The name of the volume in a sentence."""
        return self.sample.source if self.sample.index is None else f"{self.sample.source}[{self.sample.index}]"
