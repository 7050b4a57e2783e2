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

from dataclasses import dataclass
from math import inf, sqrt

# The rounding of one float32 operation, relative to its result: half the distance of 1 to the next number.
UNIT = 2.0**-24
# The largest number of float32, and the least one of full precision: many layers take a smaller one for 0.
FLOAT32_MAX = (2.0 - 2.0**-23) * 2.0**127
FLOAT32_TINY = 2.0**-126
# Adding 1 changes no float32 beyond this.
FLOAT32_COUNT = 2**24

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

# The least and the greatest variance that a layer may compute.
Band = tuple[float, float]


@dataclass(frozen=True)
class LayerInput:
    """The values of one channel, or of one group of channels, as the layer gets them.

    Attributes:
        count: the number of values.
        channels: channels of the tensor, or how many groups are reduced at once.
        samples: samples of the batch, or entries of all axes before the kept one; None if unknown.
        mean: the mean.
        spread: the least and the greatest standard deviation after the rounding of the input.
        magnitude: an upper bound of the mean of |x|.
        divided: True if axes on both sides of a kept one are reduced.
        voxels: values of one channel of one sample; None if unknown.
        inner: True if the innermost axis is among those that are reduced; None if unknown.
    """

    count: int
    channels: int
    samples: int | None
    mean: float
    spread: tuple[float, float]
    magnitude: float
    divided: bool
    inner: bool | None
    voxels: int | None = None


def float64(data: LayerInput) -> Band:
    """Bound two passes with float64 sums, a mean rounded to float32 and squares in float32."""
    if data.samples == data.count:  # one voxel a sample lies as channels last does, and takes that kernel
        return threads(data)
    return _two_pass(data, DOUBLE_GROWTH, DOUBLE_MEAN_GROWTH, float64_sums=True)


def threads(data: LayerInput) -> Band:
    """Bound two passes in which each thread adds its values one after the other; all of them may have one thread."""
    return _two_pass(data, _plain(data.count))


def welford(data: LayerInput) -> Band:
    """Bound Welford's updates in many lanes, which are merged with their counts.

    A lane without values is merged too: its share is 0 times the square of a mean, and NaN if that is infinite.
    """
    if not _squares_fit(data):
        return -inf, inf
    low, high = (deviation**2 for deviation in data.spread)
    constant = WELFORD_CONSTANT + WELFORD_GROWTH * data.count
    size = data.magnitude
    # κ times the variance is m times the deviation; written so that a variance of 0 needs no case of its own
    error = constant * high + WELFORD_SLOPE * sqrt(high) * size
    error = error * UNIT + (WELFORD_SQUARE * UNIT * size) ** 2
    return max(low - error, 0.0), high + error


def tree(data: LayerInput) -> Band:
    """Bound two passes with XLA's sums in a tree."""
    return _two_pass(data, _xla(data, XLA_GROWTH, SEQUENTIAL_SLOPE), _xla(data, XLA_MEAN_GROWTH))


def one_pass(data: LayerInput) -> Band:
    """Bound one pass with XLA's sums."""
    equal = data.spread[1] == 0.0
    return _one_pass(data, _xla(data, XLA_ONE_PASS_OF_EQUAL if equal else XLA_ONE_PASS_GROWTH))


def one_pass_cascade(data: LayerInput) -> Band:
    """Bound one pass with PyTorch's cascaded sums; of equal values they are known, but for threads."""
    if data.spread[1] > 0.0 or data.divided:
        return _one_pass(data, _cascade(data))
    from bnstat.layers.arithmetic import cascades  # noqa: PLC0415  (numpy, which a list of presets does not need)

    ways = cascades.ways_of(data.channels, data.inner)
    low, high = cascades.one_pass_of_equal(data.mean, data.count, ways)
    threads = CASCADE_THREADS * UNIT * data.mean**2 if data.channels == 1 else 0.0
    return low - threads, high + threads


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
    growth = min(plain, BLOCKED_ONE_PASS_GROWTH) if data.channels == 1 else plain
    low, high = _one_pass(data, growth)
    if data.channels > 1 and data.count > FLOAT32_COUNT:
        return 0.0, high * data.count / FLOAT32_COUNT + data.magnitude**2 * data.count / FLOAT32_COUNT
    return _clamped((low, high), data)


def blocked(data: LayerInput) -> Band:
    """Bound a tree for one sample; with more of them TensorFlow sums plainly across samples."""
    in_a_tree = data.samples == 1 or data.channels == 1
    return _in_blocks(data) if in_a_tree else _two_pass(data, _plain(data.count))


def lanes(data: LayerInput) -> Band:
    """Bound two passes in which eight lanes add their values one after the other."""
    return _two_pass(data, 2.0 * LANES + SEQUENTIAL_SLOPE / LANES * data.count)


def chunks(data: LayerInput) -> Band:
    """Bound one pass in which lanes, or each thread's chunk, add value after value: group norm with channels last.

    Plain sums are off by at most n·u·Σ|x|, with no terms of higher order (Jeannerod & Rump 2013). A sample of one voxel
    lies as channels first does, and may take either kernel.
    """
    voxels = data.voxels or data.count
    channels = -(-data.count // voxels)
    # lanes; or one thread that has all voxels, whose sums are added to those of other channels and threads
    in_lanes, in_chunks = voxels * -(-channels // LANES) + LANES, voxels + MOST_THREADS * channels
    growth = in_lanes if voxels < SHARED_VOXELS else in_chunks
    square = data.spread[1] ** 2 + data.mean**2
    if not 2.0 * data.count * square < FLOAT32_MAX:
        return _clamped((-inf, inf), data)
    # each of the two means has up to four roundings of its own
    off = (growth + 4.0) * UNIT
    mean = abs(data.mean)
    low = data.spread[0] ** 2 - off * square - 2.0 * mean * off * data.magnitude - (off * data.magnitude) ** 2
    high = square * (1.0 + off) - max(mean - off * data.magnitude, 0.0) ** 2
    band = max(low, 0.0), max(high, 0.0)
    return _hull(band, welford(data)) if data.voxels == 1 else band


def chunks_or_welford(data: LayerInput) -> Band:
    """Bound group norm of one channel with channels last, which takes either kernel."""
    return _hull(chunks(data), welford(data))


def any_backend(data: LayerInput) -> Band:
    """Bound all three backends of Keras' batch norm."""
    return _hull(tree(data), one_pass_cascade(data), sequential(data))


def any_backend_of_layer_norm(data: LayerInput) -> Band:
    """Bound Keras' layer norm: XLA's trees, PyTorch's own kernel, TensorFlow's tree over each sample."""
    return _hull(tree(data), welford(data), _in_blocks(data))


def _hull(*bands: Band) -> Band:
    """Return the band that holds all of these."""
    lows, highs = zip(*bands, strict=True)
    return min(lows), max(highs)


def _two_pass(data: LayerInput, growth: float, mean_growth: float | None = None, *, float64_sums: bool = False) -> Band:
    """Return the variance plus δ², with a relative error of growth·u; never below 0.

    The upper end is infinite if the sum of squares about the mean is beyond float32, even if it was made in float64. Of
    an infinite mean nothing is known: values less it are infinite, and the output is NaN.
    """
    if data.count * data.magnitude > FLOAT32_MAX and not float64_sums:
        return -inf, inf
    offset = min((growth if mean_growth is None else mean_growth) * UNIT, 1.0) * data.magnitude
    relative = growth * UNIT
    high = (data.spread[1] ** 2 + offset**2) * (1.0 + relative)
    return max(data.spread[0] ** 2 * (1.0 - relative), 0.0), high if data.count * high <= FLOAT32_MAX else inf


def _one_pass(data: LayerInput, growth: float) -> Band:
    """Return the band v ± c·u·(v + m²), where c = 3·growth + 4; infinite if the sum of squares is beyond float32."""
    if not _squares_fit(data):
        return -inf, inf
    error = (3.0 * growth + 4.0) * UNIT * (data.spread[1] ** 2 + data.magnitude**2)
    return data.spread[0] ** 2 - error, data.spread[1] ** 2 + error


def _squares_fit(data: LayerInput) -> bool:
    """Return True if float32 holds the sum of squares."""
    return data.count * (data.spread[1] ** 2 + data.magnitude**2) <= FLOAT32_MAX


def _clamped(band: Band, data: LayerInput) -> Band:
    """Return a band whose layer takes 0 for negative results.

    It keeps NaN, which is the difference of two infinite numbers: of E[x²], and of E[x]² if that is beyond float32.
    """
    low, high = band
    return low if low == -inf and data.magnitude**2 > FLOAT32_MAX else max(low, 0.0), high


def _plain(count: float) -> float:
    """Return the growth of a sum that adds value after value."""
    return 2.0 + SEQUENTIAL_SLOPE * count


def _in_blocks(data: LayerInput) -> Band:
    """Return the band of two passes with Eigen's trees, which sum few values plainly."""
    plain = _plain(data.count)
    return _two_pass(data, min(plain, BLOCKED_GROWTH), min(plain, BLOCKED_MEAN_GROWTH))


def _xla(data: LayerInput, growth: float, slope: float = XLA_PLAIN_SLOPE) -> float:
    """Return the growth of XLA's sums; `growth` is that of its trees, `slope` that of plain sums for each value."""
    plain = 2.0 + slope * data.count
    if data.count * data.channels < XLA_PLAIN_VALUES:
        return plain
    return min(plain, XLA_DIVIDED_GROWTH) if data.divided else growth


def _cascade(data: LayerInput) -> float:
    """Return the growth of PyTorch's cascades, which run along the inner axes only.

    The entries of axes before a kept axis are summed plainly.
    """
    outer = (data.samples or data.count) if data.divided else 0
    from bnstat.layers.arithmetic import cascades  # noqa: PLC0415  (numpy, which a list of presets does not need)

    ways = cascades.ways_of(data.channels, data.inner)
    return CASCADE_SHARE * cascades.longest_chain(data.count, ways) + SEQUENTIAL_SLOPE * outer
