"""Remote files, named by URLs: `s3://bucket/key`, `https://…`. Only this module uses fsspec.

fsspec gets no URL that `addresses` refuses, and parses none itself: a protocol is looked up by its name.
The bytes of files of web servers and of S3 are asked for in `web` and `buckets`, which verify every answer.
"""

from __future__ import annotations

import io
import posixpath
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar, cast

from bnstat.errors import InputError
from bnstat.sources import buckets, patience, web
from bnstat.sources.addresses import (
    USUAL,
    Access,
    is_below,
    is_remote,
    path_in,
    protocol_of,
    require_allowed,
    server_of,
)
from bnstat.sources.patience import Patience
from bnstat.sources.ranges import PassingError, RangedFile, Seen, Version, WrongAnswerError, wait_for
from bnstat.sources.streams import Part, first_line, open_gzip
from bnstat.text import printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from fsspec import AbstractFileSystem

Answer = TypeVar("Answer")

__all__ = ["HEADER_BYTES", "VOXEL_BYTES", "Seen", "is_folder", "is_remote", "is_there", "matching"]
__all__ += ["open_stream", "state_of", "tree"]

# The bytes that are fetched at once: of a header, and of voxels.
HEADER_BYTES = 1 << 16
VOXEL_BYTES = 1 << 23
# The protocols of web servers, whose pages may link anywhere.
_WEB = ("http", "https")
_S3 = "s3"
# The servers that were given up, and have not answered since: of a thousand files each would wait for all tries.
_silent: set[object] = set()

_INSTALL = "reading URLs needs fsspec and s3fs; run: pip install 'bnstat[remote]'"
_CREDENTIALS = (
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
    "or FSSPEC_S3_ANON=true for a public bucket"
)


def open_stream(url: str, part: Part = "header", access: Access = USUAL, seen: Seen | None = None) -> BinaryIO:
    """Open a remote file as a stream of bytes, which are fetched block by block.

    Args:
        url: the file.
        part: the part of it that is read, which tells how many bytes are fetched at once.
        access: how it may be reached.
        seen: what its server has told about it; streams that share it are of one version of the file.

    Raises:
        InputError: if it does not exist, or may not be read.
    """
    block = VOXEL_BYTES if part == "voxels" else HEADER_BYTES
    seen = Seen() if seen is None else seen
    stream = cast(BinaryIO, io.BufferedReader(_Stream(url, block, access, seen), min(block, 1 << 20)))
    # what a server has compressed on its way; where the name promises gzip, the bytes may be the file itself
    packed_on_the_way = seen.coding and not path_in(url).lower().endswith(".gz")
    return open_gzip(stream) if packed_on_the_way else stream


def is_there(url: str, access: Access = USUAL) -> bool:
    """Return True if the file exists.

    Raises:
        InputError: if the server does not answer.
    """
    system, path = _system(url, access)
    if protocol_of(url) in _WEB:
        return bool(_answered(url, wait_for, web.is_there(system, path, _limits(url)), system.loop))
    return bool(_asked(url, system.exists, path))


def state_of(url: str, access: Access = USUAL) -> tuple[int | None, int | None]:
    """Return the bytes of a file and the time of its last change in nanoseconds, each None if its server has none.

    Raises:
        InputError: if the server does not answer.
    """
    system, path = _system(url, access)
    if protocol_of(url) in _WEB:
        found = _answered(url, wait_for, web.version_of(system, path, _limits(url)), system.loop)
        return found.size, _nanoseconds(found.changed)
    system.invalidate_cache()  # an earlier listing may be out of date
    told = _asked(url, system.info, path)
    times = (told.get(name) for name in ("LastModified", "last_modified", "mtime", "created"))
    changed: Any = next((one for one in times if one is not None), None)
    seconds = changed.timestamp() if hasattr(changed, "timestamp") else changed
    return told.get("size"), int(seconds * 1e9) if isinstance(seconds, (int, float)) else None


def _nanoseconds(date: str | None) -> int | None:
    """Return a date of a web server in nanoseconds; None if it is not one."""
    from email.utils import parsedate_to_datetime

    try:
        return None if date is None else int(parsedate_to_datetime(date).timestamp() * 1e9)
    except (ValueError, OverflowError):
        return None


def is_folder(url: str, access: Access = USUAL) -> bool:
    """Return True if there are files below a URL.

    Raises:
        InputError: if the server does not answer.
    """
    if url.endswith("/"):
        return True
    system, path = _system(url, access)
    return bool(_listed(url, system.isdir, path))


def tree(folder: str, failures: list[InputError], access: Access = USUAL) -> Iterator[tuple[str, list[str]]]:
    """Yield a directory and each one below it, with the names of its files; hidden ones are skipped.

    Files whose names lead out of the directory are added to the failures.

    Raises:
        InputError: if the directory cannot be listed.
    """
    system, path = _system(folder, access)
    whole = str(system.unstrip_protocol(path)).rstrip("/")
    root = folder.rstrip("/")
    found: dict[str, list[str]] = {root: []}
    for key in sorted(_listed(folder, _below, system, path, protocol_of(folder))):
        if not is_below(key, whole):
            failures.append(
                InputError(printable(key), f"its name leads out of {folder}, so it was not opened; rename the file")
            )
            continue
        below = key[len(whole) + 1 :]
        if not any(part.startswith(".") for part in below.split("/")):
            at, name = posixpath.split(below)
            found.setdefault(f"{root}/{at}" if at else root, []).append(name)
    yield from found.items()


def _below(system: AbstractFileSystem, folder: str, protocol: str) -> list[str]:
    """Return the URLs of all files below a directory; for a web server, without links that lead elsewhere."""
    keys = _linked(system, folder) if protocol in _WEB else system.find(folder)
    return list(map(system.unstrip_protocol, keys))


def _linked(system: AbstractFileSystem, folder: str) -> Iterator[str]:
    """Yield the files to which the pages of a web server link; follow only links to directories below."""
    waiting, seen = [folder.rstrip("/") + "/"], set()
    while waiting:
        page = waiting.pop()
        for entry in system.ls(page, detail=True) if page not in seen else ():
            name = entry["name"].rstrip("/")
            if not is_below(name, page) or name[len(page) :].startswith("."):
                continue
            if entry["type"] == "directory":
                waiting.append(name + "/")
            else:
                yield name
        seen.add(page)


def matching(pattern: str, access: Access = USUAL) -> list[str]:
    """Return the sorted URLs that match a pattern.

    Raises:
        InputError: if they cannot be listed.
    """
    system, path = _system(pattern, access)
    found = sorted(system.unstrip_protocol(key) for key in _listed(pattern, system.glob, path))
    root = pattern.partition("*")[0].rpartition("/")[0]
    return [url for url in found if protocol_of(pattern) not in _WEB or is_below(url, root)]


def _system(url: str, access: Access) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        InputError: if its protocol is not allowed or not known, or the package that reads it is not installed.
    """
    protocol = require_allowed(url, access)
    try:
        from fsspec import get_filesystem_class
    except ImportError as error:
        raise InputError(url, _INSTALL) from error
    address = protocol + url[len(protocol) :]
    kind = _asked(url, get_filesystem_class, protocol)
    system = _asked(url, lambda: kind(**_options(protocol, access), **kind._get_kwargs_from_urls(address)))
    return system, _asked(url, kind._strip_protocol, address)


def _options(protocol: str, access: Access) -> dict[str, Any]:
    """Return the arguments of a file system: how long it waits, and whether it may be redirected to another host."""
    if protocol in _WEB:
        return {"get_client": _client(patience.PATIENCE, stays=access.stays)}
    return buckets.options(patience.PATIENCE) if protocol == _S3 else {}


# one maker for each setting: fsspec keeps one file system, with its connections, for each
_client = lru_cache(web.client_maker)


def _asked(url: str, call: Callable[..., Answer], *args: Any) -> Answer:
    """Return the result of a call to a file system.

    Raises:
        InputError: if it fails; the error names the URL.
    """
    try:
        return call(*args)
    except Exception as error:  # every file system raises its own
        raise _explained(url, error) or _unreadable(url, error) from error


def _limits(url: str) -> Patience:
    """Return how long a server is waited for: after it was given up once, each further file of it is tried once."""
    limits = patience.PATIENCE
    return replace(limits, tries=1) if server_of(url) in _silent else limits


def _answered(url: str, call: Callable[..., Answer], *args: Any) -> Answer:
    """Return the result of a call to a server, as `_asked`, and remember that the server answers."""
    found = _asked(url, call, *args)
    _silent.discard(server_of(url))
    return found


def _listed(url: str, call: Callable[..., Answer], *args: Any) -> Answer:
    """Return the result of a call that lists files; of a web server it is asked for again if the connection failed.

    Raises:
        InputError: as `_asked`.
    """
    limits, failures = patience.PATIENCE, 0
    while True:
        try:
            return _asked(url, call, *args)
        except InputError as error:
            failures += 1
            cause = error.__cause__
            passing = protocol_of(url) in _WEB and isinstance(cause, Exception) and _no_connection(cause)
            if not passing or failures >= limits.tries:
                raise
            time.sleep(limits.pause(failures))


def _explained(url: str, error: Exception) -> InputError | None:
    """Return the error to report for an exception of this package, else None; fsspec may have wrapped it."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, WrongAnswerError):
        return InputError(url, str(error))
    if isinstance(error, PassingError):
        told = _gave_up(url, str(error))
        if not error.answered:
            _silent.add(server_of(url))
        return InputError(url, told)
    left = next((one for one in (error, error.__cause__) if isinstance(one, web.LeftError)), None)
    if left is None:
        return None
    message = f"its server redirects to another host, which a list may not do; give {left} itself"
    return InputError(url, printable(message))


def _unreadable(url: str, error: Exception) -> InputError:
    """Return the error to report for an exception of a file system, which may have classes of its own."""
    if isinstance(error, FileNotFoundError):
        return InputError(url, "no such file or bucket; check the URL")
    if isinstance(error, PermissionError):
        return InputError(url, "permission denied; check the credentials, and who may read it")
    if isinstance(error, ImportError):
        return InputError(url, f"{_INSTALL} ({first_line(error)})")
    if isinstance(error, ValueError) and "protocol" in str(error).lower():
        return InputError(
            url, "fsspec knows no such protocol; install the package that reads it, or copy the file here"
        )
    if "Credential" in _kinds(error):
        return InputError(url, _CREDENTIALS)
    if _no_connection(error):
        return InputError(url, _gave_up(url, first_line(error)))
    return InputError(url, f"the file cannot be read: {first_line(error)}")


def _gave_up(url: str, why: str) -> str:
    """Return the message that a server does not answer."""
    tries = _limits(url).tries
    tried = f"tried {tries} times" if tries > 1 else "tried once more, since it did not answer before"
    return (
        f"no connection to the server ({printable(why)}; {tried}); check the network and the server, then "
        "run the command again"
    )


def _kinds(error: Exception) -> str:
    """Return the names of an exception's classes, whose packages may not be installed."""
    return " ".join(kind.__name__ for kind in type(error).__mro__)


def _no_connection(error: Exception) -> bool:
    """Return True if an exception means that a server did not answer."""
    known = isinstance(error, (ConnectionError, TimeoutError))
    return known or re.search("Connect|Endpoint|Timeout", _kinds(error)) is not None


class _Forward(Protocol):
    """A file that is read from its start to its end."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> object: ...


class _Whole:
    """A file of a file system of fsspec, whose bytes are counted.

    Raises:
        WrongAnswerError: if it is of another version than the streams before it.
    """

    def __init__(self, system: AbstractFileSystem, path: str, block: int, seen: Seen) -> None:
        self._file: Any = system.open(path, "rb", block_size=block, cache_type="readahead")
        told = getattr(self._file, "details", None) or {}
        tag = next((str(told[name]) for name in ("ETag", "etag", "generation") if told.get(name) is not None), None)
        self._size, self._at = getattr(self._file, "size", None), 0
        seen.hold(Version(self._size, tag))

    def read(self, size: int) -> bytes:
        data = bytes(self._file.read(size))
        self._at += len(data)
        if not data and size and self._size is not None and self._at != self._size:
            raise WrongAnswerError(
                f"its server says that it has {self._size:,} bytes, and sent {self._at:,}; run the command again"
            )
        return data

    def close(self) -> None:
        self._file.close()


def _opened(url: str, block: int, access: Access, seen: Seen) -> _Forward:
    """Open a remote file; raise InputError if its server does not have it or does not answer."""
    system, path = _system(url, access)
    protocol, limits = protocol_of(url), _limits(url)
    if protocol not in (*_WEB, _S3):
        return _asked(url, _Whole, system, path, block, seen)
    ask = web.asking(system, path, limits) if protocol in _WEB else _asked(url, buckets.asking, system, path)
    file = RangedFile(ask, system.loop, block, seen, limits)
    _answered(url, file.fetch)
    return file


class _Stream(io.RawIOBase):
    """A remote file, whose errors name its URL."""

    def __init__(self, url: str, block: int, access: Access, seen: Seen) -> None:
        super().__init__()
        self._url = url
        self._file = _opened(url, block, access, seen)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        data = _asked(self._url, self._file.read, len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_file"):
            self._file.close()
        super().close()
