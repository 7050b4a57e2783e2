"""Runs of equal values that follow each other: label maps have long ones, and few values to reduce instead of many.

The sums of a piece from its runs are taken only where they are exact. So its moments have the same bits as from all of
its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.kernels import PLAIN_SUMS_LIMIT, Array, Cell, exact_moments, raised

# With shorter runs on average, reducing all values takes less time.
_SHORTEST = 16
# Up to here float64 holds every whole number.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of values that follow each other.

    Attributes:
        values: the value of each run.
        lengths: how many values each has, in float64.
        count: the number of all values.
    """

    values: Array
    lengths: NDArray[np.float64]
    count: int

    @classmethod
    def of(cls, values: Array, changes: NDArray[np.bool_]) -> Runs | None:
        """Return the runs of values; None if these are short, as those of NaN are.

        Args:
            values: shape (n,), n > 0, contiguous.
            changes: a buffer of n values or more, which is overwritten.
        """
        begins = changes[: values.size]
        begins[0] = True
        np.not_equal(values[1:], values[:-1], out=begins[1:])
        if np.count_nonzero(begins) > max(values.size // _SHORTEST, 1):
            return None
        starts = np.flatnonzero(begins)
        return cls(values[starts], np.diff(starts, append=values.size).astype(np.float64), values.size)

    def cell(self) -> Cell | None:
        """Return the moments of the values; None unless all sums are exact."""
        values, low, high = self.values, np.minimum.reduce(self.values), np.maximum.reduce(self.values)
        if values.dtype.itemsize > 8 or not (np.isfinite(low) and np.isfinite(high)):
            return None
        wide = values.dtype.kind in "iu" and values.dtype.itemsize == 8
        bound = int(high) - int(low) if wide else max(abs(float(low)), abs(float(high)))
        if bound**2 * self.count > _EXACT or (values.dtype.kind == "f" and (values != np.rint(values)).any()):
            return None
        doubles = (values - low if wide else values).astype(np.float64)
        weighted = doubles * self.lengths
        found = self._moments(values.dtype, float(np.add.reduce(weighted)), float(np.add.reduce(weighted * doubles)))
        if found is None:
            return None
        return Cell(self.count, *(raised(int(low), *found) if wide else found), low, high, 0, 0)

    def _moments(self, dtype: np.dtype[Any], total: float, squares: float) -> tuple[float, float, float] | None:
        """Return mean, mean_tail and m2 as from all values; None if these are taken in two passes."""
        if dtype.kind in "iu" and dtype.itemsize < 4:
            return exact_moments(int(total), int(squares), self.count)
        mean = total / self.count
        m2 = squares - total * mean
        return (mean, 0.0, m2) if total * mean <= PLAIN_SUMS_LIMIT * m2 < np.inf else None
