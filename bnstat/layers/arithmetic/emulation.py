"""Float32 sums in the very order in which a framework makes them, so that its own mean and variance come out.

What each framework does was read in its source and then found again, to the bit, with the real layers:

- "threads", PyTorch's channels-last kernel: the rows (voxels, each with all its channels) are cut into one chunk a
  thread, each chunk is summed row by row in float32, and the chunks are added up in float64. The second pass sums
  ``fma(x − m, x − m, sum)``, one rounding for product and sum.
- "sequential", TensorFlow's `Mean` with the channels last (tf.nn.moments, Keras on TensorFlow): row by row in float32,
  but Eigen takes channels in packets of 8, and for those keeps four sums, one for every fourth row.
- the same, `fused`: TensorFlow's FusedBatchNormV3. Five axes go to Eigen, which multiplies by 1/n where `Mean` divides
  by n. Four go to oneDNN, which gives its threads whole samples; where the number of channels is a multiple of 4 also
  parts of a sample, and then products and sums are fused.
- "lanes", ONNX Runtime: each sample and channel by itself, in two packets of 4 values.

Everything takes voxels as arrays (channels, rows), a sample at a time, and keeps no more than a few sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Kind = Literal["emulated", "bounded"]
# Who computes TensorFlow's FusedBatchNormV3: Eigen where the tensor has five axes, oneDNN where it has four.
Fused = Literal["eigen", "onednn"]

# The arithmetics that have an emulation.
EMULATED = ("threads", "sequential", "lanes")

# Numbers of threads that stand for 1 to 64 where none is given: each costs as much as one emulation.
THREAD_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# Of the other counts between 1 and 64 none was out of the band of these by more than 0.2 of its width where that was
# 2e-6 of the variance, or 0.07 elsewhere; the band is widened by more than that (docs/arithmetic.md).
_BAND_SHARE, _BAND_RELATIVE = 0.25, 1e-5

# Floats in a register of TensorFlow's x86-64 wheels (AVX), and rows that its reduction takes at once.
_PACKET, _UNROLLED, _LEAST_UNROLLED = 8, 4, 16
# Channels that oneDNN's faster kernel takes at once.
_ONEDNN_CHANNELS = 4
# Floats in a register of ONNX Runtime's builds (SSE), and registers that sum side by side.
_LANES, _REGISTERS = 4, 2

# Columns that are summed at once, so that what is made on the way stays in the processor's cache.
_BLOCK = 1 << 15
# Steps that a fused sum is guessed ahead at first and after a wrong guess.
_LEAST_GUESS = 64
# Bits of a float64 mantissa beyond that of a float32, and the pattern half way between two float32.
_BEYOND, _HALFWAY = np.uint64((1 << 29) - 1), np.uint64(1 << 28)


@dataclass(frozen=True)
class Layout:
    """The batch whose voxels are summed: `samples` of `rows` voxels each, with `channels` channels."""

    samples: int
    rows: int
    channels: int

    @property
    def count(self) -> int:
        """Values of a channel."""
        return self.samples * self.rows


@dataclass(frozen=True, eq=False)
class Emulated:
    """What a framework's layer computes for each channel.

    Attributes:
        kind: "emulated": `mean` and `variance` are the layer's own, to the bit. "bounded": they depend on a number of
            threads that is not known; then both are None, and the variance is between `low` and `high`.
        mean: float32.
        variance: biased, as it normalizes; float32, but for PyTorch, which divides by the count in float64.
        unbiased: what goes into a running variance with weight 1 where the framework takes the unbiased one.
        low, high: the variance itself where it is emulated.
    """

    kind: Kind
    mean: Floats | None
    variance: Doubles | None
    unbiased: Floats | None
    low: Doubles
    high: Doubles


# Gives the batch's samples in order, each (channels, rows) in C order of the tensor; called once for each pass.
Voxels = Callable[[], Iterable[Floats]]


def is_emulated(arithmetic: str, channels: int, *, fused: Fused | None = None) -> bool:
    """Whether there is an emulation: not for TensorFlow's `Mean` of one channel, which is a tree over threads."""
    return arithmetic in EMULATED and not (arithmetic == "sequential" and channels == 1 and fused is None)


def emulate(
    arithmetic: str,
    voxels: Voxels,
    layout: Layout,
    *,
    threads: int | None = None,
    fused: Fused | None = None,
    fma: bool = True,
) -> Emulated:
    """Compute mean and variance of each channel as a framework does.

    Args:
        arithmetic: one of `EMULATED`.
        voxels: gives the samples, twice; values as the layer gets them.
        layout: sizes of the batch.
        threads: threads that PyTorch has, or TensorFlow with oneDNN. None: a band over 1 to 64.
        fused: TensorFlow's FusedBatchNormV3, and who computes it, rather than tf.nn.moments. For "sequential" only.
        fma: PyTorch runs on a processor with AVX2 or AVX-512, as nearly all x86-64 ones have.

    Raises:
        ValueError: there is no emulation of that; see `is_emulated`.
    """
    if not is_emulated(arithmetic, layout.channels, fused=fused):
        raise ValueError(f"{arithmetic} sums of {layout.channels} channels are not emulated")
    plans = _plans(arithmetic, layout, threads, fused=fused, fma=fma)
    with np.errstate(all="ignore"):
        means = _means(plans, voxels, layout)
        results = _variances(plans, means, voxels, layout)
    if len(results) == 1:
        return results[0]
    found = np.stack([result.low for result in results])
    low, high = found.min(axis=0), found.max(axis=0)
    margin = _BAND_SHARE * (high - low) + _BAND_RELATIVE * high
    return Emulated("bounded", None, None, None, np.maximum(low - margin, 0.0), high + margin)


def thread_borders(count: int, threads: int) -> tuple[int, ...]:
    """Where PyTorch cuts rows: chunks of ceil(count/threads); in one where there are no more rows than threads.

    From `at::parallel_for` with a grain of 1, and ``N > num_threads`` in the channels-last kernel.
    """
    size = count if count <= threads else -(-count // threads)
    return (*range(0, count, size), count)


def onednn_borders(layout: Layout, threads: int) -> tuple[int, ...]:
    """Where oneDNN cuts rows: samples over threads; left-over threads share a sample, if 4 divides the channels."""
    whole = min(layout.samples, threads)
    inside = threads // whole if layout.channels % _ONEDNN_CHANNELS == 0 else 1
    cuts = {0}
    for first, last in pairwise(_shared(layout.samples, whole)):
        rows = (last - first) * layout.rows
        cuts.update(first * layout.rows + cut for cut in _shared(rows, min(inside, rows)))
    return tuple(sorted(cuts))


def _shared(count: int, among: int) -> list[int]:
    """Borders of `among` runs whose sizes differ by 1 at most, the longer ones first."""
    size, longer = divmod(count, among)
    return [k * size + min(k, longer) for k in range(among + 1)]


@dataclass(frozen=True)
class _Plan:
    """One way of summing: how sums start, and what is made of them."""

    sums: Callable[[bool], _Sums]  # told whether values are squares of the second pass
    mean: Callable[[Doubles, int], Floats]
    variance: Callable[[Doubles, int], Doubles]
    unbiased: Callable[[Doubles, int], Floats]


class _Sums(Protocol):
    """The running sums of all channels; state that goes from chunk to chunk."""

    def add(self, values: Floats) -> None:
        """Take the next rows, (channels, rows); in the second pass differences from the mean, to be squared."""

    def total(self) -> Doubles:
        """The finished sums, as the framework keeps them; float64 holds each of them exactly."""


def _plans(arithmetic: str, layout: Layout, threads: int | None, *, fused: Fused | None, fma: bool) -> list[_Plan]:
    counts = THREAD_COUNTS if threads is None else (threads,)
    if arithmetic == "threads":
        cuts = dict.fromkeys(thread_borders(layout.count, count) for count in counts)
        return [_torch_plan(layout, borders, fma=fma) for borders in cuts]
    if fused == "onednn":
        cuts = dict.fromkeys(onednn_borders(layout, count) for count in counts)
        return [_float32_plan(_segments(layout, borders)) for borders in cuts]
    if arithmetic == "lanes":
        return [_float32_plan(lambda squares: _LaneSums(layout, aligned=not squares))]
    return [_float32_plan(lambda squares: _EigenSums(layout, squares=squares), inverse=fused == "eigen")]


def _segments(layout: Layout, borders: tuple[int, ...]) -> Callable[[bool], _Sums]:
    together = layout.channels % _ONEDNN_CHANNELS == 0
    return lambda squares: _SegmentSums(layout, borders, np.float32, squares=squares, fma=together)


def _torch_plan(layout: Layout, borders: tuple[int, ...], *, fma: bool) -> _Plan:
    return _Plan(
        sums=lambda squares: _SegmentSums(layout, borders, np.float64, squares=squares, fma=fma),
        mean=lambda total, count: (total / count).astype(np.float32),
        variance=lambda total, count: total.astype(np.float32) / np.float64(count),
        unbiased=lambda total, count: (total.astype(np.float32) / np.float64(max(count - 1, 1))).astype(np.float32),
    )


def _float32_plan(sums: Callable[[bool], _Sums], *, inverse: bool = False) -> _Plan:
    def mean(total: Doubles, count: int) -> Floats:
        if inverse:
            return total.astype(np.float32) * (np.float32(1.0) / np.float32(count))
        return total.astype(np.float32) / np.float32(count)

    def unbiased(total: Doubles, count: int) -> Floats:  # Bessel's factor is itself rounded to float32
        return mean(total, count) * (np.float32(count) / np.float32(max(count - 1, 1)))

    return _Plan(sums, mean, lambda total, count: mean(total, count).astype(np.float64), unbiased)


def _means(plans: Sequence[_Plan], voxels: Voxels, layout: Layout) -> list[Floats]:
    running = [plan.sums(False) for plan in plans]
    for sample in voxels():
        for sums in running:
            sums.add(sample)
    return [plan.mean(sums.total(), layout.count) for plan, sums in zip(plans, running, strict=True)]


def _variances(plans: Sequence[_Plan], means: Sequence[Floats], voxels: Voxels, layout: Layout) -> list[Emulated]:
    running = [plan.sums(True) for plan in plans]
    for sample in voxels():
        for begin in range(0, sample.shape[1], _BLOCK):
            block = sample[:, begin : begin + _BLOCK]
            for sums, mean in zip(running, means, strict=True):
                sums.add(block - mean[:, np.newaxis])
    found = []
    for plan, sums, mean in zip(plans, running, means, strict=True):
        total = sums.total()
        variance = plan.variance(total, layout.count)
        found.append(
            Emulated("emulated", mean, variance, plan.unbiased(total, layout.count), low=variance, high=variance)
        )
    return found


class _SegmentSums:
    """Rows in segments: each summed row by row in float32, their sums added up in `folded`."""

    def __init__(
        self, layout: Layout, borders: tuple[int, ...], folded: type[np.floating], *, squares: bool, fma: bool
    ) -> None:
        self._borders = borders
        self._segment = np.zeros(layout.channels, np.float32)
        self._total = np.zeros(layout.channels, folded)
        self._squares, self._fma = squares, fma
        self._row, self._next = 0, 1

    def add(self, values: Floats) -> None:
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
            step = _plus_squares if self._squares and self._fma else _plus
            self._segment[channel] = step(self._segment[channel], row * row if self._squares and not self._fma else row)

    def total(self) -> Doubles:
        found: Doubles = self._total.astype(np.float64)
        return found


class _EigenSums:
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
        summed = values * values if self._squares else values
        for channel in range(self._packed, len(summed)):
            self._sums[0, channel] = _plus(self._sums[0, channel], summed[channel])
        before = max(min(self._end - self._row, summed.shape[1]), 0)
        for channel in range(self._packed):
            for place in range(_UNROLLED):
                mine = summed[channel, (place - self._row) % _UNROLLED : before : _UNROLLED]
                self._sums[place, channel] = _plus(self._sums[place, channel], mine)
        self._row += summed.shape[1]
        if self._packed and self._row >= self._end:
            self._join(summed[:, before:])

    def _join(self, rest: Floats) -> None:
        """The four sums as one, and then the up to three rows that are left."""
        for place in range(1, _UNROLLED):
            self._sums[0, : self._packed] += self._sums[place, : self._packed]
        self._sums[1:] = 0.0
        for channel in range(self._packed):
            self._sums[0, channel] = _plus(self._sums[0, channel], rest[channel])

    def total(self) -> Doubles:
        found: Doubles = self._sums[0].astype(np.float64)
        return found


class _LaneSums:
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
        first = self._sample * self._layout.channels
        starts = [
            -(first + channel) * self._layout.rows % _LANES if self._aligned else 0
            for channel in range(self._layout.channels)
        ]
        return [_Column(self._layout.rows, start, squares=not self._aligned) for start in starts]

    def add(self, values: Floats) -> None:
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
        return self._total.astype(np.float64)


class _Column:
    """One vector of `_LaneSums`, fed piece by piece."""

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
        summed = values * values if self._squares else values
        begin, end = self._place, self._place + len(summed)
        low, high = (min(max(edge, begin), end) - begin for edge in (self._first, max(self._wide_end, self._first)))
        self._loose = np.concatenate([self._loose, summed[:low], summed[high:]])
        wide = summed[low:high]
        for lane in range(len(self._sums)):
            offset = (lane - (begin + low - self._first)) % len(self._sums)
            self._sums[lane] = _plus(self._sums[lane], wide[offset :: len(self._sums)])
        self._place = end

    def total(self) -> np.float32:
        head, rest = np.split(self._loose, [self._first])
        if self._end <= self._first:
            return _plus(np.float32(0.0), self._loose)
        whole = self._end - max(self._wide_end, self._first)
        lanes = self._sums[:_LANES] + self._sums[_LANES:]
        if whole:
            lanes = lanes + rest[:_LANES]
        total = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        return _plus(_plus(total, head), rest[whole:])


def _plus(total: np.float32, values: Floats) -> np.float32:
    """Add values one by one, each sum rounded to float32."""
    for begin in range(0, len(values), _BLOCK):
        block = np.array(values[begin : begin + _BLOCK])
        block[0] = total + block[0]
        total = np.add.accumulate(block, out=block)[-1]
    return total


def _plus_squares(total: np.float32, values: Floats) -> np.float32:
    """Add squares one by one, product and sum rounded together (a fused multiply-add).

    Plain sums of rounded squares are a guess that is seldom wrong: only where the lost part of a product tips the
    rounding of the sum. So they are made for many steps at once, each step is checked in float64, and after a wrong one
    the guess begins anew.
    """
    if not np.isfinite(values).all():
        return _plus(total, values * values)
    products = values.astype(np.float64) ** 2  # exact: 48 bits
    rounded = products.astype(np.float32)
    done, ahead = 0, _LEAST_GUESS
    while done < len(values):
        guess = np.empty(min(ahead, len(values) - done) + 1, np.float32)
        guess[0], guess[1:] = total, rounded[done : done + ahead]
        np.add.accumulate(guess, out=guess)
        checked = _rounded_sum(guess[:-1].astype(np.float64), products[done : done + ahead])
        wrong = np.flatnonzero(checked != guess[1:])
        right = int(wrong[0]) if len(wrong) else len(checked) - 1
        total = checked[right]
        done += right + 1
        ahead = max(_LEAST_GUESS, ahead // 2) if len(wrong) else min(2 * ahead, _BLOCK)
    return total


def _rounded_sum(left: Doubles, right: Doubles) -> Floats:
    """The sum, rounded to float32 once: where the float64 sum is half way, its own rounding error decides."""
    both = left + right
    tied = np.flatnonzero((both.view(np.uint64) & _BEYOND) == _HALFWAY)
    if len(tied):
        some, added, kept = both[tied], right[tied], left[tied]
        back = some - kept
        error = (kept - (some - back)) + (added - back)
        both[tied] = np.where(error == 0.0, some, np.nextafter(some, np.where(error > 0.0, np.inf, -np.inf)))
    return both.astype(np.float32)
