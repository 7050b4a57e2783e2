"""A volume: its header as a value, and the one reader of its voxels, the same for every kind of source."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.sources.file_state import FileState, require_unchanged
from bnstat.sources.layout import Order, memory_of
from bnstat.sources.read_ahead import read_ahead
from bnstat.sources.regular import open_unbuffered
from bnstat.sources.remark import Remark
from bnstat.sources.streams import drain, fill, unreadable
from bnstat.text import short_of

Array = NDArray[Any]
Bytes = NDArray[np.uint8]

# The callback that is called with the number of bytes (uncompressed) each time some were read.
OnBytes = Callable[[int], None]

# Values in a block if nothing else is asked for: a multiple of 8, so that the bits of a mask fill whole bytes.
_BLOCK_VALUES = 1 << 20
# Bytes that are read at once if the whole volume is held.
_HELD_BYTES = 1 << 24


@dataclass(frozen=True)
class PlainVoxels:
    """Voxels that lie uncompressed in a file, so that any part of them can be read by itself.

    Attributes:
        path: the file.
        offset: the first voxel's place in it, in bytes.
    """

    path: str
    offset: int

    def open(self) -> BinaryIO:
        """Open the file at the first voxel."""
        file = open_unbuffered(self.path)
        file.seek(self.offset)
        return cast(BinaryIO, file)


@dataclass(frozen=True)
class StreamedVoxels:
    """Voxels that can be read only from the start: compressed, or computed while they are read.

    Attributes:
        open: opens a binary file at the first voxel. Reading that to its end verifies its checksum, if it has one.
    """

    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Volume:
    """One file: its header, and the way to its voxels.

    Attributes:
        source: the file as the user named it.
        shape: its axes.
        dtype: the stored type of one number.
        dtype_name: the name of a voxel's type, as in "int16" or "rgb24".
        order: the order of the axes in memory.
        voxels: the way to them.
        dtype_channels: the numbers in a voxel if the type itself has channels (RGB), else None.
        slope: the scale factor of the stored numbers.
        intercept: the number that is added after scaling.
        batched: True if the file is a batched tensor already (an array).
        repetition: the header's repetition time with its unit if the fourth axis is time, else None.
        spacing: the distance of voxels along the first three axes, as the header has it; None if it has none.
        channels_last: True if the header says that the last axis holds channels, however many axes there are.
        labels: True if the header says that the values are labels.
        preprocessed: True if a training has normalized the values already, as in nnU-Net's preprocessed arrays.
        notes: what the user should know about how the file is read, a clause each, without the name of the file;
            a remark also has what to type.
        files: its files as they were before the header was read; empty if it is in memory, or on a server.
    """

    source: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dtype_name: str
    order: Order
    voxels: PlainVoxels | StreamedVoxels
    dtype_channels: int | None = None
    slope: float = 1.0
    intercept: float = 0.0
    batched: bool = False
    repetition: str | None = None
    spacing: tuple[float, ...] | None = None
    channels_last: bool = False
    labels: bool = False
    preprocessed: bool = False
    notes: tuple[str | Remark, ...] = ()
    files: tuple[FileState, ...] = ()

    @property
    def values(self) -> int:
        """The number of stored numbers."""
        return prod(self.shape) * (self.dtype_channels or 1)

    @property
    def memory(self) -> tuple[int, ...]:
        """The axes from the slowest to the fastest in memory."""
        return memory_of(self.order, len(self.shape))

    @property
    def nbytes(self) -> int:
        """The bytes that they take, uncompressed."""
        return self.values * self.dtype.itemsize

    def blocks(self, sizes: int | Iterable[int] = _BLOCK_VALUES, *, ahead: int = 0) -> Generator[Array]:
        """Read the stored values from the first to the last, a block at a time.

        - Order: that of the file, the fastest axis first. Blocks follow each other without a gap.
        - Type: `dtype` as it is stored, in its own byte order; the scale factors of the header are not applied.
        - Memory: a block is one-dimensional. Its memory belongs to the caller, who may overwrite it, until the next
          block is asked for; then it is filled again. What is to be kept has to be copied.
        - Threads: one call is for one thread. Any number of calls may read the same volume at the same time.
        - The file is opened when the first block is asked for, and closed at the end or by `close()`: a caller that
          may stop early wraps the call in `contextlib.closing`.
        - With the last block a compressed file is read to its end, which verifies its checksum.

        Args:
            sizes: the values in each block: one number for all (the last block may be shorter), or one for each.
            ahead: the blocks that a second thread reads ahead, so that inflating and using them go on at once.
                It costs the memory of `ahead` further blocks.

        Raises:
            InputError: if the file is truncated or damaged, or cannot be read. Nothing else is raised for a file,
                whatever its decompressor raises.
        """
        each = _cut(self.values, sizes) if isinstance(sizes, int) else sizes
        if ahead:
            yield from read_ahead(lambda free: self._filled(each, free), [_Buffer() for _ in range(ahead + 1)])
            return
        with closing(self._filled(each, repeat(_Buffer()))) as filled:
            for _, block in filled:
                yield block

    def require_unchanged(self) -> None:
        """Refuse the numbers of a file that was changed after its header was read.

        Raises:
            InputError: if it was.
        """
        require_unchanged(self.source, self.files)

    def _filled(self, sizes: Iterable[int], free: Iterator[_Buffer]) -> Generator[tuple[_Buffer, Array]]:
        """Read into buffers as long as there are free ones."""
        with VoxelReader(self) as reader:
            for size in sizes:
                buffer = next(free, None)
                if buffer is None:
                    return
                yield buffer, reader.read(buffer.of(size * self.dtype.itemsize))

    def held(self, on_bytes: OnBytes | None = None) -> Array:
        """Return all stored values in one flat array, in the order and type of `blocks`.

        The file is read and not mapped into memory: a mapped file that becomes shorter ends the process.

        Args:
            on_bytes: called with the bytes that were read, after each part.

        Raises:
            InputError: as in `blocks`, or if the values do not fit into memory.
        """
        told = on_bytes or _nobody
        try:
            whole = np.empty(self.nbytes, np.uint8)
        except Exception as error:
            raise unreadable(self.source, error) from error
        part = max(_HELD_BYTES - _HELD_BYTES % self.dtype.itemsize, self.dtype.itemsize)
        with VoxelReader(self) as reader:
            for start in range(0, self.nbytes, part):
                told(reader.read(whole[start : start + part]).nbytes)
        return whole.view(self.dtype)


class VoxelReader:
    """The open file of one volume, for one thread: what `Volume.blocks` and `Volume.held` read with.

    It is a context manager that closes the file. The file is opened by the first read.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._stream: BinaryIO | None = None
        self._done = 0
        self._buffer = _Buffer()

    def __enter__(self) -> VoxelReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def read(self, buffer: Bytes, start: int | None = None) -> Array:
        """Fill a buffer with stored values, and return it as numbers of the stored type.

        Args:
            buffer: the bytes of whole values, contiguous.
            start: the place of the first value in the volume, in file order; None for the value after those that were
                read last. Only plain voxels can be read from a place.

        Raises:
            InputError: if there are fewer values, or they cannot be read. With the last value, also if what follows
                it in a compressed file is damaged, or if the file was changed since its header was read; whoever reads
                from places of its own choice asks for the latter itself (`Volume.require_unchanged`).
        """
        volume, voxels = self._volume, self._volume.voxels
        try:
            if self._stream is None:
                self._stream = voxels.open()
            if start is not None and isinstance(voxels, PlainVoxels):
                self._stream.seek(voxels.offset + start * volume.dtype.itemsize)
            there = fill(self._stream, buffer.data)
        except Exception as error:  # whatever a damaged stream makes its decompressor raise
            raise self._failed(error) from error
        self._done += there
        if there < buffer.size:
            volume.require_unchanged()
            raise InputError(volume.source, self._too_short())
        if start is None and self._done == volume.nbytes:
            self._finish()
        return buffer.view(volume.dtype)

    def _failed(self, error: Exception) -> InputError:
        """Return the error to report: that the file was changed, if that is why it cannot be read."""
        try:
            self._volume.require_unchanged()
        except InputError as changed:
            return changed
        return unreadable(self._volume.source, error)

    def block(self, start: int, size: int) -> Array:
        """Return `size` values from a place of a plain file on, in memory that the next call fills again.

        Raises:
            InputError: as in `read`.
        """
        return self.read(self._buffer.of(size * self._volume.dtype.itemsize), start)

    def _too_short(self) -> str:
        if isinstance(self._volume.voxels, PlainVoxels):  # its length was compared with the header's on opening
            return "the file became shorter while it was read; run again"
        return short_of(self._volume.nbytes, self._done)

    def _finish(self) -> None:
        """Read what follows the last voxel in a compressed file, which verifies its checksum.

        Raises:
            InputError: if it is damaged, or was changed while it was read.
        """
        try:
            if self._stream is not None and not isinstance(self._volume.voxels, PlainVoxels):
                drain(self._stream)
        except Exception as error:
            raise self._failed(error) from error
        self._volume.require_unchanged()


class _Buffer:
    """Memory that is used again and again, and grows if it is too small."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def of(self, size: int) -> Bytes:
        """Return `size` bytes of it; their content is undefined."""
        if self._bytes.size < size:
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size]


def _cut(values: int, size: int) -> Iterator[int]:
    """Yield the sizes of blocks of `size` values, the last of what is left."""
    for start in range(0, values, size):
        yield min(size, values - start)


def _nobody(count: int) -> None:
    """Do nothing with the bytes that were read."""
