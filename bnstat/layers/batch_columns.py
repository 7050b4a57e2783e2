"""Batches as columns: the numbers of all of them in a few arrays, and a batch made only when someone asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.bounded import PredictionColumns
from bnstat.layers.columns import Integers, plain
from bnstat.layers.normalizers.batch import ChannelColumns
from bnstat.layers.results import Batch, Channel

Indices: TypeAlias = NDArray[np.intp]

# Channels that are made at once where many are asked for, so that few of them are held, and batches that are kept.
_AT_ONCE, _MOST_KEPT = 8192, 1024


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

    def tensor(self, row: int, channels: tuple[Channel, ...] = (), deviations: tuple[float | None, ...] = ()) -> Batch:
        """Return a batch, by its row in the block, with these channels and their deviations."""
        return Batch(
            index=int(self.places[row]),
            samples=tuple(self.samples[row].tolist()),
            input_shape=self.input_shape,
            axis=self.axis,
            reduction_axes=self.reduction_axes,
            channels=channels,
            deviations=deviations,
            names=self.names,
        )

    def made(self, rows: Indices) -> Iterator[Batch]:
        """Yield some of the batches, by their rows in the block."""
        number = self.channels.running_mean.shape[1]
        every = np.repeat(rows, number), np.tile(np.arange(number), len(rows))
        found, spread = self.cells(*every), plain(self.channels.statistics.std[every])
        for at, row in enumerate(rows.tolist()):
            channels = tuple(islice(found, number))
            yield self.tensor(row, channels, tuple(spread[at * number : (at + 1) * number]))

    def cells(self, rows: Indices, channels: Indices) -> Iterator[Channel]:
        """Yield single channels, by their rows in the block and their places in the batch."""
        own = self.channels[rows, channels].listed()
        own["channel"] = channels.tolist()
        if self.predictions is not None:
            own["prediction"] = self.predictions[rows, channels].listed(own["mean"], own["variance"])
        if self.names:
            own["name"] = [self.names[channel] for channel in own["channel"]]
        names = tuple(own)
        return (Channel(**dict(zip(names, values, strict=True))) for values in zip(*own.values(), strict=True))


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
        if len(self._made) > _MOST_KEPT:  # so that few are held where many are asked for, one after the other
            self._made.clear()
        if at not in self._made:
            block, row = self.located[0][at], self.located[1][at : at + 1]
            self._made[at] = next(self.blocks[block].made(row))
        return self._made[at]

    def __iter__(self) -> Iterator[Batch]:
        widest = max((block.channels.running_mean.shape[1] for block in self.blocks), default=1)
        for some in _pieces(len(self), max(_AT_ONCE // max(widest, 1), 1)):
            block, row = (own[some] for own in self.located)
            made = {at: self.blocks[at].made(row[block == at]) for at in dict.fromkeys(block.tolist())}
            for at in block.tolist():
                yield next(made[at])

    def cells(self, batches: Indices, channels: Indices) -> Iterator[tuple[Batch, Channel]]:
        """Yield single channels, by their batches and their places there, each with its batch, which has no channels.

        A batch of a thousand channels is not made for the one that is asked for.
        """
        for some in _pieces(len(batches), _AT_ONCE):
            block, row = (own[batches[some]] for own in self.located)
            places = channels[some]
            made = {
                at: self.blocks[at].cells(row[block == at], places[block == at]) for at in dict.fromkeys(block.tolist())
            }
            before, batch = None, None
            for at, own in zip(block.tolist(), row.tolist(), strict=True):
                if batch is None or before != (at, own):
                    before, batch = (at, own), self.blocks[at].tensor(own)
                yield batch, next(made[at])

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


def _pieces(number: int, most: int) -> Iterator[slice]:
    """Yield so many entries in pieces, which grow: often the first of them is all that is looked at."""
    start, size = 0, 1
    while start < number:
        yield slice(start, start + size)
        start, size = start + size, min(2 * size, most)


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


def first_counts(batches: Sequence[Batch]) -> set[tuple[int, int]]:
    """Return how many values the first channel or group of each batch has, and how many samples it has, once each."""
    if not isinstance(batches, Batches):
        return {(batch.parts[0].count, len(batch.samples)) for batch in batches}
    blocks = ((block.channels.statistics.count[:, 0], block.samples.shape[1]) for block in batches.blocks)
    return {(count, samples) for counts, samples in blocks for count in np.unique(counts).tolist()}
