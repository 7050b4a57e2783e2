"""Directories and texts, the same way for this machine and for URLs."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from bnstat.errors import InputError
from bnstat.sources.addresses import USUAL, Access, is_remote
from bnstat.sources.documents import read_text
from bnstat.sources.formats.registry import MARKS, ending_of, path_of
from bnstat.sources.regular import MOST_BYTES, open_regular, read_up_to
from bnstat.sources.streams import unreadable

# What to give in place of a description that is no text.
_INSTEAD = "give the JSON file of a data set, or images"
# The bytes within which a moments file names its schema.
_MOMENTS_WITHIN = 64
_MOMENTS_MARKS = (b'"bnstat.moments/', b'"bnstat.moments-failure/')


def inside(folder: str, name: str) -> str:
    """Return the path of a name in a directory; absolute paths and URLs stay as they are."""
    if is_remote(name) or os.path.isabs(name):
        return name
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    if is_remote(folder):
        return f"{folder.rstrip('/')}/{name}"
    return os.path.join(folder, name) if folder else name


def folder_of(path: str) -> str:
    """Return the directory that contains a path; an empty text for the current one."""
    path = path.rstrip("/") or path
    return posixpath.dirname(path) if is_remote(path) else os.path.dirname(path)


def parent_of(folder: str) -> str:
    """Return the directory that contains a directory."""
    if is_remote(folder) or folder_of(folder) or os.path.isabs(folder):
        return folder_of(folder)
    return os.pardir if folder in (os.curdir, os.pardir) else os.curdir


def name_of(path: str) -> str:
    """Return the last part of a path; for the current directory, its name."""
    return posixpath.basename(path.rstrip("/")) if is_remote(path) else os.path.basename(os.path.abspath(path))


def is_folder(path: str, access: Access = USUAL) -> bool:
    """Return True if a path is a directory.

    Raises:
        InputError: if it is a URL whose server does not answer.
    """
    if is_remote(path):
        from bnstat.sources import remote

        return remote.is_folder(path, access)
    return os.path.isdir(path)  # False for impossible names


def is_there(path: str, access: Access = USUAL) -> bool:
    """Return True if the file exists."""
    if not is_remote(path):
        return os.path.exists(path)
    from bnstat.sources import remote

    return remote.is_there(path, access)


def state_of(path: str, access: Access = USUAL) -> tuple[int | None, int | None]:
    """Return the bytes of a file and the time of its last change in nanoseconds, each None if not known.

    For an array in an archive, they are those of the archive.
    """
    try:
        if is_remote(path):
            from bnstat.sources import remote

            return remote.state_of(path, access)
        found = os.stat(path_of(path))
    except (InputError, OSError, ValueError):
        return None, None
    return found.st_size, found.st_mtime_ns


def is_moments(path: str) -> bool:
    """Return True if a file is a moments file, by its first bytes: an object of JSON that names its schema.

    The name alone may also stand in the header of another format, as the name of a file does in that of gzip.
    """
    try:
        with open_regular(path) as file:
            begin = file.read(_MOMENTS_WITHIN)
            return begin.lstrip().startswith(b"{") and any(mark in begin for mark in _MOMENTS_MARKS)
    except (OSError, ValueError):
        return False


def tree(folder: str, failures: list[InputError], access: Access = USUAL) -> Iterator[tuple[str, list[str]]]:
    """Yield a directory and each one below it, with the names of its files; hidden directories and files are skipped.

    What is below a directory that is one input, as a Zarr store is, is no directory of its own.
    Directories that may not be searched are added to the failures. A link to an image that is not there is a file like
    others: it was not fetched, and opening it says so.
    """
    if is_remote(folder):
        from bnstat.sources import remote

        yield from remote.tree(folder, failures, access)
        return

    def fail(error: OSError) -> None:
        failures.append(unreadable(str(error.filename), error))

    for here, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [] if MARKS.intersection(names) else sorted(name for name in folders if not name.startswith("."))
        yield here, sorted(name for name in names if not name.startswith(".") and _is_file(here, name))


def _is_file(folder: str, name: str) -> bool:
    """Return True for a regular file, and for a link with the name of an image that leads nowhere."""
    path = os.path.join(folder, name)
    return os.path.isfile(path) or (bool(ending_of(name)) and os.path.islink(path) and not os.path.exists(path))


def files_in(folder: str, access: Access = USUAL) -> list[str]:
    """Return the sorted names of the files in a directory without hidden ones; none if it does not exist."""
    return next((names for _, names in tree(folder, [], access)), [])


def text_of(path: str, access: Access = USUAL) -> str:
    """Read a file as text.

    Raises:
        InputError: if it cannot be read, or is not text.
    """
    if not is_remote(path):
        return read_text(path, _INSTEAD)
    from bnstat.sources import remote

    try:
        with remote.open_stream(path, access=access) as stream:
            data = read_up_to(stream, MOST_BYTES)
        if len(data) > MOST_BYTES:
            raise InputError(path, f"it is larger than {MOST_BYTES >> 20} MB, which no description is; {_INSTEAD}")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, f"the file is not UTF-8 text; {_INSTEAD}") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
