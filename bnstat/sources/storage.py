"""Folders and texts, on this machine or elsewhere: one way for both."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from bnstat.errors import InputError
from bnstat.sources import remote
from bnstat.sources.addresses import USUAL, Access, is_remote
from bnstat.sources.formats.arrays import path_of
from bnstat.sources.names import DICOM
from bnstat.sources.streams import unreadable

# A description of a data set is a few kilobytes for each thousand cases; what is larger is something else.
_MOST_TEXT = 1 << 28
# Within so many bytes a file of moments says that it is one.
_MOMENTS_WITHIN = 64
# Where a DICOM file says that it is one.
_DICOM_AT, _DICOM_MARK = 128, b"DICM"


def inside(folder: str, name: str) -> str:
    """The path of a name in a folder; names that start at a root, or elsewhere, stay as they are."""
    if is_remote(name) or os.path.isabs(name):
        return name
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    if is_remote(folder):
        return f"{folder.rstrip('/')}/{name}"
    return os.path.join(folder, name) if folder else name


def folder_of(path: str) -> str:
    """The folder that a path lies in; empty where it is the current one."""
    path = path.rstrip("/") or path
    return posixpath.dirname(path) if is_remote(path) else os.path.dirname(path)


def parent_of(folder: str) -> str:
    """The folder that a folder lies in."""
    if is_remote(folder) or folder_of(folder) or os.path.isabs(folder):
        return folder_of(folder)
    return os.pardir if folder in (os.curdir, os.pardir) else os.curdir


def name_of(path: str) -> str:
    """The last part of a path; of the current folder, its name."""
    return posixpath.basename(path.rstrip("/")) if is_remote(path) else os.path.basename(os.path.abspath(path))


def is_folder(path: str, access: Access = USUAL) -> bool:
    """Whether a path is that of a folder.

    Raises:
        InputError: elsewhere, and it cannot be asked.
    """
    if is_remote(path):
        return remote.is_folder(path, access)
    return os.path.isdir(path)  # a name that is too long is no directory, and no exception


def is_there(path: str, access: Access = USUAL) -> bool:
    """Whether there is such a file."""
    return remote.is_there(path, access) if is_remote(path) else os.path.exists(path)


def state_of(path: str, access: Access = USUAL) -> tuple[int | None, int | None]:
    """Bytes of a file and the time of its last change in nanoseconds; None where that is not known.

    Of an array in an archive they are those of the archive.
    """
    try:
        if is_remote(path):
            return remote.state_of(path, access)
        found = os.stat(path_of(path))
    except (InputError, OSError, ValueError):
        return None, None
    return found.st_size, found.st_mtime_ns


def is_moments(path: str) -> bool:
    """Whether a file says of itself that it holds moments."""
    try:
        if not os.path.isfile(path):  # a name that cannot be is no file, and no exception
            return False
        with open(path, "rb") as file:
            return b'"bnstat.moments/' in file.read(_MOMENTS_WITHIN)
    except (OSError, ValueError):
        return False


def tree(folder: str, failures: list[InputError], access: Access = USUAL) -> Iterator[tuple[str, list[str]]]:
    """Each folder below one, itself first, with the names of its files; hidden folders and files are left out.

    Folders that may not be searched join the failures.
    """
    if is_remote(folder):
        yield from remote.tree(folder, failures, access)
        return

    def fail(error: OSError) -> None:
        failures.append(unreadable(str(error.filename), error))

    for here, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = [name for name in names if not name.startswith(".") and os.path.isfile(os.path.join(here, name))]
        yield here, sorted(files)


def files_in(folder: str, access: Access = USUAL) -> list[str]:
    """The names of the files in a folder, in order, hidden ones left out; none where there is no such folder."""
    return next((names for _, names in tree(folder, [], access)), [])


def text_of(path: str, access: Access = USUAL) -> str:
    """A file as text.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    try:
        if is_remote(path):
            with remote.open_stream(path, access=access) as stream:
                data = stream.read(_MOST_TEXT)
        else:
            with open(path, "rb") as file:
                data = file.read(_MOST_TEXT)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(path, "it is no text in UTF-8; give the JSON file of a data set, or images") from error
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def is_dicom(path: str) -> bool:
    """Whether a file without an ending is DICOM; elsewhere nothing is fetched for that."""
    if is_remote(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(_DICOM_AT + len(_DICOM_MARK))[_DICOM_AT:] == _DICOM_MARK
    except OSError:
        return False


def format_of(folder: str, name: str) -> str | None:
    """The format of a file without an ending that a name would tell it by."""
    ending = os.path.splitext(name)[1][1:]
    plain = not ending or ending.isdecimal()  # unique identifiers end in a number
    return DICOM if plain and is_dicom(inside(folder, name)) else None
