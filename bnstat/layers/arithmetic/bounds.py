"""What float32, float16 and one-pass formulas make of a variance: a band that holds what the framework computes.

From the moments of a channel alone; where the order of the sums decides, `emulation` computes the very number. With
u = 2⁻²⁴ (the rounding of one float32 operation), n values a channel, mean m and variance v, every sum of n values is
off by at most growth(n)·u·Σ|x|, and growth is what tells one way of summing from another. Then

- two passes, Σ(x − m̂)²/n: the mean is off by δ = growth·u·mean|x|, and the variance is v + δ², itself summed with a
  relative error of growth·u;
- one pass, E[x²] − E[x]²: off by c·u·(v + m²), where the two sums and the rounded square make c = 3·growth + 4;
- Welford's updates (Chan, Golub & LeVeque 1983): a relative error in proportion to κ = √(1 + m²/v).

The constants were measured with the real layers; docs/arithmetic.md lists them beside the largest deviation of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Literal

Kind = Literal["accurate", "bounded", "emulated"]
InputType = Literal["float32", "float16", "bfloat16"]

# The rounding of one operation: half the distance of 1 to the next number.
UNIT = 2.0**-24
UNITS: dict[InputType, float] = {"float32": UNIT, "float16": 2.0**-11, "bfloat16": 2.0**-8}
# The largest number of each type.
FLOAT16_MAX = 65504.0
FLOAT32_MAX = (2.0 - 2.0**-23) * 2.0**127
# Adding 1 changes no float32 beyond this.
FLOAT32_COUNT = 2**24
# Above this float16 rounds to infinity: half a step beyond its largest number.
FLOAT16_OVERFLOW = 65520.0

# A band this narrow, relative to the variance (of a constant channel: to epsilon), says that the variance is right.
ACCURATE_WITHIN = 0.01

# Growth of plain sums: each of n roundings is off by no more than a unit of the final sum, so no data leave this band
# (to first order; for even data that always round the same way it would be 0.36). Measured: 0.23 at most.
SEQUENTIAL_SLOPE = 1.0
# PyTorch's and oneDNN's threads and ONNX Runtime's lanes do the same on a part of the values: one chunk, or an eighth.
LANES = 8
# Eigen's trees (leaves of 256 additions in each of 32 lanes). Measured: 40 for the mean, 28 for the variance.
BLOCKED_GROWTH = 96.0
# XLA on a CPU sums plainly where there are fewer values than this in all (measured: 4,080 and not 4,096) …
XLA_PLAIN_VALUES = 4096
# … with a growth of 0.23 n at most for means (1,024 constant values); variances may be more uneven …
XLA_PLAIN_SLOPE = 0.3
# … and in trees elsewhere. Measured: 4.1 for the mean, 4.2 for the variance.
XLA_GROWTH = 8.0
# Where it reduces axes on both sides of a kept one, as in group norm, the branches of its trees are long. Measured:
# 1,629 for the mean of 16 million values in 2 groups of 2 channels, 472 in groups of 8, with jit and without.
XLA_DIVIDED_GROWTH = 4096.0
# The same for one pass, which compounds three of them: c is 16. Measured: 5.7.
XLA_ONE_PASS_GROWTH = 4.0
# PyTorch's cascaded sums, under Keras: their last level is plain and grows with n, up to where another level begins.
# Measured, as c of one pass: 9 at 3·10⁵ values, 44 at 2·10⁶, 28 at 4·10⁶, 21 at 9·10⁶. Axes before a kept one are
# summed plainly: 0.25 for each of their entries, as voxels in group norm.
CASCADE_GROWTH = 8.0
CASCADE_SLOPE = 2.0**-16
CASCADE_MOST = 128.0
# PyTorch's float64 sums with a mean and squares in float32. Measured: 1.1 for the mean, 2.6 for the variance.
DOUBLE_MEAN_GROWTH = 2.0
DOUBLE_GROWTH = 6.0
# Welford: relative error (c₀ + c₁·κ)·u + (c₂·κ·u)². Measured: c₀ 4.5, c₁ 2.1 (two values), 0.4 elsewhere.
WELFORD_CONSTANT, WELFORD_SLOPE, WELFORD_SQUARE = 12.0, 4.0, 2.0
# What c₀ gains with each value, for merged parts that are summed plainly.
WELFORD_GROWTH = 2.0**-16
# One pass in a half type (Haiku): c of that type's unit. Measured: 2.5.
HALF_ONE_PASS = 8.0
# A result that is rounded to a half type: units of it. Measured: 0.96.
HALF_RESULT = 2.0


@dataclass(frozen=True)
class Prediction:
    """What a layer will report for one channel.

    Attributes:
        mean, variance: the exact ones of the data, which the layer's are near to.
        low, high: the layer's variance is between them; a negative one is not clamped by the framework.
        kind: "accurate" where the band is within `ACCURATE_WITHIN`, else "bounded". "emulated" is for whoever puts
            `emulation`'s numbers in place of these.
        nan_possible: the square root of variance + epsilon may be of a negative number, or the data overflow.
        overflows: float16 only: values, squares or the variance are beyond 65504, and infinite.
        running_overflows: float16 only: the variance is finite in the layer, and infinite in a buffer of float16.
    """

    mean: float
    variance: float
    low: float
    high: float
    kind: Kind
    nan_possible: bool = False
    overflows: bool = False
    running_overflows: bool = False


@dataclass(frozen=True)
class _Data:
    """A channel as the layer gets it.

    Attributes:
        count, channels, samples: sizes of the batch; samples None where it is not known.
        mean: the mean.
        spread: least and greatest standard deviation after rounding of the input.
        magnitude: at least the mean of |x|.
        divided: whether axes on both sides of a kept one are reduced.
    """

    count: int
    channels: int
    samples: int | None
    mean: float
    spread: tuple[float, float]
    magnitude: float
    divided: bool


Band = tuple[float, float]


def predict(
    arithmetic: str,
    *,
    count: int,
    mean: float,
    variance: float,
    minimum: float,
    maximum: float,
    channels: int,
    constant: bool,
    epsilon: float | None,
    dtype: InputType = "float32",
    upcasts: bool = True,
    rounded: bool = True,
    samples: int | None = None,
    divided: bool = False,
) -> Prediction:
    """Bound the variance that a layer will compute.

    Args:
        arithmetic: a name in `ARITHMETICS`.
        count: values of the channel.
        mean: of the data as they are stored, before any rounding.
        variance: likewise, biased.
        minimum: likewise.
        maximum: likewise.
        channels: channels of the tensor, or how many groups are reduced at once.
        constant: all values are one.
        epsilon: what the layer adds; None where it is not known, and then a variance below 0 counts as NaN.
        dtype: the type of the layer's input.
        upcasts: a half input is computed with in float32, as nearly all layers do; its result is float32 too.
            False: the result is rounded to the half type (tf.nn.moments), and Haiku's E[x]² as well.
        rounded: the data may not be exact in `dtype`. False for what was stored as float32, or as integers below 2²⁴.
        samples: samples of the batch, or entries of all axes before the kept one, where it matters: Keras on
            TensorFlow with axis 1 is accurate for one only, PyTorch's float64 sums are for samples of more than one
            voxel, and what is divided is summed plainly over them by Keras on PyTorch.
        divided: axes on both sides of a kept one are reduced: groups of several channels, channels last.

    Raises:
        KeyError: there is no such arithmetic.
    """
    largest = max(abs(minimum), abs(maximum))
    if dtype == "float16" and largest >= FLOAT16_OVERFLOW:
        return Prediction(mean, variance, nan, nan, "bounded", nan_possible=True, overflows=True)
    data = _as_input(
        count, mean, variance, minimum, maximum, channels, samples, constant, UNITS[dtype], rounded, divided
    )
    band = _ARITHMETICS[arithmetic](data)
    if dtype != "float32":
        band = _of_half(arithmetic, data, band, dtype, upcasts=upcasts)
    low, high = band
    past = dtype == "float16" and variance > FLOAT16_MAX
    squares_past = arithmetic in _ONE_PASS and largest**2 >= FLOAT16_OVERFLOW
    overflows = dtype == "float16" and not upcasts and (past or squares_past)
    if overflows:
        high = inf
    slack = ACCURATE_WITHIN * (variance if variance > 0 else epsilon or 0.0)
    near = isfinite(high) and max(high - variance, variance - low) <= slack
    return Prediction(
        mean,
        variance,
        low,
        high,
        kind="accurate" if near else "bounded",
        nan_possible=low + (epsilon or 0.0) < 0 or (overflows and squares_past),
        overflows=overflows,
        running_overflows=past,
    )


def _as_input(
    count: int,
    mean: float,
    variance: float,
    minimum: float,
    maximum: float,
    channels: int,
    samples: int | None,
    constant: bool,
    unit: float,
    rounded: bool,
    divided: bool,
) -> _Data:
    """The data after a cast to the input's type: no value moves by more than `unit` times the largest.

    By the triangle inequality the standard deviation moves by no more than that either. One value for all stays one.
    """
    step = unit * max(abs(minimum), abs(maximum)) if rounded else 0.0
    deviation = 0.0 if constant else sqrt(max(variance, 0.0))
    spread = (0.0, 0.0) if constant else (max(deviation - step, 0.0), deviation + step)
    one_sign = minimum >= 0 or maximum <= 0
    magnitude = abs(mean) if one_sign else sqrt(deviation**2 + mean**2)
    return _Data(count, channels, samples, mean, spread, magnitude + step, divided)


def _two_pass(data: _Data, growth: float, mean_growth: float | None = None) -> Band:
    """Variance plus δ², with a relative error of growth·u; never below 0."""
    offset = min((growth if mean_growth is None else mean_growth) * UNIT, 1.0) * data.magnitude
    relative = growth * UNIT
    return max(data.spread[0] ** 2 * (1.0 - relative), 0.0), (data.spread[1] ** 2 + offset**2) * (1.0 + relative)


def _one_pass(data: _Data, growth: float) -> Band:
    """The variance within c·u·(v + m²)."""
    error = (3.0 * growth + 4.0) * UNIT * (data.spread[1] ** 2 + data.magnitude**2)
    return data.spread[0] ** 2 - error, data.spread[1] ** 2 + error


def _plain(count: float) -> float:
    return 2.0 + SEQUENTIAL_SLOPE * count


def _xla_sums_plainly(data: _Data) -> bool:
    return data.count * data.channels < XLA_PLAIN_VALUES


def _xla(data: _Data, growth: float, slope: float = XLA_PLAIN_SLOPE) -> float:
    """The growth of XLA's sums; `growth` is that of its trees."""
    plain = 2.0 + slope * data.count
    if _xla_sums_plainly(data):
        return plain
    return min(plain, XLA_DIVIDED_GROWTH) if data.divided else growth


def _float64(data: _Data) -> Band:
    if data.samples == data.count:  # one voxel a sample lies as channels last does, and takes that kernel
        return _threads(data)
    return _two_pass(data, DOUBLE_GROWTH, DOUBLE_MEAN_GROWTH)


def _welford(data: _Data) -> Band:
    low, high = (deviation**2 for deviation in data.spread)
    constant = WELFORD_CONSTANT + WELFORD_GROWTH * data.count
    size = data.magnitude
    # κ times the variance is m times the deviation; written so that a variance of 0 needs no case of its own
    error = constant * high + WELFORD_SLOPE * sqrt(high) * size
    error = error * UNIT + (WELFORD_SQUARE * UNIT * size) ** 2
    return max(low - error, 0.0), high + error


def _tree(data: _Data) -> Band:
    return _two_pass(data, _xla(data, XLA_GROWTH, SEQUENTIAL_SLOPE), _xla(data, XLA_GROWTH))


def _cascade(data: _Data) -> float:
    """PyTorch cascades along the inner axes only: entries of those before a kept axis are summed plainly."""
    outer = (data.samples or data.count) if data.divided else 0
    return CASCADE_GROWTH + min(CASCADE_SLOPE * data.count, CASCADE_MOST) + SEQUENTIAL_SLOPE * outer


def _unclamped(data: _Data) -> Band:
    """Haiku's XLA sums, or PyTorch's cascades under Keras: the greater growth of the two."""
    return _one_pass(data, max(_xla(data, XLA_ONE_PASS_GROWTH), _cascade(data)))


def _unclamped_cascade(data: _Data) -> Band:
    return _one_pass(data, _cascade(data))


def _clamped(data: _Data) -> Band:
    low, high = _one_pass(data, _xla(data, XLA_ONE_PASS_GROWTH))
    return max(low, 0.0), high


def _sequential_clamped(data: _Data) -> Band:
    """Keras on TensorFlow, synchronized. It counts by summing ones in float32, which stops at 2²⁴."""
    growth = min(_plain(data.count), BLOCKED_GROWTH) if data.channels == 1 else _plain(data.count)
    low, high = _one_pass(data, growth)
    if data.channels > 1 and data.count > FLOAT32_COUNT:
        return 0.0, high * data.count / FLOAT32_COUNT + data.magnitude**2 * data.count / FLOAT32_COUNT
    return max(low, 0.0), high


def _sequential(data: _Data) -> Band:
    return _two_pass(data, min(_plain(data.count), BLOCKED_GROWTH) if data.channels == 1 else _plain(data.count))


def _threads(data: _Data) -> Band:
    return _two_pass(data, _plain(data.count))


def _blocked(data: _Data) -> Band:
    """A tree for one sample; with more, or one channel among more, TensorFlow sums plainly across samples."""
    tree = data.samples == 1 or data.channels == 1
    return _two_pass(data, min(_plain(data.count), BLOCKED_GROWTH) if tree else _plain(data.count))


def _lanes(data: _Data) -> Band:
    return _two_pass(data, 2.0 * LANES + SEQUENTIAL_SLOPE / LANES * data.count)


def _hull(data: _Data) -> Band:
    """All three backends of Keras."""
    lows, highs = zip(_tree(data), _unclamped_cascade(data), _sequential(data), strict=True)
    return min(lows), max(highs)


def _layer_hull(data: _Data) -> Band:
    """Keras' layer norm: XLA's trees, PyTorch's own kernel, TensorFlow's tree over each sample."""
    blocks = _two_pass(data, min(_plain(data.count), BLOCKED_GROWTH))
    lows, highs = zip(_tree(data), _welford(data), blocks, strict=True)
    return min(lows), max(highs)


_ARITHMETICS: dict[str, Callable[[_Data], Band]] = {
    "float64": _float64,
    "threads": _threads,
    "welford": _welford,
    "tree": _tree,
    "one-pass": _unclamped,
    "one-pass-cascade": _unclamped_cascade,
    "one-pass-clamped": _clamped,
    "sequential": _sequential,
    "one-pass-plain": _sequential_clamped,
    "blocked": _blocked,
    "lanes": _lanes,
    "hull": _hull,
    "hull-layer": _layer_hull,
}
ARITHMETICS = tuple(_ARITHMETICS)
_ONE_PASS = ("one-pass", "one-pass-cascade", "one-pass-clamped", "one-pass-plain", "hull")


def _of_half(arithmetic: str, data: _Data, band: Band, dtype: InputType, *, upcasts: bool) -> Band:
    """What a half input changes beside the rounding of the data."""
    if arithmetic == "float64":  # PyTorch keeps float32 sums for half input, on all layouts
        band = _threads(data)
    if upcasts:
        return band
    unit = UNITS[dtype]
    if arithmetic in ("one-pass", "one-pass-cascade", "hull"):
        error = HALF_ONE_PASS * unit * (data.spread[1] ** 2 + data.magnitude**2)
        return band[0] - error, band[1] + error
    # tf.nn.moments casts float16 to float32, and bfloat16 not: its mean and squares are rounded to that
    offset, factor = ((unit * abs(data.mean)) ** 2, 2.0) if dtype == "bfloat16" else (0.0, 1.0)
    error = factor * HALF_RESULT * unit
    return band[0] * (1.0 - error), (band[1] + offset) * (1.0 + error)
