"""Two kinds of volumes in one cohort, as of two scanners, told apart by one figure of each volume."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from math import inf

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

    def scores(self, values: Sequence[float]) -> list[float]:
        """Return the robust z-score of each value: its distance from the nearer median, by that of all."""
        return robust([min(abs(value - self.low), abs(value - self.high)) for value in values], self.least)

    def medians(self, values: Sequence[float], left_out: Container[int]) -> tuple[float, float] | None:
        """Return the median of other values of the same volumes in each kind; None if all of a kind are left out."""
        kept = [[values[place] for place in some if place not in left_out] for some in (self.lower, self.upper)]
        return (median_of(kept[0]), median_of(kept[1])) if all(kept) else None


def kinds_of(values: Sequence[float], least: float) -> Kinds | None:
    """Divide volumes at the widest gap of a figure that leaves enough of them on both sides.

    Args:
        values: The figure of each volume.
        least: The least robust deviation.

    Returns:
        The two kinds; None if there are too few volumes, or the medians are not far apart.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    cuts = range(FEWEST_OF_A_KIND, len(values) - FEWEST_OF_A_KIND + 1)
    if not cuts:
        return None
    cut = max(cuts, key=lambda at: values[order[at]] - values[order[at - 1]])
    lower, upper = tuple(order[:cut]), tuple(order[cut:])
    low, high = (median_of([values[place] for place in some]) for some in (lower, upper))
    found = Kinds(lower, upper, low, high, least)
    own = [abs(values[place] - middle) for some, middle in ((lower, low), (upper, high)) for place in some]
    return found if high - low >= APART * max(NORMAL * median_of(own), least) and high > low else None


def robust(distances: Sequence[float], least: float) -> list[float]:
    """Return each distance in robust standard deviations: 1.4826 times their median, and at least `least`."""
    deviation = max(NORMAL * median_of(distances), least)
    return [distance / deviation if deviation else inf if distance else 0.0 for distance in distances]


def median_of(values: Sequence[float]) -> float:
    """Return the median; statistics is imported when it is first needed."""
    from statistics import median  # noqa: PLC0415  (4 ms, which only a cohort needs)

    return median(values)
