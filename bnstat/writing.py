"""The one place where files are written: whole or not at all, and never through a link that was planted for it.

A file is written beside its place, under a name that nobody can know before, and takes its place once all of it is on
the disk. A full disk, an interruption and a crash so leave the old file as it was. A pipe or a device, such as
/dev/stdout, is written as it is, since nothing can take its place.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

# Links of the system to what a process has open already: another file in their place would not reach whoever reads it.
_OPEN_ALREADY = ("/dev/stdin", "/dev/stdout", "/dev/stderr")
_OF_PROCESS = ("/dev/fd/", "/proc/")
# How a name begins and ends until its file is whole. It stays short, since the name of the file itself may be long.
_BEGIN, _END = ".bnstat-", ".part"
_NEW = os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class NobodyReadsError(OSError):
    """A pipe that no other program has opened to read, so that writing to it would wait for good."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ENXIO, "it is a pipe that no program reads; start the reader first", path)


def write_whole(file: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole, or leave what is there as it is.

    Raises:
        OSError: if it cannot be written.
        ValueError: if the name has a NUL byte.
    """
    with replacing(file) as page:
        page.write(content)


def append_whole(file: str | os.PathLike[str], content: bytes) -> None:
    """Append to a file that others write too; if that fails half-way, take back what was appended.

    Raises:
        OSError: if it cannot be written.
        ValueError: if the name has a NUL byte.
    """
    with open_in_place(file) as page:
        write_all(page, content)


@contextmanager
def replacing(file: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a stream whose bytes take the place of a file once the block ends; an error in it leaves the old file.

    A link is followed, as its target is what a user means. The new file has the permissions of the old one.

    Raises:
        OSError: if it cannot be written.
        ValueError: if the name has a NUL byte.
    """
    name = os.fspath(file)
    if is_in_place(name):
        with open_in_place(name, buffering=-1) as stream:
            yield stream
        return
    place = os.path.realpath(name)
    with _beside(place) as (page, path):
        yield page
        page.flush()
        settle(page)
        _take_on(page, place)
        page.close()
        os.replace(path, place)
    _settle_folder(place)


@contextmanager
def replaced_while_open(file: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give an unbuffered stream as `replacing` does, which stays open after it took the place of the file.

    Whoever holds a lock on the stream so holds one on the file. The caller closes it, except after an error.

    Raises:
        OSError: if it cannot be written.
    """
    place = os.path.realpath(os.fspath(file))
    with _beside(place, buffering=0) as (page, path):
        yield page
        settle(page)
        _take_on(page, place)
        os.replace(path, place)
    _settle_folder(place)


@contextmanager
def _beside(place: str, buffering: int = -1) -> Iterator[tuple[BinaryIO, str]]:
    """Give a new file beside another one, and its name. It is removed if the block ends with an error."""
    folder = os.path.dirname(place)
    path = os.path.join(folder, f"{_BEGIN}{os.urandom(8).hex()}{_END}")
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | _NEW, 0o666)
    try:
        page = open(descriptor, "ab", buffering=buffering)  # noqa: SIM115  (closed by the caller)
    except BaseException:
        os.close(descriptor)
        os.unlink(path)
        raise
    try:
        yield page, path
    except BaseException:
        with suppress(OSError):  # what is left in the buffer cannot be written either
            page.close()
        with suppress(OSError):
            os.unlink(path)
        raise


def is_in_place(name: str) -> bool:
    """Return True if a file is written where it is: a pipe, a device, or what a process has open already."""
    full = os.path.abspath(name)
    if full in _OPEN_ALREADY or full.startswith(_OF_PROCESS):
        return True
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def open_in_place(file: str | os.PathLike[str], *, buffering: int = 0) -> BinaryIO:
    """Open a file to write at its end, where it is. A pipe that nobody reads is refused and not waited for.

    Raises:
        NobodyReadsError: if it is such a pipe.
        OSError: if it cannot be opened, or is a disk.
    """
    name = os.fspath(file)
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(name, flags | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO and stat.S_ISFIFO(os.stat(name).st_mode):
            raise NobodyReadsError(name) from error
        raise
    try:
        if stat.S_ISBLK(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is a disk; name a file on it", name)
        if hasattr(os, "set_blocking"):
            os.set_blocking(descriptor, True)
        return open(descriptor, "ab", buffering=buffering)
    except BaseException:
        os.close(descriptor)
        raise


def append_to_own(file: str | os.PathLike[str], *, new: bool = False) -> BinaryIO:
    """Open a file that only this run writes, without a buffer, to append to it. A link in its place is not followed.

    Args:
        file: the file, with the name that it has until it is whole.
        new: True if this run has not begun it; what another run left there is removed.

    Raises:
        OSError: if it cannot be opened.
    """
    name = os.fspath(file)
    if new:
        with suppress(FileNotFoundError):
            os.unlink(name)
    flags = os.O_WRONLY | os.O_APPEND | (_NEW if new else _NEW & ~(os.O_CREAT | os.O_EXCL))
    return cast(BinaryIO, open(os.open(name, flags, 0o666), "ab", buffering=0))


def write_all(stream: BinaryIO, content: bytes | memoryview) -> None:
    """Write all bytes to a stream without a buffer; if that fails half-way, take back those that were written.

    Raises:
        OSError: if they cannot be written.
    """
    descriptor = stream.fileno()
    before = os.fstat(descriptor)
    left = memoryview(content)
    try:
        while left:
            left = left[stream.write(left) :]
    except BaseException:
        if stat.S_ISREG(before.st_mode):
            with suppress(OSError):
                os.truncate(descriptor, before.st_size)
        raise


def settle(stream: BinaryIO) -> None:
    """Wait until what was written to a stream is on the disk, if it is on one.

    Raises:
        OSError: if the disk reports an error.
    """
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of a pipe or a terminal
            raise


def _take_on(page: BinaryIO, place: str) -> None:
    """Give a new file the permissions, and as far as the system lets, the owner and group of the file at its place."""
    if not hasattr(os, "fchmod"):
        return
    try:
        old = os.stat(place)
    except OSError:
        return
    new = os.fstat(page.fileno())
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(OSError):
            os.fchown(page.fileno(), old.st_uid, old.st_gid)
    with suppress(OSError):
        os.fchmod(page.fileno(), stat.S_IMODE(old.st_mode))


def _settle_folder(place: str) -> None:
    """Wait until the new name in a folder is on the disk, as far as the system can say."""
    if os.name != "posix":
        return
    with suppress(OSError):
        folder = os.open(os.path.dirname(place), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
