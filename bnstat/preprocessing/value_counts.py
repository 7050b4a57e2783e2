"""How many values of each channel are in each of many bins, and a few values themselves: a pass that reduces nothing.

The values are those that the layer gets: after all steps, and inside the mask. 8- and 16-bit integers are counted as
they are stored, and then each distinct one goes through the steps once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.bins import Bins
from bnstat.moments.kernels import Array, reduced_type
from bnstat.moments.moments import Integers
from bnstat.moments.order_statistics import keys_of
from bnstat.moments.pieces import Piece
from bnstat.preprocessing.file_change import Chosen, FileChange
from bnstat.preprocessing.operations import FilledAffine
from bnstat.preprocessing.passes import Places
from bnstat.sources.layout import Arrangement
from bnstat.sources.opened import Planned

# Counters of the distinct values of all cells of a file, at most: 32 MiB of them.
_MOST_COUNTERS = 1 << 22
# Values that are counted together, so that what is made of them stays in the cache of a core.
_TOGETHER = 1 << 17


@dataclass(frozen=True, eq=False)
class Picked:
    """Some voxels of one channel of one sample, which are kept while a file is read.

    Attributes:
        file: the place of the file in its case.
        sample: the sample.
        channel: the channel, by its place on the kept axis of the file.
        places: where the voxels are in the file, in its memory order, ascending.
        values: their values after all steps, also outside the mask; NaN until they are read.
    """

    file: int
    sample: int
    channel: int
    places: NDArray[np.intp]
    values: NDArray[np.float64]

    @classmethod
    def at(cls, file: int, sample: int, channel: int, places: NDArray[np.intp]) -> Picked:
        """Pick the voxels at these places, which ascend."""
        return cls(file, sample, channel, places, np.full(places.size, np.nan))

    def cell(self, arrangement: Arrangement) -> int:
        """Return the cell of the file that the voxels are in."""
        if arrangement.samples_are_slow:
            return self.sample * arrangement.channels + self.channel
        return self.channel * arrangement.samples + self.sample


class ValueCounts:
    """The counts of one case, while it is read. Threads share it.

    Attributes:
        counts: for each sample, and each channel that has bins: the values below all bins, in each bin, and above.
        zeros: the number of values that are exactly 0, shape (samples, channels).
        finite: the number of finite values, shape (samples, channels).
        picked: the voxels that are kept.
    """

    def __init__(self, planned: Planned, bins: Mapping[int, Bins], picked: Sequence[Picked] = ()) -> None:
        self._planned, self._bins = planned, bins
        shape = (planned.samples, planned.tensor.channels)
        self.counts: list[dict[int, Integers]] = [
            {channel: np.zeros(one.number + 2, np.int64) for channel, one in bins.items()} for _ in range(shape[0])
        ]
        self.zeros, self.finite = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.picked = tuple(picked)
        self._lock = threading.Lock()
        self._tabled: list[BinChange] = []

    def of_channels(self, channels: Places) -> CountedChannels:
        """Return what counts the values of some channels in a pass."""
        first = np.arange(self._planned.samples)[:, np.newaxis] * self._planned.tensor.channels
        return CountedChannels(first + channels, self)

    def of_file(self, change: FileChange, groups: Places, place: int) -> BinChange:
        """Return what counts the values of one file."""
        arrangement = self._planned.parts[place].arrangement
        kept = [(one.cell(arrangement), one) for one in self.picked if one.file == place]
        asked = np.ones(groups.size, np.bool_) if change.cells is None else change.cells
        found = BinChange(change, groups, self, tuple((cell, one) for cell, one in kept if asked[cell]))
        self._tabled.append(found)
        return found

    def add(self, group: int, values: Array, times: Integers | None = None) -> None:
        """Count values of a channel of a sample; `times` is how often each occurs."""
        sample, channel = divmod(group, self._planned.tensor.channels)
        tally = _Tally(self._bins.get(channel))
        if values.dtype.kind == "f" and values.dtype.itemsize > 8:
            values = values.astype(np.float64)
        if times is not None:
            tally.add_times(values, times)
        else:
            for start in range(0, values.size, _TOGETHER):
                tally.add(values[start : start + _TOGETHER])
        with self._lock:
            self.zeros[sample, channel] += tally.zeros
            self.finite[sample, channel] += tally.finite
            if tally.counts is not None:
                self.counts[sample][channel] += tally.counts

    def take(self, other: ValueCounts, its: int, own: int) -> None:
        """Add the counts of one sample of another case to those of an own sample."""
        self.zeros[own] += other.zeros[its]
        self.finite[own] += other.finite[its]
        for channel, counts in other.counts[its].items():
            self.counts[own][channel] += counts

    def finish(self) -> None:
        """Take what was counted as it is stored through the steps."""
        for change in self._tabled:
            change.finish()
        self._tabled = []


class _Tally:
    """The counts of some values of one channel of one sample, in one thread."""

    def __init__(self, bins: Bins | None) -> None:
        self.zeros = self.finite = 0
        self._bins = bins
        self.counts = None if bins is None else np.zeros(bins.number + 2, np.int64)

    def add(self, values: Array) -> None:
        """Count values, at least one; those that are not finite are left out."""
        least, most = values.min(), values.max()
        if not (np.isfinite(least) and np.isfinite(most)):
            values = values[np.isfinite(values)]
            if not values.size:
                return
            least, most = values.min(), values.max()
        self.finite += values.size
        if least <= 0 <= most:
            self.zeros += int(np.count_nonzero(values == 0))
        if self._bins is None or self.counts is None:
            return
        first, last = self._bins.index(np.array([least, most])).tolist()
        if first == last:  # as in the background
            self.counts[first] += values.size
        else:
            inside = first >= 1 and last <= self._bins.number
            self.counts[: last + 1] += np.bincount(self._bins.index(values, inside=inside), minlength=last + 1)

    def add_times(self, values: Array, times: Integers) -> None:
        """Count values, each so many times."""
        finite = np.isfinite(values)
        values, times = values[finite], times[finite]
        self.finite += int(times.sum())
        self.zeros += int(times[values == 0].sum())
        if self._bins is not None and self.counts is not None:
            np.add.at(self.counts, self._bins.index(values), times)


def _key_counts(keys: Array, number: int) -> Integers:
    """Return how often each of so many keys occurs; few of them do."""
    found = np.zeros(number, np.int64)
    for start in range(0, keys.size, _TOGETHER):
        some = keys[start : start + _TOGETHER]
        least, most = int(some.min()), int(some.max())
        if least == most:  # as in the background
            found[least] += some.size
        else:
            found[least : most + 1] += np.bincount(some - least)
    return found


@dataclass(frozen=True, eq=False)
class CountedChannels:
    """What counts the values of some channels in a pass: `passes.Counts`.

    Attributes:
        groups: the group of each channel of each sample: the number of its cell among all of the case.
        counts: what they are counted in.
    """

    groups: Places
    counts: ValueCounts
    masked: bool = True

    def of_file(self, change: FileChange, groups: Places, place: int) -> BinChange:
        """Return what counts the values of one file, as `passes.Counts` describes it."""
        return self.counts.of_file(change, groups, place)


@dataclass(frozen=True, eq=False)
class BinChange:
    """The change of one file whose values are counted in bins: a `one_pass.Change` without classes.

    Attributes:
        change: the operations before, and the mask.
        groups: the group of each cell of the file.
        counts: what the values are counted in.
        kept: cells, each with voxels that are kept of it.
    """

    change: FileChange
    groups: Places
    counts: ValueCounts
    kept: tuple[tuple[int, Picked], ...]
    classes: int = 0
    _tables: dict[int, Integers] = field(default_factory=dict)
    _types: list[np.dtype[Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reduced_type(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type in which values would be reduced."""
        return reduced_type(stored)

    def split(self, stored: Array, piece: Piece, start: int) -> list[tuple[Array, Chosen]]:
        """Count the values of a piece; there is nothing to reduce."""
        cells = slice(piece.first_cell, piece.first_cell + piece.cells)
        asked = np.ones(piece.cells, np.bool_) if self.change.cells is None else self.change.cells[cells]
        if not asked.any():
            return []
        by_stored = self._is_short(stored.dtype)
        needs_scaled = not by_stored or self.change.mask is not None or self.change.filled is not None
        scaled = self.change.scaled(stored) if needs_scaled else stored
        filled = None if self.change.filled is None else self.change.filled.of(scaled, start)
        self._keep(stored, piece, start, filled)
        values = stored
        if not by_stored:
            values = self.change.changed(stored, scaled, piece, filled) if self.change.operations else scaled
        inside = None if self.change.mask is None else self.change.mask.of(scaled, start)
        for cell in np.flatnonzero(asked).tolist():
            some = values[:, cell].reshape(-1)
            chosen = None if inside is None else inside[:, cell].reshape(-1)
            if chosen is not None and not chosen.all():
                some = some[chosen]
            if by_stored:
                self._count_stored(piece.first_cell + cell, some)
            else:
                self.counts.add(int(self.groups[piece.first_cell + cell]), some)
        return []

    def _is_short(self, dtype: np.dtype[Any]) -> bool:
        """Return True if the distinct values of all cells fit into a table, and a value alone decides what it becomes.

        A type of few values is needed, and that no operation asks where a value is.
        """
        if dtype.kind not in "iu" or dtype.itemsize > 2 or self.groups.size << (8 * dtype.itemsize) > _MOST_COUNTERS:
            return False
        return not any(isinstance(one, FilledAffine) for one in self.change.operations)

    def _count_stored(self, cell: int, values: Array) -> None:
        """Count the stored values of a cell, each distinct one by itself."""
        found = _key_counts(keys_of(values), 1 << (8 * values.dtype.itemsize))
        with self._lock:
            if cell in self._tables:
                self._tables[cell] += found
            else:
                self._tables[cell] = found
                self._types.append(values.dtype)

    def finish(self) -> None:
        """Take each distinct value that was counted through the steps, and count it as often as it occurs."""
        for cell, times in self._tables.items():
            dtype = self._types[0]
            keys = np.flatnonzero(times)
            stored = (keys - (1 << (8 * dtype.itemsize - 1)) if dtype.kind == "i" else keys).astype(dtype)
            self.counts.add(int(self.groups[cell]), self._of_cell(stored, cell, None), times[keys])

    def _of_cell(self, stored: Array, cell: int, filled: NDArray[np.bool_] | None) -> Array:
        """Return stored values of one cell after the operations."""
        scaled = self.change.scaled(stored)
        if not self.change.operations:
            return scaled
        values = scaled.astype(np.float64)
        for one in self.change.operations:
            one.pick(lambda numbers: numbers[cell : cell + 1]).change_at(values, filled)
        return values

    def _keep(self, stored: Array, piece: Piece, start: int, filled: NDArray[np.bool_] | None) -> None:
        """Keep the voxels of the piece that are asked for."""
        for cell, one in self.kept:
            first, last = np.searchsorted(one.places, (start, start + piece.size)).tolist()
            if first == last:
                continue
            at = one.places[first:last] - start
            inside = None if filled is None else filled.reshape(-1)[at]
            one.values[first:last] = self._of_cell(stored.reshape(-1)[at], cell, inside)
