"""The samples that channels have: those with NaN or Inf are left out of the channels that hold them.

So are values so large that float64 has no squares of their differences, which leave a sample without a variance to
compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.moments import Moments

Doubles = NDArray[np.float64]

# The square of twice as much, summed over any cohort, is still a number in float64.
LARGEST = 1e150


@dataclass(frozen=True)
class Cohort:
    """Channels that have the same samples, K of them.

    Attributes:
        channels: indices on the kept axis, c of them.
        places: which samples of the table, shape (K,).
        means: of each sample and channel, shape (K, c).
        variances: biased, shape (K, c).
        counts: values of one sample on average, shape (c,).
    """

    channels: tuple[int, ...]
    places: NDArray[np.intp]
    means: Doubles
    variances: Doubles
    counts: Doubles

    @property
    def samples(self) -> int:
        """K."""
        return len(self.places)

    def bessel(self, batch_size: int, unbiased: bool) -> Doubles:
        """n/(n − 1) of a batch where the running variance is unbiased, else 1; shape (c,)."""
        values = batch_size * self.counts
        return np.asarray(np.where(unbiased & (values > 1), values / np.maximum(values - 1, 1e-300), 1.0))

    def members(self, chosen: NDArray[np.bool_]) -> Cohort:
        """The same channels with some of the samples; `chosen` has the shape (K,)."""
        return Cohort(self.channels, self.places[chosen], self.means[chosen], self.variances[chosen], self.counts)

    def only(self, columns: NDArray[np.intp]) -> Cohort:
        """The same samples of some of the channels."""
        channels = tuple(self.channels[column] for column in columns)
        return Cohort(channels, self.places, self.means[:, columns], self.variances[:, columns], self.counts[columns])


def cohorts_of(table: Moments) -> tuple[Cohort, ...]:
    """The channels of a table of shape (samples, channels), those with the same usable samples together."""
    usable = (table.count > 0) & (table.nan + table.inf == 0) & ~too_large(table)
    kinds, kind_of = np.unique(usable, axis=1, return_inverse=True)
    return tuple(
        _cohort(table, np.flatnonzero(kinds[:, kind]), np.flatnonzero(kind_of.ravel() == kind))
        for kind in range(kinds.shape[1])
    )


def too_large(table: Moments) -> NDArray[np.bool_]:
    """Which cells of a table have values beyond what can be squared."""
    extremes = np.maximum(np.abs(np.asarray(table.minimum, np.float64)), np.abs(np.asarray(table.maximum, np.float64)))
    return np.asarray((table.count > 0) & ~(extremes <= LARGEST))


def _cohort(table: Moments, places: NDArray[np.intp], channels: NDArray[np.intp]) -> Cohort:
    cells = np.ix_(places, channels)
    counts = np.asarray(table.count[cells], np.float64)
    return Cohort(
        channels=tuple(channels.tolist()),
        places=places,
        means=table.mean[cells],
        variances=table.variance[cells],
        counts=counts.mean(axis=0) if len(places) else np.zeros(len(channels)),
    )
