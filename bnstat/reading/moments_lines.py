"""The samples of a moments file as columns, and a line of the file only when someone asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np

from bnstat.moments.few_values import Distinct
from bnstat.preprocessing.clipped_values import ClippedChannels
from bnstat.reading.moments_block import numbers_of
from bnstat.reading.moments_line import (
    MomentsLine,
    Stamp,
    clipped_of,
    distinct_of,
    sample_of,
    settings_of,
)
from bnstat.reading.moments_schema import LineFields
from bnstat.reading.rows import Block, Rows, together
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Sample


@dataclass(frozen=True, eq=False)
class Lines(Sequence[MomentsLine]):
    """Lines of a moments file. Each of the lists has an entry for each line; the attributes are those of `MomentsLine`.

    Attributes:
        rows: the samples.
        settings: the settings that each was read with.
        stamps: the stamps of their files.
        places: the number of each sample in its case.
        samples: the number of samples of its case.
        starts: where each case starts, if the lines are sorted by case; at the end, the number of lines.
    """

    rows: Rows
    settings: tuple[ScanSettings, ...]
    stamps: tuple[tuple[int | None, int | None], ...]
    places: tuple[int, ...]
    samples: tuple[int, ...]
    starts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.settings)

    @overload
    def __getitem__(self, place: int) -> MomentsLine: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[MomentsLine, ...]: ...

    def __getitem__(self, place: int | slice) -> MomentsLine | tuple[MomentsLine, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(len(self))[place])
        return MomentsLine(
            self.rows[place],
            self.settings[place],
            Stamp(*self.stamps[place]),
            self.places[place],
            self.samples[place],
        )

    def __iter__(self) -> Iterator[MomentsLine]:
        return (self[place] for place in range(len(self)))

    @property
    def cases(self) -> Iterator[tuple[MomentsLine, ...]]:
        """The lines of each case."""
        return (self[first:last] for first, last in pairwise(self.starts))

    def taken(self, places: Sequence[int], starts: Sequence[int]) -> Lines:
        """Return some of the lines, in the order of their places, and where each case of them starts."""
        if len(places) == len(self) and all(map(int.__eq__, places, range(len(self)))):
            return Lines(self.rows, self.settings, self.stamps, self.places, self.samples, tuple(starts))
        return Lines(
            self.rows.taken(places),
            tuple([self.settings[place] for place in places]),
            tuple([self.stamps[place] for place in places]),
            tuple([self.places[place] for place in places]),
            tuple([self.samples[place] for place in places]),
            tuple(starts),
        )


class Gathering:
    """Lines that are gathered in blocks, in the order of the file."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._tensors: list[Tensor] = []
        self._types: list[tuple[str, ...]] = []
        self._clipped: list[ClippedChannels] = []
        self._distinct: list[tuple[Distinct | None, ...]] = []
        self._settings: list[ScanSettings] = []
        self._stamps: list[tuple[int | None, int | None]] = []
        self._numbers: list[tuple[int, int]] = []
        self._moments: dict[object, list[Block]] = {}
        # values that many lines share, each once
        self._shared: dict[object, Any] = {}

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, lines: Sequence[LineFields]) -> None:
        """Add lines up to the first that is damaged.

        Raises:
            ValueError: if one is damaged; those before it were added.
        """
        first = len(self)
        numbers = numbers_of(lines)
        damaged: ValueError | None = None
        for place, line in enumerate(lines):
            damaged = numbers.damaged.get(place)
            if damaged is not None:
                break
            try:
                settings = settings_of(line.settings)
            except ValueError as error:
                damaged = error
                break
            self._add(line, settings)
        for places, moments in numbers.found:
            within = [place for place in places if first + place < len(self)]
            if within:
                # they are in order, so that those before a damaged line come first
                block = Block(np.array(within, np.intp) + first, moments[: len(within)])
                self._moments.setdefault(block.key, []).append(block)
        if damaged is not None:
            raise damaged

    def _add(self, line: LineFields, settings: ScanSettings) -> None:
        """Add all of a line but its moments."""
        shared = self._shared.setdefault
        self._samples.append(sample_of(line, shared))
        tensor = self._shared.get((line.tensor, line.axis))
        if tensor is None:
            tensor = shared((line.tensor, line.axis), Tensor(line.tensor, line.axis))
        self._tensors.append(tensor)
        self._types.append(shared(line.types, line.types))
        self._clipped.append(clipped_of(line))
        self._distinct.append(distinct_of(line))
        self._settings.append(settings)
        self._stamps.append((line.bytes, line.mtime_ns))
        self._numbers.append((line.place, line.samples))

    def lines(self) -> Lines:
        """Return all lines that were added."""
        places, samples = zip(*self._numbers, strict=True) if self._numbers else ((), ())
        rows = Rows(
            tuple(self._samples),
            tuple(self._tensors),
            tuple(self._types),
            tuple(self._clipped),
            tuple(self._distinct),
            tuple(together(some) for some in self._moments.values()),
        )
        return Lines(rows, tuple(self._settings), tuple(self._stamps), places, samples)
