"""Two kinds of volumes in a cohort, as of two scanners, by the means of the volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite

from bnstat.batch_size.kinds import FEWEST_VOLUMES, LEAST, Kinds, kinds_of, median_of
from bnstat.reports.full.volumes import ReportedVolume

# The least share of the variance between volumes that lies between the two kinds.
MOST = 0.8


@dataclass(frozen=True)
class KindsOfVolumes:
    """Two kinds of volumes.

    Attributes:
        channel: The channel in which they are the clearest.
        lower: The places of the volumes of the lower kind.
        upper: The places of those of the upper kind.
        low: The median of the means of the lower kind.
        high: The median of the means of the upper kind.
        share: The share of the variance of the means of these volumes that lies between the kinds, from 0 to 1.
        groups: The names of the groups that the lower and the upper kind are; None if no two groups are the kinds.
    """

    channel: int
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    low: float
    high: float
    share: float
    groups: tuple[str, str] | None = None


def kinds_of_volumes(volumes: Sequence[ReportedVolume], left_out: Sequence[int]) -> KindsOfVolumes | None:
    """Return the two kinds that volumes are of, in the channel where they are the clearest; None if of one kind.

    Args:
        volumes: all volumes.
        left_out: the places of those that are odd or broken, which are of no kind.
    """
    if len(volumes) < FEWEST_VOLUMES:
        return None
    kept = [volume for volume in volumes if volume.place not in left_out]
    channels = range(max((len(volume.channels) for volume in kept), default=0))
    found = [one for channel in channels if (one := _in_channel(kept, channel)) is not None and one.share >= MOST]
    return max(found, key=lambda one: one.share, default=None)


def _in_channel(volumes: Sequence[ReportedVolume], channel: int) -> KindsOfVolumes | None:
    """Return the two kinds in one channel; None if a volume has no mean there, or all are of one kind."""
    known = [volume.channels[channel] for volume in volumes if channel < len(volume.channels)]
    means = [one.mean for one in known if one.mean is not None]
    deviations = [one.std for one in known if one.std is not None]
    if len(means) < len(volumes) or len(deviations) < len(volumes):
        return None
    found = kinds_of(means, LEAST * median_of(deviations))
    share = None if found is None else _share(means, found)
    if found is None or share is None:
        return None
    lower, upper = ([volumes[at] for at in some] for some in (sorted(found.lower), sorted(found.upper)))
    return KindsOfVolumes(
        channel,
        tuple(volume.place for volume in lower),
        tuple(volume.place for volume in upper),
        found.low,
        found.high,
        share,
        _groups(lower, upper),
    )


def _share(means: Sequence[float], found: Kinds) -> float | None:
    """Return the share of the variance of means that lies between kinds; None if float64 cannot hold it."""
    largest = max(abs(mean) for mean in means)
    scaled = [mean / largest for mean in means]
    middle = fsum(scaled) / len(scaled)
    whole = fsum((one - middle) ** 2 for one in scaled)
    between = 0.0
    for some in (found.lower, found.upper):
        own = fsum(scaled[at] for at in some) / len(some)
        between += len(some) * (own - middle) ** 2
    share = between / whole if whole else 0.0
    return min(share, 1.0) if isfinite(share) else None


def _groups(lower: Sequence[ReportedVolume], upper: Sequence[ReportedVolume]) -> tuple[str, str] | None:
    """Return the names of the groups that both kinds are; None if they are not exactly two groups."""
    low, high = ({volume.group for volume in some} for some in (lower, upper))
    names = (*low, *high)
    if len(names) != 2 or None in names or low == high:
        return None
    return str(names[0]), str(names[1])
