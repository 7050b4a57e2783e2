"""Fine bins that values are counted in before the bins of a histogram are chosen, which are unions of them.

The index of a value never depends on rounding: the width of a bin is a power of two, or the edges lie halfway between
the values that there can be. So the counts are those that comparisons with the edges give.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, ldexp
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.kernels import Array

Indices = NDArray[np.int32]
Edges = NDArray[np.float64]

# The whole numbers that float32 holds, without a gap.
_SINGLES = 1 << 24
# Bits of the mantissa that bins of growing width have: 128 bins between a number and its double.
_MANTISSA = 7
# From the greatest magnitude so many times halved on, magnitudes are taken for the least one.
_OCTAVES = 110
# The bits of a float64 below those of its bin, and the bits of its magnitude.
_SHIFT, _MAGNITUDE = np.int64(52 - _MANTISSA), np.int64((1 << 63) - 1)


class Bins(Protocol):
    """Bins side by side. A bin has the values from its lower edge on and below that of the next one."""

    @property
    def number(self) -> int:
        """The number of bins."""

    def index(self, values: Array, *, inside: bool = False) -> Indices:
        """Return for each finite value the number of its bin, from 1; 0 below the first bin, `number` + 1 beyond.

        Args:
            values: the values.
            inside: True if it is known that all of them are in bins.
        """

    def lower_edges(self) -> Edges:
        """Return the lower edge of each bin."""


@dataclass(frozen=True, eq=False)
class Counted:
    """How many values there are in each bin that has any.

    Attributes:
        places: the numbers of these bins, as `Bins.index` returns them, ascending.
        counts: how many values each has.
    """

    places: NDArray[np.int32]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, every: NDArray[np.int64]) -> Counted:
        """Return the counts of all bins without those that are 0."""
        places = np.flatnonzero(every)
        return cls(places.astype(np.int32), every[places])

    def plus(self, other: Counted, number: int) -> Counted:
        """Return the counts of both, in so many bins."""
        every = np.zeros(number, np.int64)
        every[self.places] += self.counts
        every[other.places] += other.counts
        return Counted.of(every)


@dataclass(frozen=True)
class EqualBins:
    """Bins of one width, from `offset` + `first` × `width` on.

    Attributes:
        width: the width: a power of two, or a multiple of the step between values that lie halfway between edges.
        first: the number of the first bin, counted from `offset`.
        number: the number of bins.
        offset: where bin 0 begins.
    """

    width: float
    first: int
    number: int
    offset: float = 0.0

    def index(self, values: Array, *, inside: bool = False) -> Indices:
        """Return the number of the bin of each finite value, as `Bins` describes it."""
        singles = (
            values.dtype == np.float32
            and not self.offset
            and max(abs(self.first), abs(self.first + self.number)) < _SINGLES
            and 2.0**-100 < self.width < 2.0**100
        )
        kind = np.dtype(np.float32 if singles else np.float64)
        places = np.subtract(values, self.offset, dtype=kind) if self.offset else values.astype(kind, copy=False)
        with np.errstate(over="ignore"):
            places = places * kind.type(1 / self.width)
        np.floor(places, out=places)
        if self.first <= 0 and self.width > 1:  # a negative value whose quotient is too small for its type
            places[(places == 0) & (values < self.offset)] = -1
        places -= kind.type(self.first - 1)
        if not inside:
            np.clip(places, 0, self.number + 1, out=places)
        return places.astype(np.int32)  # which takes less time than a longer type

    def lower_edges(self) -> Edges:
        """Return the lower edge of each bin."""
        with np.errstate(over="ignore"):
            return np.arange(self.first, self.first + self.number, dtype=np.float64) * self.width + self.offset


@dataclass(frozen=True)
class GrowingBins:
    """Bins that are narrow near 0 and wide far from it, for values a few of which are far from all others.

    Their edges are the numbers whose mantissa has 7 bits: all multiples of a power of two up to 256 times it are edges.

    Attributes:
        least: the key of the magnitude up to which all are taken together, on each side of 0.
        first: the number of the first bin, counted from 0.
        number: the number of bins.
    """

    least: int
    first: int
    number: int

    @classmethod
    def over(cls, low: float, high: float) -> GrowingBins:
        """Return bins from one number to another."""
        greatest = max(abs(low), abs(high))
        least = max(_key(ldexp(greatest, -_OCTAVES)), 0)
        spanning = cls(least, 0, 1)
        first, last = (int(one) for one in spanning._places(np.array([low, high])))
        return cls(least, first, last - first + 1)

    def index(self, values: Array, *, inside: bool = False) -> Indices:
        """Return the number of the bin of each finite value, as `Bins` describes it."""
        places = self._places(values.astype(np.float64, copy=False)) - (self.first - 1)
        return (places if inside else np.clip(places, 0, self.number + 1)).astype(np.int32)

    def lower_edges(self) -> Edges:
        """Return the lower edge of each bin."""
        places = np.arange(self.first, self.first + self.number)
        magnitudes = np.where(places == 0, 0, np.abs(places) + self.least) << _SHIFT
        return np.copysign(magnitudes.view(np.float64), places)

    def _places(self, values: Edges) -> NDArray[np.int64]:
        """Return the number of the bin of each value, counted from 0."""
        bits = np.ascontiguousarray(values).view(np.int64)
        sign = bits >> np.int64(63)
        # whole numbers in the order of the values, the negative ones too, so that a shift rounds all of them down
        ordered = ((bits ^ (sign & _MAGNITUDE)) - sign) >> _SHIFT
        return np.asarray(
            np.where(ordered >= 0, np.maximum(ordered - self.least, 0), np.minimum(ordered + self.least, -1))
        )


def _key(value: float) -> int:
    """Return the bits of a number that is at least 0, without those below its bin."""
    return int(np.float64(value).view(np.int64) >> _SHIFT)


def power_above(value: float) -> int:
    """Return the least n for which 2ⁿ is at least a positive number."""
    mantissa, exponent = frexp(value)
    return exponent - 1 if mantissa == 0.5 else exponent
