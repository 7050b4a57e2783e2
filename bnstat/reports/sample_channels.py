"""The channels of samples as columns: numbers in arrays, and values only where someone asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.columns import Doubles, Flags, Integers, plain
from bnstat.reports.evidence import SampleChannel


@dataclass(frozen=True, eq=False)
class ChannelBlock:
    """The channels of samples that have one number of them; all but `places` have the shape (samples, channels).

    Attributes:
        places: The places of the samples.
        count: As in `SampleChannel`, and so are those that follow. NaN stands for None.
        mean: The means.
        variance: The biased variances.
        constant: True where all values are equal and finite.
    """

    places: Integers
    count: Integers
    mean: Doubles
    variance: Doubles
    constant: Flags


@dataclass(frozen=True, eq=False)
class ChannelColumn:
    """One channel of all samples that have it, an entry for each; the attributes are those of `ChannelBlock`."""

    places: Integers
    count: Integers
    mean: Doubles
    variance: Doubles
    constant: Flags

    def taken(self, some: Flags) -> ChannelColumn:
        """Return those of some of the samples."""
        return ChannelColumn(
            self.places[some], self.count[some], self.mean[some], self.variance[some], self.constant[some]
        )

    @property
    def varies(self) -> Flags:
        """True where a channel is known to hold two different values."""
        return ~np.isnan(self.variance) & ~self.constant


@dataclass(frozen=True, eq=False)
class SampleChannels(Sequence[tuple[SampleChannel, ...]]):
    """The channels of each sample, in order. Each sample is in one of the blocks."""

    blocks: tuple[ChannelBlock, ...]

    @classmethod
    def of(cls, samples: Sequence[Sequence[SampleChannel]]) -> SampleChannels:
        """Return the channels of samples as columns."""
        if isinstance(samples, SampleChannels):
            return samples
        alike: dict[int, list[int]] = {}
        for place, channels in enumerate(samples):
            alike.setdefault(len(channels), []).append(place)
        return cls(tuple(_block([samples[place] for place in places], places) for places in alike.values()))

    def __len__(self) -> int:
        return sum(len(block.places) for block in self.blocks)

    @overload
    def __getitem__(self, place: int) -> tuple[SampleChannel, ...]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[SampleChannel, ...]]: ...

    def __getitem__(self, place: int | slice) -> tuple[SampleChannel, ...] | Sequence[tuple[SampleChannel, ...]]:
        if isinstance(place, slice):
            return [self[at] for at in range(len(self))[place]]
        number, row = (int(one[place]) for one in self._located)
        block = self.blocks[number]
        numbers = (block.count[row].tolist(), plain(block.mean[row]), plain(block.variance[row]))
        return tuple(map(SampleChannel, *numbers, block.constant[row].tolist()))

    @cached_property
    def _located(self) -> tuple[Integers, Integers]:
        """For each sample, the number of its block and its row there."""
        number, row = (np.zeros(len(self), np.int64) for _ in range(2))
        for at, block in enumerate(self.blocks):
            number[block.places], row[block.places] = at, np.arange(len(block.places))
        return number, row

    @property
    def most(self) -> int:
        """The most channels that a sample has."""
        return max((block.mean.shape[1] for block in self.blocks), default=0)

    @property
    def fewest(self) -> int:
        """The channels that all samples have."""
        return min((block.mean.shape[1] for block in self.blocks), default=0)

    def column(self, channel: int) -> ChannelColumn:
        """Return one channel of the samples that have it, in the order of the samples."""
        having = [block for block in self.blocks if channel < block.mean.shape[1]]
        places = np.concatenate([np.zeros(0, np.int64), *(block.places for block in having)])
        order = slice(None) if len(having) == 1 else np.argsort(places)
        return ChannelColumn(
            places[order],
            np.concatenate([np.zeros(0, np.int64), *(block.count[:, channel] for block in having)])[order],
            np.concatenate([np.zeros(0), *(block.mean[:, channel] for block in having)])[order],
            np.concatenate([np.zeros(0), *(block.variance[:, channel] for block in having)])[order],
            np.concatenate([np.zeros(0, bool), *(block.constant[:, channel] for block in having)])[order],
        )


def _block(samples: Sequence[Sequence[SampleChannel]], places: Sequence[int]) -> ChannelBlock:
    def numbers(name: str, kind: type) -> NDArray[Any]:
        values = [[getattr(one, name) for one in channels] for channels in samples]
        return np.array([[nan if one is None else one for one in row] for row in values], kind)

    return ChannelBlock(
        np.array(places, np.int64),
        numbers("count", np.int64),
        numbers("mean", np.float64),
        numbers("variance", np.float64),
        numbers("constant", np.bool_),
    )
