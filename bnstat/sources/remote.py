"""Files on other machines, named by URLs: `s3://bucket/key`, `https://…`. The only user of fsspec.

No URL gets to fsspec that `addresses` refuses, and fsspec takes none apart: a protocol is asked for by its name.
"""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from urllib.parse import urljoin, urlsplit

from bnstat.errors import InputError
from bnstat.sources.addresses import USUAL, Access, is_below, is_remote, protocol_of, require_allowed, server_of
from bnstat.sources.streams import first_line
from bnstat.text import printable

__all__ = ["HEADER_BYTES", "VOXEL_BYTES", "is_folder", "is_remote", "is_there", "matching", "name_of", "open_stream"]
__all__ += ["state_of", "tree"]

# Bytes that are asked for at once: of a header, and of voxels.
HEADER_BYTES = 1 << 16
VOXEL_BYTES = 1 << 23
# Protocols of web servers, whose pages have links to anywhere.
_WEB = ("http", "https")

_INSTALL = "reading from other machines needs fsspec and s3fs; run: pip install 'bnstat[remote]'"
_CREDENTIALS = (
    "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
    "or FSSPEC_S3_ANON=true for a public bucket"
)


def name_of(url: str) -> str:
    """The path in a URL, without a query: its ending tells what the file is."""
    return urlsplit(url).path if url.lower().startswith("http") else url


def open_stream(url: str, block: int = HEADER_BYTES, access: Access = USUAL) -> BinaryIO:
    """A file as a stream of bytes, fetched block by block while it is read.

    Raises:
        InputError: it is not there, or may not be read.
    """
    return cast(BinaryIO, io.BufferedReader(_Stream(url, block, access), min(block, 1 << 20)))


def is_there(url: str, access: Access = USUAL) -> bool:
    """Whether there is such a file.

    Raises:
        InputError: it cannot be asked.
    """
    system, path = _system(url, access)
    return bool(_asked(url, system.exists, path))


def state_of(url: str, access: Access = USUAL) -> tuple[int | None, int | None]:
    """Bytes of a file and the time of its last change in nanoseconds, None what its server does not tell.

    Raises:
        InputError: it cannot be asked.
    """
    system, path = _system(url, access)
    system.invalidate_cache()  # what was listed before may have changed
    told = _asked(url, system.info, path)
    times = (told.get(name) for name in ("LastModified", "last_modified", "mtime", "created"))
    changed: Any = next((one for one in times if one is not None), None)
    seconds = changed.timestamp() if hasattr(changed, "timestamp") else changed
    return told.get("size"), int(seconds * 1e9) if isinstance(seconds, (int, float)) else None


def is_folder(url: str, access: Access = USUAL) -> bool:
    """Whether anything lies below a URL.

    Raises:
        InputError: it cannot be asked.
    """
    if url.endswith("/"):
        return True
    system, path = _system(url, access)
    return bool(_asked(url, system.isdir, path))


def tree(folder: str, failures: list[InputError], access: Access = USUAL) -> Iterator[tuple[str, list[str]]]:
    """Each folder below one, itself first, with the names of its files; hidden ones are left out.

    Files whose names lead out of the folder join the failures.

    Raises:
        InputError: it cannot be listed.
    """
    system, path = _system(folder, access)
    whole = str(system.unstrip_protocol(path)).rstrip("/")
    root = folder.rstrip("/")
    found: dict[str, list[str]] = {root: []}
    for key in sorted(_asked(folder, _below, system, path, protocol_of(folder))):
        if not is_below(key, whole):
            failures.append(
                InputError(printable(key), f"its name leads out of {folder}, and it was not opened; rename it")
            )
            continue
        below = key[len(whole) + 1 :]
        if not any(part.startswith(".") for part in below.split("/")):
            at, name = posixpath.split(below)
            found.setdefault(f"{root}/{at}" if at else root, []).append(name)
    yield from found.items()


def _below(system: Any, folder: str, protocol: str) -> list[str]:  # noqa: ANN401
    """Return the URLs of all files below a folder; of a web server without what it links to that lies elsewhere."""
    keys = _linked(system, folder) if protocol in _WEB else system.find(folder)
    return list(map(system.unstrip_protocol, keys))


def _linked(system: Any, folder: str) -> Iterator[str]:  # noqa: ANN401
    """Yield the files that pages of a web server link to, and follow only links to folders further down."""
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
    """The URLs that match a pattern, in order.

    Raises:
        InputError: they cannot be listed.
    """
    system, path = _system(pattern, access)
    found = sorted(system.unstrip_protocol(key) for key in _asked(pattern, system.glob, path))
    root = pattern.partition("*")[0].rpartition("/")[0]
    return [url for url in found if protocol_of(pattern) not in _WEB or is_below(url, root)]


def _system(url: str, access: Access) -> tuple[Any, str]:
    """Return the file system that a URL is of, and the path in it.

    Raises:
        InputError: its protocol is not allowed, is not known, or what reads it is not installed.
    """
    protocol = require_allowed(url, access)
    try:
        from fsspec import get_filesystem_class  # noqa: PLC0415  (only for what is elsewhere)
    except ImportError as error:
        raise InputError(url, _INSTALL) from error
    address = protocol + url[len(protocol) :]
    kind = _asked(url, get_filesystem_class, protocol)
    system = _asked(url, lambda: kind(**_options(protocol, access), **kind._get_kwargs_from_urls(address)))
    return system, _asked(url, kind._strip_protocol, address)


def _options(protocol: str, access: Access) -> dict[str, Any]:
    """Return what a file system is made with: a web server may send on to other hosts only where that is allowed."""
    return {"get_client": _staying_client} if access.stays and protocol in _WEB else {}


class _LeftError(Exception):
    """A web server sent on to another host."""


async def _staying_client(**options: Any) -> Any:  # noqa: ANN401
    """Return a client of web servers that refuses to be sent on to another host."""
    import aiohttp  # noqa: PLC0415  (fsspec has imported it)

    async def refuse(_: object, __: object, told: Any) -> None:  # noqa: ANN401
        target = told.response.headers.get("Location") or told.response.headers.get("URI") or ""
        here = str(told.response.url)
        following = urljoin(here, target)
        if any(map(str.isspace, target)) or server_of(following) is None or server_of(following) != server_of(here):
            raise _LeftError(following)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return aiohttp.ClientSession(trace_configs=[trace], **options)


def _asked(url: str, call: Any, *args: Any) -> Any:  # noqa: ANN401  (what fsspec takes and gives)
    """What a call gives, its failure being told of the URL.

    Raises:
        InputError: it fails.
    """
    try:
        return call(*args)
    except Exception as error:  # every file system raises its own
        raise _sent_on(url, error) or _unreadable(url, error) from error


def _sent_on(url: str, error: Exception) -> InputError | None:
    """Return the error where a server sent on to another host, else None; fsspec may have put its own before it."""
    left = next((one for one in (error, error.__cause__) if isinstance(one, _LeftError)), None)
    if left is None:
        return None
    message = f"its server sends on to another host, and what a list names stays on its own; give {left} itself"
    return InputError(url, printable(message))


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
        return InputError(url, "fsspec knows no such protocol; install what reads it, or copy the file here")
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

    def __init__(self, url: str, block: int, access: Access) -> None:
        super().__init__()
        self._url = url
        system, path = _system(url, access)
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
