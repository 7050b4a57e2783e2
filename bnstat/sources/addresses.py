"""The URLs that may be opened, decided on their text alone: before fsspec sees one, and before anything is imported.

A URL can choose what runs: fsspec has protocols that read a file as a set of references, unpack archives, start
programs or chain other protocols with `::`. So only protocols that fetch bytes are read, and others only if the user
names them. Names inside a description of a data set come from a file and not from the user: they have narrower limits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from bnstat.errors import InputError, UsageError
from bnstat.text import printable

# The protocols that only fetch the bytes of a file.
PROTOCOLS = ("s3", "gs", "az", "abfs", "http", "https", "file")
CHAIN = "::"
# The beginning of any URL, also of a refused one. A scheme has at least two letters: a single one is a drive.
_URL = rf"(?is)(?P<scheme>[a-z][a-z0-9+._-]+)({CHAIN}.*?)?://"
_SCHEME = r"[a-z][a-z0-9+._-]+"
_PORTS = {"http": 80, "https": 443}
# The most layers of percent-encoding that a name may have.
_MOST_DECODED = 5


@dataclass(frozen=True)
class Access:
    """The limits of access to remote files.

    Attributes:
        protocols: the names of protocols that the user allows beside the usual ones.
        stays: True if a web server may not redirect to another host: for names that a file contains.
    """

    protocols: tuple[str, ...] = ()
    stays: bool = False


USUAL = Access()


def is_remote(path: str) -> bool:
    """Return True if a path is a URL."""
    return "://" in path and re.match(_URL, path) is not None


def path_in(url: str) -> str:
    """Return the path in a URL without a query: its ending tells the format of the file."""
    return urlsplit(url).path if url.lower().startswith("http") else url


def protocol_of(url: str) -> str:
    """Return the protocol of a URL, in lower case."""
    match = re.match(_URL, url) if "://" in url else None
    return match["scheme"].lower() if match is not None else ""


def require_protocols(names: Iterable[str]) -> None:
    """Raise an error unless all these are possible names of protocols.

    Raises:
        UsageError: if one is not.
    """
    for name in names:
        if re.fullmatch(_SCHEME, name) is None:
            raise UsageError(
                f"`protocols`: {printable(name)!r} cannot be a protocol; give only its name in lower case, as sftp"
            )


def require_allowed(url: str, access: Access) -> str:
    """Return the protocol of a URL if it is allowed.

    Raises:
        InputError: if it is not, if the URL chains protocols, or has characters that no URL has.
    """
    protocol = protocol_of(url)
    shown = printable(url)
    if CHAIN in url:
        raise InputError(
            shown, f"it chains protocols with {CHAIN}, so it was not opened; give the URL of the file itself"
        )
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in url):
        raise InputError(shown, "it contains control characters, so it was not opened; check how the URL was written")
    try:
        urlsplit(url)
    except ValueError as error:
        raise InputError(shown, f"it is no URL that can be opened ({error}); check how it was written") from error
    if protocol not in PROTOCOLS and protocol not in access.protocols:
        raise InputError(
            shown,
            f"the protocol {protocol} is not allowed, so it was not opened (allowed: {', '.join(PROTOCOLS)}); if you "
            f"trust this URL, add `protocols={protocol}`",
        )
    return protocol


def named_in(description: str, folder: str, name: str, joined: str) -> str:
    """Return the path of a file that a description names, unless it leads elsewhere.

    Args:
        description: the path of the description.
        folder: the directory of the description.
        name: the name in the description.
        joined: the path that it stands for.

    Raises:
        InputError: if it is a URL of another protocol or host, or leaves a remote directory.
    """
    if is_remote(name) and not _same_server(name, description):
        raise _refused(name, description, "its protocol or host differs from that of the list")
    if not is_remote(description):
        return joined
    if not is_remote(joined) or not _same_server(joined, description):
        raise _refused(name, description, "it leaves the server of the list")
    if _leaves(name) or not (is_remote(name) or is_below(joined, folder)):
        raise _refused(name, description, "it leaves the directory of the list")
    return joined


def is_below(url: str, folder: str) -> bool:
    """Return True if a URL is below a directory, however its dots are written."""
    root = folder.rstrip("/") + "/"
    return url.startswith(root) and not _leaves(url[len(root) :])


def _refused(name: str, description: str, why: str) -> InputError:
    """Return the error that a name in a description is not opened."""
    return InputError(
        printable(name),
        f"{printable(description)} lists it, but it was not opened: {why}; correct the list, or give the file itself",
    )


def _same_server(url: str, other: str) -> bool:
    """Return True if two URLs have the same protocol, user, host and port, and neither chains protocols."""
    if CHAIN in url or CHAIN in other or not (is_remote(url) and is_remote(other)):
        return False
    return server_of(url) == server_of(other) is not None


def server_of(url: str) -> tuple[str, str, int | None] | None:
    """Return protocol, host with user, and port of a URL; None if they are ambiguous."""
    protocol = protocol_of(url)
    try:
        parts = urlsplit(protocol + url[len(protocol) :])
        port = parts.port if protocol in _PORTS else None
    except ValueError:
        return None
    if any(letter in parts.netloc for letter in "\\%") or any(letter.isspace() for letter in parts.netloc):
        return None  # programs disagree on where such a host ends
    return protocol, _host(parts, protocol), port or _PORTS.get(protocol)


def _host(parts: SplitResult, protocol: str) -> str:
    """Return the host with user, in the form in which it is compared; buckets and containers have no port."""
    if protocol not in _PORTS:
        return parts.netloc
    user, at, _ = parts.netloc.rpartition("@")
    return f"{user}{at}{(parts.hostname or '').lower()}"


def _leaves(name: str) -> bool:
    """Return True if a name contains a step upwards, percent-encoded or not, or too many layers of encoding."""
    for _ in range(_MOST_DECODED):
        steps = re.split(r"[/\\]", re.split(r"[?#]", name)[0])
        if os.pardir in steps or "\\" in name:
            return True
        if (decoded := unquote(name)) == name:
            return False
        name = decoded
    return True
