"""Bounds on the rounding of each way of summing: from a channel's moments to the variances that a layer may compute.

With u = 2⁻²⁴ (the rounding of one float32 operation), n values, mean m and variance v, every sum of n values is off by
at most growth(n)·u·Σ|x| (Higham 2002, chapter 4). The growth is what tells one way of summing from another. Then

- two passes, Σ(x − m̂)²/n: the mean is off by δ = growth·u·mean|x|, and the variance is v + δ², itself summed with a
  relative error of growth·u;
- one pass, E[x²] − E[x]²: off by c·u·(v + m²), where the two sums and the rounded square make c = 3·growth + 4;
- Welford's updates (Chan, Golub & LeVeque 1983): a relative error in proportion to κ = √(1 + m²/v).

"Measured" in a comment is the largest constant that any result of a real layer needed; docs/arithmetic.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.arithmetic import cascades
from bnstat.layers.arithmetic.arithmetics import BandName
from bnstat.layers.arithmetic.float_limits import FLOAT32_COUNT, FLOAT32_MAX, UNIT

Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

# Growth of plain sums: each of n roundings is off by no more than a unit of the final sum, so no data leave this band
# (to first order; for even data that always round the same way it would be 0.36). Measured: 0.23 at most.
SEQUENTIAL_SLOPE = 1.0
# PyTorch's and oneDNN's threads and ONNX Runtime's lanes do the same on a part of the values: one chunk, or an eighth.
LANES = 8
# Threads that are allowed for, and voxels from which on they share a sample in PyTorch's group norm.
MOST_THREADS, SHARED_VOXELS = 64, 1024
# Eigen's trees (leaves of 256 additions in each of 32 lanes, whose joins and levels add less than 32). Measured: 54 for
# the mean of constants, and 185 for the variance with one bright voxel, whose mean is small beside its deviation.
BLOCKED_MEAN_GROWTH = 128.0
BLOCKED_GROWTH = 288.0
# The same for one pass: c is 292.
BLOCKED_ONE_PASS_GROWTH = 96.0
# XLA on a CPU sums plainly where there are fewer values than this in all (measured: 4,080 and not 4,096) …
XLA_PLAIN_VALUES = 4096
# … with a growth of 0.23 n at most for means (1,024 constant values). A third makes c of one pass n + 10, which E[x²]
# of one bright voxel does not leave; variances may be as uneven.
XLA_PLAIN_SLOPE = 1.0 / 3.0
# … and elsewhere by YNNPACK, in trees whose longest chains have some 80 additions (found by adding 2⁶⁰ and −2⁶⁰ to
# ones: 76 for 32³ values of 2 channels, 22 for 10⁶ of one). Measured, whatever n and --xla_cpu_max_isa are: 6.1 for the
# mean and 6.0 for the variance; with one bright voxel 16.3 and 18.8. Its mean is so small beside its standard deviation
# that the mean's growth does not matter there.
XLA_MEAN_GROWTH = 12.0
XLA_GROWTH = 40.0
# Where it reduces axes on both sides of a kept one, as in group norm, the branches of its trees are long. Measured:
# 1,629 for the mean of 16 million values in 2 groups of 2 channels, 472 in groups of 8, with jit and without.
XLA_DIVIDED_GROWTH = 4096.0
# The same for one pass: c is 40, and 25 for constants. Measured: 16.7 with one bright voxel, 11.3 for constants.
XLA_ONE_PASS_GROWTH, XLA_ONE_PASS_OF_EQUAL = 12.0, 7.0
# PyTorch's cascaded sums, under Keras: c of one pass is the longest chain of additions, `cascades.longest_chain`, + 4.
# E[x²] alone cannot use more of it, and E[x]² is off by less. Measured, as a part of it: 0.51 for constants (the
# largest of 4,000 at 120 sizes to 2·10⁶), 0.48 for one bright voxel among values that its rounding swallows, 0.38 for
# halves. Axes before a kept one are summed plainly: 0.25 for each of their entries, as voxels in group norm.
CASCADE_SHARE = 1.0 / 3.0
# What several threads add to c for a single channel: a sum of one number from each.
CASCADE_THREADS = 8.0
# PyTorch's float64 sums with a mean and squares in float32. Measured: 1.1 for the mean, 2.6 for the variance.
DOUBLE_MEAN_GROWTH = 2.0
DOUBLE_GROWTH = 6.0
# Welford: relative error (c₀ + c₁·κ)·u + (c₂·κ·u)². Measured: c₀ 9.4 (a ramp of 566 values), c₁ 2.1 (two values), 0.4
# elsewhere.
WELFORD_CONSTANT, WELFORD_SLOPE, WELFORD_SQUARE = 20.0, 4.0, 2.0
# What c₀ gains with each value, for merged parts that are summed plainly.
WELFORD_GROWTH = 2.0**-16

# The least and the greatest variance that a layer may compute, of each channel.
Band: TypeAlias = tuple[Doubles, Doubles]


@dataclass(frozen=True, eq=False)
class LayerInput:
    """The values of many channels, or of groups of channels, of one layout as the layer gets them: an entry for each.

    Attributes:
        count: the number of values.
        channels: channels of the tensor, or how many groups are reduced at once.
        samples: samples of the batch, or entries of all axes before the kept one; None if unknown.
        mean: the mean.
        mean_square: its square.
        least: the least standard deviation after the rounding of the input.
        most: the greatest one.
        magnitude: an upper bound of the mean of |x|.
        divided: True if axes on both sides of a kept one are reduced.
        voxels: values of one channel of one sample; None if unknown.
        inner: True if the innermost axis is among those that are reduced; None if unknown.
    """

    count: Integers
    channels: int
    samples: Integers | None
    mean: Doubles
    mean_square: Doubles
    least: Doubles
    most: Doubles
    magnitude: Doubles
    divided: bool
    inner: bool | None
    voxels: Integers | None = None

    @cached_property
    def least_square(self) -> Doubles:
        """The square of the least standard deviation."""
        return squared(self.least)

    @cached_property
    def most_square(self) -> Doubles:
        """The square of the greatest standard deviation."""
        return squared(self.most)

    @cached_property
    def magnitude_square(self) -> Doubles:
        """The square of the bound of the mean of |x|."""
        return squared(self.magnitude)


def squared(values: Doubles) -> Doubles:
    """Return squares as `**` has them of Python's numbers, to the last bit."""
    return np.asarray(np.float_power(values, 2.0))


def float64(data: LayerInput) -> Band:
    """Bound two passes with float64 sums, a mean rounded to float32 and squares in float32."""
    own = _two_pass(data, DOUBLE_GROWTH, DOUBLE_MEAN_GROWTH, float64_sums=True)
    if data.samples is None:
        return own
    # one voxel a sample lies as channels last does, and takes that kernel
    return _where(data.samples == data.count, threads(data), own)


def threads(data: LayerInput) -> Band:
    """Bound two passes in which each thread adds its values one after the other; all of them may have one thread."""
    return _two_pass(data, _plain(data.count))


def welford(data: LayerInput) -> Band:
    """Bound Welford's updates in many lanes, which are merged with their counts.

    A lane without values is merged too: its share is 0 times the square of a mean, and NaN if that is infinite.
    """
    low, high, size = data.least_square, data.most_square, data.magnitude
    constant = WELFORD_CONSTANT + WELFORD_GROWTH * data.count
    # κ times the variance is m times the deviation; written so that a variance of 0 needs no case of its own
    error = constant * high + WELFORD_SLOPE * np.sqrt(high) * size
    error = error * UNIT + squared(WELFORD_SQUARE * UNIT * size)
    return _where(_squares_fit(data), (_greater(low - error, 0.0), high + error), _anything(data))


def tree(data: LayerInput) -> Band:
    """Bound two passes with XLA's sums in a tree."""
    return _two_pass(data, _xla(data, XLA_GROWTH, SEQUENTIAL_SLOPE), _xla(data, XLA_MEAN_GROWTH))


def one_pass(data: LayerInput) -> Band:
    """Bound one pass with XLA's sums."""
    growth = np.where(data.most == 0.0, XLA_ONE_PASS_OF_EQUAL, XLA_ONE_PASS_GROWTH)
    return _one_pass(data, _xla(data, growth))


def one_pass_cascade(data: LayerInput) -> Band:
    """Bound one pass with PyTorch's cascaded sums; of equal values they are known, but for threads."""
    low, high = _one_pass(data, _cascade(data))
    equal = np.flatnonzero(data.most == 0.0)
    if data.divided or not len(equal):
        return low, high
    low, high = np.array(low), np.array(high)
    ways = cascades.ways_of(data.channels, data.inner)
    low[equal], high[equal] = cascades.one_pass_of_equals(data.mean[equal], data.count[equal], ways)
    if data.channels == 1:
        threads = CASCADE_THREADS * UNIT * data.mean_square[equal]
        low[equal], high[equal] = low[equal] - threads, high[equal] + threads
    return low, high


def one_pass_clamped(data: LayerInput) -> Band:
    """Bound one pass with XLA's sums, whose result is no less than 0."""
    return _clamped(one_pass(data), data)


def sequential(data: LayerInput) -> Band:
    """Bound two passes that add value after value; of a single channel TensorFlow makes a tree."""
    return _in_blocks(data) if data.channels == 1 else _two_pass(data, _plain(data.count))


def one_pass_plain(data: LayerInput) -> Band:
    """Bound one pass that adds value after value and clamps: Keras on TensorFlow with synchronized=True.

    The layer counts its values by adding ones in float32, and that count stops at 2²⁴.
    """
    plain = _plain(data.count)
    low, high = _one_pass(data, _lesser(plain, BLOCKED_ONE_PASS_GROWTH) if data.channels == 1 else plain)
    own = _clamped((low, high), data)
    if data.channels == 1:
        return own
    past = high * data.count / FLOAT32_COUNT + data.magnitude_square * data.count / FLOAT32_COUNT
    return _where(data.count > FLOAT32_COUNT, (np.zeros_like(past), past), own)


def blocked(data: LayerInput) -> Band:
    """Bound a tree for one sample; with more of them TensorFlow sums plainly across samples."""
    if data.channels == 1:
        return _in_blocks(data)
    plain = _two_pass(data, _plain(data.count))
    return plain if data.samples is None else _where(data.samples == 1, _in_blocks(data), plain)


def lanes(data: LayerInput) -> Band:
    """Bound two passes in which eight lanes add their values one after the other."""
    return _two_pass(data, _plain(data.count, 2.0 * LANES, SEQUENTIAL_SLOPE / LANES))


def chunks(data: LayerInput) -> Band:
    """Bound one pass in which lanes, or each thread's chunk, add value after value: group norm with channels last.

    Plain sums are off by at most n·u·Σ|x|, with no terms of higher order (Jeannerod & Rump 2013). A sample of one voxel
    lies as channels first does, and may take either kernel.
    """
    voxels = data.count if data.voxels is None else np.where(data.voxels == 0, data.count, data.voxels)
    channels = -(-data.count // voxels)
    # lanes; or one thread that has all voxels, whose sums are added to those of other channels and threads
    in_lanes, in_chunks = voxels * -(-channels // LANES) + LANES, voxels + MOST_THREADS * channels
    growth = np.where(voxels < SHARED_VOXELS, in_lanes, in_chunks)
    square = data.most_square + data.mean_square
    # each of the two means has up to four roundings of its own
    off = (growth + 4.0) * UNIT
    mean = np.abs(data.mean)
    low = data.least_square - off * square - 2.0 * mean * off * data.magnitude - squared(off * data.magnitude)
    high = square * (1.0 + off) - squared(_greater(mean - off * data.magnitude, 0.0))
    band = _greater(low, 0.0), _greater(high, 0.0)
    if data.voxels is not None:
        band = _where(data.voxels == 1, _hull(band, welford(data)), band)
    return _where(2.0 * data.count * square < FLOAT32_MAX, band, _clamped(_anything(data), data))


def chunks_or_welford(data: LayerInput) -> Band:
    """Bound group norm of one channel with channels last, which takes either kernel."""
    return _hull(chunks(data), welford(data))


def any_backend(data: LayerInput) -> Band:
    """Bound all three backends of Keras' batch norm."""
    return _hull(tree(data), one_pass_cascade(data), sequential(data))


def any_backend_of_layer_norm(data: LayerInput) -> Band:
    """Bound Keras' layer norm: XLA's trees, PyTorch's own kernel, TensorFlow's tree over each sample."""
    return _hull(tree(data), welford(data), _in_blocks(data))


# The bounds by the names that the rows of `arithmetics` have for them.
BANDS: dict[BandName, Callable[[LayerInput], Band]] = {
    "float64": float64,
    "threads": threads,
    "welford": welford,
    "tree": tree,
    "one_pass": one_pass,
    "one_pass_cascade": one_pass_cascade,
    "one_pass_clamped": one_pass_clamped,
    "sequential": sequential,
    "one_pass_plain": one_pass_plain,
    "blocked": blocked,
    "lanes": lanes,
    "chunks": chunks,
    "chunks_or_welford": chunks_or_welford,
    "any_backend": any_backend,
    "any_backend_of_layer_norm": any_backend_of_layer_norm,
}


def _where(condition: Flags, one: Band, other: Band) -> Band:
    """Return one band where the condition holds, and the other elsewhere."""
    return np.where(condition, one[0], other[0]), np.where(condition, one[1], other[1])


def _greater(values: Doubles, other: Doubles | float) -> Doubles:
    """Return the greater ones; a NaN among the values stays."""
    return np.where(other > values, other, values)


def _lesser(values: Doubles, other: Doubles | float) -> Doubles:
    """Return the lesser ones; a NaN among the values stays."""
    return np.where(other < values, other, values)


def _anything(data: LayerInput) -> Band:
    """Return the band that says nothing."""
    return np.full_like(data.mean, -inf), np.full_like(data.mean, inf)


def _hull(*bands: Band) -> Band:
    """Return the band that holds all of these."""
    (low, high), *others = bands
    for least, most in others:
        low, high = _lesser(low, least), _greater(high, most)
    return low, high


def _two_pass(
    data: LayerInput, growth: Doubles | float, mean_growth: Doubles | float | None = None, *, float64_sums: bool = False
) -> Band:
    """Return the variance plus δ², with a relative error of growth·u; never below 0.

    The upper end is infinite if the sum of squares about the mean is beyond float32, even if it was made in float64. Of
    an infinite mean nothing is known: values less it are infinite, and the output is NaN.
    """
    off = np.asarray((growth if mean_growth is None else mean_growth) * UNIT)
    offset = _lesser(off, 1.0) * data.magnitude
    relative = growth * UNIT
    high = (data.most_square + squared(offset)) * (1.0 + relative)
    low = _greater(data.least_square * (1.0 - relative), 0.0)
    band = low, np.where(data.count * high <= FLOAT32_MAX, high, inf)
    return band if float64_sums else _where(data.count * data.magnitude > FLOAT32_MAX, _anything(data), band)


def _one_pass(data: LayerInput, growth: Doubles | float) -> Band:
    """Return the band v ± c·u·(v + m²), where c = 3·growth + 4; infinite if the sum of squares is beyond float32."""
    error = (3.0 * growth + 4.0) * UNIT * (data.most_square + data.magnitude_square)
    return _where(_squares_fit(data), (data.least_square - error, data.most_square + error), _anything(data))


def _squares_fit(data: LayerInput) -> Flags:
    """Return True where float32 holds the sum of squares."""
    return np.asarray(data.count * (data.most_square + data.magnitude_square) <= FLOAT32_MAX)


def _clamped(band: Band, data: LayerInput) -> Band:
    """Return a band whose layer takes 0 for negative results.

    It keeps NaN, which is the difference of two infinite numbers: of E[x²], and of E[x]² if that is beyond float32.
    """
    low, high = band
    return np.where((low == -inf) & (data.magnitude_square > FLOAT32_MAX), low, _greater(low, 0.0)), high


def _plain(count: Integers, least: float = 2.0, slope: float = SEQUENTIAL_SLOPE) -> Doubles:
    """Return the growth of a sum that adds value after value."""
    return np.asarray(least + slope * count)


def _in_blocks(data: LayerInput) -> Band:
    """Return the band of two passes with Eigen's trees, which sum few values plainly."""
    plain = _plain(data.count)
    return _two_pass(data, _lesser(plain, BLOCKED_GROWTH), _lesser(plain, BLOCKED_MEAN_GROWTH))


def _xla(data: LayerInput, growth: Doubles | float, slope: float = XLA_PLAIN_SLOPE) -> Doubles:
    """Return the growth of XLA's sums; `growth` is that of its trees, `slope` that of plain sums for each value."""
    plain = _plain(data.count, slope=slope)
    trees = _lesser(plain, XLA_DIVIDED_GROWTH) if data.divided else growth
    return np.where(data.count * data.channels < XLA_PLAIN_VALUES, plain, trees)


def _cascade(data: LayerInput) -> Doubles:
    """Return the growth of PyTorch's cascades, which run along the inner axes only.

    The entries of axes before a kept axis are summed plainly.
    """
    ways = cascades.ways_of(data.channels, data.inner)
    counts, place = np.unique(data.count, return_inverse=True)
    chains = np.array([cascades.longest_chain(count, ways) for count in counts.tolist()], np.float64)[place]
    outer: Integers | int = 0
    if data.divided:
        outer = data.count if data.samples is None else np.where(data.samples == 0, data.count, data.samples)
    return np.asarray(CASCADE_SHARE * chains + SEQUENTIAL_SLOPE * outer)
