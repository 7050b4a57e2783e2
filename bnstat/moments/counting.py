"""The count of distinct values while a file is read: which values belong to which channel, and in which thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstat.moments.distinct import DistinctValues
from bnstat.moments.few_values import Distinct
from bnstat.moments.kernels import Array, Cell, reduced_type
from bnstat.moments.pieces import Piece
from bnstat.moments.runs import Runs
from bnstat.sources.layout import Arrangement
from bnstat.sources.volume import Volume

# Up to so many channels each is judged by itself; the channels of other files are judged together.
MOST_CHANNELS = 8


class Counting:
    """The distinct values of the channels of one file; all its samples are counted together."""

    def __init__(self, volume: Volume, arrangement: Arrangement, *, thorough: bool) -> None:
        """Begin with no value.

        Args:
            volume: the header of the file.
            arrangement: which of its axes are samples and channels.
            thorough: True to count on although the values look like those of a scan.
        """
        self._volume, self._arrangement = volume, arrangement
        self._thorough = thorough or volume.labels
        self._whole = self.local()

    def local(self) -> LocalCounts:
        """Return an empty count for one thread."""
        return LocalCounts(self._volume, self._arrangement, thorough=self._thorough)

    def take(self, counts: LocalCounts) -> None:
        """Add what a thread has counted; one thread at a time may call it."""
        for one, other in zip(self._whole.channels, counts.channels, strict=True):
            one.take(other)

    def add_crop(self, values: Array, place: int) -> None:
        """Add a part of one sample: its spatial axes, then the kept axis."""
        if not (self._whole.open and values.size):
            return
        native = np.asarray(values.astype(self._whole.dtype, copy=False))
        groups = [native[..., channel] for channel in range(native.shape[-1])] if self._whole.apart else [native]
        for one, part in zip(self._whole.channels, groups, strict=True):
            if not one.stopped:
                flat = part.ravel(order="K")
                one.add(flat, *_extremes(flat), place)

    def found(self) -> tuple[Distinct | None, ...]:
        """Return the distinct values of each channel; None if they are too many, or not whole."""
        volume = self._volume
        found = [one.found(volume.slope, volume.intercept, declared=volume.labels) for one in self._whole.channels]
        return tuple(found) if self._whole.apart else tuple(found * self._arrangement.channels)


class LocalCounts:
    """The distinct values that one thread has seen."""

    def __init__(self, volume: Volume, arrangement: Arrangement, *, thorough: bool) -> None:
        self.apart = arrangement.channels <= MOST_CHANNELS
        self.dtype = reduced_type(volume.dtype)
        whole = (volume.slope, volume.intercept) == (1.0, 0.0)
        number = arrangement.channels if self.apart else 1
        self.channels = [DistinctValues(self.dtype, thorough=thorough, whole=whole) for _ in range(number)]
        self._changes = np.empty(0, np.bool_)
        self._samples = arrangement.samples
        self._samples_are_slow = arrangement.samples_are_slow

    @property
    def open(self) -> bool:
        """True while some channel may be one of labels."""
        return not all(one.stopped for one in self.channels)

    def reduced(self, values: Array, piece: Piece, start: int) -> Cell | None:
        """Return the moments of a piece of one channel whose values lie in long runs, and count its distinct values.

        Otherwise return None and count nothing.
        """
        if piece.cells != 1:
            return None
        one = self.channels[0 if len(self.channels) == 1 else self._channel_of(piece.first_cell)]
        if one.stopped or not one.in_runs or values.dtype != self.dtype:
            return None
        if self._changes.size < values.size:
            self._changes = np.empty(values.size, np.bool_)
        runs = Runs.of(values, self._changes)
        cell = None if runs is None else runs.cell()
        if runs is not None and cell is not None:
            one.add(values, cell.minimum, cell.maximum, start, runs.values)
        return cell

    def add(
        self,
        values: Array,
        piece: Piece,
        start: int,
        ends: tuple[Any, Any] | None = None,
    ) -> None:
        """Add the stored values of a piece, which stay as they are.

        Args:
            values: shape (n,), in a native type.
            piece: the piece that they are.
            start: the place of the first one in the file.
            ends: the least and the greatest finite value of each cell; None if they are not known.
        """
        if values.dtype != self.dtype:  # extended floats, of which float64 holds all labels
            values, ends = values.astype(self.dtype), None
        least, greatest = _extremes(values) if ends is None else ends
        if len(self.channels) == 1:
            self.channels[0].add(values, np.min(least), np.max(greatest), start)
        elif piece.cells == 1:
            self.channels[self._channel_of(piece.first_cell)].add(values, least, greatest, start)
        else:
            self._add_interleaved(values.reshape(piece.outer, piece.cells, piece.inner), piece, start)

    def _add_interleaved(self, cube: Array, piece: Piece, start: int) -> None:
        owner = np.array([self._channel_of(piece.first_cell + cell) for cell in range(piece.cells)])
        for channel, one in enumerate(self.channels):
            mine = np.flatnonzero(owner == channel)
            if mine.size and not one.stopped:
                flat = cube[:, mine, :].ravel()
                one.add(flat, *_extremes(flat), start)

    def _channel_of(self, cell: int) -> int:
        return cell % len(self.channels) if self._samples_are_slow else cell // self._samples


def _extremes(values: Array) -> tuple[Any, Any]:
    """Return the least and the greatest finite value; a least above the greatest if there is none."""
    least, greatest = values.min(), values.max()
    if values.dtype.kind == "f" and not (np.isfinite(least) and np.isfinite(greatest)):
        finite = values[np.isfinite(values)]
        return (finite.min(), finite.max()) if finite.size else (np.inf, -np.inf)
    return least, greatest
