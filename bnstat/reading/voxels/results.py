"""What a second pass over the voxels tells: histograms, shares of zeros, and slices to look at."""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub


@dataclass(frozen=True)
class Histogram:
    """The values of one channel, counted in bins of one width, and for each volume by itself.

    Attributes:
        channel: Its index on the kept axis.
        edges: The edges of the bins, ascending: one more than there are bins. A bin has the values from its lower edge
            on and below its upper one; the last bin has its upper edge too.
        counts: The number of values of all volumes in each bin.
        below: The number of values below the first edge.
        above: The number of values above the last edge.
        volumes: The same counts of each volume, by its place in the report; empty for a volume that cannot be read.
        volumes_below: The number of values of each volume below the first edge; 0 for one that cannot be read.
        volumes_above: The number of values of each volume above the last edge.
    """

    channel: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int
    volumes: tuple[tuple[int, ...], ...]
    volumes_below: tuple[int, ...] = ()
    volumes_above: tuple[int, ...] = ()

    def outside(self, volume: int | None = None) -> int:
        """Return the number of values of all volumes, or of one by its place, that lie outside of the bins."""
        if volume is None:
            return self.below + self.above
        return sum(side[volume] for side in (self.volumes_below, self.volumes_above) if volume < len(side))

    def shares(self, volume: int | None = None) -> list[float]:
        """Return the share of all values, or of those of one volume, that lie in each bin."""
        counts = self.counts if volume is None else self.volumes[volume]
        total = sum(counts) + self.outside(volume)
        return [count / total if total else 0.0 for count in counts]

    def is_away(self, volume: int) -> bool:
        """Return True if most values of a volume lie outside of the bins."""
        return self.outside(volume) > sum(self.volumes[volume])

    @property
    def counted(self) -> list[int]:
        """The places of the volumes of which values are known."""
        return [place for place, counts in enumerate(self.volumes) if any(counts) or self.outside(place)]

    @property
    def least_like_all(self) -> int | None:
        """The volume whose shares are furthest from those of all values together; None of fewer than three volumes."""
        counted, together = self.counted, self.shares()
        if len(counted) < 3:
            return None
        return max(counted, key=lambda one: sum(map(abs, map(sub, self.shares(one), together))))


@dataclass(frozen=True)
class Plane:
    """One slice of a channel, as a picture.

    Attributes:
        axis: The spatial axis of the file that it is cut across: 0, 1 or 2.
        index: The place on that axis.
        png: The picture as a PNG file, in grey, with square pixels: the spacing of voxels is respected.
        width: Its pixels across.
        height: Its pixels down.
    """

    axis: int
    index: int
    png: bytes
    width: int
    height: int


@dataclass(frozen=True)
class Slices:
    """The middle slices of one channel of one volume.

    Attributes:
        volume: The place of the volume in the report.
        channel: The index of the channel on the kept axis.
        planes: A slice across each spatial axis.
        low: The value that is black, a percentile of the slices.
        high: The value that is white.
    """

    volume: int
    channel: int
    planes: tuple[Plane, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Voxels:
    """What was read of the voxels beside their moments.

    Attributes:
        histograms: A histogram for each channel; empty if the voxels are not known.
        zeros: The share of zeros of each channel of each volume; empty if the voxels are not known.
        slices: The pictures of the volumes that have findings, and of a typical one.
        typical: The place of the volume that is shown as a typical one; None if none is.
        missing: Why there are no histograms and no slices, in a sentence; None if there are.
        notes: What is left out of them, a sentence each.
    """

    histograms: tuple[Histogram, ...] = ()
    zeros: tuple[tuple[float | None, ...], ...] = ()
    slices: tuple[Slices, ...] = ()
    typical: int | None = None
    missing: str | None = None
    notes: tuple[str, ...] = ()
