"""Which URLs may be opened, decided on their text alone: before fsspec sees one, and before anything is imported.

A URL can choose what runs: fsspec has protocols that read a file as a set of references, unpack archives, start
programs or chain other protocols with `::`. So only protocols that fetch bytes are read, and others where a user names
them.
What a file says is not what a user says: names inside of a description of a data set have narrower limits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from bnstat.errors import InputError, UsageError
from bnstat.text import printable

# Protocols that fetch the bytes of a file, and do nothing else.
PROTOCOLS = ("s3", "gs", "az", "abfs", "http", "https", "file")
CHAIN = "::"
# What begins like a URL, also where it is one that is refused. A scheme has two letters or more: one is a drive.
_URL = re.compile(rf"(?P<scheme>[a-z][a-z0-9+._-]+)({CHAIN}.*?)?://", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+._-]+")
_PORTS = {"http": 80, "https": 443}
# How often a name may be percent-encoded over and over before it is refused for that.
_MOST_DECODED = 5


@dataclass(frozen=True)
class Access:
    """How files elsewhere may be reached.

    Attributes:
        protocols: names of protocols that a user allows beside the usual ones.
        stays: whether a web server may not send on to another host: where the name was found in a file.
    """

    protocols: tuple[str, ...] = ()
    stays: bool = False


USUAL = Access()


def is_remote(path: str) -> bool:
    """Return whether a path is a URL."""
    return _URL.match(path) is not None


def protocol_of(url: str) -> str:
    """Return the protocol that a URL begins with, in small letters."""
    match = _URL.match(url)
    return match["scheme"].lower() if match is not None else ""


def require_protocols(names: Iterable[str]) -> None:
    """Refuse what cannot be the name of a protocol.

    Raises:
        UsageError: one cannot.
    """
    for name in names:
        if _SCHEME.fullmatch(name) is None:
            raise UsageError(
                f"{printable(name)!r} cannot be a protocol to allow; give its name alone and in small letters, as sftp"
            )


def require_allowed(url: str, access: Access) -> str:
    """Refuse a URL whose protocol was not allowed, and return its protocol where it was.

    Raises:
        InputError: it is of another protocol, chains several, or has characters that no URL has.
    """
    protocol = protocol_of(url)
    shown = printable(url)
    if CHAIN in url:
        raise InputError(
            shown, f"it chains protocols with {CHAIN}, which is never opened; give the URL of the file itself"
        )
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in url):
        raise InputError(shown, "no URL has control characters in it, so it was not opened; check how it was written")
    if protocol not in PROTOCOLS and protocol not in access.protocols:
        raise InputError(
            shown,
            f"the protocol {protocol} is not allowed, so it was not opened: {', '.join(PROTOCOLS)} are; if you trust "
            f"this URL, add --allow-protocol {protocol}",
        )
    return protocol


def named_in(description: str, folder: str, name: str, joined: str) -> str:
    """Return the path of what a description names, and refuse what leads elsewhere.

    Args:
        description: the path of its file.
        folder: where that lies.
        name: as the description has it.
        joined: the path that it stands for.

    Raises:
        InputError: it is a URL of another protocol or host, or leaves a folder elsewhere.
    """
    if is_remote(name) and not _same_server(name, description):
        raise _refused(name, description, "it is a URL of another protocol or host than the file that lists it")
    if not is_remote(description):
        return joined
    if not is_remote(joined) or not _same_server(joined, description):
        raise _refused(name, description, "it leaves the server that the file that lists it is on")
    if _leaves(name) or not (is_remote(name) or is_below(joined, folder)):
        raise _refused(name, description, "it leaves the folder of the file that lists it")
    return joined


def is_below(url: str, folder: str) -> bool:
    """Return whether a URL lies in a folder, or further down, whichever way its dots are written."""
    root = folder.rstrip("/") + "/"
    return url.startswith(root) and not _leaves(url[len(root) :])


def _refused(name: str, description: str, why: str) -> InputError:
    return InputError(
        printable(name),
        f"{printable(description)} lists it, and it was not opened: {why}; correct the list, or give the file itself",
    )


def _same_server(url: str, other: str) -> bool:
    """Return whether two URLs are of one protocol, user, host and port, and neither chains."""
    if CHAIN in url or CHAIN in other or not (is_remote(url) and is_remote(other)):
        return False
    return server_of(url) == server_of(other) is not None


def server_of(url: str) -> tuple[str, str, int | None] | None:
    """Return protocol, host with whoever logs in there, and port; None where these cannot be told."""
    protocol = protocol_of(url)
    try:
        parts = urlsplit(protocol + url[len(protocol) :])
        port = parts.port if protocol in _PORTS else None
    except ValueError:
        return None
    if any(letter in parts.netloc for letter in "\\%") or any(letter.isspace() for letter in parts.netloc):
        return None  # programs differ in where such a host ends
    return protocol, _host(parts, protocol), port or _PORTS.get(protocol)


def _host(parts: SplitResult, protocol: str) -> str:
    """Return the host as it is compared; the names of buckets and containers have no port."""
    if protocol not in _PORTS:
        return parts.netloc
    user, at, _ = parts.netloc.rpartition("@")
    return f"{user}{at}{(parts.hostname or '').lower()}"


def _leaves(name: str) -> bool:
    """Return whether a name has a step upwards in it, percent-encoded or not, or more layers of that than any name."""
    for _ in range(_MOST_DECODED):
        steps = re.split(r"[/\\]", re.split(r"[?#]", name)[0])
        if os.pardir in steps or "\\" in name:
            return True
        if (decoded := unquote(name)) == name:
            return False
        name = decoded
    return True
