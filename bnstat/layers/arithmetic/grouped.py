"""PyTorch's group norm with channels last: the sums of values and of squares in one pass, in its very order.

Read in group_norm_kernel.cpp, and found again to the bit with the real layer:

- Samples of fewer than 1,024 voxels: each group by itself. Its channels lie in lanes, as many as a register holds. A
  voxel with more channels than lanes adds to each lane several times. At the end the lanes are folded.
- Larger samples: the voxels of the batch are cut into one chunk a thread. Each chunk and channel of a sample has
  float32 sums. The sums of a group are added up in float32, channel after channel.

The variance is E[x²] − E[x]² in float32, and a negative result becomes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from bnstat.layers.arithmetic.bands import SHARED_VOXELS
from bnstat.layers.arithmetic.emulation import (
    FEW_VALUES,
    THREAD_COUNTS,
    Emulated,
    Voxels,
    thread_borders,
)
from bnstat.layers.arithmetic.float_limits import UNIT
from bnstat.layers.arithmetic.running_sums import Layout, plus, plus_rows, plus_squares, rounded_sum
from bnstat.moments.tensor_order import Floats

# What PyTorch was built for that runs, as torch.backends.cpu.get_cpu_capability() says in capitals.
Capability = Literal["default", "avx2", "avx512"]

# For an unknown number of threads: shares of the band of those that were tried, and units of E[x²], that are added.
_BAND_SHARE, _BAND_UNITS = 1.0, 4.0

# Rows up to which all numbers of threads are tried, and the width of a band of some of them that is relied on.
_FEW_ROWS, _NARROW = 4096, 0.01

# Steps up to which columns are summed side by side.
_SHORT = 4096


@dataclass(frozen=True)
class _Lanes:
    """How a register sums: its number of lanes, whether squares are fused with the sum, and how lanes are folded."""

    number: int
    fused: bool
    halves: bool = True


# AVX-512 was not measured: its lanes are known from the source, but not whether the compiler fuses the squares.
_LANES: dict[Capability | None, tuple[_Lanes, ...]] = {
    "default": (_Lanes(8, fused=False, halves=False),),
    "avx2": (_Lanes(8, fused=False),),
    "avx512": (_Lanes(16, fused=False), _Lanes(16, fused=True)),
}
_LANES[None] = _LANES["avx2"] + _LANES["avx512"] + _LANES["default"]


def emulate_groups(
    voxels: Voxels,
    layout: Layout,
    groups: int,
    *,
    threads: int | None = None,
    capability: Capability | None = None,
) -> Emulated:
    """Compute mean and variance of each group as PyTorch's group norm does with channels last.

    Args:
        voxels: callable that gives the samples, each whole; values as the layer gets them.
        layout: sizes of the batch; more than one channel, and more than one voxel a sample.
        groups: groups of the channels.
        threads: threads that PyTorch has; None for a band over 1 to 64, where the sums depend on them.
        capability: the instructions that PyTorch uses; None for AVX2 or AVX-512, with a band over all where a register
            decides.

    Returns:
        Means and variances of shape (samples · groups,), a sample after the other. A band from 0 to Inf says that the
        numbers of threads that were tried do not tell what others give; the bound from moments holds there.
    """
    fma = capability != "default"
    with np.errstate(all="ignore"):
        if layout.rows < SHARED_VOXELS:
            sums = _of_lanes(voxels, layout, groups, _LANES[capability])
        else:
            sums = _of_chunks(voxels, layout, groups, threads, fma=fma)
        count = layout.rows * layout.channels // groups
        results = [_finished(values, squares, count, fma=fma) for values, squares in sums]
    if len(results) == 1:
        mean, variance = results[0]
        exact = np.where(variance < 0.0, 0.0, variance.astype(np.float64))
        return Emulated("emulated", mean, exact, None, low=exact, high=exact)
    # the widths are those before the layer takes 0 for negative results, which would hide them
    every = np.stack([variance.astype(np.float64) for _, variance in results])
    low, high = every.min(axis=0), every.max(axis=0)
    mean_square = np.asarray(sums[0][1], np.float64) / count
    margin = _BAND_SHARE * (high - low) + _BAND_UNITS * UNIT * mean_square
    low, high = np.maximum(low - margin, 0.0), np.maximum(high + margin, 0.0)
    if layout.rows >= SHARED_VOXELS and not _are_few(layout):
        # numbers of threads that were not tried may be far off where these are
        wide = np.isfinite(high) & (high - low > _NARROW * low)
        low, high = np.where(wide, 0.0, low), np.where(wide, np.inf, high)
    return Emulated("bounded", None, None, None, low, high)


def _are_few(layout: Layout) -> bool:
    """Return True if all numbers of threads are tried where none is given."""
    return layout.count <= _FEW_ROWS and layout.count * layout.channels <= FEW_VALUES


# Sums of values and of squares, shape (samples · groups,) each.
_Sums = tuple[Floats, Floats]


def _finished(values: Floats, squares: Floats, count: int, *, fma: bool) -> _Sums:
    """Return means and variances, which may be negative; fma rounds product and difference of E[x²] − E[x]² once."""
    scale = np.float32(1.0) / np.float32(count)
    mean = values * scale
    if fma:
        variance = rounded_sum(squares.astype(np.float64) * np.float64(scale), -(mean * mean).astype(np.float64))
    else:
        variance = squares * scale - mean * mean
    return mean, variance


def _of_lanes(voxels: Voxels, layout: Layout, groups: int, ways: Sequence[_Lanes]) -> list[_Sums]:
    """Return the sums of each way for samples of few voxels."""
    found: list[tuple[list[Floats], list[Floats]]] = [([], []) for _ in ways]
    size = layout.channels // groups
    for sample in voxels():
        for way, (values, squares) in zip(ways, found, strict=True):
            # channels in registers, with zeros after the last one, which change no sum
            registers = -(-size // way.number)
            padded = np.zeros((groups, registers * way.number, layout.rows), np.float32)
            padded[:, :size] = sample.reshape(groups, size, layout.rows)
            steps = padded.reshape(groups, registers, way.number, layout.rows).transpose(3, 1, 0, 2)
            rows = steps.reshape(layout.rows * registers, groups, way.number)
            values.append(_folded(plus_rows(rows, squares=False, fma=False), halves=way.halves))
            squares.append(_folded(plus_rows(rows, squares=True, fma=way.fused), halves=way.halves))
    return [(np.concatenate(values), np.concatenate(squares)) for values, squares in found]


def _folded(lanes: Floats, *, halves: bool) -> Floats:
    """Return the sum of lanes, shape (groups, lanes): half onto half, or one after the other."""
    if not halves:
        return np.array(np.add.accumulate(lanes, axis=1)[:, -1])
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def _of_chunks(voxels: Voxels, layout: Layout, groups: int, threads: int | None, *, fma: bool) -> list[_Sums]:
    """Return the sums with each number of threads; of an unknown number those of all that are tried."""
    counts: Sequence[int] = THREAD_COUNTS if threads is None else (threads,)
    if threads is None and _are_few(layout):
        counts = range(1, THREAD_COUNTS[-1] + 1)
    cuts = list(dict.fromkeys(thread_borders(layout.count, count, layout.channels) for count in counts))
    found: list[tuple[list[Floats], list[Floats]]] = [([], []) for _ in cuts]
    for number, sample in enumerate(voxels()):
        first = number * layout.rows
        for borders, (values, squares) in zip(cuts, found, strict=True):
            own = sorted({min(max(border - first, 0), layout.rows) for border in borders})
            for sums, squared in ((values, False), (squares, True)):
                chunks = _chunks(sample, own, squares=squared, fma=fma)
                ordered = chunks.reshape(groups, -1)  # a channel's chunks, then those of the next one
                sums.append(np.array(np.add.accumulate(ordered, axis=1)[:, -1]))
    return [(np.concatenate(values), np.concatenate(squares)) for values, squares in found]


def _chunks(sample: Floats, borders: Sequence[int], *, squares: bool, fma: bool) -> Floats:
    """Return the sums of each channel in each chunk, shape (channels, chunks)."""
    longest = max(end - begin for begin, end in pairwise(borders))
    if longest <= _SHORT:
        steps = np.zeros((longest, len(sample), len(borders) - 1), np.float32)
        for place, (begin, end) in enumerate(pairwise(borders)):
            steps[: end - begin, :, place] = sample[:, begin:end].T
        return plus_rows(steps, squares=squares, fma=fma)
    zero = np.float32(0.0)
    found = np.zeros((len(sample), len(borders) - 1), np.float32)
    for channel, row in enumerate(sample):
        for place, (begin, end) in enumerate(pairwise(borders)):
            part = row[begin:end]
            fused = squares and fma
            summed = part * part if squares and not fma else part
            found[channel, place] = plus_squares(zero, summed) if fused else plus(zero, summed)
    return found
