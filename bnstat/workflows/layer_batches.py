"""The batches of a report: samples that one training step takes, with what the layer computes for them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import UsageError
from bnstat.layers.batch_columns import BatchBlock, Batches
from bnstat.layers.normalizers import normalize
from bnstat.layers.normalizers.batch import ChannelColumns, columns_of
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.moments.entries import entries_of
from bnstat.moments.moments import Moments
from bnstat.preprocessing.clipped_values import together
from bnstat.preprocessing.samples import Row
from bnstat.reading.rows import Rows
from bnstat.sources.layout import Tensor
from bnstat.text import by

T = TypeVar("T", bound=Hashable)

Indices: TypeAlias = NDArray[np.intp]

# Cells of the table that are merged at once, which takes some tens of megabytes.
_AT_ONCE = 1 << 16


def batches_of(places: Sequence[tuple[int, ...]], rows: Rows, settings: Settings) -> Sequence[Batch]:
    """Return batches of these samples, in the order of training, with what the layer computes for each.

    Those of batch norm are columns.

    Raises:
        UsageError: if the samples of a batch have different shapes.
    """
    alike = list(_alike(places, rows))
    if settings.kind == "batch" and not any(rows.clipped):
        blocks = (_block(some, rows, settings) for some in alike)
        return Batches(tuple(sorted(blocks, key=lambda block: int(block.places[0]))))
    found = dict(chain.from_iterable(_tables(some, rows) for some in alike))
    made = normalize([found[index] for index in range(len(places))], settings)
    return tuple(_with_clipped(batch, rows) for batch in made) if any(rows.clipped) else made


@dataclass(frozen=True)
class _Alike:
    """Batches of one size and shape, whose samples have their moments in one block.

    Attributes:
        indices: the places of the batches.
        samples: the samples of each, shape (batches, samples).
        tensor: the tensor of each of their samples.
        names: names of the channels, if all samples of each batch agree on them.
        block: the block of the moments; −1 for a single batch whose samples are in several.
    """

    indices: Indices
    samples: Indices
    tensor: Tensor
    names: tuple[str, ...]
    block: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the batched tensors."""
        return (self.samples.shape[1], *self.tensor.sample_shape)


def _alike(places: Sequence[tuple[int, ...]], rows: Rows) -> Iterator[_Alike]:
    """Yield the batches of each shape, and of each kind of names and of moments."""
    _, tensors = _numbered(rows.tensors)
    named, names = _numbered([sample.channels for sample in rows.samples])
    for indices, samples in _of_one_size(places):
        _require_one_shape(samples, tensors, rows)
        # one number for each way in which batches may differ; −1 where the samples of a batch do
        keys = np.stack([tensors[samples[:, 0]], _common(names[samples]), _common(rows.located[0][samples])], axis=1)
        _, kinds = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(kinds.reshape(-1), kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(kinds.reshape(-1)[order])) + 1):
            _, name, block = keys[some[0]].tolist()
            tensor = rows.tensors[int(samples[some[0], 0])]
            # extremes of several types are put into one for each batch by itself
            for part in [some] if block >= 0 else np.split(some, len(some)):
                yield _Alike(indices[part], samples[part], tensor, named[name] if name >= 0 else (), block)


# --- As columns ---------------------------------------------------------------------------------------------------


def _block(some: _Alike, rows: Rows, settings: Settings) -> BatchBlock:
    """Return batches with what the layer computes."""
    return BatchBlock(
        some.indices,
        some.samples,
        some.shape,
        some.tensor.axis,
        some.tensor.reduction_axes,
        some.names,
        _channels(some.samples, rows, some.block, settings),
    )


def _numbered(values: Sequence[T]) -> tuple[list[T], Indices]:
    """Return the values that differ, and for each value its number among them."""
    known: dict[T, int] = {}
    numbers = np.fromiter((known.setdefault(value, len(known)) for value in values), np.intp, len(values))
    return list(known), numbers


def _of_one_size(places: Sequence[tuple[int, ...]]) -> Iterator[tuple[Indices, Indices]]:
    """Yield the batches of each number of samples: their indices, and their samples, shape (batches, samples)."""
    sizes = np.fromiter(map(len, places), np.intp, len(places))
    for size in dict.fromkeys(sizes.tolist()):
        indices = np.flatnonzero(sizes == size)
        yield indices, np.array([places[index] for index in indices.tolist()], np.intp)


def _common(numbers: Indices) -> Indices:
    """Return for each batch the number that all of its samples have, −1 if they differ."""
    return np.where((numbers == numbers[:, :1]).all(axis=1), numbers[:, 0], -1)


def _require_one_shape(samples: Indices, tensors: Indices, rows: Rows) -> None:
    """Raise UsageError if the samples of a batch have different shapes."""
    for index in np.flatnonzero(_common(tensors[samples]) < 0).tolist():
        first, *others = (rows[place] for place in samples[index].tolist())
        for row in others:
            if row.tensor.sample_shape != first.tensor.sample_shape:
                raise UsageError(_mixed_shapes(first, row))


def _channels(samples: Indices, rows: Rows, block: int, settings: Settings) -> ChannelColumns:
    """Return the results of batches whose samples have their moments in one block, or of one batch (block −1)."""
    if block < 0:
        merged = Moments.stack([rows[place].moments for place in samples[0].tolist()]).merged(axis=0)
        return columns_of(merged.reshape((1, *merged.shape)), settings)
    moments, position = rows.blocks[block].moments, rows.located[1]
    step = max(_AT_ONCE // (samples.shape[1] * moments.shape[1]), 1)
    parts = (samples[at : at + step] for at in range(0, len(samples), step))
    pieces = (columns_of(moments[position[part]].merged(axis=1), settings) for part in parts)
    return ChannelColumns.join(pieces, len(samples))


# --- As values ----------------------------------------------------------------------------------------------------


def _tables(some: _Alike, rows: Rows) -> Iterator[tuple[int, tuple[Batch, Moments]]]:
    """Yield each batch under its index: without its numbers, and the moments of its samples."""
    if some.block < 0:
        tables = iter([Moments.stack([rows[place].moments for place in some.samples[0].tolist()])])
    else:
        tables = entries_of(rows.blocks[some.block].moments[rows.located[1][some.samples]])
    tensor = some.tensor
    for index, samples, table in zip(some.indices.tolist(), some.samples.tolist(), tables, strict=True):
        batch = Batch(index, tuple(samples), some.shape, tensor.axis, tensor.reduction_axes, names=some.names)
        yield index, (batch, table)


def _with_clipped(batch: Batch, table: Sequence[Row]) -> Batch:
    """Return a batch whose channels or groups know how many of their values a step clips."""
    rows = [table[place] for place in batch.samples]
    if not all(row.clipped for row in rows):
        return batch
    channels = tuple(
        replace(channel, clipped=together(row.clipped[channel.channel] for row in rows)) for channel in batch.channels
    )
    groups = tuple(
        replace(group, clipped=together(table[group.sample].clipped[channel] for channel in group.channels))
        for group in batch.groups
    )
    return replace(batch, channels=channels, groups=groups)


def _mixed_shapes(one: Row, other: Row) -> str:
    shapes = [f"{row.sample.title} is {by(row.tensor.sample_shape)}" for row in (one, other)]
    said = f"the samples of a batch must have one shape, but {shapes[0]} while {shapes[1]}; "
    if one.sample.patch is not None:  # patches have one size, so their channels differ
        return f"{said}give files with one number of channels, or use `batch_size=1`"
    return (
        f"{said}use `batch_size=1`, cut patches of one size as the training does (`size=(96, 96, 96)`), "
        "or compare batch sizes with bnstat compare, which takes them"
    )
