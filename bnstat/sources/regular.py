"""The one way to open a file of this machine: only regular files, checked on the open descriptor, and none of any size.

A pipe or a device that has the name of a description would be waited for without end, or read without end.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO
from typing import BinaryIO, cast

from bnstat.sources.noted import note

# The largest description, table or settings file that is read: the largest seen in use are a few megabytes.
MOST_BYTES = 256 << 20
# The bytes that are asked for at once.
_PIECE = 1 << 20

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class NotRegularError(OSError):
    """What a name stands for is a pipe, a device or a socket, and no file."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind} and no regular file; give a file", path)


class TooLargeError(OSError):
    """A description is larger than any that is meant to be read."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {limit >> 20} MB, which no such file is; name another", path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file to read its bytes. Opening a pipe that nobody writes to does not wait.

    Raises:
        NotRegularError: if it is a pipe, a device or a socket.
        OSError: if it cannot be opened; IsADirectoryError for a directory.
        ValueError: if the name has a NUL byte.
    """
    return cast(BinaryIO, BufferedReader(open_unbuffered(path)))


def open_unbuffered(path: str | os.PathLike[str]) -> FileIO:
    """Open a regular file as `open_regular` does, without a buffer: for whoever reads large parts at once."""
    name = os.fspath(path)
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _require_regular(name, os.fstat(descriptor).st_mode)
        if hasattr(os, "set_blocking"):
            os.set_blocking(descriptor, True)
        return FileIO(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(path: str | os.PathLike[str]) -> None:
    """Refuse what another package would open by its name, and would wait for or read without end.

    Raises:
        NotRegularError: if it is a pipe, a device or a socket.
        OSError: if it cannot be opened; IsADirectoryError for a directory.
        ValueError: if the name has a NUL byte.
    """
    open_unbuffered(path).close()


def _require_regular(name: str, mode: int) -> None:
    """Raise an OSError unless a mode is that of a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise NotRegularError(name, kind)


def read_regular(path: str | os.PathLike[str], limit: int = MOST_BYTES) -> bytes:
    """Return all bytes of a regular file that is not larger than a description can be.

    Raises:
        TooLargeError: if it has more bytes than the limit.
        NotRegularError: if it is a pipe, a device or a socket.
        OSError: if it cannot be read.
        ValueError: if the name has a NUL byte.
    """
    note(path)
    with open_regular(path) as file:
        content = read_up_to(file, limit)
    if len(content) > limit:
        raise TooLargeError(os.fspath(path), limit)
    return content


def read_up_to(file: BinaryIO, limit: int) -> bytes:
    """Return all that a file or a pipe has, or one byte more than the limit.

    Memory is taken for what is there: to ask for all bytes at once takes it for the limit.
    """
    parts, left = [], limit + 1
    while left and (part := file.read(min(left, _PIECE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def impossible(name: str) -> str | None:
    """Return what a name has that no file can have in its name; None if a file may have it."""
    if "\0" in name:
        return "a NUL character"
    try:
        os.fsencode(name)
    except ValueError:
        return "a character that this system cannot write"
    return None


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return True if a path is a regular file; unlike pathlib, False where nobody may look."""
    return os.path.isfile(path)


def is_directory(path: str | os.PathLike[str]) -> bool:
    """Return True if a path is a directory; unlike pathlib, False where nobody may look."""
    return os.path.isdir(path)


def exists(path: str | os.PathLike[str]) -> bool:
    """Return True if a path exists; unlike pathlib, False where nobody may look."""
    return os.path.exists(path)
