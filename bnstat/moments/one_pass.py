"""One pass over a volume: every voxel is read once, in file order, reduced to moments and never kept.

Voxels are reduced a chunk at a time. A fixed number of chunks makes a segment, whose cells are merged by themselves;
segments are merged in file order. So the result has the same bits whatever the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.counting import Counting, LocalCounts
from bnstat.moments.kernels import Array, Cell, Workspace, native_real, reduce_piece, reduce_run, reduced_type
from bnstat.moments.moments import Gathered, Moments
from bnstat.moments.pieces import BLOCK_VALUES, Piece, pieces
from bnstat.moments.processors import processors
from bnstat.sources.layout import Arrangement, Tensor
from bnstat.sources.volume import OnBytes, PlainVoxels, Volume, VoxelReader

# Chunks in a segment: so many that handing one out costs nothing, so few that two threads end together.
_SEGMENT_CHUNKS = 4
# The most threads that share a plain file: more of them would only wait for memory.
_MOST_THREADS = 4
# Chunks of a compressed file that are inflated ahead of their reduction.
_CHUNKS_AHEAD = 2

# By default glibc gives blocks of 128 KiB and more back to the system when they are freed, which then fills each new
# page with zeros: for temporary arrays that is up to a third of the time of a pass with a mask. Once a larger block is
# freed, glibc keeps blocks up to its size. This one is twice the largest temporary array; no page of it is touched.
np.empty(16 * BLOCK_VALUES, np.uint8)


@dataclass(frozen=True)
class Chunk:
    """Values that are read together.

    Attributes:
        start: the place of the first one in the volume, in memory order.
        pieces: the parts that are reduced together.
        size: the number of values.
    """

    start: int
    pieces: tuple[Piece, ...]
    size: int


class Change(Protocol):
    """A change of values before they are reduced, which also sorts them into classes that are reduced apart.

    - Threads share it, so a call changes nothing in it, but for what it counts under a lock.
    - A class contains some values of a piece; one value may be in any number of classes.
    """

    @property
    def classes(self) -> int:
        """The number of classes, the same for each piece."""

    def reduced_type(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type in which values of a stored type are reduced."""

    def split(self, stored: Array, piece: Piece, start: int) -> Sequence[tuple[Array, NDArray[np.bool_] | None]]:
        """Return, for each class, the changed values of a piece and which of them belong to the class (None for all).

        An empty sequence says that no value of the piece belongs to any class.

        Args:
            stored: values of shape (outer, cells, inner), in a native type; they stay as they are.
            piece: the piece that they are.
            start: the place of its first value in the volume, in memory order.
        """


@dataclass(frozen=True)
class _PowerOfTwo:
    """The change of values by a power of two, which is exact."""

    power: int
    classes: int = 1

    def reduced_type(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        del stored
        return np.dtype(np.float64)

    def split(self, stored: Array, piece: Piece, start: int) -> list[tuple[Array, None]]:
        del piece, start
        return [(np.ldexp(stored.astype(np.float64), self.power), None)]


def scan_volume(
    volume: Volume, arrangement: Arrangement, on_bytes: OnBytes | None = None, counting: Counting | None = None
) -> Moments:
    """Read a volume once.

    Args:
        volume: its header, and the way to its voxels.
        arrangement: which of its axes are samples and channels.
        on_bytes: called with the number of bytes read, after each chunk, in the thread that read it.
        counting: gathers the distinct stored values on the way; None to leave them.

    Returns:
        Moments of shape (samples, channels), scale factors applied.

    Raises:
        InputError: if the file is truncated or damaged, or cannot be read.
    """
    (table,) = _scan(volume, arrangement, (), on_bytes, counting)

    def again(power: int) -> Moments:
        return _scan(volume, arrangement, [_PowerOfTwo(power)], None)[0]

    return table.scaled(volume.slope, volume.intercept, again)


def scan_changed(
    volume: Volume, arrangement: Arrangement, change: Change, on_bytes: OnBytes | None = None
) -> tuple[Moments, ...]:
    """Read a volume once, changing its values on the way: as `scan_volume`, but `change` applies the scale factors.

    Returns:
        For each class, moments of shape (samples, channels).
    """
    return _scan(volume, arrangement, [change], on_bytes)


def scan_together(
    volume: Volume,
    arrangement: Arrangement,
    changes: Sequence[Change],
    on_bytes: OnBytes | None = None,
    counting: Counting | None = None,
) -> list[tuple[Moments, ...]]:
    """Read a volume once for several changes; return for each what `scan_changed` does."""
    found = iter(_scan(volume, arrangement, changes, on_bytes, counting))
    return [tuple(islice(found, change.classes)) for change in changes]


def _scan(
    volume: Volume,
    arrangement: Arrangement,
    changes: Sequence[Change],
    on_bytes: OnBytes | None,
    counting: Counting | None = None,
) -> tuple[Moments, ...]:
    """Return the moments of each class of each change; without changes, those of all values as they are stored."""
    told = on_bytes or _nobody
    reduction = _Reduction(arrangement, changes, counting)
    segments = _segments(arrangement)
    if isinstance(volume.voxels, PlainVoxels):
        gathered = _PlainScan(volume, reduction, segments, told).run()
    else:
        gathered = _scan_stream(volume, reduction, segments, told)
    types = [change.reduced_type(volume.dtype) for change in changes for _ in range(change.classes)]
    each = zip(gathered, types if changes else [reduced_type(volume.dtype)], strict=True)
    return tuple(_samples_by_channels(one.moments(dtype), arrangement) for one, dtype in each)


def side_by_side(files: Sequence[Moments], tensor: Tensor) -> Moments:
    """Return the moments (samples, channels) of a case from those of its files, which share the last axis.

    If that axis is kept, each file has channels of its own; if another one is, the files' moments are merged.
    """
    if len(files) == 1:
        return files[0]
    return Moments.join(files) if tensor.axis == len(tensor.sample_shape) else files[0].merge(*files[1:])


def _nobody(count: int) -> None:
    """Do nothing with the bytes that were read."""


def _samples_by_channels(cells: Moments, arrangement: Arrangement) -> Moments:
    shape = (arrangement.samples, arrangement.channels)
    if arrangement.samples_are_slow:
        return cells.reshape(shape)
    return cells.reshape(shape[::-1]).transposed


def _chunks(arrangement: Arrangement) -> Iterator[Chunk]:
    """Cut all values, in memory order, into chunks that end where a piece ends."""
    start, size = 0, 0
    together: list[Piece] = []
    for piece in _pieces(arrangement):
        if together and size + piece.size > BLOCK_VALUES:
            yield Chunk(start, tuple(together), size)
            start, size, together = start + size, 0, []
        together.append(piece)
        size += piece.size
    if together:
        yield Chunk(start, tuple(together), size)


def _pieces(arrangement: Arrangement) -> Iterator[Piece]:
    loops = arrangement.loops()
    for _ in range(loops.repeat):
        for slow in range(loops.slow):
            yield from pieces(loops.outer, loops.fast, loops.inner, first_cell=slow * loops.fast)


def _segments(arrangement: Arrangement) -> Iterator[list[Chunk]]:
    chunks = _chunks(arrangement)
    while segment := list(islice(chunks, _SEGMENT_CHUNKS)):
        yield segment


@dataclass(frozen=True)
class _Reduction:
    """What is made of the values of a file: its cells, changes of values before that, and a count of distinct ones."""

    arrangement: Arrangement
    changes: Sequence[Change]
    counting: Counting | None


class _Reducer:
    """What one thread needs to reduce the values of a chunk to cells, apart for each class."""

    def __init__(self, reduction: _Reduction) -> None:
        self._cells = reduction.arrangement.loops().cells
        self._changes = reduction.changes
        self._workspace = Workspace()
        self._counting = reduction.counting
        self._counts: LocalCounts | None = None

    def finish(self) -> None:
        """Hand in the distinct values that this thread has seen."""
        if self._counting is not None and self._counts is not None:
            self._counting.take(self._counts)

    def gather(self) -> tuple[Gathered, ...]:
        """Return new, empty collections for the cells of a segment, one for each class."""
        number = sum(change.classes for change in self._changes) if self._changes else 1
        return tuple(Gathered(self._cells) for _ in range(number))

    def add(self, gathered: tuple[Gathered, ...], chunk: Chunk, stored: Array) -> None:
        """Reduce the stored values of a chunk, which may be overwritten."""
        if not stored.dtype.isnative:
            stored = stored.byteswap(inplace=True).view(stored.dtype.newbyteorder("="))
        values = native_real(stored)
        done = 0
        for piece in chunk.pieces:
            self._add_piece(gathered, piece, values[done : done + piece.size], chunk.start + done)
            done += piece.size

    def _add_piece(self, gathered: tuple[Gathered, ...], piece: Piece, values: Array, start: int) -> None:
        if self._counting is not None and self._counts is None:
            self._counts = self._counting.local()
        counts = self._counts if self._counts is not None and self._counts.open else None
        if not self._changes:
            cell = None if counts is None else counts.reduced(values, piece, start)
            if cell is None:
                cell = reduce_piece(values, piece, self._workspace)
                if counts is not None:
                    counts.add(values, piece, start, (cell.minimum, cell.maximum))
            gathered[0].add(piece, cell)
            return
        if counts is not None:
            counts.add(values, piece, start)
        cube = values.reshape(piece.outer, piece.cells, piece.inner)
        classes = iter(gathered)
        for change in self._changes:
            own = list(islice(classes, change.classes))
            for one, (changed, chosen) in zip(own, change.split(cube, piece, start), strict=False):
                one.add(piece, _reduce_chosen(changed, chosen, piece, self._workspace))


def _reduce_chosen(values: Array, chosen: NDArray[np.bool_] | None, piece: Piece, workspace: Workspace) -> Cell:
    """Return the moments of the chosen values of (outer, cells, inner): each cell by itself unless all are chosen."""
    if chosen is None or chosen.all():
        return reduce_piece(values.reshape(-1), piece, workspace)
    cells = [_reduce_some(values[:, cell][chosen[:, cell]], workspace) for cell in range(piece.cells)]
    if piece.cells == 1:
        return cells[0]
    return Cell(*(np.array(field) for field in zip(*cells, strict=True)))


def _reduce_some(values: Array, workspace: Workspace) -> Cell:
    if values.size:
        return reduce_run(values, workspace)
    nothing = values.dtype.type(0)  # the extremes of no values, which a merge replaces
    return Cell(0, 0.0, 0.0, 0.0, nothing, nothing, 0, 0)


def _take(whole: tuple[Gathered, ...], others: tuple[Gathered, ...]) -> None:
    """Append cells that were gathered later, class by class."""
    for one, other in zip(whole, others, strict=True):
        one.take(other)


class _PlainScan:
    """Threads that share the segments of one plain file."""

    def __init__(
        self,
        volume: Volume,
        reduction: _Reduction,
        segments: Iterator[list[Chunk]],
        told: OnBytes,
    ) -> None:
        self._volume, self._reduction = volume, reduction
        self._segments = enumerate(segments)
        self._told = told
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Gathered, ...]] = {}
        self._merged = 0
        self._whole = _Reducer(reduction).gather()
        self._failure: BaseException | None = None
        self._stopped = False

    def run(self) -> tuple[Gathered, ...]:
        """Read the file with as many threads as are worth it, and return its cells for each class."""
        values_per_segment = BLOCK_VALUES * _SEGMENT_CHUNKS
        number = min(_MOST_THREADS, processors(), -(-self._volume.values // values_per_segment))
        helpers = [threading.Thread(target=self._work, daemon=True) for _ in range(number - 1)]
        for helper in helpers:
            helper.start()
        try:
            self._work()
            for helper in helpers:
                helper.join()
        finally:
            self._stopped = True  # after Ctrl-C in this thread, the others end at their next segment
        if self._failure is not None:
            raise self._failure
        self._volume.require_unchanged()
        return self._whole

    def _work(self) -> None:
        try:
            with VoxelReader(self._volume) as reader, np.errstate(all="ignore"):
                reducer = _Reducer(self._reduction)
                while (taken := self._take()) is not None:
                    index, segment = taken
                    gathered = reducer.gather()
                    for chunk in segment:
                        values = reader.block(chunk.start, chunk.size)
                        reducer.add(gathered, chunk, values)
                        self._told(values.nbytes)
                    self._hand_in(index, gathered)
            with self._lock:
                reducer.finish()
        except BaseException as error:
            self._fail(error)

    def _take(self) -> tuple[int, list[Chunk]] | None:
        with self._lock:
            return None if self._stopped else next(self._segments, None)

    def _hand_in(self, index: int, gathered: tuple[Gathered, ...]) -> None:
        """Merge the segment if it is the next in file order; keep it if it came early."""
        with self._lock:
            self._waiting[index] = gathered
            while self._merged in self._waiting:
                _take(self._whole, self._waiting.pop(self._merged))
                self._merged += 1

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error
            self._stopped = True


def _scan_stream(
    volume: Volume, reduction: _Reduction, segments: Iterator[list[Chunk]], told: OnBytes
) -> tuple[Gathered, ...]:
    """Reduce in this thread the voxels that are read in it, or ahead of it in another thread."""
    reducer = _Reducer(reduction)
    whole = reducer.gather()
    sizes = (chunk.size for chunk in _chunks(reduction.arrangement))
    alone = volume.values <= BLOCK_VALUES or processors() == 1  # one chunk, or no processor to read ahead
    with closing(volume.blocks(sizes, ahead=0 if alone else _CHUNKS_AHEAD)) as blocks, np.errstate(all="ignore"):
        for segment in segments:
            gathered = reducer.gather()
            for chunk in segment:
                values = next(blocks)
                reducer.add(gathered, chunk, values)
                told(values.nbytes)
            _take(whole, gathered)
        for _ in blocks:
            raise AssertionError("the reader has more chunks than there are")
    reducer.finish()
    return whole
