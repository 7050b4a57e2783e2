"""Passes over the voxels of a case: what the steps of its channels need to know next, each file being read once.

Channels with steps of their own go their own way, and may need different passes. Those that wait at the same time share
one: a file is read as often as the channel in it that needs the most passes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.counting import Counting
from bnstat.moments.moments import Moments
from bnstat.moments.one_pass import Change, scan_changed, scan_together, side_by_side
from bnstat.preprocessing.clipping import ClippedCells, ClippedCounts
from bnstat.preprocessing.file_change import Apart, FileChange
from bnstat.preprocessing.masks import Inside
from bnstat.preprocessing.nonzero_filled import FilledMask, filled_mask
from bnstat.preprocessing.operations import Affine, FilledAffine, Operation
from bnstat.sources.inflated_once import inflated_once
from bnstat.sources.layout import Arrangement
from bnstat.sources.opened import Planned
from bnstat.sources.volume import OnBytes

# The most that is held of the files of a case, uncompressed, so that several passes inflate them once: a volume of
# 256 × 256 × 256 voxels of four bytes.
_MOST_HELD_BYTES = 1 << 26

Places = NDArray[np.intp]
Number = TypeVar("Number", np.float64, np.bool_, np.intp)


class Counts(Protocol):
    """What counts values in place of reducing them to moments."""

    @property
    def groups(self) -> Places:
        """The group that each channel of each sample belongs to, shape (samples, channels)."""

    @property
    def masked(self) -> bool:
        """True if only values inside the mask are counted."""

    def of_file(self, change: FileChange, groups: Places, place: int) -> Change:
        """Return what counts the values of one file: a change without classes.

        Args:
            change: the operations before, and the mask.
            groups: the group of each cell of the file.
            place: the place of the file in its case.
        """


@dataclass(frozen=True, eq=False)
class Pass:
    """A pass over the voxels of some channels.

    Attributes:
        channels: the channels, by their place on the kept axis.
        operations: what is done to their values first, with numbers of shape (samples, channels).
        apart: the values that are counted apart from the others: "zeros", which are 0 after the operations, or those
            that are not "filled", being outside of nnU-Net's mask; None for no such.
        outside: True if values outside the mask are counted too.
        counts: what counts values in place of reducing them to moments; None to reduce them.
        clipped: counts of the values that the operations clip; None if nobody asks.
    """

    channels: Places
    operations: tuple[Operation, ...] = ()
    apart: Apart = None
    outside: bool = False
    counts: Counts | None = None
    clipped: ClippedCounts | None = None


@dataclass(frozen=True)
class MaskedMoments:
    """The moments of the values of a case after some operations, each of shape (samples, channels).

    Attributes:
        inside: the moments inside the mask; of all values without a mask.
        outside: the moments outside; None without a mask, or if they are not needed.
    """

    inside: Moments
    outside: Moments | None = None

    @property
    def whole(self) -> Moments:
        """The moments of the whole volume."""
        return self.inside if self.outside is None else self.inside.merge(self.outside)

    def after(self, operation: Affine) -> MaskedMoments:
        """Return the moments after one more operation."""
        outside = None if self.outside is None else operation.moments(self.outside)
        return MaskedMoments(operation.moments(self.inside), outside)

    @property
    def zeroed(self) -> MaskedMoments:
        """The moments if every value became 0."""
        outside = None if self.outside is None else _zeros(self.outside)
        return MaskedMoments(_zeros(self.inside), outside)

    def merge(self, other: MaskedMoments) -> MaskedMoments:
        """Return the moments of the values of both."""
        outside = None if self.outside is None or other.outside is None else self.outside.merge(other.outside)
        return MaskedMoments(self.inside.merge(other.inside), outside)


def _zeros(found: Moments) -> Moments:
    """Return the moments of as many zeros as there are values."""
    empty = Moments.empty(found.shape)
    ends = {name: np.where(found.count > 0, 0.0, getattr(empty, name)) for name in ("minimum", "maximum")}
    return replace(empty, finite=found.count, **ends)


# The way of some channels through their steps. It stops at each pass that it needs, and goes on with what that found:
# the moments of all values, or with `apart` those of the others first, and then of the values that are counted apart;
# nothing if values are counted.
Way: TypeAlias = Generator[Pass, "tuple[MaskedMoments, ...]", None]


class Passes:
    """The passes over the files of one case, inside its mask.

    Args:
        planned: the headers of the case.
        mask: the mask of each file; None without one.
        on_bytes: called with the bytes that were read, now and then.
        announced: how often each file is announced to be read; further passes are not told to `on_bytes`.
        countings: for each file, what gathers its distinct stored values in the first pass over it; may be empty.
    """

    def __init__(
        self,
        planned: Planned,
        mask: tuple[Inside, ...] | None,
        on_bytes: OnBytes | None,
        announced: Sequence[int],
        countings: Sequence[Counting] = (),
    ) -> None:
        self._planned, self._mask, self._on_bytes = _inflated_once(planned, announced), mask, on_bytes
        self._left = list(announced)
        self._countings = dict(enumerate(countings))

    def run(self, ways: Sequence[Way]) -> None:
        """Go all ways to their ends. Each pass is made for all ways that wait for one.

        Raises:
            InputError: if a file cannot be read, or a step does not fit its values.
        """
        waiting = [(way, asked) for way in ways if (asked := next(way, None)) is not None]
        while waiting:
            found = self._made([asked for _, asked in waiting])
            further = []
            for (way, _), answer in zip(waiting, found, strict=True):
                try:
                    further.append((way, way.send(answer)))
                except StopIteration:
                    continue
            waiting = further

    @cached_property
    def filled(self) -> FilledMask:
        """nnU-Net's mask, which is made in a pass of its own over all files when it is first needed."""
        self._left = [number - 1 for number in self._left]
        return filled_mask(self._planned, self._on_bytes)

    @cached_property
    def _filled_of_files(self) -> tuple[Inside, ...]:
        return tuple(self.filled.of_file(part) for part in self._planned.parts)

    def _made(self, asked: Sequence[Pass]) -> list[tuple[MaskedMoments, ...]]:
        """Read each file that is needed once; return for each pass the moments of its classes."""
        files: list[list[list[Moments]]] = [[] for _ in asked]
        for place, part in enumerate(self._planned.parts):
            # What each pass needs of this file; a file with none of its channels is left out.
            needed = [(number, self._places_in(one, place)) for number, one in enumerate(asked)]
            needed = [(number, own) for number, own in needed if own.size]
            changes = [self._change(asked[number], own, place) for number, own in needed]
            if not changes:
                continue
            told = self._on_bytes if self._left[place] > 0 else None
            self._left[place] -= 1
            counting = self._countings.pop(place, None)
            scanned = scan_together(part.volume, part.arrangement, changes, told, counting)
            for (number, own), change, found in zip(needed, changes, scanned, strict=True):
                files[number].append([one[:, own] for one in self._scaled(place, change, found)])
        return [self._together(one, found) for one, found in zip(asked, files, strict=True)]

    def _together(self, asked: Pass, files: Sequence[Sequence[Moments]]) -> tuple[MaskedMoments, ...]:
        """Put the channels of several files side by side, then each class inside and outside the mask together."""
        classes = [side_by_side(one, self._planned.tensor) for one in zip(*files, strict=True)]
        each = 1 if asked.apart is None else 2
        if len(classes) == each:
            return tuple(MaskedMoments(one) for one in classes)
        return tuple(MaskedMoments(*pair) for pair in zip(classes[:each], classes[each:], strict=True))

    def _scaled(self, place: int, change: Change, found: Sequence[Moments]) -> Sequence[Moments]:
        """Return the moments of each class of the values of one file, scale factors applied."""
        if not isinstance(change, FileChange) or change.operations:  # these were made on scaled values
            return found
        part = self._planned.parts[place]

        def again(index: int, power: int) -> Moments:
            return scan_changed(part.volume, part.arrangement, replace(change, power=power))[index]

        slope, intercept = part.volume.slope, part.volume.intercept
        return [one.scaled(slope, intercept, partial(again, index)) for index, one in enumerate(found)]

    def _first(self, place: int) -> int:
        """Return which channel of the case is the first one of a file."""
        if not self._planned.kept_last:
            return 0
        return sum(one.arrangement.channels for one in self._planned.parts[:place])

    def _places_in(self, asked: Pass, place: int) -> Places:
        """Return the channels of a pass that are in a file, by their place there."""
        own = asked.channels - self._first(place)
        return own[(own >= 0) & (own < self._planned.parts[place].arrangement.channels)]

    def _change(self, asked: Pass, own: Places, place: int) -> Change:
        """Return what a pass does to one file, with numbers in the order of its cells."""
        part = self._planned.parts[place]
        channels = part.arrangement.channels
        # Where the numbers of each channel of the file are; channels that are not asked for take any of them.
        columns = np.zeros(channels, np.intp)
        columns[own] = np.searchsorted(asked.channels, own + self._first(place))
        cells = None
        if own.size < channels:
            taken = np.isin(np.arange(channels), own)
            cells = _in_cells(np.broadcast_to(taken, (self._planned.samples, channels)), part.arrangement)
        operations = tuple(
            one.pick(lambda numbers: _in_cells(numbers[:, columns], part.arrangement)) for one in asked.operations
        )
        counts = asked.counts
        masked = counts is None or counts.masked
        mask = self._mask[place] if self._mask is not None and masked else None
        needs_filled = asked.apart == "filled" or any(isinstance(one, FilledAffine) for one in operations)
        filled = self._filled_of_files[place] if needs_filled else None
        clipped = None
        if asked.clipped is not None:
            places = _in_cells(asked.clipped.places[:, columns], part.arrangement)
            clipped = ClippedCells(asked.clipped, places, cells)
        change = FileChange(part.volume, operations, cells, mask, filled, asked.apart, asked.outside, clipped)
        if counts is None:
            return change
        return counts.of_file(change, _in_cells(counts.groups[:, columns], part.arrangement), place)


def _inflated_once(planned: Planned, announced: Sequence[int]) -> Planned:
    """Return a case whose files are inflated once if several passes read them, as far as they fit into memory."""
    left, parts = _MOST_HELD_BYTES, []
    for part, passes in zip(planned.parts, announced, strict=True):
        held = passes > 1 and part.volume.nbytes <= left
        left -= part.volume.nbytes if held else 0
        parts.append(replace(part, volume=inflated_once(part.volume)) if held else part)
    return replace(planned, parts=tuple(parts))


def _in_cells(numbers: NDArray[Number], arrangement: Arrangement) -> NDArray[Number]:
    """Return numbers of shape (samples, channels) in the order of cells."""
    return (numbers if arrangement.samples_are_slow else numbers.T).reshape(-1)
