"""Bounds on the variance that a layer computes from float32, float16 or bfloat16 input: a band that holds it.

They need the moments of a channel alone. Where the order of the sums decides, `emulation` computes the very number. The
formulas are in `bands`; this module adds what rounding of the input, a half type and overflow change.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

from bnstat.layers.arithmetic.arithmetics import Arithmetic
from bnstat.layers.arithmetic.bands import FLOAT32_TINY, UNIT, Band, LayerInput
from bnstat.moments.input_type import InputType

# The rounding of one operation in each type, relative to its result.
UNITS: dict[InputType, float] = {"float32": UNIT, "float16": 2.0**-11, "bfloat16": 2.0**-8}

# The largest float16 (IEEE 754 binary16).
FLOAT16_MAX = 65504.0
# What processors and XLA may take for 0: squares, products and sums below the least normal float32. A mean of squares
# is off by no more, and the square of a mean by as much again.
UNDERFLOW = 2.0 * FLOAT32_TINY
# From here on float16 rounds to infinity: half a step beyond its largest number.
FLOAT16_OVERFLOW = 65520.0

# A band this narrow, relative to the variance (of a constant channel: to epsilon), says that the variance is right.
ACCURATE_WITHIN = 0.01

# One pass in a half type (Haiku): c of that type's unit. Measured: 2.5.
HALF_ONE_PASS = 8.0
# A result that is rounded to a half type: units of it. Measured: 0.96.
HALF_RESULT = 2.0


@dataclass(frozen=True)
class Bounds:
    """The range of what a layer will report for one channel.

    Attributes:
        low, high: the layer's variance is between them; NaN where nothing is known, and Inf where it overflows.
        accurate: True if the band is within `ACCURATE_WITHIN` of the exact variance.
        nan_possible: True if variance + epsilon may be negative or 0, or if the data overflow.
        overflows: float16 only: True if values, squares or the variance are beyond 65504, and infinite.
        running_overflows: float16 only: True if the variance is infinite in a running variance kept as float16.
    """

    low: float
    high: float
    accurate: bool
    nan_possible: bool = False
    overflows: bool = False
    running_overflows: bool = False


@dataclass(frozen=True, kw_only=True)
class StoredValues:
    """The values of one channel, or of one group of channels, as they are stored: before any rounding.

    Attributes:
        count: the number of values.
        mean: their mean.
        variance: their biased variance.
        minimum: the least of them.
        maximum: the greatest of them.
        constant: True if all values are equal.
        channels: channels of the tensor, or how many groups are reduced at once.
        samples: samples of the batch, or entries of all axes before the kept one; None if unknown. It matters to three
            layers. Keras on TensorFlow with axis 1 is accurate for one sample only. PyTorch's float64 sums are for
            samples of more than one voxel. Keras on PyTorch sums plainly over them where axes are `divided`.
        divided: True if axes on both sides of a kept one are reduced: groups of several channels, channels last.
        voxels: values of one channel of one sample; None if unknown. It matters to group norm with channels last.
        inner: True if the innermost axis is among those that are reduced; None if unknown. It matters to Keras on
            PyTorch.
        rounded: True if the values may not be exact in the type of the layer's input. False for what was stored as
            float32, or as integers below 2²⁴.
    """

    count: int
    mean: float
    variance: float
    minimum: float
    maximum: float
    constant: bool
    channels: int
    samples: int | None = None
    divided: bool = False
    voxels: int | None = None
    inner: bool | None = None
    rounded: bool = True

    @property
    def largest(self) -> float:
        """The greatest absolute value."""
        return max(abs(self.minimum), abs(self.maximum))

    def cast(self, unit: float) -> LayerInput:
        """Return the values after a cast to the input's type, whose rounding is `unit`.

        No value moves by more than a unit of the largest one, and by the triangle inequality neither does the standard
        deviation. Equal values stay equal.
        """
        step = unit * self.largest if self.rounded else 0.0
        deviation = 0.0 if self.constant else sqrt(max(self.variance, 0.0))
        one_sign = self.minimum >= 0 or self.maximum <= 0
        return LayerInput(
            count=self.count,
            channels=self.channels,
            samples=self.samples,
            mean=self.minimum if self.constant else self.mean,
            spread=(0.0, 0.0) if self.constant else (max(deviation - step, 0.0), deviation + step),
            magnitude=(abs(self.mean) if one_sign else sqrt(deviation**2 + self.mean**2)) + step,
            divided=self.divided,
            voxels=self.voxels,
            inner=self.inner,
        )


def bound(
    arithmetic: Arithmetic,
    values: StoredValues,
    *,
    epsilon: float | None,
    dtype: InputType = "float32",
    upcasts: bool = True,
) -> Bounds:
    """Bound the variance that a layer will compute.

    Args:
        arithmetic: how the layer computes it.
        values: the values of one channel.
        epsilon: the ε that the layer adds; None if unknown, and then a variance below 0 counts as NaN.
        dtype: the type of the layer's input.
        upcasts: True if a half input is computed with in float32, as nearly all layers do; the result is float32 too.
            False: the result is rounded to the half type (tf.nn.moments), and Haiku's E[x]² as well.
    """
    if dtype == "float16" and values.largest >= FLOAT16_OVERFLOW:
        return Bounds(nan, nan, accurate=False, nan_possible=True, overflows=True)
    data = values.cast(UNITS[dtype])
    low, high = arithmetic.band(data) if dtype == "float32" else _half_band(arithmetic, data, dtype, upcasts=upcasts)

    if values.largest > 0.0:  # zeros have nothing to lose
        low, high = (low - UNDERFLOW if low < 0.0 else max(low - UNDERFLOW, 0.0)), high + UNDERFLOW

    # A float16 result, or the squares that it is made of, may be beyond the range of the type.
    past = dtype == "float16" and values.variance > FLOAT16_MAX
    squares_past = arithmetic.squares and values.largest**2 >= FLOAT16_OVERFLOW
    overflows = dtype == "float16" and not upcasts and (past or squares_past)
    if overflows:
        high = inf

    slack = ACCURATE_WITHIN * (values.variance if values.variance > 0 else epsilon or 0.0)
    return Bounds(
        low,
        high,
        accurate=isfinite(high) and max(high - values.variance, values.variance - low) <= slack,
        nan_possible=_may_be_nan(low, epsilon) or (overflows and squares_past),
        overflows=overflows,
        running_overflows=past,
    )


def _may_be_nan(low: float, epsilon: float | None) -> bool:
    """Return True if variance + ε may be negative, or 0: an ε of 0 leaves 0 where float32 has no smaller variance."""
    return low < FLOAT32_TINY if epsilon == 0 else low + (epsilon or 0.0) < 0


def _half_band(arithmetic: Arithmetic, data: LayerInput, dtype: InputType, *, upcasts: bool) -> Band:
    """Return the band of a half input, which changes more than the rounding of the data."""
    low, high = (arithmetic.half_band or arithmetic.band)(data)
    if upcasts:
        return low, high
    unit = UNITS[dtype]
    if arithmetic.negative == "possible":
        error = HALF_ONE_PASS * unit * (data.spread[1] ** 2 + data.magnitude**2)
        return low - error, high + error
    # tf.nn.moments casts float16 to float32, and bfloat16 not: its mean and squares are rounded to that
    offset, factor = ((unit * abs(data.mean)) ** 2, 2.0) if dtype == "bfloat16" else (0.0, 1.0)
    error = factor * HALF_RESULT * unit
    return low * (1.0 - error), (high + offset) * (1.0 + error)
