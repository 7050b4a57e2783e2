"""Files on other machines, named by URLs: `s3://bucket/key`, `https://…`. The only user of fsspec."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from bnstat.errors import InputError
from bnstat.sources.streams import first_line

# A scheme of two letters or more: one letter is a drive.
_URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z0-9+.:/-]*)?://", re.IGNORECASE)
# Bytes that are asked for at once: of a header, and of voxels.
HEADER_BYTES = 1 << 16
VOXEL_BYTES = 1 << 23

_INSTALL = "reading from other machines needs fsspec and s3fs; run: pip install 'bnstat[remote]'"
_CREDENTIALS = (
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
    "or FSSPEC_S3_ANON=true for a public bucket"
)


def is_remote(path: str) -> bool:
    """Whether a path is a URL."""
    return _URL.match(path) is not None


def name_of(url: str) -> str:
    """The path in a URL, without a query: its ending tells what the file is."""
    return urlsplit(url).path if url.lower().startswith("http") else url


def open_stream(url: str, block: int = HEADER_BYTES) -> BinaryIO:
    """A file as a stream of bytes, fetched block by block while it is read.

    Raises:
        InputError: it is not there, or may not be read.
    """
    return cast(BinaryIO, io.BufferedReader(_Stream(url, block), min(block, 1 << 20)))


def is_there(url: str) -> bool:
    """Whether there is such a file.

    Raises:
        InputError: it cannot be asked.
    """
    system, path = _system(url)
    return bool(_asked(url, system.exists, path))


def state_of(url: str) -> tuple[int | None, int | None]:
    """Bytes of a file and the time of its last change in nanoseconds, None what its server does not tell.

    Raises:
        InputError: it cannot be asked.
    """
    system, path = _system(url)
    system.invalidate_cache()  # what was listed before may have changed
    told = _asked(url, system.info, path)
    times = (told.get(name) for name in ("LastModified", "last_modified", "mtime", "created"))
    changed: Any = next((one for one in times if one is not None), None)
    seconds = changed.timestamp() if hasattr(changed, "timestamp") else changed
    return told.get("size"), int(seconds * 1e9) if isinstance(seconds, (int, float)) else None


def is_folder(url: str) -> bool:
    """Whether anything lies below a URL.

    Raises:
        InputError: it cannot be asked.
    """
    if url.endswith("/"):
        return True
    system, path = _system(url)
    return bool(_asked(url, system.isdir, path))


def tree(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder below one, itself first, with the names of its files; hidden ones are left out.

    Raises:
        InputError: it cannot be listed.
    """
    system, path = _system(folder)
    listed = _asked(folder, system.find, path)
    root = folder.rstrip("/")
    found: dict[str, list[str]] = {root: []}
    for key in sorted(system.unstrip_protocol(key) for key in listed):
        below = _relative(key, system.unstrip_protocol(path).rstrip("/"))
        if below and not any(part.startswith(".") for part in below.split("/")):
            at, name = posixpath.split(below)
            found.setdefault(f"{root}/{at}" if at else root, []).append(name)
    yield from found.items()


def _relative(key: str, folder: str) -> str:
    return key.removeprefix(folder).lstrip("/")


def matching(pattern: str) -> list[str]:
    """The URLs that match a pattern, in order.

    Raises:
        InputError: they cannot be listed.
    """
    system, path = _system(pattern)
    return sorted(system.unstrip_protocol(key) for key in _asked(pattern, system.glob, path))


def _system(url: str) -> tuple[Any, str]:
    """The file system that a URL is of, and the path in it."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415  (only for what is elsewhere)
    except ImportError as error:
        raise InputError(url, _INSTALL) from error
    system, path = _asked(url, url_to_fs, url)
    return system, path


def _asked(url: str, call: Any, *args: Any) -> Any:  # noqa: ANN401  (what fsspec takes and gives)
    """What a call gives, its failure being told of the URL.

    Raises:
        InputError: it fails.
    """
    try:
        return call(*args)
    except Exception as error:  # every file system raises its own
        raise _unreadable(url, error) from error


def _unreadable(url: str, error: Exception) -> InputError:
    """The error for a user that a failure elsewhere means: file systems have classes of their own for most."""
    if isinstance(error, InputError):
        return error
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) and _no_connection(cause):
        return _unreadable(url, cause)  # that is what fsspec says of a web server that is not there
    if isinstance(error, FileNotFoundError):
        return InputError(url, "no such file or bucket; check the URL")
    if isinstance(error, PermissionError):
        return InputError(url, "permission denied; check the credentials, and who may read it")
    if isinstance(error, ImportError):
        return InputError(url, f"{_INSTALL} ({first_line(error)})")
    if isinstance(error, ValueError) and "protocol" in str(error).lower():
        return InputError(url, "URLs of this kind are not known; s3://, https:// and what fsspec knows are")
    if "Credential" in _kinds(error):
        return InputError(url, _CREDENTIALS)
    if _no_connection(error):
        return InputError(url, f"no connection to the server ({first_line(error)}); check the network and the endpoint")
    return InputError(url, f"it cannot be read: {first_line(error)}")


def _kinds(error: Exception) -> str:
    """The names of its classes: those of packages that need not be here."""
    return " ".join(kind.__name__ for kind in type(error).__mro__)


def _no_connection(error: Exception) -> bool:
    known = isinstance(error, (ConnectionError, TimeoutError))
    return known or re.search("Connect|Endpoint|Timeout", _kinds(error)) is not None


class _Stream(io.RawIOBase):
    """A file elsewhere, whose failures are told of its URL."""

    def __init__(self, url: str, block: int) -> None:
        super().__init__()
        self._url = url
        system, path = _system(url)
        self._file = _asked(url, lambda: system.open(path, "rb", block_size=block, cache_type="readahead"))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        data = _asked(self._url, self._file.read, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()
