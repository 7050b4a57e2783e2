"""Blocked gzip, as of bgzip (BGZF), pgzip and mgzip: its members tell their sizes, so that threads inflate them.

Each member has a checksum of its own, which is compared. Wherever something is not as it should be, the rest of the
file is inflated by the usual reader, which then says what is wrong.
"""

from __future__ import annotations

import io
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from bnstat.sources.regular import open_regular

if TYPE_CHECKING:
    from concurrent.futures import Future

    from _typeshed import WriteableBuffer

# A member: ten bytes, the length of its extra field, and that field if this flag is set.
_FIXED, _MAGIC, _EXTRA, _NAME, _OTHERS = 12, b"\x1f\x8b\x08", 4, 8, 0xF2
# Its last bytes: the checksum and the length of what is in it.
_TRAILER = struct.Struct("<II")
_GZIP_ONLY = 31
# The longest extra field and name that are looked at, and the most bytes of a member, packed or not: larger ones are
# inflated one after the other, so that memory stays small.
_START_BYTES, _MOST_BYTES = 1 << 12, 1 << 23
# The bytes that one thread inflates at once, packed or not; the file is read in parts of this size.
_PACKED_BYTES, _INFLATED_BYTES = 1 << 19, 1 << 22


@dataclass(frozen=True)
class Inflating:
    """How gzip data are inflated.

    Attributes:
        inflater: makes the object that inflates a stream, as `zlib.decompressobj`, and compares its checksum.
        open: opens a file of gzip data as the bytes in it, one after the other.
    """

    inflater: Callable[..., Any]
    open: Callable[[BinaryIO], BinaryIO]


def open_blocked(path: str, threads: int, by: Inflating) -> BinaryIO | None:
    """Open a blocked gzip file as the bytes in it; return None if it is not one, or threads would not help."""
    if threads < 2:
        return None
    file = open_regular(path)
    size = member_size(file.read(_START_BYTES))
    if size is None or size > _MOST_BYTES:
        file.close()
        return None
    file.seek(0)
    return cast(BinaryIO, io.BufferedReader(_Blocked(file, threads, by), 1 << 17))


def member_size(start: bytes | memoryview) -> int | None:
    """Return the bytes of a gzip member, of which these are the first, as it tells itself; None if it does not."""
    if len(start) < _FIXED or start[:3] != _MAGIC or not start[3] & _EXTRA or start[3] & _OTHERS:
        return None
    extra = int.from_bytes(start[10:12], "little")
    at, end = _FIXED, _FIXED + extra
    while at + 4 <= end <= len(start):
        kind, length = bytes(start[at : at + 2]), int.from_bytes(start[at + 2 : at + 4], "little")
        value: int = int.from_bytes(start[at + 4 : at + 4 + length], "little")
        if (kind, length) == (b"BC", 2):  # of bgzip: one less than the size
            return value + 1
        if (kind, length) == (b"IG", 4):
            return value
        if (kind, length) == (b"MZ", 4):  # of mgzip: without the header and the trailer
            name: int = bytes(start[end:]).find(b"\0") + 1 if start[3] & _NAME else 0
            return int(end + name + value + _TRAILER.size)
        at += 4 + length
    return None


class _Blocked(io.RawIOBase):
    """The bytes in a blocked gzip file, inflated by threads in groups of members."""

    def __init__(self, file: BinaryIO, threads: int, by: Inflating) -> None:
        from concurrent.futures import ThreadPoolExecutor

        super().__init__()
        self._file, self._by, self._ahead = file, by, threads + 1
        self._threads = ThreadPoolExecutor(threads, "bnstat-inflate")
        # what was read of the file, where that begins which is in no group yet, and where this is in the file
        self._packed, self._from, self._at = memoryview(b""), 0, 0
        # groups on their way, each with its place in the file
        self._groups: deque[tuple[int, Future[list[bytes]]]] = deque()
        self._ready: deque[memoryview] = deque()
        self._cut_all = False
        # the usual reader, once it has taken over
        self._rest: BinaryIO | None = None
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._ready and self._rest is None:
            if not self._next_group():
                return 0
        if not self._ready:
            assert self._rest is not None
            return int(cast(Any, self._rest).readinto(target))
        part = self._ready[0]
        size = min(len(target), len(part))
        target[:size] = part[:size]
        if size == len(part):
            self._ready.popleft()
        else:
            self._ready[0] = part[size:]
        return size

    def _next_group(self) -> bool:
        """Wait for the next bytes; return False at the end of the file."""
        # a reader of a header needs no more than the first group
        ahead = self._ahead if self._begun else 1
        self._begun = True
        while len(self._groups) < ahead and not self._cut_all:
            members = self._cut()
            if members:
                at = self._at - sum(len(packed) for packed in members)
                self._groups.append((at, self._threads.submit(_inflated, members, self._by)))
        if not self._groups:
            return self._hand_over(self._at)
        at, group = self._groups.popleft()
        try:
            self._ready.extend(memoryview(part) for part in group.result() if part)
        except Exception:  # damaged, or not what it says: the usual reader decides
            return self._hand_over(at)
        return True

    def _cut(self) -> list[bytes]:
        """Return the next members, at least one unless the file ends or goes on otherwise."""
        members: list[bytes] = []
        packed = inflated = 0
        while packed < _PACKED_BYTES and inflated < _INFLATED_BYTES:
            size = member_size(self._first(_START_BYTES))
            told = size is not None and _TRAILER.size < size <= _MOST_BYTES
            member = self._first(size) if size is not None and told else memoryview(b"")
            there = told and len(member) == size
            length = _TRAILER.unpack(member[-_TRAILER.size :])[1] if there else 0
            if not there or length > _MOST_BYTES:
                self._cut_all = True
                break
            members.append(bytes(member))
            packed, inflated = packed + len(member), inflated + length
            self._from, self._at = self._from + len(member), self._at + len(member)
        return members

    def _first(self, size: int) -> memoryview:
        """Return the next bytes of the file without going on, fewer at its end."""
        held = len(self._packed) - self._from
        if held < size:
            more = self._file.read(max(size - held, _PACKED_BYTES))
            if more:
                self._packed, self._from = memoryview(bytes(self._packed[self._from :]) + more), 0
        return self._packed[self._from : self._from + size]

    def _hand_over(self, at: int) -> bool:
        """Let the usual reader read on from the member at a place; return False if nothing is there."""
        self._groups.clear()
        self._cut_all = True
        self._file.seek(at)
        while at and (zeros := self._file.read(1)) == b"\0":  # padding, which gzip allows after a member
            at += 1
        if at and not zeros:
            return False
        self._file.seek(at)
        self._rest = self._by.open(self._file)
        return True

    def close(self) -> None:
        if not self.closed:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._file.close()
        super().close()


def _inflated(members: list[bytes], by: Inflating) -> list[bytes]:
    """Return what is in each member.

    Raises:
        ValueError: if one does not have the length that it tells, or is not alone; the errors of the inflater if it is
            damaged.
    """
    found = []
    for member in members:
        inflater = by.inflater(wbits=_GZIP_ONLY)
        length = _TRAILER.unpack(member[-_TRAILER.size :])[1]
        # at the end of the member the inflater compares its checksum
        data = inflater.decompress(member, length + 1)
        if len(data) != length or not inflater.eof or inflater.unused_data:
            raise ValueError
        found.append(data)
    return found
