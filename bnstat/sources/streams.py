"""Compressed files as streams of bytes, and the messages of errors while reading."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.sources import cores
from bnstat.sources.layout import Order, memory_of
from bnstat.sources.regular import NotRegularError, require_regular

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

try:  # igzip inflates two to three times as fast as zlib
    from isal import igzip, igzip_lib, isal_zlib

    _gzip: Any = igzip
    _zlib: Any = isal_zlib
    _INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, cast(type[Exception], igzip_lib.IsalError))
except ImportError:
    _gzip = gzip
    _zlib = zlib
    _INFLATE_ERRORS = (zlib.error,)

# The exceptions that a damaged file raises, whatever its compression; and that of a compression that needs a package.
STREAM_ERRORS: tuple[type[Exception], ...] = (
    ImportError,
    OSError,
    EOFError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    *_INFLATE_ERRORS,
)

# The most bytes that a byte of deflated data can become: 258 bytes for two bits.
MOST_DEFLATED = 1032
# The parts of a file that are read one after the other: from a server, the first comes in smaller blocks.
Part = Literal["header", "voxels"]

_SKIP_BYTES = 1 << 20
# The fewest threads that inflate a blocked file: all together they work twice as much as one that does it alone.
_WORTH_THREADS = 4
# zlib's number for data with either header, and the most compressed bytes that are held.
_ZLIB_OR_GZIP, _PACKED_BYTES = 47, 1 << 16


def open_gzip(path: str | BinaryIO) -> BinaryIO:
    """Open a gzip file, or a stream of one, as the bytes in it. Reading to the end verifies checksum and length.

    Threads inflate the members of a file at the same time if it tells where these begin.
    """
    _require_file(path)
    if isinstance(path, str) and (threads := cores.idle()) >= _WORTH_THREADS:
        from bnstat.sources.blocked_gzip import Inflating, open_blocked

        blocked = open_blocked(path, threads, Inflating(_zlib.decompressobj, open_gzip))
        if blocked is not None:
            return blocked
    return cast(BinaryIO, _gzip.open(path, "rb"))


def open_bzip2(path: str | BinaryIO) -> BinaryIO:
    """Open a bzip2 file, or a stream of one, as the bytes in it."""
    _require_file(path)
    return cast(BinaryIO, bz2.open(path, "rb"))


def _require_file(path: str | BinaryIO) -> None:
    """Raise an OSError if a path is that of a pipe or a device."""
    if isinstance(path, str):
        require_regular(path)


def open_zlib(packed: BinaryIO) -> BinaryIO:
    """Open a stream of zlib or gzip data as the bytes in them. What follows the data is not read.

    Reading to the end verifies the checksum.
    """
    return cast(BinaryIO, _Inflated(packed))


class _Inflated(io.RawIOBase):
    """The bytes in a zlib stream."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__()
        self._packed = packed
        self._inflater = _zlib.decompressobj(wbits=_ZLIB_OR_GZIP)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._inflater.eof and len(target):
            packed = self._inflater.unconsumed_tail or self._packed.read(_PACKED_BYTES)
            data = self._inflater.decompress(packed, len(target))
            target[: len(data)] = data
            if data:
                return len(data)
            if not packed and not self._inflater.eof:
                raise EOFError
        return 0


def crc32(data: bytes, before: int = 0) -> int:
    """Return the checksum of zip and gzip of some bytes, going on from that of the bytes before them."""
    return int(_zlib.crc32(data, before))


def skip(stream: BinaryIO, size: int) -> None:
    """Read bytes and forget them.

    Raises:
        EOFError: if the stream ends before.
    """
    while size:
        read = len(stream.read(min(size, _SKIP_BYTES)))
        if not read:
            raise EOFError("the file ends before its voxels begin")
        size -= read


def drain(stream: BinaryIO) -> None:
    """Read a stream to its end, where the checksum of compressed data is."""
    while stream.read(_SKIP_BYTES):
        pass


def stream_of(values: NDArray[Any], order: Order) -> BinaryIO:
    """Return the bytes of an array in one order of its axes; those of an array in this order are not copied."""
    flat = values.transpose(memory_of(order, values.ndim)).ravel()
    return cast(BinaryIO, _Bytes(flat.view(np.uint8).data))


def stream_of_parts(parts: Generator[NDArray[Any]]) -> BinaryIO:
    """Return the bytes of arrays that are made one after the other, each in C order. Closing it closes their maker."""
    return cast(BinaryIO, io.BufferedReader(_Parts(parts)))


class _Parts(io.RawIOBase):
    """Arrays that follow each other, as a file; one of them is in memory."""

    def __init__(self, parts: Generator[NDArray[Any]]) -> None:
        super().__init__()
        self._parts = parts
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def close(self) -> None:
        self._parts.close()
        super().close()


class _Bytes(io.RawIOBase):
    """Bytes in memory, as a file."""

    def __init__(self, values: memoryview) -> None:
        super().__init__()
        self._left = values

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read until the buffer is full or the stream ends; return the number of bytes read."""
    # gzip's file object has no readinto of its own: it makes bytes and copies them. Its inner stream has one.
    reader: Any = getattr(stream, "_buffer", stream)
    done = 0
    while done < len(buffer):
        read = reader.readinto(buffer[done:])
        if not read:
            break
        done += read
    return done


def unreadable(source: str, error: Exception) -> InputError:
    """Return the error to report for an exception while reading."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, ImportError):
        return InputError(
            source, f"reading this format needs another package ({error}); install it and run the command again"
        )
    if isinstance(error, MemoryError):
        return InputError(
            source,
            "its header describes more voxels than fit into memory, so it is probably damaged; copy the file again",
        )
    if isinstance(error, EOFError):
        return InputError(source, "the file is truncated: it ends before its last voxel; copy it again")
    if isinstance(error, FileNotFoundError):
        missing = error.filename if error.filename and str(error.filename) != source else None
        return InputError(
            source,
            f"its second file, {missing}, is missing; copy it to the same folder"
            if missing
            else "no such file; check the path",
        )
    if isinstance(error, PermissionError):
        return InputError(source, "permission denied; check who may read the file")
    if isinstance(error, (gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, *_INFLATE_ERRORS)):
        return InputError(source, f"the compressed data are damaged ({first_line(error)}); copy the file again")
    if isinstance(error, OSError) and error.strerror:
        return InputError(source, _of_system(error))
    return InputError(source, f"the file cannot be read: {first_line(error)}")


def _of_system(error: OSError) -> str:
    """Return what an error of the system means for a file, and what to do."""
    if error.errno == errno.EINVAL and not isinstance(error, NotRegularError):
        return "its header names a place that no file has, so it is damaged; copy the file again"
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open at once; allow more (ulimit -n 1024), or read with fewer processes (--jobs 1)"
    if error.errno == errno.EIO:
        return "the disk or the network failed while it was read (Input/output error); check them, and run again"
    return f"the file cannot be read: {error.strerror}"


def first_line(error: Exception) -> str:
    """Return the first line of an exception's text, or its class if it has none."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
