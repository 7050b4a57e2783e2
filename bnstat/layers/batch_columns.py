"""Batches as columns: the numbers of all of them in a few arrays, and a batch made only when someone asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.bounded import PredictionColumns
from bnstat.layers.columns import Integers, plain
from bnstat.layers.normalizers.batch import ChannelColumns
from bnstat.layers.results import Batch, Channel

Indices: TypeAlias = NDArray[np.intp]

# Batches that are made at once where all are asked for, so that few of them are held.
_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class BatchBlock:
    """Batches of one shape whose channels have the same names.

    Attributes:
        places: their places among all batches, in ascending order.
        samples: their samples as indices into those of the report, shape (batches, samples).
        input_shape: shape of the batched tensor.
        axis: the axis of the tensor that holds the channels.
        reduction_axes: the reduced axes.
        names: names of the channels, if all samples of each batch agree on them.
        channels: the results, shape (batches, channels).
        predictions: what the layer itself will report, of the same shape; None before it is known.
    """

    places: Indices
    samples: Indices
    input_shape: tuple[int, ...]
    axis: int
    reduction_axes: tuple[int, ...]
    names: tuple[str, ...]
    channels: ChannelColumns
    predictions: PredictionColumns | None = None

    def tensor(self, row: int) -> Batch:
        """Return a batch without its channels."""
        return Batch(
            index=int(self.places[row]),
            samples=tuple(self.samples[row].tolist()),
            input_shape=self.input_shape,
            axis=self.axis,
            reduction_axes=self.reduction_axes,
            names=self.names,
        )

    def made(self, rows: slice | Indices) -> Iterator[Batch]:
        """Yield some of the batches, by their rows in the block."""
        columns = self.channels[rows]
        own = columns.listed()
        if self.predictions is not None:
            own["prediction"] = self.predictions[rows].listed(own["mean"], own["variance"])
        if self.names:
            own["name"] = [*self.names] * len(columns.running_mean)
        names, number = tuple(own), columns.running_mean.shape[1]
        found = (Channel(**dict(zip(names, values, strict=True))) for values in zip(*own.values(), strict=True))
        spread = columns.statistics.std
        for row, deviations in zip(np.arange(len(self.places))[rows].tolist(), spread, strict=True):
            channels = tuple(next(found) for _ in range(number))
            yield replace(self.tensor(row), channels=channels, deviations=tuple(plain(deviations)))


@dataclass(frozen=True, eq=False)
class Batches(Sequence[Batch]):
    """Batches in the order of training. Each is in one block; blocks are in the order of their first batches."""

    blocks: tuple[BatchBlock, ...]
    _made: dict[int, Batch] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return sum(len(block.places) for block in self.blocks)

    @overload
    def __getitem__(self, place: int) -> Batch: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Batch, ...]: ...

    def __getitem__(self, place: int | slice) -> Batch | tuple[Batch, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(len(self))[place])
        at = range(len(self))[place]
        if len(self._made) > _AT_ONCE:  # so that few are held where many are asked for, one after the other
            self._made.clear()
        if at not in self._made:
            block, row = self.located[0][at], self.located[1][at]
            self._made[at] = next(self.blocks[block].made(slice(row, row + 1)))
        return self._made[at]

    def __iter__(self) -> Iterator[Batch]:
        for first in range(0, len(self), _AT_ONCE):
            block, row = (own[first : first + _AT_ONCE] for own in self.located)
            made = {at: self.blocks[at].made(row[block == at]) for at in dict.fromkeys(block.tolist())}
            for at in block.tolist():
                yield next(made[at])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @cached_property
    def located(self) -> tuple[Indices, Indices]:
        """For each batch, the number of its block and its row there."""
        number, row = (np.zeros(len(self), np.intp) for _ in range(2))
        for at, block in enumerate(self.blocks):
            number[block.places] = at
            row[block.places] = np.arange(len(block.places))
        return number, row

    def of_size(self, size: int) -> Batches:
        """Return the batches of so many samples, in their order; they are numbered anew."""
        kept = [block for block in self.blocks if block.samples.shape[1] == size]
        numbers = np.sort(np.concatenate([*(block.places for block in kept), np.zeros(0, np.intp)]))
        return Batches(tuple(replace(block, places=np.searchsorted(numbers, block.places)) for block in kept))

    def predicted(self, predictions: Sequence[PredictionColumns]) -> Batches:
        """Return the same with predictions, those of each block."""
        pairs = zip(self.blocks, predictions, strict=True)
        return Batches(tuple(replace(block, predictions=own) for block, own in pairs))


def without_results(batches: Sequence[Batch], places: Sequence[int]) -> Iterator[Batch]:
    """Yield some of the batches, those of columns without their channels, which rules on a whole batch do not need."""
    if not isinstance(batches, Batches):
        yield from (batches[place] for place in places)
        return
    for place in places:
        block, row = batches.located[0][place], batches.located[1][place]
        yield batches.blocks[block].tensor(int(row))


def any_clipped(batches: Sequence[Batch]) -> bool:
    """Return True if it is known of some channel or group how many values a step clips; columns do not know it."""
    if isinstance(batches, Batches):
        return False
    return any(part.clipped is not None for batch in batches for part in batch.parts)


def batches_of_samples(batches: Sequence[Batch]) -> dict[int, int]:
    """Return the index of the batch of each sample, by its place."""
    if not isinstance(batches, Batches):
        return {place: batch.index for batch in batches for place in batch.samples}
    found: dict[int, int] = {}
    for block in batches.blocks:
        size = block.samples.shape[1]
        found |= zip(block.samples.reshape(-1).tolist(), np.repeat(block.places, size).tolist(), strict=True)
    return found


def of_uneven_channels(batches: Sequence[Batch], ratio: float) -> Iterator[Batch]:
    """Yield the batches with a channel whose deviation is more than so many times another's: all, if not columns."""
    if not isinstance(batches, Batches):
        yield from batches
        return
    found: list[int] = []
    for block in batches.blocks:
        deviations = block.channels.statistics.std
        varies = np.isfinite(deviations) & (deviations > 0)
        least = np.where(varies, deviations, np.inf).min(axis=1, initial=np.inf)
        most = np.where(varies, deviations, 0.0).max(axis=1, initial=0.0)
        found += block.places[most / least > ratio].tolist()
    yield from (batches[place] for place in sorted(found))


def of_each_layout(batches: Sequence[Batch]) -> Iterator[Batch]:
    """Yield a batch for each layout and its names that are known to be one: every batch, if they are no columns."""
    return (batch for batch, _ in alike(batches))


def alike(batches: Sequence[Batch]) -> Iterator[tuple[Batch, int]]:
    """Yield a batch of each layout and its names, and how many there are: every batch, if they are no columns."""
    if isinstance(batches, Batches):
        yield from ((batches[int(block.places[0])], len(block.places)) for block in batches.blocks)
    else:
        yield from ((batch, 1) for batch in batches)


@dataclass(frozen=True, eq=False)
class Counted:
    """Batches of one layout.

    Attributes:
        batch: one of them, which may have no channels.
        counts: for each of their channels or groups, the number of values that are normalized together.
        number: how many they are.
    """

    batch: Batch
    counts: Integers
    number: int


def counts_of_layouts(batches: Sequence[Batch]) -> list[Counted]:
    """Return the batches of each layout, in the order of the first of them: each batch, if they are no columns."""
    if isinstance(batches, Batches):
        return [
            Counted(block.tensor(0), block.channels.statistics.count.reshape(-1), len(block.places))
            for block in batches.blocks
        ]
    return [Counted(batch, np.array([part.count for part in batch.parts], np.int64), 1) for batch in batches]
