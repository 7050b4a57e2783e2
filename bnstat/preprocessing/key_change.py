"""The pass that counts the keys of values and reduces none: a `one_pass.Change` without classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.kernels import Array, reduced_type
from bnstat.moments.pieces import Piece
from bnstat.preprocessing.file_change import Chosen, FileChange
from bnstat.preprocessing.percentile_steps import Region

# Called with a group of values and some of them, whose keys are counted, by any thread.
Count = Callable[[int, Array], None]


@dataclass(frozen=True, eq=False)
class KeyCounts:
    """What counts the keys of values.

    Attributes:
        groups: the group that each channel of each sample belongs to, shape (samples, channels).
        region: the values that are counted.
        by_file: for each file by its place: what counts its keys, and True if they are those of stored values, False
            if they are those of the changed values.
    """

    groups: NDArray[np.intp]
    region: Region
    by_file: Mapping[int, tuple[Count, bool]]

    @property
    def masked(self) -> bool:
        """True if only values inside the mask are counted."""
        return self.region == "mask"

    def of_file(self, change: FileChange, groups: NDArray[np.intp], place: int) -> KeyChange:
        """Return what counts the values of one file, whose cells belong to these groups."""
        return KeyChange(change, groups, self, place)


@dataclass(frozen=True, eq=False)
class KeyChange:
    """The change of one file whose finite values are counted.

    Attributes:
        change: the operations before, and the mask.
        groups: the group of each cell of the file.
        counts: what counts them.
        place: the place of the file in its case.
    """

    change: FileChange
    groups: NDArray[np.intp]
    counts: KeyCounts
    place: int
    classes: int = 0

    def reduced_type(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type in which values would be reduced."""
        return reduced_type(stored)

    def split(self, stored: Array, piece: Piece, start: int) -> list[tuple[Array, Chosen]]:
        """Count the keys of a piece; there is nothing to reduce."""
        cells = slice(piece.first_cell, piece.first_cell + piece.cells)
        asked = np.ones(piece.cells, np.bool_) if self.change.cells is None else self.change.cells[cells]
        if not asked.any():
            return []
        count, by_stored = self.counts.by_file[self.place]
        values, chosen = self._chosen(stored, piece, start, by_stored=by_stored)
        keyed = stored if by_stored else values
        for cell in np.flatnonzero(asked).tolist():
            some = keyed[:, cell].reshape(-1)
            taken = None if chosen is None else chosen[:, cell].reshape(-1)
            if taken is not None and not taken.all():
                some = some[taken]
            count(int(self.groups[cells][cell]), some)
        return []

    def _chosen(self, stored: Array, piece: Piece, start: int, *, by_stored: bool) -> tuple[Array, Chosen]:
        """Return values after the operations, and which of them are taken. Values that no one asks for stay stored."""
        mask, nonzero = self.change.mask, self.counts.region == "nonzero"
        whole = stored.dtype.kind != "f" and by_stored
        if whole and mask is None and not nonzero:
            return stored, None
        scaled = self.change.scaled(stored)
        chosen = None if mask is None else mask.of(scaled, start)
        if whole and not nonzero:
            return stored, chosen
        filled = None if self.change.filled is None else self.change.filled.of(scaled, start)
        values = self.change.changed(stored, scaled, piece, filled) if self.change.operations else scaled
        if not whole:
            # only of longer floats are there finite ones that float64 does not hold
            wide = values.dtype.kind == "f" and values.dtype.itemsize > 8
            finite = np.isfinite(values.astype(np.float64) if wide else values)
            values = values if by_stored else values.astype(np.float64, copy=False)
            chosen = finite if chosen is None else chosen & finite
        if nonzero:
            chosen = values != 0 if chosen is None else chosen & (values != 0)
        return values, chosen
