"""The change of the values of one file in a pass: what `one_pass.Change` asks for, made of operations and a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.kernels import Array, reduced_type
from bnstat.moments.pieces import Piece
from bnstat.preprocessing import masks
from bnstat.preprocessing.clipping import ClippedAt, ClippedCells, operate
from bnstat.preprocessing.operations import Operation
from bnstat.sources.volume import Volume

Chosen = NDArray[np.bool_] | None
# Which values a pass counts apart from the others, inside and outside of the mask.
Apart = Literal["zeros", "filled"] | None


@dataclass(frozen=True, eq=False)
class FileChange:
    """The change of the values of one file in a pass: a `one_pass.Change`.

    The classes are all values inside the mask, or two of them: those that are not 0 and the zeros, or those inside and
    outside of nnU-Net's mask. Then follow the same outside the mask.

    Attributes:
        volume: the header, whose scale factors are applied first.
        operations: the operations on its cells, with numbers of shape (cells,).
        cells: True for the cells that are asked for; None for all.
        mask: the voxels that are inside; None for all.
        filled: nnU-Net's mask, if an operation or the classes need it.
        apart: "zeros" if values that are 0 after the operations are counted apart; "filled" if those
            outside of nnU-Net's mask are; None for neither.
        outside: True if the values outside the mask are counted too.
        clipped: counts of the values that are clipped inside the mask; None if nobody asks.
        power: without operations, the power of two that values are multiplied by.
    """

    volume: Volume
    operations: tuple[Operation, ...]
    cells: NDArray[np.bool_] | None
    mask: masks.Inside | None
    filled: masks.Inside | None
    apart: Apart
    outside: bool
    clipped: ClippedCells | None = None
    power: int = 0

    @property
    def classes(self) -> int:
        """The number of classes."""
        return (1 if self.apart is None else 2) * (2 if self.outside and self.mask is not None else 1)

    def reduced_type(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type that values are reduced in. Unchanged values keep theirs, so that integers stay exact."""
        return np.dtype(np.float64) if self.operations or self.power else reduced_type(stored)

    def split(self, stored: Array, piece: Piece, start: int) -> list[tuple[Array, Chosen]]:
        """Return the values after the operations, class by class; nothing of a piece that nobody asked for."""
        if self.cells is not None and not self.cells[piece.first_cell : piece.first_cell + piece.cells].any():
            return []
        scaled = self.scaled(stored)
        inside = None if self.mask is None else self.mask.of(scaled, start)
        filled = None if self.filled is None else self.filled.of(scaled, start)
        values, clipped = self._operated(stored, scaled, piece, filled)
        if self.clipped is not None and clipped is not None:
            self.clipped.add(slice(piece.first_cell, piece.first_cell + piece.cells), clipped, inside)
        sides = [inside] if inside is None or not self.outside else [inside, ~inside]
        if self.apart is None:
            return [(values, side) for side in sides]
        first = filled if self.apart == "filled" else (values if self.operations else scaled) != 0
        assert first is not None, "the mask was not made"
        return [(values, part if side is None else part & side) for side in sides for part in (first, ~first)]

    def scaled(self, stored: Array) -> Array:
        """Return values with the scale factors applied; without any they keep their type."""
        if (self.volume.slope, self.volume.intercept) == (1.0, 0.0):
            return stored
        return np.asarray(stored.astype(np.float64) * self.volume.slope + self.volume.intercept)

    def changed(self, stored: Array, scaled: Array, piece: Piece, filled: masks.Mask | None) -> Array:
        """Return values after the operations, from the stored ones and from those with the scale factors applied."""
        return self._operated(stored, scaled, piece, filled)[0]

    def _operated(
        self, stored: Array, scaled: Array, piece: Piece, filled: masks.Mask | None
    ) -> tuple[Array, ClippedAt | None]:
        """Return values after the operations, and where they were clipped if that is counted."""
        if not self.operations:
            return stored if not self.power else np.asarray(np.ldexp(stored.astype(np.float64), self.power)), None
        values = scaled if scaled is not stored and scaled.dtype == np.float64 else scaled.astype(np.float64)
        cells = slice(piece.first_cell, piece.first_cell + piece.cells)
        operations = (one.pick(lambda numbers: numbers[cells, np.newaxis]) for one in self.operations)
        return values, operate(values, operations, filled, counted=self.clipped is not None)
