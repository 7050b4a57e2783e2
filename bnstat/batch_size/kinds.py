"""Two kinds of volumes in one cohort, as of two scanners, told apart by one figure of each volume."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

import numpy as np

from bnstat.moments.moments import Doubles

# A figure of each volume.
Values: TypeAlias = Sequence[float] | Doubles

# Makes the median absolute deviation of normal values their standard deviation.
NORMAL = 1.4826
# Below it the MAD is itself so uncertain that 1 cohort in 100 would have a false finding.
FEWEST_VOLUMES = 12
# The least robust deviation: in standard deviations of the values for the mean, and of the logarithm of a deviation.
# At the limit of 8, what is reported is then 0.4 standard deviations away: more noise than BN202 takes for a batch.
LEAST = 0.05
# The fewest volumes of a kind: more than those that are each odd by itself.
FEWEST_OF_A_KIND = 4
# How many robust deviations the medians of two kinds are apart. Normal values that are divided at their widest gap are
# about 3 apart; 12 are reached by 1 in 200 cohorts of 12 volumes, and by none of 4,000 cohorts of 40.
APART = 12.0


@dataclass(frozen=True)
class Kinds:
    """Two kinds of volumes.

    Attributes:
        lower: The places of the volumes of the lower kind.
        upper: The places of the others.
        low: The median of the lower kind.
        high: The median of the upper kind.
        least: The least robust deviation.
    """

    lower: tuple[int, ...]
    upper: tuple[int, ...]
    low: float
    high: float
    least: float

    def scores(self, values: Values) -> Doubles:
        """Return the robust z-score of each value: its distance from the nearer median, by that of all."""
        own = np.asarray(values)
        return robust(np.minimum(abs(own - self.low), abs(own - self.high)), self.least)

    def medians(self, values: Values, left_out: Container[int]) -> tuple[float, float] | None:
        """Return the median of other values of the same volumes in each kind; None if all of a kind are left out."""
        kept = [[values[place] for place in some if place not in left_out] for some in (self.lower, self.upper)]
        return (median_of(kept[0]), median_of(kept[1])) if all(kept) else None


def kinds_of(values: Values, least: float) -> Kinds | None:
    """Divide volumes at the widest gap of a figure that leaves enough of them on both sides.

    Args:
        values: The figure of each volume.
        least: The least robust deviation.

    Returns:
        The two kinds; None if there are too few volumes, or the medians are not far apart.
    """
    own = np.asarray(values)
    if len(own) < 2 * FEWEST_OF_A_KIND:
        return None
    order = own.argsort(kind="stable")
    ordered = own[order]
    gaps = np.diff(ordered)[FEWEST_OF_A_KIND - 1 : len(own) - FEWEST_OF_A_KIND]
    cut = FEWEST_OF_A_KIND + int(gaps.argmax())
    low, high = median_of(ordered[:cut]), median_of(ordered[cut:])
    apart = np.concatenate([abs(ordered[:cut] - low), abs(ordered[cut:] - high)])
    if not (high - low >= APART * max(NORMAL * median_of(apart), least) and high > low):
        return None
    return Kinds(tuple(order[:cut].tolist()), tuple(order[cut:].tolist()), low, high, least)


def robust(distances: Values, least: float) -> Doubles:
    """Return each distance in robust standard deviations: 1.4826 times their median, and at least `least`."""
    own = np.asarray(distances)
    deviation = max(NORMAL * median_of(own), least)
    return own / deviation if deviation else np.where(own, inf, 0.0)


def median_of(values: Values) -> float:
    """Return the median."""
    middle = [(len(values) - 1) // 2, len(values) // 2]
    low, high = np.partition(np.asarray(values, np.float64), middle)[middle].tolist()
    return float(low if middle[0] == middle[1] else (low + high) / 2)
