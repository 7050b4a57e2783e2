"""Remote files, named by URLs: `s3://bucket/key`, `https://…`. Only this module uses fsspec.

fsspec gets no URL that `addresses` refuses, and parses none itself: a protocol is looked up by its name.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast
from urllib.parse import urljoin, urlsplit

from bnstat.errors import InputError
from bnstat.sources.addresses import USUAL, Access, is_below, is_remote, protocol_of, require_allowed, server_of
from bnstat.sources.streams import first_line
from bnstat.text import printable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from aiohttp import ClientSession, TraceRequestRedirectParams
    from fsspec import AbstractFileSystem

Answer = TypeVar("Answer")

__all__ = ["HEADER_BYTES", "VOXEL_BYTES", "is_folder", "is_remote", "is_there", "matching", "name_of", "open_stream"]
__all__ += ["state_of", "tree"]

# The bytes that are fetched at once: of a header, and of voxels.
HEADER_BYTES = 1 << 16
VOXEL_BYTES = 1 << 23
# The protocols of web servers, whose pages may link anywhere.
_WEB = ("http", "https")

_INSTALL = "reading URLs needs fsspec and s3fs; run: pip install 'bnstat[remote]'"
_CREDENTIALS = (
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
    "or FSSPEC_S3_ANON=true for a public bucket"
)


def name_of(url: str) -> str:
    """Return the path in a URL without a query: its ending tells the format of the file."""
    return urlsplit(url).path if url.lower().startswith("http") else url


def open_stream(url: str, block: int = HEADER_BYTES, access: Access = USUAL) -> BinaryIO:
    """Open a remote file as a stream of bytes, which are fetched block by block.

    Raises:
        InputError: if it does not exist, or may not be read.
    """
    return cast(BinaryIO, io.BufferedReader(_Stream(url, block, access), min(block, 1 << 20)))


def is_there(url: str, access: Access = USUAL) -> bool:
    """Return True if the file exists.

    Raises:
        InputError: if the server does not answer.
    """
    system, path = _system(url, access)
    return bool(_asked(url, system.exists, path))


def state_of(url: str, access: Access = USUAL) -> tuple[int | None, int | None]:
    """Return the bytes of a file and the time of its last change in nanoseconds, each None if its server has none.

    Raises:
        InputError: if the server does not answer.
    """
    system, path = _system(url, access)
    system.invalidate_cache()  # an earlier listing may be out of date
    told = _asked(url, system.info, path)
    times = (told.get(name) for name in ("LastModified", "last_modified", "mtime", "created"))
    changed: Any = next((one for one in times if one is not None), None)
    seconds = changed.timestamp() if hasattr(changed, "timestamp") else changed
    return told.get("size"), int(seconds * 1e9) if isinstance(seconds, (int, float)) else None


def is_folder(url: str, access: Access = USUAL) -> bool:
    """Return True if there are files below a URL.

    Raises:
        InputError: if the server does not answer.
    """
    if url.endswith("/"):
        return True
    system, path = _system(url, access)
    return bool(_asked(url, system.isdir, path))


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
    for key in sorted(_asked(folder, _below, system, path, protocol_of(folder))):
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
    found = sorted(system.unstrip_protocol(key) for key in _asked(pattern, system.glob, path))
    root = pattern.partition("*")[0].rpartition("/")[0]
    return [url for url in found if protocol_of(pattern) not in _WEB or is_below(url, root)]


def _system(url: str, access: Access) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        InputError: if its protocol is not allowed or not known, or the package that reads it is not installed.
    """
    protocol = require_allowed(url, access)
    try:
        from fsspec import get_filesystem_class  # noqa: PLC0415  (optional, and slow to import)
    except ImportError as error:
        raise InputError(url, _INSTALL) from error
    address = protocol + url[len(protocol) :]
    kind = _asked(url, get_filesystem_class, protocol)
    system = _asked(url, lambda: kind(**_options(protocol, access), **kind._get_kwargs_from_urls(address)))
    return system, _asked(url, kind._strip_protocol, address)


def _options(protocol: str, access: Access) -> dict[str, Any]:
    """Return the arguments of a file system: a web server may redirect to another host only if that is allowed."""
    return {"get_client": _staying_client} if access.stays and protocol in _WEB else {}


class _LeftError(Exception):
    """A redirection of a web server to another host."""


async def _staying_client(**options: Any) -> ClientSession:
    """Return a client of web servers that refuses redirections to another host."""
    import aiohttp  # noqa: PLC0415  (fsspec has imported it)

    async def refuse(_: object, __: object, told: TraceRequestRedirectParams) -> None:
        target = told.response.headers.get("Location") or told.response.headers.get("URI") or ""
        here = str(told.response.url)
        following = urljoin(here, target)
        if any(map(str.isspace, target)) or server_of(following) is None or server_of(following) != server_of(here):
            raise _LeftError(following)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(trace_configs=[trace], **options)


def _asked(url: str, call: Callable[..., Answer], *args: Any) -> Answer:
    """Return the result of a call to a file system.

    Raises:
        InputError: if it fails; the error names the URL.
    """
    try:
        return call(*args)
    except Exception as error:  # every file system raises its own
        raise _sent_on(url, error) or _unreadable(url, error) from error


def _sent_on(url: str, error: Exception) -> InputError | None:
    """Return the error if a server redirected to another host, else None; fsspec may have wrapped it."""
    left = next((one for one in (error, error.__cause__) if isinstance(one, _LeftError)), None)
    if left is None:
        return None
    message = f"its server redirects to another host, which a list may not do; give {left} itself"
    return InputError(url, printable(message))


def _unreadable(url: str, error: Exception) -> InputError:
    """Return the error to report for an exception of a file system, which may have classes of its own."""
    if isinstance(error, InputError):
        return error
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) and _no_connection(cause):
        return _unreadable(url, cause)  # fsspec raises this if a web server does not answer
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
        return InputError(url, f"no connection to the server ({first_line(error)}); check the network and the endpoint")
    return InputError(url, f"the file cannot be read: {first_line(error)}")


def _kinds(error: Exception) -> str:
    """Return the names of an exception's classes, whose packages may not be installed."""
    return " ".join(kind.__name__ for kind in type(error).__mro__)


def _no_connection(error: Exception) -> bool:
    """Return True if an exception means that a server did not answer."""
    known = isinstance(error, (ConnectionError, TimeoutError))
    return known or re.search("Connect|Endpoint|Timeout", _kinds(error)) is not None


class _Stream(io.RawIOBase):
    """A remote file, whose errors name its URL."""

    def __init__(self, url: str, block: int, access: Access) -> None:
        super().__init__()
        self._url = url
        system, path = _system(url, access)
        self._file = _asked(url, lambda: system.open(path, "rb", block_size=block, cache_type="readahead"))

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
