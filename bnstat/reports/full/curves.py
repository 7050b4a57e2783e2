"""What a plot of batch sizes shows beside the curve of `compare`: drawn batches in the same units, and larger sizes.

`compare` gives the statistics of drawn batches in the unit of the values. Here they are shares of the population's
standard deviation and variance, as the closed forms are. And where the size that is needed is larger than those that
were compared, the closed forms are continued up to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

from bnstat.reports.compare_batch_sizes import Comparison

# The largest size that a curve is continued to, and that a plot has a limit at, as a multiple of the largest compared
# one.
FARTHEST = 64


@dataclass(frozen=True)
class SizeFigures:
    """The figures of one channel in batches of one size.

    Attributes:
        batch_size: Samples in a batch.
        channel: The index of the channel.
        noise: The standard deviation of the batch mean, in standard deviations of the population.
        shortfall: What the batch variance lacks, as a share of that of the population.
    """

    batch_size: int
    channel: int
    noise: float
    shortfall: float


def drawn_of(comparison: Comparison | None) -> tuple[SizeFigures, ...]:
    """Return the figures of drawn batches, for each size and channel that has them."""
    return () if comparison is None else tuple(_drawn(comparison))


def _drawn(comparison: Comparison) -> Iterator[SizeFigures]:
    for point in comparison.batch_sizes:
        for one in point.channels:
            if one.observed is None or one.expected_variance is None or one.mean_sd is None:
                continue
            variance = one.expected_variance + one.mean_sd**2
            if variance > 0:
                noise = one.observed.mean_sd / sqrt(variance)
                yield SizeFigures(point.batch_size, one.channel, noise, 1 - one.observed.variance_mean / variance)


def continued_of(comparison: Comparison | None) -> tuple[SizeFigures, ...]:
    """Return the closed forms beyond the compared sizes, up to the one that is needed; nothing if none is larger.

    For samples of a larger population the noise falls as 1/√B, and the shortfall as 1/B. Of patches that holds for
    sizes with the same number of patches of each volume, and not where slots of a batch are foreground by force.
    """
    found = None if comparison is None else comparison.recommendation
    if comparison is None or found is None or found.channel is None or found.population == "finite":
        return ()
    patches = comparison.settings.preparation.patches
    each = 1 if patches is None else patches.per_volume
    whole = [point for point in comparison.batch_sizes if point.batch_size % each == 0]
    last = max(whole, key=lambda point: point.batch_size, default=None)
    needed = max((size for size in (found.estimate, found.most) if size is not None), default=0)
    if last is None or (patches is not None and patches.foreground is not None):
        return ()
    start, base = last.batch_size, last.channels[found.channel]
    if base.mean_noise is None or base.variance_shortfall is None or not start < needed <= FARTHEST * start:
        return ()
    return tuple(
        SizeFigures(
            size,
            found.channel,
            base.mean_noise * sqrt(start / size),
            base.variance_shortfall * start / size,
        )
        for size in _beyond(start, needed)
    )


def _beyond(start: int, needed: int) -> Iterator[int]:
    """Yield each size twice as large as the one before, up to the first that is at least the needed one."""
    size = start
    while size < needed:
        size *= 2
        yield size
