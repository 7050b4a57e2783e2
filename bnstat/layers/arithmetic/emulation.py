"""Float32 sums in the very order in which a framework makes them, so that its own mean and variance come out.

What each framework does was read in its source and then found again, to the bit, with the real layers:

- "threads", PyTorch's channels-last kernel: the rows (voxels, each with all its channels) are cut into one chunk a
  thread, each chunk is summed row by row in float32, and the chunks are added up in float64. The second pass sums
  ``fma(x − m, x − m, sum)``, one rounding for product and sum. More than 16 channels with no more rows than threads
  have float64 sums of the rows, and of float32 squares.
- "sequential", TensorFlow's `Mean` with the channels last (tf.nn.moments, Keras on TensorFlow): row by row in float32,
  but Eigen takes channels in packets of 8, and for those keeps four sums, one for every fourth row.
- "eigen", TensorFlow's FusedBatchNormV3 of tensors with five axes: the same sums, which it multiplies by 1/n where
  `Mean` divides by n.
- "onednn", FusedBatchNormV3 of tensors with four axes: threads get whole samples. Where the number of channels is a
  multiple of 4 they also get parts of a sample, and products and sums are fused.
- "rows", MLX on a CPU: row by row in float32, and the sum times float32's 1/n, in both passes; the unbiased variance is
  the sum divided by n − 1.
- "lanes", ONNX Runtime: each sample and channel by itself, in two packets of 4 values.

`grouped` has the sums of PyTorch's group norm, "groups".

Everything takes voxels as arrays (channels, rows), a sample at a time, and keeps no more than a few sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from bnstat.layers.arithmetic.arithmetics import Arithmetic, SumOrder
from bnstat.layers.arithmetic.running_sums import BLOCK, EigenSums, LaneSums, Layout, SegmentSums, Sums, WholeSums
from bnstat.moments.moments import Doubles
from bnstat.moments.tensor_order import Floats

# Numbers of threads that stand for 1 to 64 where none is given: each costs as much as one emulation.
THREAD_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# With few rows all counts are emulated, and not these alone.
FEW_ROWS, FEW_VALUES = 1024, 1 << 18
# Of the other counts between 1 and 64 none was out of the band of these by more than 0.2 of its width where that was
# 2e-6 of the variance, or 0.07 elsewhere; the band is widened by more than that (docs/arithmetic.md). So is the share
# of the variance that comes from a mean that is off: means of other counts were up to 1.94 times as far off.
_BAND_SHARE, _BAND_RELATIVE, _MEAN_SHARE = 0.25, 1e-5, 3.0

# Channels up to which PyTorch's threads share the rows, however few these are.
_TORCH_TILE = 16
# Channels that oneDNN's faster kernel takes at once.
_ONEDNN_CHANNELS = 4


@dataclass(frozen=True, eq=False)
class Emulated:
    """The mean and the variance that a framework's layer computes, shape (channels,) each.

    Attributes:
        kind: "emulated": `mean` and `variance` are the layer's own, to the bit. "bounded": they depend on a number of
            threads that is not known; then both are None, and the variance is between `low` and `high`.
        mean: the layer's mean in float32.
        variance: biased, as it normalizes; float32, but for PyTorch, which divides by the count in float64.
        unbiased: the variance that goes into a running variance where the framework takes the unbiased one.
        low, high: the variance itself where it is emulated.
    """

    kind: Literal["emulated", "bounded"]
    mean: Floats | None
    variance: Doubles | None
    unbiased: Floats | None
    low: Doubles
    high: Doubles


# A callable that gives the batch's samples in order, each (channels, rows) in C order of the tensor. It is called once
# for each pass.
Voxels = Callable[[], Iterable[Floats]]


def emulate(
    arithmetic: Arithmetic, voxels: Voxels, layout: Layout, *, threads: int | None = None, fma: bool = True
) -> Emulated:
    """Compute mean and variance of each channel as a framework does.

    Args:
        arithmetic: one with an emulation (`Arithmetic.sums`).
        voxels: callable that gives the samples, twice; values as the layer gets them.
        layout: sizes of the batch.
        threads: threads that PyTorch has, or TensorFlow with oneDNN. None: a band over 1 to 64.
        fma: True if PyTorch runs on a processor with AVX2 or AVX-512, as nearly all x86-64 ones have.

    Raises:
        ValueError: if there is no emulation for so many channels; see `Arithmetic.is_emulated`.
    """
    if arithmetic.sums is None or not arithmetic.is_emulated(layout.channels):
        raise ValueError(f"{arithmetic.name} sums of {layout.channels} channels are not emulated")
    plans = _plans(arithmetic.sums, layout, threads, fma=fma)
    with np.errstate(all="ignore"):
        means, exact = _means(plans, voxels, layout)
        results = _variances(plans, means, voxels, layout)
        return results[0] if len(results) == 1 else _band_over(results, exact)


def _band_over(results: Sequence[Emulated], exact: Doubles) -> Emulated:
    """Return a band that holds the variance with every number of threads, known from some of them.

    A variance is that about the exact mean, with roundings of its own, plus the square of how far the mean is off. Both
    parts are widened for the numbers that were left out; the second one by a step of float32 at least.
    """
    off = np.stack([np.abs(np.asarray(result.mean, np.float64) - exact) for result in results])
    every = np.stack([result.low for result in results])
    about = every - off**2
    low, high = about.min(axis=0), about.max(axis=0)
    margin = _BAND_SHARE * (every.max(axis=0) - every.min(axis=0)) + _BAND_RELATIVE * every.max(axis=0)
    farthest = _MEAN_SHARE * off.max(axis=0) + np.spacing(np.abs(exact).astype(np.float32))
    low, high = np.maximum(low - margin, 0.0), high + margin + farthest**2
    return Emulated("bounded", None, None, None, low, np.maximum(high, every.max(axis=0) + margin))


def thread_borders(count: int, threads: int, channels: int) -> tuple[int, ...]:
    """Return where PyTorch cuts rows: chunks of ceil(count/threads), from `at::parallel_for` with a grain of 1.

    If there are no more rows than threads, up to 16 channels are one chunk. With more channels the threads share the
    channels, and float64 adds row after row; each row is a chunk then.
    """
    few = count if channels <= _TORCH_TILE else 1
    size = -(-count // threads) if count > threads else few
    return (*range(0, count, size), count)


def onednn_borders(layout: Layout, threads: int) -> tuple[int, ...]:
    """Return where oneDNN cuts rows: samples over threads.

    Threads that are left over share a sample if 4 divides the channels.
    """
    whole = min(layout.samples, threads)
    inside = threads // whole if layout.channels % _ONEDNN_CHANNELS == 0 else 1
    cuts = {0}
    for first, last in pairwise(_even_borders(layout.samples, whole)):
        rows = (last - first) * layout.rows
        cuts.update(first * layout.rows + cut for cut in _even_borders(rows, min(inside, rows)))
    return tuple(sorted(cuts))


def _even_borders(count: int, among: int) -> list[int]:
    """Return the borders of `among` runs whose sizes differ by 1 at most, the longer ones first."""
    size, longer = divmod(count, among)
    return [k * size + min(k, longer) for k in range(among + 1)]


@dataclass(frozen=True)
class _Plan:
    """One way of summing.

    Attributes:
        sums: callable that starts the sums; told True if values are squares of the second pass.
        mean: callable from sums and count to the mean.
        variance: callable from sums of squares and count to the biased variance.
        unbiased: callable from the same to the unbiased variance.
    """

    sums: Callable[[bool], Sums]
    mean: Callable[[Doubles, int], Floats]
    variance: Callable[[Doubles, int], Doubles]
    unbiased: Callable[[Doubles, int], Floats]


def _plans(sums: SumOrder, layout: Layout, threads: int | None, *, fma: bool) -> list[_Plan]:
    """Return the ways in which so many threads sum; of an unknown number all that differ."""
    counts: Sequence[int] = THREAD_COUNTS if threads is None else (threads,)
    if sums == "threads":
        whole = layout.count <= FEW_ROWS and layout.count * layout.channels <= FEW_VALUES
        if whole and threads is None:
            counts = range(1, THREAD_COUNTS[-1] + 1)
        cuts = dict.fromkeys(thread_borders(layout.count, count, layout.channels) for count in counts)
        return [_torch_plan(layout, borders, fma=fma, whole=whole) for borders in cuts]
    if sums == "onednn":
        cuts = dict.fromkeys(onednn_borders(layout, count) for count in counts)
        return [_float32_plan(_onednn_sums(layout, borders)) for borders in cuts]
    if sums == "lanes":
        return [_float32_plan(lambda squares: LaneSums(layout, aligned=not squares))]
    if sums == "rows":
        plan = _float32_plan(_segments(layout, (0, layout.count), fma=False), inverse=True)
        return [replace(plan, unbiased=lambda total, count: total.astype(np.float32) / np.float32(max(count - 1, 1)))]
    return [_float32_plan(lambda squares: EigenSums(layout, squares=squares), inverse=sums == "eigen")]


def _onednn_sums(layout: Layout, borders: tuple[int, ...]) -> Callable[[bool], Sums]:
    return _segments(layout, borders, fma=layout.channels % _ONEDNN_CHANNELS == 0)


def _segments(layout: Layout, borders: tuple[int, ...], *, fma: bool) -> Callable[[bool], Sums]:
    return lambda squares: SegmentSums(layout, borders, np.float32, squares=squares, fma=fma)


def _torch_plan(layout: Layout, borders: tuple[int, ...], *, fma: bool, whole: bool) -> _Plan:
    """Return PyTorch's way: float64 sums of chunks, and a division by the count in float64."""

    def sums(squares: bool) -> Sums:
        if whole:
            return WholeSums(borders, squares=squares, fma=fma)
        return SegmentSums(layout, borders, np.float64, squares=squares, fma=fma)

    return _Plan(
        sums=sums,
        mean=lambda total, count: (total / count).astype(np.float32),
        variance=lambda total, count: total.astype(np.float32) / np.float64(count),
        unbiased=lambda total, count: (total.astype(np.float32) / np.float64(max(count - 1, 1))).astype(np.float32),
    )


def _float32_plan(sums: Callable[[bool], Sums], *, inverse: bool = False) -> _Plan:
    """Return a way with divisions in float32; `inverse` multiplies by 1/n instead."""

    def mean(total: Doubles, count: int) -> Floats:
        if inverse:
            return total.astype(np.float32) * (np.float32(1.0) / np.float32(count))
        return total.astype(np.float32) / np.float32(count)

    def unbiased(total: Doubles, count: int) -> Floats:  # Bessel's factor is itself rounded to float32
        return mean(total, count) * (np.float32(count) / np.float32(max(count - 1, 1)))

    return _Plan(sums, mean, lambda total, count: mean(total, count).astype(np.float64), unbiased)


def _means(plans: Sequence[_Plan], voxels: Voxels, layout: Layout) -> tuple[list[Floats], Doubles]:
    """Return the means, shape (channels,) for each plan, and those of float64 sums: the first pass."""
    running = [plan.sums(False) for plan in plans]
    exact = np.zeros(layout.channels)
    for sample in voxels():
        for sums in running:
            sums.add(sample)
        exact += sample.sum(axis=1, dtype=np.float64)
    means = [plan.mean(sums.total(), layout.count) for plan, sums in zip(plans, running, strict=True)]
    return means, exact / layout.count


def _variances(plans: Sequence[_Plan], means: Sequence[Floats], voxels: Voxels, layout: Layout) -> list[Emulated]:
    """Return what each plan computes: the second pass, over differences from its own mean."""
    running = [plan.sums(True) for plan in plans]
    for sample in voxels():
        for begin in range(0, sample.shape[1], BLOCK):
            block = sample[:, begin : begin + BLOCK]
            for sums, mean in zip(running, means, strict=True):
                sums.add(block - mean[:, np.newaxis])
    results = []
    for plan, sums, mean in zip(plans, running, means, strict=True):
        total = sums.total()
        variance = plan.variance(total, layout.count)
        unbiased = plan.unbiased(total, layout.count)
        results.append(Emulated("emulated", mean, variance, unbiased, low=variance, high=variance))
    return results
