"""How many voxels the steps clip: counted while their values are changed."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Doubles, Integers
from bnstat.preprocessing.operations import Clipped, Operation

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ClippedAt:
    """Where values were clipped. A value that two steps clip counts once, at the end where it was clipped first.

    Attributes:
        low: True where a value was below the lower end.
        high: True where a value was above the upper end.
    """

    low: Mask
    high: Mask

    def then(self, later: ClippedAt) -> ClippedAt:
        """Return where values were clipped by this step or by a later one."""
        new = ~(self.low | self.high)
        return ClippedAt(self.low | (later.low & new), self.high | (later.high & new))


def operate(
    values: Doubles, operations: Iterable[Operation], filled: Mask | None = None, *, counted: bool = True
) -> ClippedAt | None:
    """Change float64 values in place, by one operation after the other.

    Args:
        values: the values; the numbers of the operations are broadcast to them.
        operations: the operations.
        filled: nnU-Net's mask, if an operation needs it.
        counted: True to find out which values are clipped.

    Returns:
        Where values were clipped; None if no operation clips, or nobody asks.
    """
    found: ClippedAt | None = None
    for operation in operations:
        if counted and isinstance(operation, Clipped):
            here = ClippedAt(values < operation.low, values > operation.high)
            found = here if found is None else found.then(here)
        operation.change_at(values, filled)
    return found


class ClippedCounts:
    """The number of values that are clipped in each channel of each sample. Threads share it.

    Attributes:
        low: those below the lower end, shape (samples, channels).
        high: those above the upper end.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.low, self.high = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._lock = threading.Lock()

    @property
    def places(self) -> NDArray[np.intp]:
        """The place of each count, by which `add` is told of it."""
        return np.arange(self.low.size).reshape(self.low.shape)

    def add(self, places: NDArray[np.intp], low: Integers, high: Integers) -> None:
        """Add numbers at some places, each of which may occur several times."""
        with self._lock:
            np.add.at(self.low.reshape(-1), places, low)
            np.add.at(self.high.reshape(-1), places, high)


def _of_cells(mask: Mask) -> Integers:
    """Return how many values of each cell are True, of shape (outer, cells, inner)."""
    if mask.shape[1] == 1:  # without an axis numpy counts ten times as fast
        return np.array([np.count_nonzero(mask)])
    return np.asarray(np.count_nonzero(mask, axis=(0, 2)))


@dataclass(frozen=True, eq=False)
class ClippedCells:
    """The counts of the cells of one file.

    Attributes:
        counts: the counts of all channels.
        places: the place there of each cell.
        asked: True for the cells that are counted, each of which has its own place; None for all. A pass for some
            channels of a file also changes the values of the others, with numbers that are not theirs.
    """

    counts: ClippedCounts
    places: NDArray[np.intp]
    asked: Mask | None

    def add(self, cells: slice, clipped: ClippedAt, chosen: Mask | None) -> None:
        """Count the values of some cells, of shape (outer, cells, inner), which are chosen (None for all)."""
        ends = (clipped.low, clipped.high)
        low, high = (_of_cells(end if chosen is None else end & chosen) for end in ends)
        if self.asked is not None:
            low, high = (np.where(self.asked[cells], end, 0) for end in (low, high))
        if low.any() or high.any():
            self.counts.add(self.places[cells], low, high)
