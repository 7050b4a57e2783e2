"""What the framework's own arithmetic makes of each variance in a report: a band, or the very number.

`arithmetic.bounds` bounds it from moments. For presets that add float32 values one after the other,
`arithmetic.emulation` does the same sums again. For that the voxels are read a second time, in the order of the tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, prod

import numpy as np

from bnstat.layers.arithmetic import bounds
from bnstat.layers.arithmetic.arithmetics import FUSED, Arithmetic, Instead
from bnstat.layers.arithmetic.bands import FLOAT32_MAX, FLOAT32_TINY, SHARED_VOXELS
from bnstat.layers.arithmetic.running_sums import Layout
from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.moments import tensor_order
from bnstat.moments.input_type import InputType
from bnstat.preprocessing.samples import Row
from bnstat.reading.table import Table

# Whole numbers up to here are exact in a type.
_EXACT_INTEGERS: dict[InputType, int] = {"float32": 2**24, "float16": 2**11, "bfloat16": 2**8}


def predict(batches: Sequence[Batch], table: Table, settings: Settings) -> tuple[Batch, ...]:
    """Fill batches with what the layer itself will report.

    Args:
        batches: with their statistics.
        table: whose rows batches index; it keeps sums that other layers may share.
        settings: the layer, the type of its input, and the framework's threads.

    Raises:
        InputError: if a file cannot be read a second time.
    """
    if settings.kind in ("rms", "weight-init"):  # whose arithmetic was not measured
        return tuple(batches)
    return tuple(_batch(batch, table, settings) for batch in batches)


def second_pass(batch: Batch, settings: Settings) -> bool:
    """Return True if the voxels of a batch are read again."""
    arithmetic = _arithmetic(batch, settings)
    of_groups = arithmetic.sums == "groups"
    return (
        settings.emulate
        and settings.kind in (("group",) if of_groups else ("batch", "renorm"))
        and (not of_groups or _voxels(batch.parts[0], batch) > 1)  # one voxel lies as channels first does, too
        and arithmetic.is_emulated(batch.channel_count)
        and (settings.dtype == "float32" or arithmetic.emulates_half)
        and (settings.framework.upcasts or settings.dtype != "bfloat16")  # tf.nn.moments computes in bfloat16 itself
    )


def depends_on_registers(batch: Batch, settings: Settings) -> bool:
    """Return True if the width of the processor's registers decides the order of the sums, whatever the threads."""
    return _arithmetic(batch, settings).sums == "groups" and _voxels(batch.parts[0], batch) < SHARED_VOXELS


def _arithmetic(batch: Batch, settings: Settings) -> Arithmetic:
    """Return how the layer sums a tensor: as its preset says, but for layouts in which it sums otherwise.

    TensorFlow's fused op takes tensors of four and five axes only.
    """
    axes = len(batch.input_shape)
    own = settings.framework.arithmetic
    arithmetic = FUSED.get(axes, own) if settings.framework.fused else own
    return arithmetic.in_layout(channels=batch.channel_count, last=batch.axis == axes - 1)


def _batch(batch: Batch, table: Table, settings: Settings) -> Batch:
    """Return the batch with a prediction for each channel or group."""
    rows = [table.rows[place] for place in batch.samples]
    bands = [bounded(part, batch, rows, settings) for part in batch.parts]
    readable = all(row.parts for row in rows)  # moments from a file have no voxels
    if readable and second_pass(batch, settings) and any(band is not None for band in bands):
        sums = _shared_sums(batch, table, settings)
        processors = _arithmetic(batch, settings).emulated_on
        bands = [
            None if band is None else replace(_with_emulated(band, sums, place, settings), processors=processors)
            for place, band in enumerate(bands)
        ]
    if batch.groups:
        groups = zip(batch.groups, bands, strict=True)
        return replace(batch, groups=tuple(replace(group, prediction=band) for group, band in groups))
    channels = zip(batch.channels, bands, strict=True)
    return replace(batch, channels=tuple(replace(channel, prediction=band) for channel, band in channels))


def bounded(part: Channel | Group, batch: Batch, rows: Sequence[Row], settings: Settings) -> Prediction | None:
    """Return the band of one channel or group; None where it has no variance, or the layer refuses to compute one.

    There is none either for values that no float32 holds: the layer gets Inf for them. Nor is there one for the single
    value that a mask leaves: the layer has no mask, and gets all voxels.
    """
    if part.count == 1 and settings.preparation.mask is not None:
        return None
    if part.mean is None or part.variance is None or part.minimum is None or part.maximum is None:
        return None
    beyond = max(abs(part.minimum), abs(part.maximum)) > FLOAT32_MAX
    if beyond or settings.refuses(part.count, len(batch.samples)) or settings.epsilon_refusal is not None:
        return None
    arithmetic = _arithmetic(batch, settings)
    rounded = not all(_is_exact(row, part, settings.dtype) for row in rows)
    values = _stored(part, batch, rounded=rounded)
    # the bound of the arithmetic, and of those that rules judge by where it stands for several
    own, *judged = (_bound(one, values, settings) for one in (arithmetic, *arithmetic.judged))
    return Prediction(
        kind="accurate" if own.accurate else "bounded",
        mean=part.mean,
        variance=part.variance,
        low=_defined(own.low),
        high=_defined(own.high),
        nan_possible=any(one.nan_possible for one in (own, *judged)) and not _takes_zero(settings),
        overflows=own.overflows,
        running_overflows=own.running_overflows,
        judged=_hull(judged or [own]),
        rounded=rounded,
    )


def _stored(part: Channel | Group, batch: Batch, *, rounded: bool) -> bounds.StoredValues:
    """Return what the layer gets."""
    return bounds.StoredValues(
        count=part.count,
        mean=part.mean or 0.0,
        variance=part.variance or 0.0,
        minimum=part.minimum or 0.0,
        maximum=part.maximum or 0.0,
        constant=part.constant,
        channels=len(batch.parts),
        samples=_samples(part, batch),
        divided=_divided(part, batch),
        voxels=_voxels(part, batch),
        inner=_inner(part, batch),
        rounded=rounded,
    )


def _bound(arithmetic: Arithmetic, values: bounds.StoredValues, settings: Settings) -> bounds.Bounds:
    upcasts = settings.framework.upcasts
    return bounds.bound(arithmetic, values, epsilon=settings.added, dtype=settings.dtype, upcasts=upcasts)


def _hull(several: Sequence[bounds.Bounds]) -> tuple[float, float] | None:
    ends = [end for one in several for end in (one.low, one.high)]
    return (min(ends), max(ends)) if all(isfinite(end) for end in ends) else None


# --- What could be done about it ----------------------------------------------------------------------------------


def alternatives(batch: Batch, settings: Settings) -> tuple[Instead, ...]:
    """Return what a user can do to get another arithmetic for a batch."""
    return _arithmetic(batch, settings).instead


def judged_after(
    part: Channel | Group,
    batch: Batch,
    settings: Settings,
    *,
    instead: Instead | None = None,
    subtracted: float = 0.0,
    parts: int = 1,
) -> tuple[float, float] | None:
    """Return the least and the greatest variance that rules would judge after a change; None if nothing bounds it.

    Args:
        part: a channel or group with a prediction.
        batch: the batch that has it.
        settings: the layer; another type of its input is a change, too.
        instead: another arithmetic for it.
        subtracted: a constant that is subtracted from the values before they are rounded to the input's type.
        parts: how many times fewer voxels a sample has.
    """
    if part.prediction is None:
        return None
    values = _stored(part, batch, rounded=part.prediction.rounded)
    moved = replace(
        values,
        mean=values.mean - subtracted,
        minimum=values.minimum - subtracted,
        maximum=values.maximum - subtracted,
        count=max(values.count // parts, 1),
        voxels=None if values.voxels is None else max(values.voxels // parts, 1),
        samples=max(values.samples // parts, 1) if values.divided and values.samples else values.samples,
    )
    arithmetic = _arithmetic(batch, settings) if instead is None else instead.arithmetic
    return _hull([_bound(one, moved, settings) for one in arithmetic.judged or (arithmetic,)])


def _takes_zero(settings: Settings) -> bool:
    """Return True if the layer adds no ε, and returns no NaN for a variance of 0 all the same."""
    return settings.added == 0 and settings.framework.zero_divided == "zero"


def _divided(part: Channel | Group, batch: Batch) -> bool:
    """Return True if axes on both sides of a kept one are reduced."""
    if isinstance(part, Group):
        return 1 < len(part.channels) < batch.channel_count
    return prod(batch.input_shape[: batch.axis]) > 1 and prod(batch.input_shape[batch.axis + 1 :]) > 1


def _inner(part: Channel | Group, batch: Batch) -> bool:
    """Return True if the innermost axis that has more than one entry is among those that are reduced."""
    if isinstance(part, Group) and len(part.channels) > 1:
        return True
    return prod(batch.input_shape[batch.axis + 1 :]) > 1 or batch.channel_count == 1


def _samples(part: Channel | Group, batch: Batch) -> int:
    """Return how many samples are reduced together. For the order of sums, all axes before the kept one are samples."""
    if isinstance(part, Group):
        return part.count // len(part.channels) if _divided(part, batch) else 1
    before = batch.input_shape[: batch.axis] if batch.axis < len(batch.input_shape) - 1 else batch.input_shape[:1]
    return prod(before)


def _voxels(part: Channel | Group, batch: Batch) -> int:
    """Return how many values a channel has in one sample."""
    return part.count // (len(part.channels) if isinstance(part, Group) else len(batch.samples))


def _is_exact(row: Row, part: Channel | Group, dtype: InputType) -> bool:
    """Return True if the stored values of a sample are numbers of the input's type: the layer gets them as they are."""
    if not row.types:
        return False
    types = [np.dtype(name) for name in row.types]
    if any(one.kind in "iub" for one in types) and (
        max(abs(part.minimum or 0), abs(part.maximum or 0)) > _EXACT_INTEGERS[dtype]
    ):
        return False
    widest = {"float32": 4, "float16": 2, "bfloat16": 0}[dtype]
    return all(one.kind in "iub" or one.itemsize <= widest for one in types)


def _defined(number: float) -> float | None:
    return number if isfinite(number) else None


@dataclass(frozen=True)
class _Sums:
    """The results of `emulation`, a number for each channel.

    Attributes:
        mean: None if it depends on an unknown number of threads.
        variance: biased; None if it depends on that number too.
        low, high: the least and the greatest variance over all numbers of threads.
    """

    mean: list[float] | None
    variance: list[float] | None
    low: list[float]
    high: list[float]


def _shared_sums(batch: Batch, table: Table, settings: Settings) -> _Sums:
    """Return the sums of a batch, done once for all layers that sum alike."""
    rounded = settings.framework.upcasts or settings.dtype == "float32"
    arithmetic = _arithmetic(batch, settings)
    groups = settings.groups if arithmetic.sums == "groups" else None
    key = (batch.samples, settings.dtype, settings.threads, arithmetic.name, rounded, groups)
    sums = table.summed.get(key)
    if not isinstance(sums, _Sums):
        sums = _emulated(batch, [table.rows[place] for place in batch.samples], settings)
        table.summed[key] = sums
    return sums


def _emulated(batch: Batch, rows: Sequence[Row], settings: Settings) -> _Sums:
    """Read the voxels of a batch again, and sum them as the framework does."""
    places = [tensor_order.StoredSample(row.parts, row.tensor, row.sample.index) for row in rows]
    layout = Layout(len(rows), _voxels(batch.parts[0], batch), batch.channel_count)
    arithmetic = _arithmetic(batch, settings)

    def voxels() -> Iterator[tensor_order.Floats]:
        return tensor_order.batch_voxels(places, settings.dtype)

    from bnstat.layers.arithmetic import emulation, grouped

    if arithmetic.sums == "groups":
        emulated = grouped.emulate_groups(voxels, layout, settings.groups or 1, threads=settings.threads)
    else:
        emulated = emulation.emulate(arithmetic, voxels, layout, threads=settings.threads)
    if emulated.mean is None or emulated.variance is None:
        return _Sums(None, None, emulated.low.tolist(), emulated.high.tolist())
    pair = [np.asarray(one, np.float64) for one in (emulated.mean, emulated.variance)]
    if not settings.framework.upcasts:  # the result goes back to the type of the input
        pair = [tensor_order.rounded_to(one.astype(np.float32), settings.dtype).astype(np.float64) for one in pair]
    mean, variance = (one.tolist() for one in pair)
    return _Sums(mean, variance, variance, variance)


def _with_emulated(band: Prediction, sums: _Sums, place: int, settings: Settings) -> Prediction:
    """Return the prediction of one channel with the emulated numbers in place of its band."""
    low, high = sums.low[place], sums.high[place]
    if (low, high) == (0.0, inf):  # numbers of threads that were tried do not tell what others give
        return band
    if not (isfinite(low) and isfinite(high)):
        return replace(band, overflows=True, nan_possible=True)
    if sums.mean is None or sums.variance is None:
        return replace(band, kind="bounded", low=low, high=high, judged=(low, high))
    return replace(
        band,
        kind="emulated",
        mean=sums.mean[place],
        variance=sums.variance[place],
        low=low,
        high=high,
        judged=(low, high),
        nan_possible=low < FLOAT32_TINY if settings.added == 0 else low + (settings.added or 0.0) < 0,
    )
