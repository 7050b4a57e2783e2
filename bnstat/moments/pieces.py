"""Pieces of contiguous values: what is reduced together, so that a large array needs no copy of its own size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Values in a block. Large enough that Python's own time per block does not count, small enough for a shared cache.
BLOCK_VALUES = 1 << 19

# From this many adjacent values on, a channel is reduced by itself, without its neighbours.
RUN_VALUES = 1 << 15


@dataclass(frozen=True)
class Piece:
    """`outer` × `cells` × `inner` values that follow each other in memory and are reduced together."""

    first_cell: int
    cells: int
    outer: int
    inner: int

    @property
    def size(self) -> int:
        """The number of values."""
        return self.outer * self.cells * self.inner


def pieces(outer: int, cells: int, inner: int, first_cell: int = 0) -> Iterator[Piece]:
    """Cut contiguous values of shape (outer, cells, inner) into pieces of at most a block, in memory order."""
    if cells == 1:
        yield from _run_pieces(outer * inner, first_cell)
    elif inner >= RUN_VALUES:
        for _ in range(outer):
            for cell in range(cells):
                yield from _run_pieces(inner, first_cell + cell)
    elif cells * inner <= BLOCK_VALUES:
        rows = BLOCK_VALUES // (cells * inner) if cells * inner else outer
        for done in range(0, outer, rows):
            yield Piece(first_cell, cells, min(rows, outer - done), inner)
    else:
        some = BLOCK_VALUES // inner
        for _ in range(outer):
            for cell in range(0, cells, some):
                yield Piece(first_cell + cell, min(some, cells - cell), 1, inner)


def _run_pieces(size: int, cell: int) -> Iterator[Piece]:
    """Cut the values of one channel."""
    for done in range(0, size, BLOCK_VALUES):
        yield Piece(cell, 1, 1, min(BLOCK_VALUES, size - done))
