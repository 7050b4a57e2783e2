"""Bounds on the variance that a layer computes from float32, float16 or bfloat16 input: a band that holds it.

They need the moments of a channel alone. Where the order of the sums decides, `emulation` computes the very number. The
formulas are in `bands`; this module adds what rounding of the input, a half type and overflow change.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.arithmetic.arithmetics import Arithmetic
from bnstat.layers.arithmetic.bands import BANDS, Band, Doubles, Flags, Integers, LayerInput, squared
from bnstat.layers.arithmetic.float_limits import FLOAT16_MAX, FLOAT16_OVERFLOW, FLOAT32_TINY, UNIT
from bnstat.moments.input_type import InputType

# The rounding of one operation in each type, relative to its result.
UNITS: dict[InputType, float] = {"float32": UNIT, "float16": 2.0**-11, "bfloat16": 2.0**-8}

# What processors and XLA may take for 0: squares, products and sums below the least normal float32. A mean of squares
# is off by no more, and the square of a mean by as much again.
UNDERFLOW = 2.0 * FLOAT32_TINY

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


@dataclass(frozen=True, eq=False)
class BoundColumns:
    """The same for many channels, an entry each; the attributes are those of `Bounds`."""

    low: Doubles
    high: Doubles
    accurate: Flags
    nan_possible: Flags
    overflows: Flags
    running_overflows: Flags


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


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredColumns:
    """The values of many channels of one layout, an entry for each; the attributes are those of `StoredValues`."""

    count: Integers
    mean: Doubles
    variance: Doubles
    minimum: Doubles
    maximum: Doubles
    constant: Flags
    channels: int
    samples: Integers | None
    divided: bool
    voxels: Integers | None
    inner: bool | None
    rounded: Flags

    @classmethod
    def of(cls, values: StoredValues) -> StoredColumns:
        """Return those of one channel."""
        shared = ("channels", "divided", "inner")
        each = {field.name: getattr(values, field.name) for field in fields(values)}
        own: dict[str, Any] = {
            name: value if name in shared or value is None else np.array([value], _TYPES.get(name, np.float64))
            for name, value in each.items()
        }
        return cls(**own)

    def taken(self, places: slice | NDArray[np.intp]) -> StoredColumns:
        """Return those of some of the channels."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays: dict[str, Any] = {name: value[places] for name, value in own.items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays)

    @cached_property
    def largest(self) -> Doubles:
        """The greatest absolute value."""
        return np.maximum(np.abs(self.minimum), np.abs(self.maximum))

    def cast(self, unit: float) -> LayerInput:
        """Return the values after a cast to the input's type, whose rounding is `unit`.

        No value moves by more than a unit of the largest one, and by the triangle inequality neither does the standard
        deviation. Equal values stay equal.
        """
        step = np.where(self.rounded, unit * self.largest, 0.0)
        deviation = np.where(self.constant, 0.0, np.sqrt(np.maximum(self.variance, 0.0)))
        one_sign = (self.minimum >= 0) | (self.maximum <= 0)
        mean_square = squared(self.mean)
        size = np.where(one_sign, np.abs(self.mean), np.sqrt(squared(deviation) + mean_square))
        whole = self.constant & (np.trunc(self.minimum) == self.minimum)  # whose squares have no last bit to round
        equal_square = np.where(whole, self.minimum * self.minimum, squared(self.minimum))
        return LayerInput(
            count=self.count,
            channels=self.channels,
            samples=self.samples,
            mean=np.where(self.constant, self.minimum, self.mean),
            mean_square=np.where(self.constant, equal_square, mean_square),
            least=np.where(self.constant, 0.0, np.maximum(deviation - step, 0.0)),
            most=np.where(self.constant, 0.0, deviation + step),
            magnitude=size + step,
            divided=self.divided,
            voxels=self.voxels,
            inner=self.inner,
        )


_TYPES: dict[str, Any] = {"count": np.int64, "samples": np.int64, "voxels": np.int64, "constant": bool, "rounded": bool}


def bound(
    arithmetic: Arithmetic,
    values: StoredValues,
    *,
    epsilon: float | None,
    dtype: InputType = "float32",
    upcasts: bool = True,
) -> Bounds:
    """Bound the variance that a layer will compute of one channel; the arguments are those of `bounds_of`."""
    found = bounds_of(arithmetic, StoredColumns.of(values), epsilon=epsilon, dtype=dtype, upcasts=upcasts)
    return Bounds(**{field.name: getattr(found, field.name)[0].item() for field in fields(found)})


def bounds_of(
    arithmetic: Arithmetic,
    values: StoredColumns,
    *,
    epsilon: float | None,
    dtype: InputType = "float32",
    upcasts: bool = True,
) -> BoundColumns:
    """Bound the variances that a layer will compute.

    Args:
        arithmetic: how the layer computes them.
        values: the values of the channels.
        epsilon: the ε that the layer adds; None if unknown, and then a variance below 0 counts as NaN.
        dtype: the type of the layer's input.
        upcasts: True if a half input is computed with in float32, as nearly all layers do; the result is float32 too.
            False: the result is rounded to the half type (tf.nn.moments), and Haiku's E[x²] as well.
    """
    with np.errstate(all="ignore"):
        return _bounds_of(arithmetic, values, epsilon, dtype, upcasts=upcasts)


def _bounds_of(
    arithmetic: Arithmetic, values: StoredColumns, epsilon: float | None, dtype: InputType, *, upcasts: bool
) -> BoundColumns:
    data = values.cast(UNITS[dtype])
    own = BANDS[arithmetic.band]
    low, high = own(data) if dtype == "float32" else _half_band(arithmetic, data, dtype, upcasts=upcasts)

    # zeros have nothing to lose
    shifted = np.where(low < 0.0, low - UNDERFLOW, np.maximum(low - UNDERFLOW, 0.0)), high + UNDERFLOW
    low, high = (np.where(values.largest > 0.0, *pair) for pair in zip(shifted, (low, high), strict=True))

    # A float16 result, or the squares that it is made of, may be beyond the range of the type.
    half = dtype == "float16"
    past = half & (values.variance > FLOAT16_MAX)
    squares_past = arithmetic.squares & (squared(values.largest) >= FLOAT16_OVERFLOW)
    overflows = half & (past | squares_past) & (not upcasts)
    high = np.where(overflows, inf, high)

    slack = ACCURATE_WITHIN * np.where(values.variance > 0, values.variance, epsilon or 0.0)
    off = np.maximum(high - values.variance, values.variance - low)
    found = BoundColumns(
        low=low,
        high=high,
        accurate=np.isfinite(high) & (off <= slack),
        nan_possible=_may_be_nan(low, epsilon) | (overflows & squares_past),
        overflows=overflows,
        running_overflows=past,
    )
    return _without_values(found, half & (values.largest >= FLOAT16_OVERFLOW))


def _without_values(found: BoundColumns, beyond: Flags) -> BoundColumns:
    """Return bounds that say nothing of channels whose values are beyond float16."""
    if not beyond.any():
        return found
    return BoundColumns(
        low=np.where(beyond, nan, found.low),
        high=np.where(beyond, nan, found.high),
        accurate=found.accurate & ~beyond,
        nan_possible=found.nan_possible | beyond,
        overflows=found.overflows | beyond,
        running_overflows=found.running_overflows & ~beyond,
    )


def _may_be_nan(low: Doubles, epsilon: float | None) -> Flags:
    """Return True if variance + ε may be negative, or 0: an ε of 0 leaves 0 where float32 has no smaller variance."""
    return np.asarray(low < FLOAT32_TINY if epsilon == 0 else low + (epsilon or 0.0) < 0)


def _half_band(arithmetic: Arithmetic, data: LayerInput, dtype: InputType, *, upcasts: bool) -> Band:
    """Return the band of a half input, which changes more than the rounding of the data."""
    low, high = BANDS[arithmetic.half_band or arithmetic.band](data)
    if upcasts:
        return low, high
    unit = UNITS[dtype]
    if arithmetic.negative == "possible":
        error = HALF_ONE_PASS * unit * (data.most_square + data.magnitude_square)
        return low - error, high + error
    # tf.nn.moments casts float16 to float32, and bfloat16 not: its mean and squares are rounded to that
    offset, factor = (squared(unit * np.abs(data.mean)), 2.0) if dtype == "bfloat16" else (np.zeros(1), 1.0)
    relative = np.float64(factor * HALF_RESULT * unit)
    return low * (1.0 - relative), (high + offset) * (1.0 + relative)
