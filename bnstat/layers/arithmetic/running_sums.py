"""Running float32 sums of all channels, in the order in which a framework adds the values.

Every class takes rows (voxels, each with all its channels) as arrays (channels, rows), piece after piece. How rows are
cut into pieces changes no bit. In the second pass it takes differences from the mean, and sums their squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bnstat.moments.moments import Doubles
from bnstat.moments.tensor_order import Floats

# Columns that are summed at once, so that what is made on the way stays in the processor's cache.
BLOCK = 1 << 15

# Floats in a register of TensorFlow's x86-64 wheels (AVX), and rows that its reduction takes at once.
_PACKET, _UNROLLED, _LEAST_UNROLLED = 8, 4, 16
# Floats in a register of ONNX Runtime's builds (SSE), and registers that sum side by side.
_LANES, _REGISTERS = 4, 2

# Steps that a fused sum is guessed ahead at first and after a wrong guess.
_LEAST_GUESS = 64
# Bits of a float64 mantissa beyond that of a float32, and the pattern half way between two float32.
_BEYOND, _HALFWAY = np.uint64((1 << 29) - 1), np.uint64(1 << 28)


@dataclass(frozen=True)
class Layout:
    """The sizes of the batch whose voxels are summed.

    Attributes:
        samples: samples of the batch.
        rows: voxels of a sample.
        channels: channels of a voxel.
    """

    samples: int
    rows: int
    channels: int

    @property
    def count(self) -> int:
        """The number of values of a channel."""
        return self.samples * self.rows


class Sums(Protocol):
    """The running sums of all channels; state that goes from piece to piece."""

    def add(self, values: Floats) -> None:
        """Add the next rows, shape (channels, rows)."""

    def total(self) -> Doubles:
        """Return the finished sums, as the framework keeps them; float64 holds each of them exactly."""


class SegmentSums:
    """Rows in segments: each summed row by row in float32, and the sums of segments added up in another type.

    PyTorch's channels-last kernel takes a segment for each thread and adds them up in float64; oneDNN in float32.
    """

    def __init__(
        self, layout: Layout, borders: tuple[int, ...], folded: type[np.floating], *, squares: bool, fma: bool
    ) -> None:
        self._borders = borders
        self._segment = np.zeros(layout.channels, np.float32)
        self._total = np.zeros(layout.channels, folded)
        self._squares, self._fma = squares, fma
        self._row, self._next = 0, 1

    def add(self, values: Floats) -> None:
        """Add the next rows, and close every segment that they fill."""
        done = 0
        while done < values.shape[1]:
            size = min(values.shape[1] - done, self._borders[self._next] - self._row)
            self._advance(values[:, done : done + size])
            done += size
            self._row += size
            if self._row == self._borders[self._next]:
                self._total = self._total + self._segment
                self._segment = np.zeros_like(self._segment)
                self._next += 1

    def _advance(self, values: Floats) -> None:
        for channel, row in enumerate(values):
            step = plus_squares if self._squares and self._fma else plus
            self._segment[channel] = step(self._segment[channel], row * row if self._squares and not self._fma else row)

    def total(self) -> Doubles:
        """Return the sums of all closed segments."""
        found: Doubles = self._total.astype(np.float64)
        return found


class WholeSums:
    """`SegmentSums` of few rows, folded in float64: the segments of all channels are summed side by side.

    It keeps the rows, and so suits many ways of cutting the same few rows.
    """

    def __init__(self, borders: tuple[int, ...], *, squares: bool, fma: bool) -> None:
        self._borders = borders
        self._pieces: list[Floats] = []
        self._squares, self._fma = squares, fma

    def add(self, values: Floats) -> None:
        """Keep the next rows."""
        self._pieces.append(values)

    def total(self) -> Doubles:
        """Return the sums of all segments."""
        rows = np.concatenate(self._pieces, axis=1)
        # each segment in a column of its own, and zeros after the last row, which change no sum
        size = self._borders[1]
        columns = np.zeros((rows.shape[0], (len(self._borders) - 1) * size), np.float32)
        columns[:, : rows.shape[1]] = rows
        steps = np.moveaxis(columns.reshape(rows.shape[0], -1, size), 2, 0)
        sums = plus_rows(steps, squares=self._squares, fma=self._fma)
        found: Doubles = np.add.accumulate(sums.astype(np.float64), axis=1)[:, -1]
        return found


class EigenSums:
    """Eigen's reduction of the rows of a matrix: packets of channels with four sums, other channels with one.

    From `InnerMostDimPreserver` and `GenericDimReducer` in Eigen's TensorReduction.h.
    """

    def __init__(self, layout: Layout, *, squares: bool) -> None:
        unrolled = layout.count >= _LEAST_UNROLLED
        self._packed = layout.channels // _PACKET * _PACKET if unrolled else 0
        self._end = layout.count // _UNROLLED * _UNROLLED  # rows after it join the first sum
        self._sums = np.zeros((_UNROLLED, layout.channels), np.float32)
        self._squares = squares
        self._row = 0

    def add(self, values: Floats) -> None:
        """Add the next rows, each channel of a packet to the one of its four sums whose turn it is."""
        summed = values * values if self._squares else values
        for channel in range(self._packed, len(summed)):
            self._sums[0, channel] = plus(self._sums[0, channel], summed[channel])
        before = max(min(self._end - self._row, summed.shape[1]), 0)
        for channel in range(self._packed):
            for place in range(_UNROLLED):
                mine = summed[channel, (place - self._row) % _UNROLLED : before : _UNROLLED]
                self._sums[place, channel] = plus(self._sums[place, channel], mine)
        self._row += summed.shape[1]
        if self._packed and self._row >= self._end:
            self._join(summed[:, before:])

    def _join(self, rest: Floats) -> None:
        """Join the four sums, and then add the up to three rows that are left."""
        for place in range(1, _UNROLLED):
            self._sums[0, : self._packed] += self._sums[place, : self._packed]
        self._sums[1:] = 0.0
        for channel in range(self._packed):
            self._sums[0, channel] = plus(self._sums[0, channel], rest[channel])

    def total(self) -> Doubles:
        """Return the joined sums."""
        found: Doubles = self._sums[0].astype(np.float64)
        return found


class LaneSums:
    """Eigen's sum of a vector, for each sample and channel: `_LANES` × `_REGISTERS` sums side by side.

    From `redux_impl` in Eigen's Redux.h. Values before the first aligned address and after the last whole register
    are added one by one at the end. A tensor begins at an aligned address; its columns follow each other without gaps.
    """

    def __init__(self, layout: Layout, *, aligned: bool) -> None:
        self._layout = layout
        self._aligned = aligned
        self._total = np.zeros(layout.channels, np.float32)
        self._sample, self._row = 0, 0
        self._columns = self._open()

    def _open(self) -> list[_Column]:
        """Return the columns of the next sample, each with the place of its first aligned value."""
        first = self._sample * self._layout.channels
        starts = [
            -(first + channel) * self._layout.rows % _LANES if self._aligned else 0
            for channel in range(self._layout.channels)
        ]
        return [_Column(self._layout.rows, start, squares=not self._aligned) for start in starts]

    def add(self, values: Floats) -> None:
        """Add the next rows, and the finished columns of every sample that they complete."""
        done = 0
        while done < values.shape[1]:
            size = min(values.shape[1] - done, self._layout.rows - self._row)
            for channel, column in enumerate(self._columns):
                column.add(values[channel, done : done + size])
            done += size
            self._row += size
            if self._row == self._layout.rows:
                self._total += np.array([column.total() for column in self._columns], np.float32)
                self._sample, self._row = self._sample + 1, 0
                self._columns = self._open()

    def total(self) -> Doubles:
        """Return the sums over all samples."""
        return self._total.astype(np.float64)


class _Column:
    """One vector of `LaneSums`, piece after piece: a sample of one channel."""

    def __init__(self, size: int, start: int, *, squares: bool) -> None:
        start = min(start, size)
        width = _LANES * _REGISTERS
        registers = (size - start) // _LANES
        self._first = start if registers else size
        self._wide_end = start + (size - start) // width * width if registers > 1 else start
        self._end = start + registers * _LANES
        self._sums = np.zeros(width, np.float32)
        self._loose = np.zeros(0, np.float32)  # what is before `_first` and from `_wide_end` on: 14 values at most
        self._squares = squares
        self._place = 0

    def add(self, values: Floats) -> None:
        """Add the next values: those inside whole registers to their lanes, the others to a list for the end."""
        summed = values * values if self._squares else values
        begin, end = self._place, self._place + len(summed)
        low, high = (min(max(edge, begin), end) - begin for edge in (self._first, max(self._wide_end, self._first)))
        self._loose = np.concatenate([self._loose, summed[:low], summed[high:]])
        wide = summed[low:high]
        for lane in range(len(self._sums)):
            offset = (lane - (begin + low - self._first)) % len(self._sums)
            self._sums[lane] = plus(self._sums[lane], wide[offset :: len(self._sums)])
        self._place = end

    def total(self) -> np.float32:
        """Return the sum: the lanes joined in Eigen's order, then the values before them and those after."""
        head, rest = np.split(self._loose, [self._first])
        if self._end <= self._first:
            return plus(np.float32(0.0), self._loose)
        whole = self._end - max(self._wide_end, self._first)
        lanes = self._sums[:_LANES] + self._sums[_LANES:]
        if whole:
            lanes = lanes + rest[:_LANES]
        total = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        return plus(plus(total, head), rest[whole:])


def plus(total: np.float32, values: Floats) -> np.float32:
    """Return the total plus these values, added one by one, each sum rounded to float32."""
    for begin in range(0, len(values), BLOCK):
        block = np.array(values[begin : begin + BLOCK])
        block[0] = total + block[0]
        total = np.add.accumulate(block, out=block)[-1]
    return total


def plus_squares(total: np.float32, values: Floats) -> np.float32:
    """Return the total plus these values squared, added one by one by a fused multiply-add: one rounding for both.

    Plain sums of rounded squares are a guess that is seldom wrong: it is wrong only where the lost part of a product
    tips the rounding of the sum. So many steps are guessed at once, and each step is checked in float64. After a wrong
    step the guess begins anew.
    """
    if not np.isfinite(values).all():
        return plus(total, values * values)
    products = values.astype(np.float64) ** 2  # exact: 48 bits
    rounded = products.astype(np.float32)
    done, ahead = 0, _LEAST_GUESS
    while done < len(values):
        guess = np.empty(min(ahead, len(values) - done) + 1, np.float32)
        guess[0], guess[1:] = total, rounded[done : done + ahead]
        np.add.accumulate(guess, out=guess)
        checked = rounded_sum(guess[:-1].astype(np.float64), products[done : done + ahead])
        wrong = np.flatnonzero(checked != guess[1:])
        right = int(wrong[0]) if len(wrong) else len(checked) - 1
        total = checked[right]
        done += right + 1
        ahead = max(_LEAST_GUESS, ahead // 2) if len(wrong) else min(2 * ahead, BLOCK)
    return total


def plus_rows(values: Floats, *, squares: bool, fma: bool) -> Floats:
    """Return the sums along axis 0, of values or of their squares, added one by one; all columns side by side."""
    if not squares:
        return np.array(np.add.accumulate(values, axis=0)[-1])
    if not fma:
        return np.array(np.add.accumulate(values * values, axis=0)[-1])
    columns = values.reshape(len(values), -1)
    if len(values) > 64 * columns.shape[1]:  # few long columns
        sums = [plus_squares(np.float32(0.0), np.ascontiguousarray(column)) for column in columns.T]
        return np.array(sums, np.float32).reshape(values.shape[1:])
    products = columns.astype(np.float64) ** 2  # exact: 48 bits
    total = np.zeros(products.shape[1], np.float32)
    for product in products:
        total = rounded_sum(total.astype(np.float64), product)
    return total.reshape(values.shape[1:])


def rounded_sum(left: Doubles, right: Doubles) -> Floats:
    """Return left + right in float32, as if the exact sum were rounded once.

    The float64 sum is rounded already. Where it lies half way between two float32 numbers, its rounding error decides.
    """
    both = left + right
    tied = np.flatnonzero((both.view(np.uint64) & _BEYOND) == _HALFWAY)
    if len(tied):
        some, added, kept = both[tied], right[tied], left[tied]
        back = some - kept
        error = (kept - (some - back)) + (added - back)
        both[tied] = np.where(error == 0.0, some, np.nextafter(some, np.where(error > 0.0, np.inf, -np.inf)))
    return both.astype(np.float32)
