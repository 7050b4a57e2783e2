"""The samples of a table as columns, in which a row is made only when someone asks for it.

Objects for each sample take the time and the memory of a large cohort; columns are a few arrays, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.few_values import Distinct
from bnstat.moments.moments import Moments
from bnstat.preprocessing.clipped_values import ClippedChannels
from bnstat.preprocessing.samples import Row
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Sample

T = TypeVar("T")

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Block:
    """Samples with one number of channels, and one type of their extremes.

    Attributes:
        places: their places among the rows, in ascending order.
        moments: their moments, shape (samples, channels).
    """

    places: Indices
    moments: Moments

    @property
    def key(self) -> tuple[int, np.dtype[Any]]:
        """What the samples of a block share: the number of channels, and the type of the extremes."""
        return self.moments.shape[1], self.moments.minimum.dtype


def together(blocks: Sequence[Block]) -> Block:
    """Return blocks of the same key as one, the places of one after those of the other."""
    if len(blocks) == 1:
        return blocks[0]
    places = np.concatenate([block.places for block in blocks])
    moments = Moments.join([block.moments for block in blocks], axis=0)
    if (np.diff(places) > 0).all():
        return Block(places, moments)
    order = np.argsort(places)
    return Block(places[order], moments[order])


@dataclass(frozen=True, eq=False)
class Rows(Sequence[Row]):
    """Rows of a table. Each of the lists has an entry for each row, in order; the attributes are those of `Row`.

    Attributes:
        samples: the identities.
        tensors: the shapes and kept axes.
        types: the stored types.
        clipped: how many values a step clips.
        distinct: the distinct values.
        blocks: the moments; each row is in one block.
        rest: further attributes that only rows of volumes have, by their names.
    """

    samples: tuple[Sample, ...]
    tensors: tuple[Tensor, ...]
    types: tuple[tuple[str, ...], ...]
    clipped: tuple[ClippedChannels, ...]
    distinct: tuple[tuple[Distinct | None, ...], ...]
    blocks: tuple[Block, ...]
    rest: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Rows:
        """Return rows as columns."""
        if isinstance(rows, Rows):
            return rows
        listed = tuple(rows)
        alike: dict[object, list[int]] = {}
        for place, row in enumerate(listed):
            alike.setdefault((row.moments.shape[0], row.moments.minimum.dtype), []).append(place)
        return cls(
            samples=tuple(row.sample for row in listed),
            tensors=tuple(row.tensor for row in listed),
            types=tuple(row.types for row in listed),
            clipped=tuple(row.clipped for row in listed),
            distinct=tuple(row.distinct for row in listed),
            blocks=tuple(
                Block(np.array(places, np.intp), Moments.stack([listed[place].moments for place in places]))
                for places in alike.values()
            ),
            rest=tuple(
                (name, tuple(getattr(row, name) for row in listed))
                for name in ("parts", "notes", "zeros", "operations")
            ),
        )

    @classmethod
    def joined(cls, several: Sequence[Rows]) -> Rows:
        """Return the rows of several tables, one table after the other."""
        parts = [part for part in several if len(part)]
        if len(parts) == 1:
            return parts[0]
        blocks: dict[object, list[Block]] = {}
        first = 0
        for part in parts:
            for block in part.blocks:
                blocks.setdefault(block.key, []).append(Block(block.places + first, block.moments))
            first += len(part)
        named = dict.fromkeys(name for part in parts for name, _ in part.rest)
        return cls(
            samples=tuple(chain.from_iterable(part.samples for part in parts)),
            tensors=tuple(chain.from_iterable(part.tensors for part in parts)),
            types=tuple(chain.from_iterable(part.types for part in parts)),
            clipped=tuple(chain.from_iterable(part.clipped for part in parts)),
            distinct=tuple(chain.from_iterable(part.distinct for part in parts)),
            blocks=tuple(together(some) for some in blocks.values()),
            rest=tuple((name, tuple(chain.from_iterable(part._rest(name) for part in parts))) for name in named),
        )

    def _rest(self, name: str) -> tuple[Any, ...]:
        """Return a further attribute of all rows; for rows that lack it, the default of `Row`."""
        return dict(self.rest).get(name) or (getattr(Row, name),) * len(self)

    @cached_property
    def parts(self) -> tuple[tuple[CaseFile, ...], ...]:
        """The files that the voxels of each sample can be read from again."""
        return self._rest("parts")

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Rows: ...

    def __getitem__(self, place: int | slice) -> Row | Rows:
        if isinstance(place, slice):
            return self.taken(range(len(self))[place])
        block, position = self._at(range(len(self))[place])
        return Row(
            self.samples[place],
            block.moments[position],
            self.tensors[place],
            types=self.types[place],
            clipped=self.clipped[place],
            distinct=self.distinct[place],
            **{name: column[place] for name, column in self.rest},
        )

    def __iter__(self) -> Iterator[Row]:
        return (self[place] for place in range(len(self)))

    def _at(self, place: int) -> tuple[Block, int]:
        """Return the block of a row, and the place of the row in it."""
        if len(self.blocks) == 1:
            return self.blocks[0], place
        number, position = self.located
        return self.blocks[number[place]], int(position[place])

    @cached_property
    def located(self) -> tuple[Indices, Indices]:
        """For each row, the number of its block and its place there."""
        number, position = (np.zeros(len(self), np.intp) for _ in range(2))
        for at, block in enumerate(self.blocks):
            number[block.places] = at
            position[block.places] = np.arange(len(block.places))
        return number, position

    def taken(self, places: Sequence[int] | Indices) -> Rows:
        """Return some of the rows, in the order of their places; a place may be given more than once."""
        wanted = np.asarray(places, np.intp)
        if len(wanted) == len(self) and bool((wanted == np.arange(len(self))).all()):
            return self
        number, position = self.located
        blocks = []
        for at, block in enumerate(self.blocks):
            found = np.flatnonzero(number[wanted] == at)
            if len(found):
                blocks.append(Block(found, block.moments[position[wanted[found]]]))
        listed: list[int] = wanted.tolist()
        return Rows(
            samples=_taken(self.samples, listed),
            tensors=_taken(self.tensors, listed),
            types=_taken(self.types, listed),
            clipped=_taken(self.clipped, listed),
            distinct=_taken(self.distinct, listed),
            blocks=tuple(blocks),
            rest=tuple((name, _taken(column, listed)) for name, column in self.rest),
        )

    @property
    def channels(self) -> int | None:
        """The number of channels that all samples have; None if they differ in it, or there is none."""
        found = {block.moments.shape[1] for block in self.blocks}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def moments(self) -> Moments:
        """The moments of all samples, shape (samples, channels), if these have one number of channels.

        Extremes of several types are put into one that rounds none of them. Rows of one block cost nothing.
        """
        if len(self.blocks) == 1:
            return self.blocks[0].moments
        order = np.argsort(np.concatenate([block.places for block in self.blocks]))
        return Moments.join([block.moments for block in self.blocks], axis=0)[order]


def _taken(column: tuple[T, ...], places: list[int]) -> tuple[T, ...]:
    return tuple([column[place] for place in places])
