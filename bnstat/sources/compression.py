"""How a file is compressed, by its first bytes: its name promises a compression, and may be wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from bnstat.sources.regular import open_regular, require_regular
from bnstat.sources.streams import STREAM_ERRORS, open_bzip2, open_gzip

# What is opened: a path, or a stream of compressed bytes.
Packed = str | BinaryIO
# The ways in which a file is compressed, the outermost first: empty if it is not.
Layers = tuple["Compression", ...]

# The modules that read Zstandard files: of Python 3.14, and of packages for older ones.
_ZSTANDARD = ("compression.zstd", "backports.zstd", "pyzstd")
# The most times that a file may be compressed.
_MOST_LAYERS = 3


@dataclass(frozen=True)
class Compression:
    """A way to compress a file.

    Attributes:
        title: its name.
        endings: the endings of its files, the usual one first.
        marker: the bytes with which its files begin.
        open: opens a path, or a stream of compressed bytes, as the bytes in it.
        undo: the command that replaces a file by what is in it.
    """

    title: str
    endings: tuple[str, ...]
    marker: bytes
    open: Callable[[Packed], BinaryIO]
    undo: str

    def ending_of(self, name: str) -> str:
        """Return the ending by which a name promises this compression."""
        return next(one for one in self.endings if name.lower().endswith(one))


def _open_zstandard(packed: Packed) -> BinaryIO:
    """Open a Zstandard file.

    Raises:
        ImportError: if no package is installed that reads it.
    """
    if isinstance(packed, str):
        require_regular(packed)
    for name in _ZSTANDARD:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return cast(BinaryIO, module.ZstdFile(packed, "rb"))
    raise ImportError("Zstandard: pip install backports.zstd")


GZIP = Compression("gzip", (".gz", ".mgz"), b"\x1f\x8b", open_gzip, "gunzip")
BZIP2 = Compression("bzip2", (".bz2",), b"BZh", open_bzip2, "bunzip2")
ZSTANDARD = Compression("Zstandard", (".zst",), b"\x28\xb5\x2f\xfd", _open_zstandard, "unzstd --rm")
_KNOWN = (GZIP, BZIP2, ZSTANDARD)
LONGEST_MARKER = max(len(one.marker) for one in _KNOWN)


def promised(name: str) -> Compression | None:
    """Return the compression that a name promises by its ending; None if it promises none."""
    return next((one for one in _KNOWN if name.lower().endswith(one.endings)), None)


def found_in(start: bytes) -> Compression | None:
    """Return the compression of a file that begins with these bytes; None if it is not compressed."""
    return next((one for one in _KNOWN if start.startswith(one.marker)), None)


def first_layer(path: str) -> Compression | None:
    """Return how a file is compressed; None if it is not.

    Raises:
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        return found_in(file.read(LONGEST_MARKER))


def layers_of(fresh: Callable[[], Packed]) -> Layers:
    """Return how a file is compressed, the outermost first: empty if it is not, two for a file compressed twice.

    A layer that cannot be opened is the last one.

    Args:
        fresh: returns the file's path, or a new stream of its bytes.
    """
    layers: list[Compression] = []
    with suppress(*STREAM_ERRORS):
        while len(layers) < _MOST_LAYERS:
            with closing(opened(fresh(), layers)) as stream:
                layer = found_in(stream.read(LONGEST_MARKER))
            if layer is None:
                break
            layers.append(layer)
    return tuple(layers)


def opened(packed: Packed, layers: Sequence[Compression]) -> BinaryIO:
    """Open a file, or a stream of its bytes, as what is in it after so many layers of compression."""
    if not layers:
        return open_regular(packed) if isinstance(packed, str) else packed
    for layer in layers:
        packed = layer.open(packed)
    return cast(BinaryIO, packed)
