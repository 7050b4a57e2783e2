"""The bins of histograms: fine ones before the voxels are read, and from their counts those that are shown.

A histogram has at most 64 bins of one width. The first pass has told the range of a channel and what spread it has:

- The width is a power of two, and edges are multiples of it. Of integers, a bin has as many possible values as another,
  and its edges lie halfway between two of them.
- Values that are far from nearly all others do not set the range: if the middle 99.8 % of the values that are not in
  the fullest bin (the background) lie within a quarter of the range, the bins are over these, and what is below and
  above is counted. A few whole numbers, as of a label map, are all shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, frexp, isfinite, ldexp

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.bins import Bins, Counted, EqualBins, GrowingBins, power_above
from bnstat.moments.moments import Integers, Moments
from bnstat.reading.voxels.results import Histogram

# The most bins of a histogram: a plot of some hundred pixels has room for no more.
MOST_BINS = 64
# Fine bins of a channel: with so many, the middle of the values may take a sixty-fourth of the range.
_FINE, _LEAST_FINE = 4096, 256
# The most fine bins of all channels of all volumes: 64 MiB of counters.
_MOST_FINE = 1 << 23
# From so many standard deviations on, the range is that of a few values far from all others.
_WIDE = 64
# The share of values on each side that do not set the range, and the part of the range that the others may fill.
_TAIL, _PART = 0.001, 0.25
# The significant bits of the edges of growing bins.
_KNOWN_BITS = 8
# The powers of two that are widths: neither these nor their reciprocals are rounded.
_LEAST_POWER, _MOST_POWER = -1000, 1020
# An edge has no more bits than these below the first one of the greatest value; the bin of a constant has few.
_DIGITS, _CONSTANT = 52, 6
# Whole numbers below this have halves in float64.
_EXACT = 2.0**51


@dataclass(frozen=True)
class Lattice:
    """The values that a channel can have: `origin` and multiples of `step` from there.

    Attributes:
        step: the distance of two values that follow each other.
        origin: one of the values.
    """

    step: float = 1.0
    origin: float = 0.0


def fine_bins(found: Moments, lattice: Lattice | None, cells: int) -> Bins | None:
    """Return bins for the values of a channel; None if it has no finite value.

    Args:
        found: the moments of all its values: arrays without an axis.
        lattice: the values that there can be; None for any.
        cells: the channels of all volumes together, which each need counters.
    """
    if not int(found.finite):
        return None
    low, high = float(found.minimum), float(found.maximum)
    most = max(min(_FINE, _MOST_FINE // max(cells, 1)), _LEAST_FINE)
    if low == high and lattice is None and low.is_integer():
        lattice = Lattice()
    equal = _powers(low, high, most) if lattice is None else None
    if lattice is not None and max(abs(low), abs(high)) < _EXACT * lattice.step:
        equal = _stepped(low, high, lattice, most)
    equal = equal or _powers(low, high, most)
    return GrowingBins.over(low, high) if _is_wide(found, low, high, equal.width) else equal


def _powers(low: float, high: float, most: int) -> EqualBins:
    """Return at most so many bins, and two, whose width is a power of two."""
    greatest = max(abs(low), abs(high))
    exponent = frexp(greatest)[1] if greatest else 0
    half = high / 2 - low / 2  # of the range, since float64 may not hold all of it
    # edges that are multiples of the width are exact if these have no more bits than float64
    least = exponent - _DIGITS if half > 0 else exponent - _CONSTANT
    power = max(power_above(half / most) + 1 if half > 0 else least, least, _LEAST_POWER)
    while floor(high / ldexp(1.0, power)) - floor(low / ldexp(1.0, power)) >= most and power < _MOST_POWER:
        power += 1
    width = ldexp(1.0, min(power, _MOST_POWER))
    # one more at each end, so that no rounding of the ends matters
    first, last = floor(low / width) - 1, floor(high / width) + 1
    return EqualBins(width, first, last - first + 1)


def _stepped(low: float, high: float, lattice: Lattice, most: int) -> EqualBins:
    """Return at most so many bins that each have the same number of possible values."""
    offset = lattice.origin - lattice.step / 2
    power = 0
    while True:
        width = ldexp(lattice.step, power)
        first, last = floor((low - offset) / width), floor((high - offset) / width)
        if last - first < most:
            return EqualBins(width, first, last - first + 1, offset)
        power += 1


def _is_wide(found: Moments, low: float, high: float, width: float) -> bool:
    """Return True if a few values are so far from all others that equal bins would show nothing of these."""
    spread = float(found.variance) ** 0.5
    if not isfinite(spread) or high / 2 - low / 2 <= _WIDE / 2 * spread:
        return False
    # growing bins are fine near 0 only
    return bool((abs(float(found.mean)) + 3 * spread) * 2.0**-_KNOWN_BITS < width)


# --- The bins that are shown -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Shown:
    """The bins of a histogram: `number` of one width, from `first` times that on, and the bin of each fine one."""

    width: float
    first: int
    number: int
    offset: float
    of_fine: NDArray[np.int64]

    @classmethod
    def of(cls, width: float, low: int, high: int, offset: float, fine: NDArray[np.int64]) -> _Shown:
        """Return the bins from one to another; fine ones that are before or beyond are in bin 0, or the last."""
        number = high - low + 1
        return cls(width, low, number, offset, np.clip(fine - (low - 1), 0, number + 1))

    def edges(self) -> tuple[float, ...]:
        """Return the edges, which end where float64 does."""
        most = float(np.finfo(np.float64).max)
        every = (self.offset + (self.first + place) * self.width for place in range(self.number + 1))
        return tuple(min(max(edge, -most), most) for edge in every)

    def counts(self, fine: Counted) -> list[int]:
        """Return the number of values below all bins, in each one, and above."""
        places = np.concatenate([[0], self.of_fine, [self.number + 1]])
        found: list[int] = np.bincount(places[fine.places], fine.counts, self.number + 2).astype(np.int64).tolist()
        return found


def histogram(
    channel: int, bins: Bins, volumes: Sequence[Counted | None], lattice: Lattice | None = None
) -> Histogram | None:
    """Return the histogram of a channel; None if no value was counted.

    Args:
        channel: the channel.
        bins: its fine bins.
        volumes: the counts of each volume in them, below and above; None for a volume that cannot be read.
        lattice: the values that there can be; None for any.
    """
    whole = np.zeros(bins.number + 2, np.int64)
    for one in volumes:
        if one is not None:
            whole[one.places] += one.counts
    if not whole[1:-1].any():
        return None
    shown = _shown_of(bins, whole[1:-1], lattice)
    total = shown.counts(Counted.of(whole))
    each = [None if one is None else shown.counts(one) for one in volumes]
    return Histogram(
        channel=channel,
        edges=shown.edges(),
        counts=tuple(total[1:-1]),
        below=total[0],
        above=total[-1],
        volumes=tuple(() if one is None else tuple(one[1:-1]) for one in each),
        volumes_below=tuple(0 if one is None else one[0] for one in each),
        volumes_above=tuple(0 if one is None else one[-1] for one in each),
    )


def _shown_of(bins: Bins, counts: Integers, lattice: Lattice | None) -> _Shown:
    """Return the bins that are shown, as few as needed for at most 64."""
    lower = bins.lower_edges()
    first, last = _range(lower, counts, few=_has_few(bins, lattice, counts))
    if isinstance(bins, EqualBins):
        power, fine = 0, np.arange(bins.first, bins.first + bins.number)
        while (fine[last] >> power) - (fine[first] >> power) >= MOST_BINS:
            power += 1
        fine = fine >> power
        return _Shown.of(ldexp(bins.width, power), int(fine[first]), int(fine[last]), bins.offset, fine)
    # edges have to be among those of the growing bins, which have so many bits
    whole = lattice == Lattice()
    ends = float(lower[first]), float(lower[last])
    smallest = float(np.diff(lower[max(first - 1, 0) : last + 2]).min()) if len(lower) > 1 else 1.0
    power = max(power_above(smallest), 0 if whole else _LEAST_POWER)
    while True:
        low, high = (floor(end / ldexp(1.0, power)) for end in ends)
        if high - low < MOST_BINS and max(abs(low), abs(high + 1)) <= 1 << _KNOWN_BITS:
            break
        power += 1
    width = ldexp(1.0, power)
    fine = np.floor(np.clip(lower / width, low - 1, high + 1)).astype(np.int64)
    return _Shown.of(width, low, high, -0.5 if whole else 0.0, fine)


def _has_few(bins: Bins, lattice: Lattice | None, counts: Integers) -> bool:
    """Return True if each possible value of the whole range has a bin of its own."""
    filled = np.flatnonzero(counts)
    single = lattice is not None and isinstance(bins, EqualBins) and bins.width == lattice.step
    return single and int(filled[-1] - filled[0]) < MOST_BINS


def _range(lower: NDArray[np.float64], counts: Integers, *, few: bool) -> tuple[int, int]:
    """Return the first and the last fine bin to show: of all values, or of nearly all if the rest is far away."""
    filled = np.flatnonzero(counts)
    first, last = int(filled[0]), int(filled[-1])
    fullest = int(counts.argmax())
    others = counts.copy()
    others[fullest] = 0
    number = int(others.sum())
    if few or not number:
        return first, last
    upto = np.cumsum(others)
    low = min(int(np.searchsorted(upto, _TAIL * number, side="right")), fullest)
    high = max(int(np.searchsorted(upto, (1 - _TAIL) * number)), fullest)
    near = lower[high] / 2 - lower[low] / 2 < _PART * (lower[last] / 2 - lower[first] / 2)
    return (low, high) if near else (first, last)
