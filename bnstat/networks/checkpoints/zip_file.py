"""Zip archives that nobody vouches for: a member is read as far as it is needed, and checked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from bnstat.errors import InputError
from bnstat.sources.streams import crc32

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# A directory of 300,000 members has about 32 MB; Python keeps some 500 bytes for each.
_MOST_DIRECTORY = 32 << 20
# The most bytes of compressed members that are inflated, all together. Weights are stored as they are.
_MOST_INFLATED = 512 << 20
# Larger members are not read as a whole to check their sum.
_MOST_CHECKED = 256 << 20
_PIECE = 1 << 20
_END, _END_64, _LOCAL = b"PK\x05\x06", b"PK\x06\x06", b"PK\x03\x04"
# The longest end of an archive: a comment, and the ends in both sizes. Values of all ones stand in the larger one.
_LONGEST_END, _ALL_ONES = (1 << 16) + 22 + 20 + 56, 0xFFFF
_ENCRYPTED, _UTF8 = 0x1, 0x800


class Archive:
    """A zip archive.

    Attributes:
        names: The names of its members, in order.
    """

    def __init__(self, source: str, file: BinaryIO) -> None:
        """Read the directory.

        Raises:
            InputError: if it is damaged, or too large.
        """
        self._source, self._file = source, file
        self._inflated, self._last = 0, ("", b"")
        self._checked: set[str] = set()
        size, count = _directory(file)
        if size > _MOST_DIRECTORY:
            raise self._too_large()
        try:
            # An archive may have two ends that differ, so the directory itself is limited too.
            with zipfile.ZipFile(_Pieces(file, 0, file.seek(0, 2))) as archive:
                listed = archive.infolist()
        except _PieceError as error:
            raise self._too_large() from error
        except Exception as error:  # a damaged directory makes zipfile raise anything
            raise self._damaged("the list of its members cannot be read") from error
        if len(listed) != count:
            raise self._damaged("the list of its members is too short")
        self._members = {info.filename: info for info in listed}
        # An archive inside of an archive that is cut off has an end of its own, and begins later.
        if self._members and min(info.header_offset for info in self._members.values()):
            raise self._damaged("its first member is missing, or its end")
        self.names = tuple(self._members)
        self._size = file.seek(0, 2)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def size(self, name: str) -> int:
        """Return the number of bytes of a member when it is inflated, as the directory says."""
        return self._members[name].file_size

    def read(self, name: str, most: int) -> bytes:
        """Return a whole member.

        Args:
            name: Its name.
            most: The most bytes that it may have.

        Raises:
            InputError: if it is larger, damaged, encrypted, or not there.
        """
        if name not in self:
            raise self._damaged(f"its member {name} is missing")
        if self.size(name) > most:
            raise InputError(
                self._source,
                f"its member {name} has {self.size(name):,} bytes, and a checkpoint needs at most {most:,}; "
                "check what it is",
            )
        return self.part(name, 0, self.size(name))

    def part(self, name: str, start: int, end: int) -> bytes:
        """Return some bytes of a member, whose sum is checked if it is not very large.

        Raises:
            InputError: if it is shorter, damaged, encrypted, or not there.
        """
        info = self._members.get(name)
        if info is None:
            raise self._damaged(f"its member {name} is missing")
        if end > info.file_size:
            raise self._damaged(f"its member {name} has {info.file_size:,} bytes, and {end:,} are needed")
        place = self._place(info)
        if info.compress_type == zipfile.ZIP_STORED:
            self._check(info, place)
            return self._bytes(place + start, end - start)
        if info.compress_type != zipfile.ZIP_DEFLATED:
            raise InputError(
                self._source, "its members are compressed in a way that no framework uses; save the checkpoint again"
            )
        return self._inflate(info, place)[start:end]

    def opened(self, name: str, most: int) -> BinaryIO:
        """Return a member as a file, whose sum is checked if it is not very large.

        Args:
            name: Its name.
            most: The most bytes that it may have, if it is compressed.

        Raises:
            InputError: if it is larger, damaged, encrypted, or not there.
        """
        info = self._members.get(name)
        if info is None or info.compress_type != zipfile.ZIP_STORED:
            return io.BytesIO(self.read(name, most))
        place = self._place(info)
        self._check(info, place)
        return cast(BinaryIO, io.BufferedReader(_Window(self._file, place, info.file_size)))

    def start(self, name: str, size: int) -> bytes:
        """Return the first bytes of a member, fewer if it is shorter. The sum of a large one is not checked.

        Raises:
            InputError: if it is damaged or encrypted.
        """
        info = self._members[name]
        if info.file_size <= _PIECE:
            return self.read(name, _PIECE)[:size]
        place = self._place(info)
        if info.compress_type != zipfile.ZIP_DEFLATED:
            return self._bytes(place, min(size, info.compress_size))
        try:
            packed = self._bytes(place, min(2 * size + 64, info.compress_size))
            return zlib.decompressobj(-15).decompress(packed, size)
        except zlib.error as error:
            raise self._damaged(f"its member {name} cannot be inflated") from error

    def _place(self, info: zipfile.ZipInfo) -> int:
        """Return the place of the first byte of a member.

        Raises:
            InputError: if what precedes it does not fit the directory, or it is encrypted.
        """
        if info.flag_bits & _ENCRYPTED:
            raise InputError(self._source, "it is an encrypted zip archive; decrypt it first, as with 7z x")
        start = self._bytes(info.header_offset, 30)
        name, extra = struct.unpack("<HH", start[26:])
        written = self._bytes(info.header_offset + 30, name)
        encoding = "utf-8" if info.flag_bits & _UTF8 else "cp437"
        place: int = info.header_offset + 30 + name + extra
        if start[:4] != _LOCAL or written.decode(encoding, "replace") != info.orig_filename:
            raise self._damaged(f"the start of its member {info.filename} is damaged")
        if place + info.compress_size > self._size:
            raise self._damaged(f"its member {info.filename} lies beyond the end of the file")
        return place

    def _check(self, info: zipfile.ZipInfo, place: int) -> None:
        """Compare the sum of a stored member with the directory. A sum of 0 means that none was computed.

        Raises:
            InputError: if it is another.
        """
        if info.filename in self._checked or info.file_size > _MOST_CHECKED or not info.CRC:
            return
        if info.compress_size != info.file_size:
            raise self._damaged(f"its member {info.filename} has two sizes")
        self._file.seek(place)
        found, left = 0, info.file_size
        while left:
            piece = self._file.read(min(left, _PIECE))
            if not piece:
                raise self._damaged("it ends early")
            found, left = crc32(piece, found), left - len(piece)
        if found != info.CRC:
            raise self._damaged(f"the checksum of its member {info.filename} is wrong")
        self._checked.add(info.filename)

    def _inflate(self, info: zipfile.ZipInfo, place: int) -> bytes:
        """Return a compressed member.

        Raises:
            InputError: if it is damaged, or all compressed members together are too large.
        """
        if self._last[0] == info.filename:
            return self._last[1]
        self._inflated += info.file_size
        if self._inflated > _MOST_INFLATED:
            raise InputError(
                self._source,
                "its weights are compressed, which no framework does, and are too large to inflate; save them again",
            )
        try:
            inflater = zlib.decompressobj(-15)
            data = inflater.decompress(self._bytes(place, info.compress_size), info.file_size + 1)
        except zlib.error as error:
            raise self._damaged(f"its member {info.filename} cannot be inflated") from error
        if len(data) != info.file_size or (info.CRC and crc32(data) != info.CRC):
            raise self._damaged(f"the checksum of its member {info.filename} is wrong")
        self._last = info.filename, data
        return data

    def _bytes(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        data = self._file.read(size)
        if len(data) != size:
            raise self._damaged("it ends early")
        return data

    def _too_large(self) -> InputError:
        return InputError(self._source, "the list of its members is too large for a checkpoint; check what it is")

    def _damaged(self, what: str) -> InputError:
        return InputError(self._source, f"the archive is damaged ({what}); copy it again")


class _Window(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size = file, start, size
        self._at: int = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        start: int = (0, self._at, self._size)[whence]
        self._at = max(offset + start, 0)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        self._file.seek(self._start + self._at)
        data = self._file.read(max(min(len(target), self._size - self._at), 0))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)


class _PieceError(Exception):
    """A larger piece of a file was asked for than the directory of a checkpoint has."""


class _Pieces(_Window):
    """A file of which no piece larger than the largest directory is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self._at, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > _MOST_DIRECTORY:
            raise _PieceError
        return super().read(wanted) or b""


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Return the bytes and the number of entries of the directory, as the end of the archive says; 0 without an end."""
    size = file.seek(0, 2)
    file.seek(max(size - _LONGEST_END, 0))
    tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) < place + 22:
        return 0, 0
    count, declared = struct.unpack("<HL", tail[place + 10 : place + 16])
    place_64 = tail.rfind(_END_64, 0, place)
    if 0 <= place_64 <= len(tail) - 48 and _ALL_ONES in {count, declared >> 16}:
        count_64, declared_64 = struct.unpack("<QQ", tail[place_64 + 32 : place_64 + 48])
        count = count_64 if count == _ALL_ONES else count
        declared = declared_64 if declared >> 16 == _ALL_ONES else declared
    return int(declared), int(count)
