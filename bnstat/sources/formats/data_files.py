"""The voxels that a header of text describes: in one file or several, plain, compressed, or written as text."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import numpy as np

from bnstat.errors import InputError
from bnstat.sources.regular import open_regular, open_unbuffered
from bnstat.sources.streams import (
    MOST_DEFLATED,
    fill,
    open_bzip2,
    open_gzip,
    open_zlib,
    skip,
    stream_of_parts,
    unreadable,
)
from bnstat.sources.volume import Array, PlainVoxels, StreamedVoxels
from bnstat.text import printable, short_of

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Encoding = Literal["raw", "zlib", "gzip", "bzip2", "text", "hex"]

# The bytes of text that are read at once.
_TEXT_BYTES = 1 << 18
# The most characters of a number.
_LONGEST_NUMBER = 1000
# The most files that a header may name.
MOST_FILES = 100_000

# The place of a number in a name, as printf writes it.
_PLACE = re.compile(r"%(0?[0-9]{0,2})[diu]")


@dataclass(frozen=True)
class DataFiles:
    """Where the voxels of a header are.

    Attributes:
        source: the header, as the user named it.
        paths: the files, from the first voxels to the last; each has equally many.
        dtype: the stored type of one number.
        values: the numbers in each file.
        encoding: how they are written.
        start: the place in each file, in bytes, behind which lines and bytes are skipped.
        lines: the lines to skip.
        before: the bytes to skip after these; None if the voxels are the last bytes of the file.
        inside: the bytes to skip after decompression.
        least: the bytes that each file has from its start on, as the header says; 0 if it does not say.
    """

    source: str
    paths: Sequence[str]
    dtype: np.dtype[Any]
    values: int
    encoding: Encoding = "raw"
    start: int = 0
    lines: int = 0
    before: int | None = 0
    inside: int = 0
    least: int = 0

    @property
    def nbytes(self) -> int:
        """The bytes of the voxels in each file, uncompressed."""
        return self.values * self.dtype.itemsize

    def voxels(self) -> tuple[PlainVoxels | StreamedVoxels, tuple[str, ...]]:
        """Return the way to the voxels, and what the user should know about the files.

        Raises:
            InputError: if a file is missing, or so short that it cannot contain its voxels.
        """
        starts, sizes = [], []
        for path in self.paths:
            whole = _size_of(self.source, path)
            start = self._start(path, whole)
            self._require_enough(whole - start if start >= 0 else whole)
            starts.append(start)
            sizes.append(whole - start)
        if self.encoding != "raw":
            return self._streamed(starts), ()
        voxels = PlainVoxels(self.paths[0], starts[0]) if len(starts) == 1 else self._streamed(starts)
        return voxels, self._surplus(max(sizes) - self.nbytes)

    def _start(self, path: str, whole: int) -> int:
        """Return the place of the first voxel, or of the first compressed byte."""
        if self.before is None:
            return whole - self.nbytes
        start = self.start
        if self.lines:
            try:
                with open_regular(path) as file:
                    file.seek(start)
                    start += sum(islice(_lines(file), self.lines))
            except OSError as error:
                raise unreadable(self.source, error) from error
        return start + self.before

    def _require_enough(self, there: int) -> None:
        """Raise InputError if so many bytes of a file cannot contain its voxels."""
        there = max(there, 0)
        declared = max(self.least, self.nbytes if self.encoding == "raw" else 0)
        if there < declared:
            raise InputError(self.source, short_of(declared, there))
        least = {"hex": 2 * self.nbytes, "text": 2 * self.values - 1, "bzip2": 1}
        if there < least.get(self.encoding, self.nbytes // MOST_DEFLATED):
            raise InputError(
                self.source,
                f"the header declares {self.nbytes:,} bytes of values, which {there:,} bytes in the encoding "
                f"{self.encoding} cannot contain: the file is truncated, or its header is wrong; copy the file again",
            )

    def _surplus(self, bytes_left: int) -> tuple[str, ...]:
        """Return the note on bytes behind the voxels, if there are any."""
        if bytes_left <= 0:
            return ()
        file = "the file" if self.paths[0] == self.source else "its data file"
        return (f"{file} has {bytes_left:,} bytes more than the header describes, which are not read",)

    def _streamed(self, starts: Sequence[int]) -> StreamedVoxels:
        openers = [self._opener(path, start) for path, start in zip(self.paths, starts, strict=True)]
        return StreamedVoxels(lambda: cast(BinaryIO, _Joined(self.source, openers, self.nbytes)))

    def _opener(self, path: str, start: int) -> Callable[[], tuple[BinaryIO, BinaryIO]]:
        """Return the function that opens a file, and the stream of its decoded bytes."""

        def opened() -> tuple[BinaryIO, BinaryIO]:
            file = cast(BinaryIO, open_unbuffered(path))
            try:
                file.seek(start)
                stream = self._decoded(file)
                skip(stream, self.inside)
            except BaseException:
                file.close()
                raise
            return file, stream

        return opened

    def _decoded(self, file: BinaryIO) -> BinaryIO:
        match self.encoding:
            case "raw":
                return file
            case "zlib":
                return open_zlib(file)
            case "gzip":
                return open_gzip(file)
            case "bzip2":
                return open_bzip2(file)
            case "text":
                return stream_of_parts(_numbers(file, self.dtype))
            case "hex":
                return stream_of_parts(_hexadecimal(file))


def _lines(file: BinaryIO) -> Iterator[int]:
    """Yield the bytes of each line of a file, however long it is."""
    size = 0
    while part := file.readline(_TEXT_BYTES):
        size += len(part)
        if part.endswith(b"\n"):
            yield size
            size = 0
    yield size


def beside(source: str, name: str) -> str:
    """Return the path of a file that a header names: relative to the folder of the header, or absolute."""
    return os.path.join(os.path.dirname(source), name)


def numbered_names(source: str, pattern: str, numbers: Sequence[int]) -> list[str]:
    """Return the names that a pattern of printf stands for.

    Raises:
        InputError: if it is none with one whole number.
    """
    places = list(_PLACE.finditer(pattern))
    if len(places) != 1 or pattern.count("%") != 1:
        raise InputError(
            source,
            f"its data files are named by the pattern {printable(pattern)}, which should have one whole number, as in "
            "slice%03d.raw; list the files by their names instead",
        )
    before, after = pattern[: places[0].start()], pattern[places[0].end() :]
    return [f"{before}{number:{places[0][1]}d}{after}" for number in numbers]


def require_files(source: str, named: int, needed: int) -> None:
    """Raise InputError unless a header names as many files as its sizes need."""
    if named != needed:
        raise InputError(
            source, f"its header names {named:,} data files, and its sizes need {needed:,}; correct the header"
        )
    if needed > MOST_FILES:
        raise InputError(
            source, f"its header names {needed:,} data files, and at most {MOST_FILES:,} are read; join the files"
        )


def _size_of(source: str, path: str) -> int:
    """Return the bytes of a data file.

    Raises:
        InputError: if it is missing, or not a regular file: a pipe would wait for whoever writes it.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise unreadable(source, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(source, f"its data file {printable(path)} is not a regular file; correct the header")
    return status.st_size


class _Joined(io.RawIOBase):
    """The decoded voxels of several files, one behind the other. Each must have as many as the header says."""

    def __init__(self, source: str, openers: Sequence[Callable[[], tuple[BinaryIO, BinaryIO]]], nbytes: int) -> None:
        super().__init__()
        self._source = source
        self._waiting = iter(openers)
        self._nbytes = nbytes
        self._open: tuple[BinaryIO, BinaryIO] | None = None
        self._left = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._open is None:
            opener = next(self._waiting, None)
            if opener is None:
                return 0
            self._open, self._left = opener(), self._nbytes
        file, stream = self._open
        target = memoryview(buffer).cast("B")[: self._left]
        read = fill(stream, target)
        if read < len(target):
            raise EOFError
        self._left -= read
        # decompression verifies the checksum at the end
        if not self._left:
            if stream is not file and stream.read(1):
                raise InputError(
                    self._source,
                    f"its data are longer than the {self._nbytes:,} bytes that its header describes: they do not "
                    "belong together, or one of them is damaged; copy the file again",
                )
            self._close_file()
        return read

    def _close_file(self) -> None:
        if self._open is not None:
            for one in reversed(self._open):
                one.close()
            self._open = None

    def close(self) -> None:
        if not self.closed:
            self._close_file()
        super().close()


def _numbers(file: BinaryIO, dtype: np.dtype[Any]) -> Generator[Array]:
    """Yield numbers that are written as text, between white space or commas."""
    for words in _words(file):
        if dtype.kind == "f":
            with np.errstate(over="ignore"):  # what is too large for the type is infinite
                yield np.array(words).astype(np.float64).astype(dtype)
        else:
            yield np.array([int(word) for word in words], dtype)


def _words(file: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the words of a text, many at a time."""
    begun = b""
    while part := file.read(_TEXT_BYTES):
        text = (begun + part).replace(b",", b" ")
        words = text.split()
        # the last word may go on in the next part
        begun = words.pop() if words and not text[-1:].isspace() else b""
        if len(begun) > _LONGEST_NUMBER:
            raise ValueError("its text has something else than numbers")
        if words:
            yield words
    if begun:
        yield [begun]


def _hexadecimal(file: BinaryIO) -> Generator[Array]:
    """Yield the bytes that two hexadecimal digits each stand for."""
    begun = ""
    while part := file.read(_TEXT_BYTES):
        digits = begun + "".join(part.decode("ascii").split())
        whole = len(digits) & ~1
        begun = digits[whole:]
        yield np.frombuffer(bytes.fromhex(digits[:whole]), np.uint8)
