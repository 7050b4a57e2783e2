"""The distinct values of a channel: few whole numbers that lie in regions are labels, many that lie close are a scan.

They are counted while voxels are read. Most scans show in their first piece that they are no label map, and are not
looked at again. What is counted to its end is counted exactly, and is the same whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.extremes import Number
from bnstat.moments.few_values import FEW_VALUES, SOME_VALUES, Distinct
from bnstat.moments.kernels import Array

# From so many neighbours on that are not both background, their equality says something.
_ENOUGH_NEIGHBOURS = 64
# As many neighbours of rare values say something too.
_ENOUGH_RARE = 24
# The rows that are looked at in a piece, the values in each, and the most pieces of a channel.
_ROWS, _ROW_VALUES, _LOOKED_AT = 16, 256, 16
# Where in its part of a piece each row is: multiples of the golden ratio, which are spread evenly however many.
_SHARES = tuple(row * 0.6180339887498949 % 1.0 for row in range(_ROWS))
# Spreads the pieces that are looked at over the file: a multiplicative hash of their places (Knuth 1998, 6.4).
_SPREAD, _SPREAD_BITS = 2654435761, 32
# The most entries of a table of ranks.
_LONGEST_TABLE = 1 << 17
# The share of equal neighbours from which on values lie in long runs.
_IN_RUNS = 0.93
# So many numbers are looked for one by one.
_FEW_NEW = 4
# A distinct value counts for the middle one if it is so often among these.
_OFTEN = 4


class DistinctValues:
    """The distinct values of one channel, or of a file, while they are gathered."""

    # The most distinct values that are kept; and the most where few neighbours are equal.
    _MOST, _MOST_APART = 1 << 16, 1 << 12

    def __init__(self, dtype: np.dtype[Any], *, thorough: bool, whole: bool) -> None:
        """Begin with no value.

        Args:
            dtype: the type of the values, in native byte order.
            thorough: True to count on although the values look like those of a scan.
            whole: True to stop at a value that is not whole.
        """
        self._thorough, self._whole = thorough, whole and dtype.kind == "f"
        self._short = dtype.kind in "iu" and dtype.itemsize <= 2  # so that all values of the type fit into a table
        self._table: NDArray[np.bool_] | None = None
        self._known: Array = np.empty(0, dtype)
        self._dtype = dtype
        self._rows: dict[tuple[bool, int, int], Array] = {}
        self._apart = False
        self.values = 0
        self.stopped = False
        self.in_runs = False  # True if the last values that differ lie in long runs

    def add(self, values: Array, least: Number, greatest: Number, place: int, distinct: Array | None = None) -> None:
        """Add values that follow each other.

        Args:
            values: shape (n,), contiguous.
            least: the least of the finite ones.
            greatest: the greatest of the finite ones.
            place: a number that no other values have.
            distinct: values among which all distinct ones are, if these are known.
        """
        if self.stopped:
            return
        self.values += values.size
        if not least < greatest:
            if least == greatest:
                self._see(np.array([least], self._dtype))
            return
        rows = _rows_of(values)
        if self._is_scan(rows, least, place):
            self._stop()
            return
        if distinct is not None:
            self._see(distinct)
        elif not self._has_only_known(values, least, greatest):
            self._see(_candidates(values))

    def take(self, other: DistinctValues) -> None:
        """Add what another thread gathered."""
        self.values += other.values
        self._apart |= other._apart
        if self.stopped or other.stopped:
            self._stop()
            return
        for key, rows in other._rows.items():
            self._keep(key, rows)
        if self._table is None or other._table is None:
            self._table = other._table if self._table is None else self._table
            self._see(other._known)
        else:
            self._table |= other._table
            self._require_few(int(np.count_nonzero(self._table)))

    def found(self, slope: float, intercept: float, *, declared: bool) -> Distinct | None:
        """Return what is known at the end; None if there is no value, or a value is not whole, or they are too many.

        A value may be away from a whole number by half a step of the scale factor, as that is how labels look which
        were squeezed into integers.
        """
        if self.stopped:
            return None
        known = self._known if self._table is None else _of_table(self._table, self._dtype)
        with np.errstate(over="ignore"):  # beyond float64 there are no labels
            scaled = np.sort(known.astype(np.float64) * slope + intercept)
        if not np.isfinite(scaled).all():
            return None
        step = abs(slope) / 2 if self._dtype.kind in "iu" and abs(slope) < 1 else 0.0
        beyond = np.abs(scaled - np.rint(scaled)) > step * (1 + 1e-6) + 1e-6 * np.minimum(np.abs(scaled), 1e5)
        if not scaled.size or (beyond.any() if (slope, intercept) != (1.0, 0.0) else (scaled != np.rint(scaled)).any()):
            return None
        alike = steps = jumps = None
        if scaled.size > FEW_VALUES:
            alike, steps, jumps = _neighbours(np.sort(known), [self._rows[key] for key in sorted(self._rows)])
        least, greatest = (float(np.rint(end)) for end in (scaled[0], scaled[-1]))
        return Distinct(int(scaled.size), self.values, least, greatest, alike, steps, jumps, declared)

    def _stop(self) -> None:
        self.stopped = True
        self._rows.clear()
        self._known, self._table = np.empty(0, self._dtype), None

    def _require_few(self, count: int) -> None:
        if count > (self._MOST_APART if self._apart else self._MOST):
            self._stop()

    def _keep(self, key: tuple[bool, int, int], rows: Array) -> None:
        """Keep rows to be judged at the end, as long as they are among the first by their keys."""
        if len(self._rows) < _LOOKED_AT or key < max(self._rows):
            self._rows[key] = rows
            if len(self._rows) > _LOOKED_AT:
                del self._rows[max(self._rows)]

    def _is_scan(self, rows: Array, least: Number, place: int) -> bool:
        """Return True if values of a piece are those of a scan: not whole, or many and unlike their neighbours.

        If they are not, rows of them are kept; first of all those with many neighbours that are not background.
        """
        if self._whole and _not_whole(rows):
            return True
        one, following = rows[:, :-1], rows[:, 1:]
        same = one == following
        self.in_runs = bool(np.count_nonzero(same) > _IN_RUNS * same.size)
        inside = one > least  # neither background nor NaN
        number = int(np.count_nonzero(inside))
        self._keep((number < _ENOUGH_NEIGHBOURS, (place * _SPREAD) % (1 << _SPREAD_BITS), place), rows)
        if number < _ENOUGH_NEIGHBOURS or np.count_nonzero(same & inside) > 0.2 * number:
            return False
        self._apart = True
        some = rows[:, :: rows.shape[0]]
        return not self._thorough and len(set(some[some > least].tolist())) > SOME_VALUES

    def _has_only_known(self, values: Array, least: Number, greatest: Number) -> bool:
        """Return True if it is plain that all values were seen before: nearly every number between their ends was."""
        if self._dtype.kind == "f" and not self._whole:
            return False
        new = self._new_between(least, greatest)
        if new is None or any((values == self._dtype.type(one)).any() for one in new):
            return False
        return self._dtype.kind != "f" or not _not_whole(values)

    def _new_between(self, least: Number, greatest: Number) -> list[int] | None:
        """Return the whole numbers from one to another that were not seen yet; None if they are more than a few."""
        low, high = int(least), int(greatest)
        if self._table is None:
            between = self._known[
                np.searchsorted(self._known, least) : np.searchsorted(self._known, greatest, side="right")
            ]
            if high - low + 1 - between.size > _FEW_NEW:
                return None
            return sorted(set(range(low, high + 1)) - set(between.tolist()))
        table = self._table
        part = np.concatenate([table[low:], table[: high + 1]]) if low < 0 <= high else table[low : high + 1 or None]
        if part.size - np.count_nonzero(part) > _FEW_NEW:
            return None
        return [low + int(place) for place in np.flatnonzero(~part)]

    def _see(self, values: Array) -> None:
        """Add values to those that are known."""
        if self._short:
            if self._table is None:
                self._table = np.zeros(1 << (8 * self._dtype.itemsize), np.bool_)
            before = self._apart and int(np.count_nonzero(self._table))
            self._table[values.view(f"u{self._dtype.itemsize}")] = True
            if before is not False:
                self._require_few(int(np.count_nonzero(self._table)))
            return
        if self._dtype.kind == "f":
            values = values[np.isfinite(values)]
            if self._whole and _not_whole(values):
                self._stop()
                return
        # as np.union1d, which imports numpy.ma
        known = np.sort(np.concatenate((self._known, values)))
        self._known = known[np.append(np.True_, known[1:] != known[:-1])[: known.size]]
        self._require_few(self._known.size)


def _candidates(values: Array) -> Array:
    """Return values among which all distinct ones are: the first of each run of equal ones.

    Runs are looked for in words of eight bytes first. A word that equals the one before it has no value of its own.
    """
    each = 8 // values.dtype.itemsize
    whole = values.size - values.size % max(each, 1)
    if each > 1 and whole:
        words = values[:whole].view(np.uint64)
        changed = np.flatnonzero(words[1:] != words[:-1])
        if changed.size < words.size // 4:
            changed += 1
            values = np.concatenate([words[changed].view(values.dtype), values[:each], values[whole:]])
    changed = np.flatnonzero(values[1:] != values[:-1])
    changed += 1
    return values if changed.size > values.size // 2 else np.append(values[changed], values[:1])


def _of_table(table: NDArray[np.bool_], dtype: np.dtype[Any]) -> Array:
    return np.flatnonzero(table).astype(f"u{dtype.itemsize}").view(dtype)


def _rows_of(values: Array) -> Array:
    """Return a copy of some rows of values that follow each other; of few values all, as one row.

    The rows are spread over the values at uneven distances, so that they are not all at the border of a slice.
    """
    if values.size <= _ROWS * _ROW_VALUES:
        return values.reshape(1, -1).copy()
    length = values.size // _ROWS
    starts = [row * length + int(share * (length - _ROW_VALUES)) for row, share in enumerate(_SHARES)]
    return np.concatenate([values[start : start + _ROW_VALUES] for start in starts]).reshape(_ROWS, _ROW_VALUES)


def _not_whole(values: Array) -> bool:
    """Return True if a finite value is not whole; infinite values are equal to themselves, NaN is left out."""
    with np.errstate(invalid="ignore"):  # a signaling NaN, of which numpy warns
        beyond = values != np.rint(values)
    return bool(beyond.any()) and bool((beyond & ~np.isnan(values)).any())


def _ranks(known: Array, values: Array) -> NDArray[np.intp]:
    """Return the place of each value among the known ones: by a table where these are whole and lie close enough."""
    low, high = known[0], known[-1]
    if float(high) - float(low) >= _LONGEST_TABLE or (known.dtype.kind == "f" and (known != np.rint(known)).any()):
        return np.searchsorted(known, values)
    table = np.zeros(int(high) - int(low) + 1, np.intp)
    table[_steps_above(low, known)] = np.arange(known.size)
    return table[_steps_above(low, values)]


def _steps_above(low: Number, values: Array) -> Array:
    """Return whole values as indexes: differences to the least one."""
    if values.dtype.kind == "f":
        return (values.astype(np.float64) - float(low)).astype(np.intp)
    return values.astype(np.intp) - int(low) if values.dtype != np.uint64 else (values - low).astype(np.intp)


def _neighbours(known: Array, rows: Sequence[Array]) -> tuple[float | None, float | None, float | None]:
    """Return `alike`, `steps` and `jumps` of rows of values, which are among the known ones unless NaN or Inf."""
    if not rows:
        return None, None, None
    one = np.concatenate([row[:, :-1].ravel() for row in rows])
    following = np.concatenate([row[:, 1:].ravel() for row in rows])
    finite = np.isfinite(one) & np.isfinite(following)
    first, second = _ranks(known, one[finite]), _ranks(known, following[finite])
    # The background is the most frequent value; regions are judged without it.
    often = np.bincount(first, minlength=known.size)
    background = int(often.argmax())
    inside = (first != background) & (second != background)
    same = first == second
    number = int(np.count_nonzero(inside))
    if number < _ENOUGH_NEIGHBOURS:
        return None, None, None
    alike = float(np.count_nonzero(same & inside) / number)
    # The median over the values, so that one large region, as where a scan is saturated, does not speak for all.
    judged = often >= _OFTEN
    judged[background] = False
    if np.count_nonzero(judged) > FEW_VALUES:
        each = np.bincount(first[same], minlength=known.size)[judged] / often[judged]
        alike = min(alike, float(np.median(each)))
    else:  # of too few to have a middle one, those that are rare together: they are few where a scan is clipped
        often[[background, int(np.where(judged, often, 0).argmax())]] = 0
        if (rare := int(often.sum())) >= _ENOUGH_RARE:
            equal = np.bincount(first[same], minlength=known.size)[often > 0].sum()
            alike = min(alike, float(equal / rare))
    apart = inside & ~same
    ranks = np.abs(first - second)[apart]
    spread = float(first[first != background].std())
    if not ranks.size or not spread:
        return alike, 0.0, 0.0
    return alike, float(np.mean(ranks == 1)), float(ranks.mean() / spread)
