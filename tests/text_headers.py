"""Writers of MetaImage and NRRD files, by hand: what a header says, and the voxels as it says them."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

META_TYPES = {
    "int8": "MET_CHAR",
    "uint8": "MET_UCHAR",
    "int16": "MET_SHORT",
    "uint16": "MET_USHORT",
    "int32": "MET_INT",
    "uint32": "MET_UINT",
    "int64": "MET_LONG_LONG",
    "uint64": "MET_ULONG_LONG",
    "float32": "MET_FLOAT",
    "float64": "MET_DOUBLE",
}
NRRD_TYPES = {
    "int8": "signed char",
    "uint8": "uchar",
    "int16": "short",
    "uint16": "ushort",
    "int32": "int",
    "uint32": "uint",
    "int64": "longlong",
    "uint64": "ulonglong",
    "float32": "float",
    "float64": "double",
}
NUMBERS = tuple(META_TYPES)
# Packers by the encodings of NRRD.
PACKED = {
    "raw": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "hex": lambda data: data.hex().encode(),
    "zlib": zlib.compress,
}


def in_memory(values: Array, endianness: str = "<", *, channels: bool = False) -> bytes:
    """Return the voxels as both formats have them: the first axis the fastest, and before it that of the channels."""
    axes = [*reversed(range(values.ndim - channels)), *([values.ndim - 1] if channels else [])]
    return values.astype(values.dtype.newbyteorder(endianness)).transpose(axes).tobytes()


def metaimage(
    values: Array, *, endianness: str = "<", compressed: bool = False, channels: bool = False, **fields: object
) -> dict[str, object]:
    """Return the fields of the header of an image, in the order of ITK; those that are given change or add some."""
    sizes = values.shape[: values.ndim - channels]
    found: dict[str, object] = {
        "ObjectType": "Image",
        "NDims": len(sizes),
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(endianness == ">"),
        "CompressedData": str(compressed),
        "Offset": " ".join("0" for _ in sizes),
        "ElementSpacing": " ".join(str(1 + axis / 2) for axis in range(len(sizes))),
        "DimSize": " ".join(map(str, sizes)),
        **({"ElementNumberOfChannels": values.shape[-1]} if channels else {}),
        "ElementType": META_TYPES[values.dtype.name],
    }
    found |= {name: text for name, text in fields.items() if name != "ElementDataFile"}
    found["ElementDataFile"] = fields.get("ElementDataFile", "LOCAL")
    return {name: text for name, text in found.items() if text is not None}


def save_metaimage(path: Path, values: Array, *, data: bytes | None = None, **settings: Any) -> str:
    """Write an image with its voxels behind the header, or without any if it names data files."""
    fields = metaimage(values, **settings)
    header = "".join(f"{name} = {text}\n" for name, text in fields.items()).encode()
    if data is None:
        data = in_memory(values, settings.get("endianness", "<"), channels=settings.get("channels", False))
        data = zlib.compress(data) if settings.get("compressed") else data
    path.write_bytes(header + (data if fields["ElementDataFile"] in ("LOCAL", "Local", "local") else b""))
    return str(path)


def save_nrrd(
    path: Path,
    values: Array,
    *,
    endianness: str = "<",
    encoding: str = "raw",
    channels: bool = False,
    data: bytes | None = None,
    header: str = "",
    **fields: object,
) -> str:
    """Write an NRRD file, with its voxels behind the header unless that names data files.

    Channels are the last axis of the values, and the first one in the file.
    """
    sizes = (values.shape[-1], *values.shape[:-1]) if channels else values.shape
    found = {
        "type": NRRD_TYPES[values.dtype.name],
        "dimension": len(sizes),
        "sizes": " ".join(map(str, sizes)),
        **({"kinds": " ".join(["vector", *["domain"] * (len(sizes) - 1)])} if channels else {}),
        "endian": "big" if endianness == ">" else "little",
        "encoding": encoding,
    } | fields
    lines = ["NRRD0004", "# made by hand", *(f"{name}: {text}" for name, text in found.items() if text is not None)]
    if data is None:
        plain = in_memory(values, endianness, channels=channels)
        data = PACKED[encoding](plain) if encoding in PACKED else as_text(values, channels=channels)
    end = "" if "data file" in found else "\n"
    text = "\n".join(lines) + "\n" + header + end
    path.write_bytes(text.encode() + (data if "data file" not in found else b""))
    return str(path)


def as_text(values: Array, *, channels: bool = False) -> bytes:
    """Return the voxels as numbers in text, in their order in memory."""
    flat = np.frombuffer(in_memory(values, "<", channels=channels), values.dtype.newbyteorder("<"))
    return "\n".join(repr(number) for number in flat.tolist()).encode()
