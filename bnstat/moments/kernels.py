"""The moments of the channels in one block of values: the arithmetic under everything else. It needs only numpy.

A block is reduced in float64 by plain sums Σx and Σx² if these are safe. The plain sums lose about
(1 + mean²/variance) × 2⁻⁵³, so they are kept only if mean² is at most `PLAIN_SUMS_LIMIT` variances. Otherwise a second
pass sums the deviations from the block's own mean. Runs of 8- and 16-bit integers are summed exactly, in integers.

Sums are taken in rows of fixed length, so that a result does not depend on the number of threads of a BLAS library.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.pieces import Piece

Array = NDArray[Any]
Scalar: TypeAlias = "np.integer[Any] | np.floating[Any]"

# The largest mean² (in variances) for which Σx² − (Σx)²/n is used: that multiplies the rounding of the sums by at most
# 65, and relative errors stay below 5e-14.
PLAIN_SUMS_LIMIT = 64.0

# The length of one dot product: below 10,000, from which on OpenBLAS splits a dot product over threads.
_DOT_LENGTH = 512
_ONES = np.ones(_DOT_LENGTH)

# The power of two by which values are scaled down if their sum is beyond float64.
_LARGE_POWER = 64

# The width of the rows into which vectors of integers, or of few interleaved channels, are folded.
_FOLD_WIDTH = 2048
# The most rows that are folded at once; fewer than the least are not worth it.
_FOLD_ROWS_MOST, _FOLD_ROWS_LEAST = 256, 16


class Cell(NamedTuple):
    """Moments of one or several channels: each field is a number, or an array of shape (channels,).

    The mean is ``mean + mean_tail``: the mean in float64, and the rest that rounding left over. ``m2`` is the sum of
    squared deviations from it. All are over the finite values, which ``finite`` counts; NaN and Inf are counted apart.
    """

    finite: Any
    mean: Any
    mean_tail: Any
    m2: Any
    minimum: Any
    maximum: Any
    nan: Any
    inf: Any


class Workspace:
    """The buffers of one thread that reduces blocks."""

    def __init__(self) -> None:
        self._doubles = np.empty(0)

    def doubles(self, size: int) -> NDArray[np.float64]:
        """Return a float64 buffer of `size` values; its content is undefined."""
        if self._doubles.size < size:
            self._doubles = np.empty(size)
        return self._doubles[:size]

    def integers(self, size: int) -> NDArray[np.int32]:
        """Return an int32 buffer of `size` values, in the same memory as `doubles`."""
        return self.doubles((size + 1) // 2).view(np.int32)[:size]


def reduced_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the extremes of real values: native byte order, floats of 32 or 64 bits, bool as 0 and 1."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize == 2 else np.float64)
    return dtype.newbyteorder("=")


def native_real(array: Array) -> Array:
    """Return an array of numbers in the type in which it is reduced: that of its extremes, or an extended float.

    An extended float beyond float64 becomes infinite, as it is for whoever loads it in float64.

    Raises:
        TypeError: if the array is not of real numbers.
    """
    if array.dtype.kind not in "biuf":
        raise TypeError(f"moments are defined on real numbers, not on {array.dtype}")
    if array.dtype.kind == "b":
        # a file may have any byte for True, which numpy and every framework take for 1
        return cast(Array, (array.view(np.uint8) != 0).view(np.uint8))
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            held = np.isfinite(array.astype(np.float64)) | np.isnan(array)
        within: Array = np.where(held, array, np.copysign(np.inf, array))
        return within.astype(array.dtype.newbyteorder("="), copy=False)
    return array.astype(reduced_type(array.dtype), copy=False)


def reduce_piece(values: Array, piece: Piece, workspace: Workspace) -> Cell:
    """Return the moments of the cells of one piece."""
    if piece.cells == 1:
        return reduce_run(values, workspace)
    return reduce_rows(values.reshape(piece.outer, piece.cells, piece.inner), workspace)


def reduce_run(values: Array, workspace: Workspace) -> Cell:
    """Return the moments of one channel.

    Args:
        values: shape (n,), n > 0, contiguous, as `native_real` returns them.
        workspace: this thread's buffers.
    """
    low, high = np.minimum.reduce(values), np.maximum.reduce(values)
    if values.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
        return _reduce_run_with_gaps(values, workspace)
    if low == high:
        return Cell(values.size, float(low), _rest(low), 0.0, low, high, 0, 0)
    if values.dtype.itemsize > 8:
        mean, tail, m2 = _extended_moments(values, low, workspace)
    elif values.dtype.kind == "f" or values.dtype.itemsize == 4:
        mean, tail, m2 = _about_mean(values, workspace)
    elif values.dtype.itemsize < 4:
        mean, tail, m2 = _exact_integer_moments(values, max(-int(low), int(high)), workspace)
    else:
        mean, tail, m2 = _wide_integer_moments(values, int(low), int(high), workspace)
    return Cell(values.size, mean, tail, m2, low, high, 0, 0)


def _reduce_run_with_gaps(values: Array, workspace: Workspace) -> Cell:
    """Return the moments of one channel in which some values are NaN or Inf."""
    finite = values[np.isfinite(values)]
    nan = int(np.count_nonzero(np.isnan(values)))
    inf = values.size - finite.size - nan
    if finite.size == 0:
        least, most = values.dtype.type(np.inf), values.dtype.type(-np.inf)
        return Cell(0, 0.0, 0.0, 0.0, least, most, nan, inf)
    return reduce_run(finite, workspace)._replace(nan=nan, inf=inf)


def _rest(value: Scalar) -> float:
    """Return the rest of an integer beyond 2⁵³, or of an extended float, that float64 does not hold."""
    if value.dtype.kind in "iu":
        return float(int(value) - int(float(value)))
    return float(value - value.dtype.type(float(value))) if value.dtype.itemsize > 8 else 0.0


def _sum(values: NDArray[np.float64]) -> float:
    """Return Σx."""
    rows, rest = _in_rows(values)
    return float(np.add.reduce(np.vecdot(rows, _ONES)) + np.vecdot(rest, _ONES[: rest.size]))


def _sum_of_squares(values: NDArray[np.float64]) -> float:
    """Return Σx²."""
    rows, rest = _in_rows(values)
    return float(np.add.reduce(np.vecdot(rows, rows)) + np.vecdot(rest, rest))


def _in_rows(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whole rows of the length of one dot product, and the rest."""
    whole = values.size - values.size % _DOT_LENGTH
    return values[:whole].reshape(-1, _DOT_LENGTH), values[whole:]


def _about_mean(values: Array, workspace: Workspace) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of finite values that float64 holds exactly, from plain sums or two passes."""
    buffer = workspace.doubles(values.size)
    doubles = values
    # One pass: Σx and Σx².
    if values.dtype != np.float64:
        np.copyto(buffer, values)
        doubles = buffer
    total = _sum(doubles)
    if not isfinite(total):
        return _about_large_mean(doubles)
    mean = total / values.size
    m2 = _sum_of_squares(doubles) - total * mean
    if total * mean <= PLAIN_SUMS_LIMIT * m2 < np.inf:
        return mean, 0.0, m2
    # A second pass about the mean, since the mean is far from 0.
    np.subtract(doubles, mean, out=buffer)
    total = _sum(buffer)
    tail = total / values.size
    return mean, tail, max(_sum_of_squares(buffer) - total * tail, 0.0)


def _about_large_mean(doubles: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of values whose sum is beyond float64: of their parts by 2⁶⁴, then undone."""
    scaled = np.ldexp(doubles, -_LARGE_POWER)
    mean = _sum(scaled) / doubles.size
    np.subtract(scaled, mean, out=scaled)
    tail = _sum(scaled) / doubles.size
    # The deviations themselves, of which float64 may have the squares although it has none of the values.
    deviations = np.ldexp(scaled, _LARGE_POWER)
    rest = float(np.ldexp(tail, _LARGE_POWER))
    m2 = _sum_of_squares(np.subtract(deviations, rest, out=deviations))
    return float(np.ldexp(mean, _LARGE_POWER)), rest, m2


def _exact_integer_moments(values: Array, bound: int, workspace: Workspace) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of 8- and 16-bit integers of magnitude up to `bound`, each rounded once."""
    count = values.size
    folded = min(_power_of_two_below(max((2**31 - 1) // bound**2, 1)), _FOLD_ROWS_MOST)
    whole = count - count % (folded * _FOLD_WIDTH) if folded >= _FOLD_ROWS_LEAST else 0
    total, squares = 0, 0
    if whole:  # in int32, in rows so few that no sum exceeds it
        buffer = workspace.integers(whole)
        np.copyto(buffer, values[:whole])
        rows = buffer.reshape(-1, folded, _FOLD_WIDTH)
        total += int(np.add.reduce(np.add.reduce(rows, axis=1, dtype=np.int32), axis=None, dtype=np.int64))
        np.square(buffer, out=buffer)
        squares += int(np.add.reduce(np.add.reduce(rows, axis=1, dtype=np.int32), axis=None, dtype=np.int64))
    if whole < count:  # below 2⁵³ sums of integers are exact in float64 too
        rest = workspace.doubles(count - whole)
        np.copyto(rest, values[whole:])
        total += int(_sum(rest))
        squares += int(_sum_of_squares(rest))
    return exact_moments(total, squares, count)


def exact_moments(total: int, squares: int, count: int) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2, each rounded once, from the exact sums of integers and of their squares."""
    quotient, remainder = divmod(total, count)
    return float(quotient), remainder / count, (count * squares - total * total) / count


def _power_of_two_below(number: int) -> int:
    """Return the greatest power of two that is at most the number."""
    return 1 << (number.bit_length() - 1)


def _wide_integer_moments(values: Array, low: int, high: int, workspace: Workspace) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of 64-bit integers, from exact differences to the least one where these fit."""
    if high - low > 2**53:
        return _about_mean(values.astype(np.float64), workspace)
    return raised(low, *_about_mean((values - values.dtype.type(low)).astype(np.float64), workspace))


def raised(low: int, mean: float, tail: float, m2: float) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of values from those of their differences to the least one."""
    shift = float(low)
    rounded = shift + mean
    return rounded, float(low - int(shift)) + (mean - (rounded - shift)) + tail, m2


def _extended_moments(values: Array, low: Scalar, workspace: Workspace) -> tuple[float, float, float]:
    """Return mean, mean_tail and m2 of extended floats, from differences to the least one rounded to float64."""
    mean, tail, m2 = _about_mean((values - low).astype(np.float64), workspace)
    if not isfinite(mean):
        return _about_mean(values.astype(np.float64), workspace)
    whole = low + mean
    return float(whole), float((low - whole) + mean) + _rest(whole) + tail, m2


def reduce_rows(values: Array, workspace: Workspace) -> Cell:
    """Return the moments of several channels that alternate in memory.

    Args:
        values: shape (outer, channels, inner), contiguous, none of them 0, of a native real type as for `reduce_run`.
        workspace: this thread's buffers.
    """
    outer, channels, inner = values.shape
    together = max(1, _FOLD_WIDTH // (channels * inner))
    low = _extremes(np.minimum, values, together)
    high = _extremes(np.maximum, values, together)
    if values.dtype.kind in "iu" and values.dtype.itemsize < 4 and _sums_are_exact(outer * inner, low, high):
        return _reduce_small_integers(values, low, high, together, workspace)
    gaps = values.dtype.kind == "f" and not (np.isfinite(low).all() and np.isfinite(high).all())
    wide = values.dtype.itemsize > (8 if values.dtype.kind == "f" else 4)
    if gaps or wide:
        return _one_by_one(values, workspace)
    # One pass: Σx and Σx² of each channel.
    count = outer * inner
    constant = low == high
    total, squares = _row_sums(values, np.zeros(channels), together, workspace)
    if not np.isfinite(total).all():
        return _one_by_one(values, workspace)
    mean, tail = total / count, np.zeros(channels)
    m2 = squares - total * mean
    with np.errstate(invalid="ignore", over="ignore"):
        safe = (total * mean <= PLAIN_SUMS_LIMIT * m2) & (m2 < np.inf)
    # A second pass about the means, if the mean of a channel is far from 0.
    if not (safe | constant).all():
        total, squares = _row_sums(values, mean, together, workspace)
        tail = total / count
        m2 = np.maximum(squares - total * tail, 0.0)
    return Cell(
        np.full(channels, count),
        np.where(constant, low, mean),
        np.where(constant, 0.0, tail),
        np.where(constant, 0.0, m2),
        low,
        high,
        np.zeros(channels, np.int64),
        np.zeros(channels, np.int64),
    )


def _sums_are_exact(count: int, low: Array, high: Array) -> bool:
    """Return True if float64 holds the sums of squares of so many integers between these extremes."""
    return count * max(int(high.max()), -int(low.min())) ** 2 <= 2**53


def _reduce_small_integers(values: Array, low: Array, high: Array, together: int, workspace: Workspace) -> Cell:
    """Return the moments of channels of 8- or 16-bit integers that alternate in memory, from exact sums.

    Σx = qn + r gives Σ(x − q)² without a rounding. Then m2 = Σ(x − q)² − r²/n, of which only the fraction of r²/n and
    the difference are rounded.
    """
    outer, channels, inner = values.shape
    count = outer * inner
    total, squares = (sums.astype(np.int64) for sums in _row_sums(values, np.zeros(channels), together, workspace))
    quotient, remainder = np.divmod(total, count)
    about = squares - quotient * (2 * total - count * quotient)
    whole, rest = np.divmod(remainder * remainder, count)
    none = np.zeros(channels, np.int64)
    return Cell(
        np.full(channels, count),
        quotient.astype(np.float64),
        remainder / count,
        (about - whole) - rest / count,
        low,
        high,
        none,
        none,
    )


def _extremes(ufunc: np.ufunc, values: Array, together: int) -> Array:
    """Return the least or the greatest value of each channel: over whole rows first, then within a row."""
    outer, channels, inner = values.shape
    whole = outer - outer % together
    found = []
    for part, rows in ((values[:whole], together), (values[whole:], outer - whole)):
        if part.size:
            wide = ufunc.reduce(part.reshape(-1, rows * channels * inner), axis=0)
            found.append(ufunc.reduce(wide.reshape(rows, channels, inner), axis=(0, 2)))
    return found[0] if len(found) == 1 else np.asarray(ufunc(*found))


def _row_sums(
    values: Array, shift: NDArray[np.float64], together: int, workspace: Workspace
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Σ(x − shift) and Σ(x − shift)² of each channel."""
    outer, channels, inner = values.shape
    total, squares = np.zeros(channels), np.zeros(channels)
    whole = outer - outer % together
    for part, rows in ((values[:whole], together), (values[whole:], outer - whole)):
        if part.size:
            width = rows * channels * inner
            buffer = workspace.doubles(part.size).reshape(-1, width)
            np.copyto(buffer, part.reshape(-1, width))
            if shift.any():
                np.subtract(buffer, np.tile(np.repeat(shift, inner), rows), out=buffer)
            total += _by_channel(np.add.reduce(buffer, axis=0), rows, channels)
            np.square(buffer, out=buffer)
            squares += _by_channel(np.add.reduce(buffer, axis=0), rows, channels)
    return total, squares


def _by_channel(sums: NDArray[np.float64], rows: int, channels: int) -> NDArray[np.float64]:
    """Sum the values of each channel in one row, brought side by side, where numpy sums in pairs and rounds least."""
    apart = np.ascontiguousarray(sums.reshape(rows, channels, -1).swapaxes(0, 1))
    return np.asarray(np.add.reduce(apart.reshape(channels, -1), axis=1))


def _one_by_one(values: Array, workspace: Workspace) -> Cell:
    """Reduce each channel by itself: if some contain NaN or Inf or sums beyond float64, and for the widest types."""
    cells = [reduce_run(values[:, channel].reshape(-1), workspace) for channel in range(values.shape[1])]
    return Cell(*(np.array(field) for field in zip(*cells, strict=True)))
