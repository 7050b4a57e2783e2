"""What the framework's own arithmetic makes of each variance in a report: a band, or the very number.

`precision` bounds it from moments. For presets that add float32 values one after the other, `emulation` does the same
sums again, for which the voxels are read a second time, in the order of the tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bnstat.layers.arithmetic import bounds
from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import InputType, Settings
from bnstat.preprocessing.samples import Row
from bnstat.reading.table import Table

if TYPE_CHECKING:
    from bnstat.layers.arithmetic.emulation import Fused

# Of plain "keras": the sums of its backends without TensorFlow's, whose band is too wide to judge a channel by.
_HULL, _JUDGED = "hull", ("tree", "one-pass-cascade")

# What `emulation` can do again.
_SEQUENTIAL = ("sequential", "threads", "lanes")

# Whole numbers up to here are exact in a type.
_EXACT_INTEGERS: dict[InputType, int] = {"float32": 2**24, "float16": 2**11, "bfloat16": 2**8}


def predict(batches: Sequence[Batch], table: Table, settings: Settings) -> tuple[Batch, ...]:
    """Fill batches with what the layer itself will report.

    Args:
        batches: with their statistics.
        table: whose rows batches index; it keeps sums that other layers may share.
        settings: whose layer, the type of its input, its threads.

    Raises:
        InputError: a file cannot be read a second time.
    """
    if settings.kind in ("rms", "weight-init"):  # whose arithmetic was not measured
        return tuple(batches)
    return tuple(_batch(batch, table, settings) for batch in batches)


def second_pass(batch: Batch, settings: Settings) -> bool:
    """Whether the voxels of a batch are read again."""
    if not settings.emulate or settings.framework.arithmetic not in _SEQUENTIAL:
        return False
    from bnstat.layers.arithmetic import emulation  # noqa: PLC0415  (only presets with sequential sums need it)

    arithmetic, fused = _arithmetic(batch, settings), _fused(batch, settings)
    as_measured = settings.dtype == "float32" or (arithmetic != "threads" and fused != "onednn")
    return (
        settings.kind in ("batch", "renorm")
        and as_measured
        and (settings.framework.upcasts or settings.dtype != "bfloat16")  # tf.nn.moments computes in bfloat16 itself
        and emulation.is_emulated(arithmetic, batch.channel_count, fused=fused)
    )


def _fused(batch: Batch, settings: Settings) -> Fused | None:
    """Who computes TensorFlow's fused op, which takes tensors of four and five axes."""
    by_axes: dict[int, Fused] = {4: "onednn", 5: "eigen"}
    return by_axes.get(len(batch.input_shape)) if settings.framework.fused else None


def _batch(batch: Batch, table: Table, settings: Settings) -> Batch:
    rows = [table.rows[place] for place in batch.samples]
    bands = [_band(part, batch, rows, settings) for part in batch.parts]
    there = all(row.parts for row in rows)  # moments that were kept have no voxels
    if there and second_pass(batch, settings) and any(band is not None for band in bands):
        found = _shared(batch, table, settings)
        bands = [
            None if band is None else _with_emulated(band, found, place, settings) for place, band in enumerate(bands)
        ]
    if batch.groups:
        groups = zip(batch.groups, bands, strict=True)
        return replace(batch, groups=tuple(replace(group, prediction=band) for group, band in groups))
    channels = zip(batch.channels, bands, strict=True)
    return replace(batch, channels=tuple(replace(channel, prediction=band) for channel, band in channels))


def _band(part: Channel | Group, batch: Batch, rows: Sequence[Row], settings: Settings) -> Prediction | None:
    """The band of one channel or group; None where it has no variance, or the layer refuses to compute one.

    Nor is there one for values that no float32 holds: the layer gets Inf for them.
    """
    if part.mean is None or part.variance is None or part.minimum is None or part.maximum is None:
        return None
    beyond = max(abs(part.minimum), abs(part.maximum)) > bounds.FLOAT32_MAX
    if beyond or part.count < settings.framework.least_values:
        return None
    given: dict[str, Any] = {
        "count": part.count,
        "mean": part.mean,
        "variance": part.variance,
        "minimum": part.minimum,
        "maximum": part.maximum,
        "channels": len(batch.parts),
        "constant": part.constant,
        "epsilon": settings.epsilon,
        "dtype": settings.dtype,
        "upcasts": settings.framework.upcasts,
        "rounded": not all(_is_exact(row, part, settings.dtype) for row in rows),
        "samples": _samples(part, batch),
        "divided": _divided(part, batch),
    }
    arithmetic = _bounding(batch, settings)
    found = bounds.predict(arithmetic, **given)
    judged = [bounds.predict(one, **given) for one in (_JUDGED if arithmetic == _HULL else (arithmetic,))]
    ends = [end for one in judged for end in (one.low, one.high)]
    return Prediction(
        kind="accurate" if found.kind == "accurate" else "bounded",
        mean=found.mean,
        variance=found.variance,
        low=_defined(found.low),
        high=_defined(found.high),
        nan_possible=any(one.nan_possible for one in (found, *judged)),
        overflows=found.overflows,
        running_overflows=found.running_overflows,
        judged=(min(ends), max(ends)) if all(isfinite(end) for end in ends) else None,
    )


def _arithmetic(batch: Batch, settings: Settings) -> str:
    """That of the preset, but for layouts in which its layer sums otherwise.

    TensorFlow does where the kept axis is not the last, and PyTorch takes one channel as channels first.
    """
    arithmetic = settings.framework.arithmetic
    if arithmetic == "sequential" and batch.axis < len(batch.input_shape) - 1:
        return "blocked"
    return "float64" if arithmetic == "threads" and batch.channel_count == 1 else arithmetic


def _bounding(batch: Batch, settings: Settings) -> str:
    """Whose band it is: TensorFlow's fused op sums a single channel plainly too."""
    arithmetic = _arithmetic(batch, settings)
    fused = arithmetic in ("sequential", "blocked") and _fused(batch, settings) is not None
    return "threads" if fused else arithmetic


def _divided(part: Channel | Group, batch: Batch) -> bool:
    """Whether axes on both sides of a kept one are reduced."""
    if isinstance(part, Group):
        return 1 < len(part.channels) < batch.channel_count
    return prod(batch.input_shape[: batch.axis]) > 1 and prod(batch.input_shape[batch.axis + 1 :]) > 1


def _samples(part: Channel | Group, batch: Batch) -> int:
    """Samples that are reduced together; for the order of sums all axes before the kept one count as that."""
    if isinstance(part, Group):
        return part.count // len(part.channels) if _divided(part, batch) else 1
    before = batch.input_shape[: batch.axis] if batch.axis < len(batch.input_shape) - 1 else batch.input_shape[:1]
    return prod(before)


def _is_exact(row: Row, part: Channel | Group, dtype: InputType) -> bool:
    """Whether the stored values of a sample are numbers of the input's type: the layer gets them as they are."""
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
class _Numbers:
    """What `emulation` found, as plain lists; mean and variance None where they depend on unknown threads."""

    mean: list[float] | None
    variance: list[float] | None
    low: list[float]
    high: list[float]


def _shared(batch: Batch, table: Table, settings: Settings) -> _Numbers:
    """The sums of a batch, done once for all layers that sum alike."""
    framework = settings.framework
    alike = (_arithmetic(batch, settings), _fused(batch, settings), framework.upcasts or settings.dtype == "float32")
    key = (batch.samples, settings.dtype, settings.threads, *alike)
    found = table.summed.get(key)
    if not isinstance(found, _Numbers):
        found = _emulated(batch, [table.rows[place] for place in batch.samples], settings)
        table.summed[key] = found
    return found


def _emulated(batch: Batch, rows: Sequence[Row], settings: Settings) -> _Numbers:
    from bnstat.layers.arithmetic import emulation  # noqa: PLC0415  (only presets with sequential sums need them)
    from bnstat.moments import tensor_order  # noqa: PLC0415  (only presets with sequential sums need them)

    places = [tensor_order.Place(row.parts, row.tensor, row.sample.index) for row in rows]
    layout = emulation.Layout(len(rows), batch.parts[0].count // len(rows), batch.channel_count)
    found = emulation.emulate(
        _arithmetic(batch, settings),
        lambda: tensor_order.batch_voxels(places, settings.dtype),
        layout,
        threads=settings.threads,
        fused=_fused(batch, settings),
    )
    if found.mean is None or found.variance is None:
        return _Numbers(None, None, found.low.tolist(), found.high.tolist())
    pair = [np.asarray(one, np.float64) for one in (found.mean, found.variance)]
    if not settings.framework.upcasts:  # the result goes back to the type of the input
        pair = [tensor_order.rounded_to(one.astype(np.float32), settings.dtype).astype(np.float64) for one in pair]
    mean, variance = (one.tolist() for one in pair)
    return _Numbers(mean, variance, variance, variance)


def _with_emulated(band: Prediction, found: _Numbers, place: int, settings: Settings) -> Prediction:
    low, high = found.low[place], found.high[place]
    if not (isfinite(low) and isfinite(high)):
        return replace(band, overflows=True, nan_possible=True)
    if found.mean is None or found.variance is None:
        return replace(band, kind="bounded", low=low, high=high, judged=(low, high))
    return replace(
        band,
        kind="emulated",
        mean=found.mean[place],
        variance=found.variance[place],
        low=low,
        high=high,
        judged=(low, high),
        nan_possible=low + (settings.epsilon or 0.0) < 0,
    )
