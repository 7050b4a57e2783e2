"""MetaImage: a header of text in one file with its voxels (`.mha`), or beside them (`.mhd` with `.raw` or `.zraw`).

The format: https://itk.org/Wiki/ITK/MetaIO/Documentation. Where that is silent, a file is read as ITK's MetaIO does.
The first axis is the fastest in memory; the components of a voxel, faster still, become a last axis of channels.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from bnstat.errors import InputError
from bnstat.sources.formats.data_files import DataFiles, beside, numbered_names, require_files
from bnstat.sources.formats.text_header import (
    TextHeader,
    damaged,
    lines_of,
    quoted,
    real_numbers,
    require_sizes,
    spacing_of,
    whole_numbers,
)
from bnstat.sources.regular import open_regular
from bnstat.sources.streams import unreadable
from bnstat.sources.volume import Volume
from bnstat.text import printable

# A long number has 4 bytes in MetaIO, on every system.
_TYPES = {
    "MET_CHAR": "i1",
    "MET_ASCII_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_WORDS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_LOCAL = ("LOCAL", "Local", "local")
# The last field of a header, and those that say how voxels are read. Others may have any name.
_DATA_FILE = "ElementDataFile"
_FIELDS = (
    *("ObjectType", "NDims", "DimSize", "ElementType", "ElementNumberOfChannels", "ElementSpacing", "ElementSize"),
    *("BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB", "CompressedData", "CompressedDataSize"),
    *("HeaderSize", "ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset", _DATA_FILE),
)
_MOST_AXES = 10


def _yes(header: TextHeader, field: str, *, default: bool) -> bool:
    """Return a field that is true or false."""
    text = header.fields.get(field)
    if text is None:
        return default
    if text.lower() not in _WORDS:
        raise damaged(header.source, f"{field} should be True or False, and is {quoted(text)}")
    return _WORDS[text.lower()]


def open_metaimage(source: str) -> Volume:
    """Read the header of a MetaImage.

    Args:
        source: the path of an `.mha` or `.mhd` file.

    Raises:
        InputError: if it, or a file that it names, is missing or damaged.
    """
    header = _read(source)
    kind = header.fields.get("ObjectType", "Image")
    if kind != "Image":
        raise InputError(source, f"it contains no volume, but an object of the type {quoted(kind)}; give an image")
    (axes,) = whole_numbers(source, "NDims", header.needed("NDims"), 1)
    if not 1 <= axes <= _MOST_AXES:
        raise damaged(source, f"NDims should be from 1 to {_MOST_AXES}, and is {axes}")
    sizes = whole_numbers(source, "DimSize", header.needed("DimSize"), axes)
    channels = header.whole("ElementNumberOfChannels", 1)
    require_sizes(source, "DimSize", sizes)
    require_sizes(source, "ElementNumberOfChannels", (channels,))
    dtype = _dtype(header)
    voxels, notes = _data(header, sizes, channels, dtype).voxels()
    shape = (*sizes, channels) if channels > 1 else sizes
    return Volume(
        source=source,
        shape=shape,
        dtype=dtype,
        dtype_name=dtype.name,
        order=(*reversed(range(axes)), axes) if channels > 1 else "F",
        voxels=voxels,
        spacing=_spacing(header, axes),
        channels_last=channels > 1,
        notes=(*notes, *_scale_notes(header)),
    )


def named_files(source: str) -> list[str]:
    """Return the files that a header names, which may be missing; none if it cannot be read."""
    try:
        header = _read(source)
        sizes = whole_numbers(source, "DimSize", header.needed("DimSize"))
        files, _ = _files(header, header.needed(_DATA_FILE), sizes)
    except InputError:
        return []
    return [file for file in files if file != source]


def _read(source: str) -> TextHeader:
    """Read the lines of a header up to its last field, and those behind it if they name files."""
    fields: dict[str, str] = {}
    try:
        with open_regular(source) as file:
            lines = lines_of(source, file)
            for line in lines:
                name, text = _field(source, line)
                if name:
                    fields[name] = text
                if name == _DATA_FILE:
                    break
            end = file.tell()
            names = tuple(map(str.strip, lines)) if fields.get(_DATA_FILE, "")[:4] == "LIST" else ()
    except OSError as error:
        raise unreadable(source, error) from error
    return TextHeader(source, fields, tuple(filter(None, names)), end)


def _field(source: str, line: str) -> tuple[str, str]:
    """Return the name and the value in a line; empty texts for an empty line.

    Raises:
        InputError: if it has no name and value, or the name is that of a known field but for a letter.
    """
    places = [place for place in (line.find("="), line.find(":")) if place >= 0]
    if not places:
        if not line.strip():
            return "", ""
        raise damaged(source, f"the line {quoted(line)} has no = sign")
    name, text = line[: min(places)].strip(), line[min(places) + 1 :].strip()
    if name not in _FIELDS:
        meant = next((known for known in _FIELDS if _almost(name, known)), None)
        if meant is not None:
            raise damaged(source, f"it has the field {quoted(name)} in place of {meant}")
    return name, text


def _almost(name: str, known: str) -> bool:
    """Return True if two names differ in one letter, or only in capitals."""
    if len(name) != len(known):
        return False
    return name.lower() == known.lower() or sum(a != b for a, b in zip(name, known, strict=True)) == 1


def _dtype(header: TextHeader) -> np.dtype[Any]:
    name = header.needed("ElementType")
    code = _TYPES.get(name.removesuffix("_ARRAY"))
    if code is None:
        raise damaged(header.source, f"ElementType is {quoted(name)}, which is no type of a number")
    # ITK takes the first of these fields if a header has both
    swapped = _yes(header, "BinaryDataByteOrderMSB", default=_yes(header, "ElementByteOrderMSB", default=False))
    return np.dtype(code).newbyteorder(">" if swapped else "<")


def _data(header: TextHeader, sizes: tuple[int, ...], channels: int, dtype: np.dtype[Any]) -> DataFiles:
    """Return where the voxels are."""
    source = header.source
    name = header.needed(_DATA_FILE)
    if not name:
        raise damaged(source, f"{_DATA_FILE} is empty")
    skipped = header.whole("HeaderSize", 0)
    compressed = _yes(header, "CompressedData", default=False)
    text = not _yes(header, "BinaryData", default=True)
    if skipped < -1 or (skipped == -1 and (compressed or text)):
        raise damaged(source, f"HeaderSize is {skipped}; -1 is the only negative one, and for plain voxels alone")
    files, axes = _files(header, name, sizes)
    return DataFiles(
        source=source,
        paths=files,
        dtype=dtype,
        values=prod(sizes[:axes]) * channels,
        encoding="zlib" if compressed else "text" if text else "raw",
        start=skipped if skipped > 0 else header.end if name in _LOCAL else 0,
        before=None if skipped == -1 else 0,
        least=max(header.whole("CompressedDataSize", 0), 0) if compressed and len(files) == 1 else 0,
    )


def _files(header: TextHeader, name: str, sizes: tuple[int, ...]) -> tuple[list[str], int]:
    """Return the files of the voxels, and the number of axes that each of them has."""
    source, axes = header.source, len(sizes)
    if name in _LOCAL:
        return [source], axes
    if name[:4] == "LIST":
        digits = name[4:].strip().rstrip("D")
        own = whole_numbers(source, _DATA_FILE, digits, 1)[0] if digits else 0
        own = own if 0 < own < axes else axes - 1
        needed = prod(sizes[own:])
        names = header.names[:needed]
        require_files(source, len(names), needed)
        return [beside(source, one) for one in names], own
    if "%" in name:
        return [beside(source, one) for one in _numbered(source, name, sizes[-1])], axes - 1
    return [beside(source, name)], axes


def _numbered(source: str, text: str, needed: int) -> list[str]:
    """Return the names that a pattern with its first and last number and step stands for; by default from 1 on."""
    pattern, *rest = text.split()
    numbers = whole_numbers(source, _DATA_FILE, " ".join(rest)) if rest else (1,)
    first = numbers[0]
    last = numbers[1] if len(numbers) > 1 else first + needed - 1
    default = (last - first) // (needed - 1) if needed > 1 else 1
    step = numbers[2] if len(numbers) > 2 else default
    if step == 0 or len(numbers) > 3:
        raise damaged(source, f"{_DATA_FILE} is {quoted(text)}")
    found = range(first, last + (1 if step > 0 else -1), step)
    require_files(source, len(found), needed)
    return numbered_names(source, pattern, found)


def _spacing(header: TextHeader, axes: int) -> tuple[float, ...] | None:
    """Return the distance of voxels. Where only the size of a voxel is given, ITK takes that."""
    field = next((name for name in ("ElementSpacing", "ElementSize") if name in header.fields), None)
    if field is None:
        return None
    return spacing_of(real_numbers(header.source, field, header.fields[field], axes))


def _scale_notes(header: TextHeader) -> tuple[str, ...]:
    """Return the note on scale factors, which ITK leaves to the program."""
    names = {"ElementToIntensityFunctionSlope": 1.0, "ElementToIntensityFunctionOffset": 0.0}
    given = [
        f"{name} {header.fields[name]}"
        for name, default in names.items()
        if name in header.fields and real_numbers(header.source, name, header.fields[name], 1) != (default,)
    ]
    if not given:
        return ()
    return (f"its header has {printable(' and '.join(given))}, which is not applied, as in SimpleITK",)
