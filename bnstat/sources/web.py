"""Files of web servers, and the client that asks for them. aiohttp is used here and in `buckets`.

fsspec takes an answer for what was asked whatever its Content-Range says; so the requests for bytes are made here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from bnstat.sources.addresses import server_of
from bnstat.sources.patience import Patience
from bnstat.sources.ranges import Answer, Ask, PassingError, Version, WrongAnswerError, tried
from bnstat.sources.streams import first_line
from bnstat.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientResponse, ClientSession, TraceRequestRedirectParams

# The answers of a server: the file, a part of it, and that it has no byte there.
_WHOLE, _PART, _BEYOND = 200, 206, 416
_MISSING, _FORBIDDEN = (404, 410), (401, 403, 407)
# The answers of a server that is busy; and the first one of a server with a failure of its own.
_BUSY, _SERVER_FAILED = (408, 425, 429), 500
_RANGE = re.compile(r"bytes\s+(?:(?P<start>\d{1,19})-(?P<last>\d{1,19})|\*)/(?P<size>\d{1,19}|\*)", re.IGNORECASE)
# The codings in which a server may send a file, which are undone; and those that change nothing.
GZIPPED, _PLAIN = ("gzip", "x-gzip"), ("", "identity", "none")
_MOST_REASON = 60


class LeftError(Exception):
    """A redirection of a web server to another host, which a list may not do."""


def client_maker(patience: Patience, *, stays: bool) -> Callable[..., Awaitable[ClientSession]]:
    """Return the maker of a client of web servers.

    Args:
        patience: how long it waits.
        stays: True if it refuses redirections to another host.
    """

    async def refuse(_: object, __: object, told: TraceRequestRedirectParams) -> None:
        target = told.response.headers.get("Location") or told.response.headers.get("URI") or ""
        here = str(told.response.url)
        following = urljoin(here, target)
        if any(map(str.isspace, target)) or server_of(following) is None or server_of(following) != server_of(here):
            raise LeftError(following)

    async def client(**options: Any) -> ClientSession:
        import aiohttp

        # pages that list files are small: all of one must come within a few windows
        limits = aiohttp.ClientTimeout(
            total=5 * patience.window_s, sock_connect=patience.connect_s, sock_read=patience.silence_s
        )
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(refuse)
        return aiohttp.ClientSession(**{"timeout": limits, "trace_configs": [trace] if stays else [], **options})

    return client


def asking(system: object, url: str, patience: Patience) -> Ask:
    """Return what asks a web server for bytes of a file."""

    async def ask(start: int, end: int) -> Answer:
        response = await _response(system, url, patience, f"bytes={start}-{end - 1}")
        try:
            return _answer(response, url, start, patience)
        except BaseException:
            response.close()
            raise

    return ask


async def is_there(system: object, url: str, patience: Patience) -> bool:
    """Return True if a web server has a file; a server that does not answer has not said that it has none.

    Raises:
        PassingError: if it does not answer.
    """
    ask = asking(system, url, patience)
    try:
        (await tried(lambda: ask(0, 1), patience)).close()
    except (FileNotFoundError, PermissionError):
        return False
    return True


async def version_of(system: object, url: str, patience: Patience) -> Version:
    """Return what a web server tells about a file.

    Raises:
        PassingError: if it does not answer.
    """
    ask = asking(system, url, patience)
    answer = await tried(lambda: ask(0, 1), patience)
    answer.close()
    return answer.version


async def _response(file_system: object, url: str, patience: Patience, wanted: str) -> ClientResponse:
    """Return the response to a request for a range of bytes.

    Raises:
        PassingError: if there is none in time, or the connection fails.
    """
    import asyncio

    import aiohttp

    system: Any = file_system
    session: ClientSession = await system.set_session()
    options = dict(system.kwargs)
    headers = {**options.pop("headers", {}), "Range": wanted, "Accept-Encoding": "identity"}
    limits = aiohttp.ClientTimeout(total=None, sock_connect=patience.connect_s, sock_read=patience.silence_s)
    try:
        async with asyncio.timeout(patience.window_s):
            # the bytes are taken as they come: a coding is undone where the checksum in it is verified
            return await session.get(
                system.encode_url(url), **{**options, "headers": headers, "timeout": limits, "auto_decompress": False}
            )
    except TimeoutError as error:
        raise PassingError(f"it did not answer within {patience.silence_s:g} s") from error
    except (aiohttp.ClientSSLError, aiohttp.InvalidURL, aiohttp.TooManyRedirects) as error:
        raise WrongAnswerError(f"the file cannot be fetched: {_said(error)}") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
        raise PassingError(_said(error)) from error
    except aiohttp.ClientError as error:  # what is no HTTP at all
        raise WrongAnswerError(f"its server does not answer as a web server does: {_said(error)}") from error


def _answer(response: ClientResponse, url: str, start: int, patience: Patience) -> Answer:
    """Return what a response has of a file.

    Raises:
        FileNotFoundError: if the server has no such file.
        PermissionError: if it does not give it.
        PassingError: if it is busy.
        WrongAnswerError: if the response contradicts itself, or is none to such a request.
    """
    status = response.status
    if status in _MISSING:
        raise FileNotFoundError(url)
    if status in _FORBIDDEN:
        raise PermissionError(url)
    told = f"it answered {status} {printable(response.reason or '')[:_MOST_REASON]}".rstrip()
    if status in _BUSY or status >= _SERVER_FAILED:
        after = response.headers.get("Retry-After", "")
        wait = float(after) if after.isdecimal() and len(after) < len("99999") else 0
        raise PassingError(told, wait, answered=True)
    if status not in (_WHOLE, _PART, _BEYOND):
        raise WrongAnswerError(f"the file cannot be fetched: of its server, {told}; check the URL")
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in (*_PLAIN, *GZIPPED):
        raise WrongAnswerError(
            f"its server sends it in the encoding {printable(coding)[:_MOST_REASON]}, although the plain file was "
            "asked for; copy the file here by another program and give the copy"
        )
    place, end, size = _place(response, start)
    version = Version(size, response.headers.get("ETag"), response.headers.get("Last-Modified"))
    reader = _reader(response, patience)
    return Answer(place, end, status == _WHOLE, version, "" if coding in _PLAIN else coding, reader, response.close)


def _place(response: ClientResponse, start: int) -> tuple[int, int | None, int | None]:
    """Return where the bytes of a response begin and end in the file, and the size of the file.

    Raises:
        WrongAnswerError: if it does not tell, or contradicts itself.
    """
    length = response.content_length
    if response.status == _WHOLE:
        return 0, length, length
    said = response.headers.get("Content-Range", "")
    found = _RANGE.fullmatch(said.strip())
    size = None if found is None or found["size"] == "*" else int(found["size"])
    if response.status == _BEYOND:
        return start, start, size
    if found is None or found["start"] is None or response.content_type == "multipart/byteranges":
        raise WrongAnswerError(
            f"its server sent a part of the file without saying which (Content-Range: "
            f"{printable(said)[:_MOST_REASON] or 'none'}); copy the file here by another program and give the copy"
        )
    place, end = int(found["start"]), int(found["last"]) + 1
    if end <= place or (size is not None and end > size) or (length is not None and length != end - place):
        raise WrongAnswerError(
            f"its server's answer contradicts itself (Content-Range: {printable(said)[:_MOST_REASON]}, "
            f"Content-Length: {length}); copy the file here by another program and give the copy"
        )
    return place, end, size


def _reader(response: ClientResponse, patience: Patience) -> Callable[[int], Awaitable[bytes]]:
    """Return what reads bytes of a response, whose failures are passing ones."""
    import aiohttp

    async def read(size: int) -> bytes:
        try:
            return await response.content.read(size)
        except aiohttp.SocketTimeoutError as error:
            raise PassingError(f"no byte came for {patience.silence_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingError("the connection was cut") from error

    return read


def _said(error: Exception) -> str:
    return printable(first_line(error))
