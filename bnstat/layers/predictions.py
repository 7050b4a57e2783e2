"""What the framework's own arithmetic makes of each variance in a report: a band, or the very number.

`arithmetic.bounds` bounds it from moments. For presets that add float32 values one after the other,
`arithmetic.emulation` does the same sums again. For that the voxels are read a second time, in the order of the tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np

from bnstat.layers.arithmetic.arithmetics import Arithmetic
from bnstat.layers.arithmetic.bands import SHARED_VOXELS
from bnstat.layers.arithmetic.float_limits import FLOAT32_TINY
from bnstat.layers.arithmetic.running_sums import Layout
from bnstat.layers.batch_columns import BatchBlock, Batches, of_each_layout
from bnstat.layers.bounded import (
    PartValues,
    PredictionColumns,
    TensorLayout,
    bounded_columns,
    bounded_parts,
    is_exact,
    stored_types,
)
from bnstat.layers.results import Batch, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.moments import tensor_order
from bnstat.preprocessing.samples import Row
from bnstat.reading.table import Table


def predict(batches: Sequence[Batch], table: Table, settings: Settings) -> Sequence[Batch]:
    """Fill batches with what the layer itself will report.

    Args:
        batches: with their statistics.
        table: whose rows batches index; it keeps sums that other layers may share.
        settings: the layer, the type of its input, and the framework's threads.

    Raises:
        InputError: if a file cannot be read a second time.
    """
    if settings.kind in ("rms", "weight-init"):  # whose arithmetic was not measured
        return batches
    types = table.rows.types
    repeated = any(table.rows.parts) and any(second_pass(batch, settings) for batch in of_each_layout(batches))
    if isinstance(batches, Batches) and not repeated:
        return batches.predicted([_block(block, types, settings) for block in batches.blocks])
    placed = [(batch, part) for batch in batches for part in batch.parts]
    bands = iter(bounded_parts(placed, types, settings))
    return tuple(_batch(batch, [next(bands) for _ in batch.parts], table, settings) for batch in batches)


def _block(block: BatchBlock, types: Sequence[tuple[str, ...]], settings: Settings) -> PredictionColumns:
    """Return the bands of all channels of a block."""
    batches, channels = block.channels.running_mean.shape
    layout = TensorLayout(block.input_shape, block.axis, block.samples.shape[1], channels, None)
    fits, whole = stored_types(types, settings.dtype)
    fit, integers = fits[block.samples].all(axis=1), whole[block.samples].any(axis=1)
    values = PartValues.of_columns(block.channels.statistics)
    exact = is_exact(values.largest, np.repeat(fit, channels), np.repeat(integers, channels), settings.dtype)
    return bounded_columns(values, layout, exact, settings).reshape((batches, channels))


def second_pass(batch: Batch, settings: Settings) -> bool:
    """Return True if the voxels of a batch are read again."""
    arithmetic = _arithmetic(batch, settings)
    of_groups = arithmetic.sums == "groups"
    return (
        settings.emulate
        and settings.kind in (("group",) if of_groups else ("batch", "renorm"))
        and (not of_groups or _voxels(batch) > 1)  # one voxel lies as channels first does, too
        and arithmetic.is_emulated(batch.channel_count)
        and (settings.dtype == "float32" or arithmetic.emulates_half)
        and (settings.framework.upcasts or settings.dtype != "bfloat16")  # tf.nn.moments computes in bfloat16 itself
    )


def depends_on_registers(batch: Batch, settings: Settings) -> bool:
    """Return True if the width of the processor's registers decides the order of the sums, whatever the threads."""
    return _arithmetic(batch, settings).sums == "groups" and _voxels(batch) < SHARED_VOXELS


def _arithmetic(batch: Batch, settings: Settings) -> Arithmetic:
    """Return how the layer sums a tensor."""
    return TensorLayout.of(batch).arithmetic(settings)


def _batch(batch: Batch, bands: Sequence[Prediction | None], table: Table, settings: Settings) -> Batch:
    """Return the batch with a prediction for each channel or group: its band, or the very numbers."""
    if _is_repeated(batch, table, settings) and any(band is not None for band in bands):
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


def _is_repeated(batch: Batch, table: Table, settings: Settings) -> bool:
    """Return True if the sums of a batch are done again; moments from a file have no voxels."""
    return second_pass(batch, settings) and all(table.rows.parts[place] for place in batch.samples)


def _voxels(batch: Batch) -> int:
    """Return how many values a channel has in one sample."""
    first = batch.parts[0]
    return first.count // (len(first.channels) if isinstance(first, Group) else len(batch.samples))


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
    layout = Layout(len(rows), _voxels(batch), batch.channel_count)
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
