"""NRRD and MetaImage: headers of text, with the voxels behind them or in a file beside them."""

from __future__ import annotations

import bz2
import gzip
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fuzzing.mutation import lines_changed, with_bytes
from fuzzing.reader import Reader
from fuzzing.readers.volumes import WAYS, moments_of, seldom, written

_FORMS = ("nrrd", "nhdr", "mha", "mhd")
# Between a header and the file of voxels beside it.
_BETWEEN = b"\n----\n"
_WORDS = tuple(
    word.encode()
    for word in (
        *("uchar", "int8", "short", "ushort", "int", "uint", "longlong", "ulonglong", "float", "double", "block"),
        *(
            "raw",
            "gzip",
            "gz",
            "bzip2",
            "bz2",
            "hex",
            "text",
            "ascii",
            "zlib",
            "zrl",
            "little",
            "big",
            "none",
            "vector",
        ),
        *("domain", "space", "RGB-color", "RGBA-color", "list", "3D-matrix", "complex", "LIST", "LIST 2", "LOCAL"),
        *("MET_UCHAR", "MET_SHORT", "MET_FLOAT", "MET_DOUBLE", "MET_OTHER", "MET_LONG", "MET_ULONG_LONG", "True"),
        *("False", "a.raw", "./a.raw", "../a.raw", "/etc/passwd", "a%02d.raw 1 2 1", "a%d.raw 0 99999999 1", "a.nhdr"),
        *("a%999999999d.raw 1 2 1", "a%s.raw 1 2 1", "%n", "nan", "inf", "-1", "0", "1e400", "+3", "0x10", "３"),
        *("sizes:", "type:", "dimension:", "encoding:", "endian:", "byte skip:", "line skip:", "data file:", "kinds:"),
        *("block size:", "old min:", "HeaderSize =", "ElementDataFile =", "DimSize =", "NDims =", "ElementType ="),
        *("CompressedData =", "CompressedDataSize =", "ElementNumberOfChannels =", "BinaryDataByteOrderMSB ="),
    )
)


def _attempt(data: bytes, folder: Path) -> None:
    """Read an input."""
    if not data:
        return
    form, way = _FORMS[data[0] % len(_FORMS)], data[0] // len(_FORMS) % WAYS
    header, between, voxels = data[1:].partition(_BETWEEN)
    written(folder, {f"a.{form}": header, **({"a.raw": voxels} if between else {})})
    moments_of(folder / f"a.{form}", way, report=seldom(data))


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if len(data) < 2:
        return data
    first, rest = data[0], data[1:]
    way = rng.random()
    if way < 0.05:
        return bytes([rng.randrange(len(_FORMS) * WAYS)]) + rest
    if way < 0.15:
        return bytes([first]) + with_bytes(rest, rng)
    end = b"\n\n" if rest[:4] == b"NRRD" else b"LOCAL\n"
    at = rest.find(end) + len(end) if end in rest else rest.find(_BETWEEN)
    at = len(rest) if at < 0 else at
    header = rest[:at]
    for _ in range(rng.choice((1, 1, 2, 3))):
        header = lines_changed(header, rng, _WORDS)
    return bytes([first]) + header + rest[at:]


def _seeds() -> Iterator[bytes]:
    """Yield images of both formats, of several types and encodings, attached and detached."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 100, (2, 3, 2))
    packers: dict[str, Callable[[bytes], bytes]] = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}
    packers |= {"hex": lambda raw: raw.hex().encode()}
    for kind, name in (("u1", "uchar"), ("<i2", "short"), (">i4", "int"), ("<f4", "float"), (">f8", "double")):
        endian = "big" if kind[0] == ">" else "little"
        voxels = values.astype(kind).tobytes("F")
        start = f"NRRD0005\n# a comment\ntype: {name}\ndimension: 3\nsizes: 2 3 2\nendian: {endian}\n"
        for encoding, pack in packers.items():
            packed = pack(voxels)
            yield bytes([0]) + f"{start}encoding: {encoding}\n\n".encode() + packed
        yield bytes([0]) + f"{start}encoding: text\n\n".encode() + " ".join(map(str, values.ravel("F"))).encode()
        detached = f"{start}encoding: raw\nkinds: vector domain domain\nbyte skip: -1\ndata file: a.raw\n"
        yield bytes([1]) + detached.encode() + _BETWEEN + voxels
    for kind, name in (("u1", "MET_UCHAR"), ("<i2", "MET_SHORT"), (">f4", "MET_FLOAT")):
        voxels = values.astype(kind).tobytes("F")
        start = (
            f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = {kind[0] == '>'}\n"
            f"ElementSpacing = 1 1 2\nDimSize = 2 3 2\nElementType = {name}\n"
        )
        yield bytes([2]) + f"{start}ElementDataFile = LOCAL\n".encode() + voxels
        packed = f"{start}CompressedData = True\nElementDataFile = LOCAL\n".encode()
        yield bytes([2]) + packed + zlib.compress(voxels)
        yield bytes([3]) + f"{start}HeaderSize = -1\nElementDataFile = a.raw\n".encode() + _BETWEEN + voxels
    sliced = f"{start}ElementNumberOfChannels = 1\nElementDataFile = LIST 2\na.raw\na.raw\n".encode()
    yield bytes([3]) + sliced + _BETWEEN + voxels[: len(voxels) // 2]
    for way in range(1, WAYS):
        yield bytes([2 + len(_FORMS) * way]) + f"{start}ElementDataFile = LOCAL\n".encode() + voxels


READER = Reader("text-headers", _seeds, _attempt, _mutate)
