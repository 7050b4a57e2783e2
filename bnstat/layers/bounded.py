"""Bounds on the variances of many channels or groups of one layout at once, from their moments: columns of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from bnstat.layers.arithmetic.arithmetics import FUSED, Arithmetic
from bnstat.layers.arithmetic.bounds import BoundColumns, StoredColumns, bounds_of
from bnstat.layers.arithmetic.float_limits import FLOAT32_MAX
from bnstat.layers.columns import Doubles, Flags, Integers, Place, StatisticsColumns, by_count, joined, plain
from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.moments.input_type import InputType

# Whole numbers up to here are exact in a type.
_EXACT_INTEGERS: dict[InputType, int] = {"float32": 2**24, "float16": 2**11, "bfloat16": 2**8}
# Channels or groups that are bounded at once, which takes some megabytes.
_AT_ONCE = 1 << 15


@dataclass(frozen=True)
class TensorLayout:
    """What decides how the values of a channel or a group are summed, beside the layer.

    Attributes:
        input_shape: shape of the batched tensor.
        axis: the axis of the tensor that holds the channels.
        samples: samples of the batch.
        parts: channels or groups of the batch.
        grouped: channels of a group; None where parts are channels.
    """

    input_shape: tuple[int, ...]
    axis: int
    samples: int
    parts: int
    grouped: int | None

    @classmethod
    def of(cls, batch: Batch) -> TensorLayout:
        """Return the layout of a batch."""
        grouped = len(batch.groups[0].channels) if batch.groups else None
        parts = len(batch.groups) or batch.channel_count
        return cls(batch.input_shape, batch.axis, len(batch.samples), parts, grouped)

    @property
    def channels(self) -> int:
        """The number of channels of the tensor."""
        return self.input_shape[self.axis]

    @property
    def divided(self) -> bool:
        """True if axes on both sides of a kept one are reduced."""
        if self.grouped is not None:
            return 1 < self.grouped < self.channels
        return prod(self.input_shape[: self.axis]) > 1 and prod(self.input_shape[self.axis + 1 :]) > 1

    @property
    def inner(self) -> bool:
        """True if the innermost axis that has more than one entry is among those that are reduced."""
        if self.grouped is not None and self.grouped > 1:
            return True
        return prod(self.input_shape[self.axis + 1 :]) > 1 or self.channels == 1

    def together(self, count: Integers) -> Integers:
        """Return how many samples are reduced together: for the order of sums, all axes before the kept one are."""
        if self.grouped is not None:
            return count // self.grouped if self.divided else np.ones_like(count)
        last = self.axis == len(self.input_shape) - 1
        return np.full_like(count, prod(self.input_shape[:1] if last else self.input_shape[: self.axis]))

    def voxels(self, count: Integers) -> Integers:
        """Return how many values a channel has in one sample."""
        return np.asarray(count // (self.samples if self.grouped is None else self.grouped))

    def arithmetic(self, settings: Settings) -> Arithmetic:
        """Return how the layer sums such a tensor: as its preset says, but for layouts in which it sums otherwise.

        TensorFlow's fused op takes tensors of four and five axes only.
        """
        axes = len(self.input_shape)
        own = settings.framework.arithmetic
        arithmetic = FUSED.get(axes, own) if settings.framework.fused else own
        return arithmetic.in_layout(channels=self.channels, last=self.axis == axes - 1)


@dataclass(frozen=True, eq=False)
class PartValues:
    """The values of channels or groups of one layout, an entry for each; what is undefined is NaN.

    Attributes:
        count: the number of values.
        mean: their mean.
        variance: their biased variance.
        minimum: the least of them.
        maximum: the greatest of them.
        constant: True if all are equal.
    """

    count: Integers
    mean: Doubles
    variance: Doubles
    minimum: Doubles
    maximum: Doubles
    constant: Flags

    @classmethod
    def of(cls, parts: Sequence[Channel | Group]) -> PartValues:
        """Return the values of these channels or groups."""
        types: dict[str, Any] = {"count": np.int64, "constant": bool}
        return cls(
            **{
                field.name: np.array([getattr(part, field.name) for part in parts], types.get(field.name, np.float64))
                for field in fields(cls)
            }
        )

    @classmethod
    def of_columns(cls, columns: StatisticsColumns) -> PartValues:
        """Return the values of channels or groups that are columns, in C order."""
        ends = (
            np.where(columns.finite > 0, end.astype(np.float64), np.nan) for end in (columns.minimum, columns.maximum)
        )
        own = (columns.count, columns.mean, columns.variance, *ends, columns.constant)
        return cls(*(one.reshape(-1) for one in own))

    def stored(self, layout: TensorLayout, rounded: Flags) -> StoredColumns:
        """Return what the layer gets: 0 for what is undefined."""
        mean, variance, minimum, maximum = (
            np.nan_to_num(own, nan=0.0) for own in (self.mean, self.variance, self.minimum, self.maximum)
        )
        return StoredColumns(
            count=self.count,
            mean=mean,
            variance=variance,
            minimum=minimum,
            maximum=maximum,
            constant=self.constant,
            channels=layout.parts,
            samples=layout.together(self.count),
            divided=layout.divided,
            voxels=layout.voxels(self.count),
            inner=layout.inner,
            rounded=rounded,
        )

    @cached_property
    def largest(self) -> Doubles:
        """The greatest absolute value; NaN if it is undefined."""
        return np.asarray(np.maximum(np.abs(self.minimum), np.abs(self.maximum)))


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictionColumns:
    """The predictions of channels or groups, in arrays of one shape; the attributes are those of `Prediction`.

    Attributes:
        known: False where there is no prediction.
        accurate: True where the variance is within 1 % of the exact one.
        low: the least variance; infinite where it may be anything.
        high: the greatest one; infinite where it may be anything.
        nan_possible: True where the output may be NaN.
        overflows: True where something is beyond float16.
        running_overflows: True where the variance is beyond float16.
        judged_low: the least variance that rules judge.
        judged_high: the greatest one; it is judged where both are finite.
        rounded: True where values may not be exact in the type of the layer's input.
    """

    known: Flags
    accurate: Flags
    low: Doubles
    high: Doubles
    nan_possible: Flags
    overflows: Flags
    running_overflows: Flags
    judged_low: Doubles
    judged_high: Doubles
    rounded: Flags

    def __getitem__(self, place: Place) -> PredictionColumns:
        return PredictionColumns(**{field.name: getattr(self, field.name)[place] for field in fields(self)})

    @property
    def judged(self) -> Flags:
        """True where there is a range that rules judge."""
        return self.known & np.isfinite(self.judged_low) & np.isfinite(self.judged_high)

    def listed(self, mean: Sequence[float | None], variance: Sequence[float | None]) -> list[Prediction | None]:
        """Return the predictions as values, in C order, with the exact means and variances."""
        flags = (self.known, self.accurate, self.nan_possible, self.overflows, self.running_overflows, self.rounded)
        known, accurate, *others = (flag.reshape(-1).tolist() for flag in flags)
        ends = (plain(np.where(np.isfinite(end), end, np.nan)) for end in (self.low, self.high))
        judged = zip(self.judged_low.reshape(-1).tolist(), self.judged_high.reshape(-1).tolist(), strict=True)
        bounded = [pair if one else None for pair, one in zip(judged, self.judged.reshape(-1).tolist(), strict=True)]
        every = zip(known, accurate, mean, variance, *ends, *others, bounded, strict=True)
        return [_prediction(*own) if there else None for there, *own in every]

    def reshape(self, shape: tuple[int, ...]) -> PredictionColumns:
        """Return the same in another shape."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return PredictionColumns(**{name: value.reshape(shape) for name, value in own.items()})


_PREDICTED = [field.name for field in fields(PredictionColumns)]


def _prediction(
    accurate: bool,
    mean: float,
    variance: float,
    low: float | None,
    high: float | None,
    nan_possible: bool,
    overflows: bool,
    running_overflows: bool,
    rounded: bool,
    judged: tuple[float, float] | None,
) -> Prediction:
    return Prediction(
        "accurate" if accurate else "bounded",
        mean,
        variance,
        low,
        high,
        nan_possible,
        overflows,
        running_overflows,
        judged,
        rounded=rounded,
    )


def bounded_columns(values: PartValues, layout: TensorLayout, exact: Flags, settings: Settings) -> PredictionColumns:
    """Return the bands of channels or groups.

    There is none where there is no variance, or where the layer refuses to compute one. Nor is there one for values
    that no float32 holds: the layer gets Inf for them. Nor is there one for the single value that a mask leaves: the
    layer has no mask, and gets all voxels.

    Args:
        values: flat columns.
        layout: the layout of the batch that each of them is of.
        exact: True where the stored values are numbers of the input's type, as `exact_types` and `is_exact` have it.
        settings: the layer.
    """
    number = len(values.count)
    starts = range(0, number, _AT_ONCE) if number else (0,)
    parts = [slice(at, at + _AT_ONCE) for at in starts]
    found = (_bounded(_part(values, part), layout, exact[part], settings) for part in parts)
    return PredictionColumns(**joined(({name: getattr(one, name) for name in _PREDICTED} for one in found), number))


def _part(values: PartValues, places: slice) -> PartValues:
    return replace(values, **{field.name: getattr(values, field.name)[places] for field in fields(values)})


def _bounded(values: PartValues, layout: TensorLayout, exact: Flags, settings: Settings) -> PredictionColumns:
    arithmetic = layout.arithmetic(settings)
    # the bound of the arithmetic, and of those that rules judge by where it stands for several
    stored = values.stored(layout, ~exact)
    own, *judged = (bound_of(one, stored, settings) for one in (arithmetic, *arithmetic.judged))
    every = (own, *judged)
    low, high = hull_of(judged or [own])
    takes_zero = settings.added == 0 and settings.framework.zero_divided == "zero"
    return PredictionColumns(
        known=_is_bounded(values, layout, settings),
        accurate=own.accurate,
        low=own.low,
        high=own.high,
        nan_possible=np.logical_or.reduce([one.nan_possible for one in every]) & (not takes_zero),
        overflows=own.overflows,
        running_overflows=own.running_overflows,
        judged_low=low,
        judged_high=high,
        rounded=~exact,
    )


def _is_bounded(values: PartValues, layout: TensorLayout, settings: Settings) -> Flags:
    """Return True where the layer has a variance that can be bounded."""
    known = ~(np.isnan(values.mean) | np.isnan(values.variance) | np.isnan(values.largest))
    if settings.preparation.mask is not None:
        known &= values.count != 1
    refused = by_count(values.count, lambda count: settings.refuses(count, layout.samples))
    with np.errstate(invalid="ignore"):
        fits = values.largest <= FLOAT32_MAX
    return np.asarray(known & fits & ~refused.astype(bool) & (settings.epsilon_refusal is None))


def bound_of(arithmetic: Arithmetic, values: StoredColumns, settings: Settings) -> BoundColumns:
    """Return the bounds of an arithmetic for the input's type of a layer, and its ε."""
    upcasts = settings.framework.upcasts
    return bounds_of(arithmetic, values, epsilon=settings.added, dtype=settings.dtype, upcasts=upcasts)


def hull_of(several: Iterable[BoundColumns]) -> tuple[Doubles, Doubles]:
    """Return the least and the greatest variance of several bounds; one that is not finite where one of theirs is."""
    ends = [end for one in several for end in (one.low, one.high)]
    return np.minimum.reduce(ends), np.maximum.reduce(ends)


@dataclass(frozen=True)
class StoredTypes:
    """What the stored types of a sample tell of its values as input of a layer.

    Attributes:
        fits: True if the input's type holds each of their numbers, but for large whole ones.
        whole: True if some of them are types of whole numbers.
    """

    fits: bool
    whole: bool

    @classmethod
    def of(cls, types: Sequence[str], dtype: InputType) -> StoredTypes:
        """Return what types tell; they do not fit if they are unknown."""
        widest = {"float32": 4, "float16": 2, "bfloat16": 0}[dtype]
        found = [np.dtype(name) for name in types]
        fits = bool(found) and all(one.kind in "iub" or one.itemsize <= widest for one in found)
        return cls(fits, any(one.kind in "iub" for one in found))


def stored_types(every: Iterable[tuple[str, ...]], dtype: InputType) -> tuple[Flags, Flags]:
    """Return `fits` and `whole` of the stored types of each sample."""
    known: dict[tuple[str, ...], StoredTypes] = {}
    found = []
    for types in every:
        if types not in known:
            known[types] = StoredTypes.of(types, dtype)
        found.append(known[types])
    return np.array([one.fits for one in found], bool), np.array([one.whole for one in found], bool)


def is_exact(largest: Doubles, fits: Flags, whole: Flags, dtype: InputType) -> Flags:
    """Return True where all stored values are numbers of the input's type: the layer gets them as they are.

    Args:
        largest: the greatest absolute values.
        fits: True where all samples of the batch have types that fit.
        whole: True where one of them has a type of whole numbers.
        dtype: the input's type.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(fits & ~(whole & (largest > _EXACT_INTEGERS[dtype])))


def bounded_parts(
    placed: Sequence[tuple[Batch, Channel | Group]], types: Sequence[tuple[str, ...]], settings: Settings
) -> list[Prediction | None]:
    """Return the band of each channel or group; None where there is none, as for `bounded_columns`.

    Args:
        placed: channels or groups, each with its batch.
        types: the stored types of the samples that batches index.
        settings: the layer.
    """
    fits, whole = stored_types(types, settings.dtype)
    layouts: dict[int, tuple[TensorLayout, bool, bool]] = {}
    alike: dict[TensorLayout, list[int]] = {}
    for place, (batch, _) in enumerate(placed):
        if id(batch) not in layouts:
            samples = list(batch.samples)
            layouts[id(batch)] = TensorLayout.of(batch), bool(fits[samples].all()), bool(whole[samples].any())
        alike.setdefault(layouts[id(batch)][0], []).append(place)
    found: list[Prediction | None] = [None] * len(placed)
    for layout, places in alike.items():
        parts = [placed[place][1] for place in places]
        told = np.array([layouts[id(placed[place][0])][1:] for place in places], bool)
        values = PartValues.of(parts)
        exact = is_exact(values.largest, told[:, 0], told[:, 1], settings.dtype)
        columns = bounded_columns(values, layout, exact, settings)
        bands = columns.listed([part.mean for part in parts], [part.variance for part in parts])
        for place, band in zip(places, bands, strict=True):
            found[place] = band
    return found
