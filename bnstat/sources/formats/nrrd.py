"""NRRD: a header of text before its voxels (`.nrrd`), or beside the files that contain them (`.nhdr`).

The format: https://teem.sourceforge.net/nrrd/format.html. The first axis is the fastest in memory. An axis that is
none of space or time, as that of vectors, is put last, as the axis of the channels.
"""

from __future__ import annotations

import re
from math import hypot, isnan, prod
from typing import Any

import numpy as np

from bnstat.errors import InputError
from bnstat.sources.formats.data_files import DataFiles, Encoding, beside, numbered_names, require_files
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

_MAGIC = re.compile(r"NRRD(000[1-6]|00\.01)")
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: code for code, names in _TYPES.items() for name in names}
_ENCODINGS: dict[str, Encoding] = {
    "raw": "raw",
    "gz": "gzip",
    "gzip": "gzip",
    "bz2": "bzip2",
    "bzip2": "bzip2",
    "txt": "text",
    "text": "text",
    "ascii": "text",
    "hex": "hex",
}
# The kinds of axes along which a volume extends, and those of the numbers in a voxel.
_EXTENDED = ("domain", "space", "time")
_RANGES = {
    *("list", "point", "vector", "covariant-vector", "normal", "stub", "scalar", "complex", "2-vector", "3-color"),
    *("rgb-color", "hsv-color", "xyz-color", "4-color", "rgba-color", "3-vector", "3-gradient", "3-normal", "4-vector"),
    *("quaternion", "2d-symmetric-matrix", "2d-masked-symmetric-matrix", "2d-matrix", "2d-masked-matrix"),
    *("3d-symmetric-matrix", "3d-masked-symmetric-matrix", "3d-matrix", "3d-masked-matrix"),
}
_UNKNOWN = ("???", "none")
# The names of fields that are written in two ways.
_SYNONYMS = {
    "axismins": "axis mins",
    "axismaxs": "axis maxs",
    "blocksize": "block size",
    "byteskip": "byte skip",
    "centerings": "centers",
    "datafile": "data file",
    "lineskip": "line skip",
    "oldmax": "old max",
    "oldmin": "old min",
    "sampleunits": "sample units",
    "spacedimension": "space dimension",
    "spacedirections": "space directions",
    "spaceorigin": "space origin",
    "spaceunits": "space units",
    "measurementframe": "measurement frame",
}
# All fields that there are: any other is damage.
_FIELDS = {
    *("axis maxs", "axis mins", "block size", "byte skip", "centers", "content", "data file", "dimension", "encoding"),
    *("endian", "kinds", "labels", "line skip", "max", "measurement frame", "min", "number", "old max", "old min"),
    *("sample units", "sizes", "space", "space dimension", "space directions", "space origin", "space units"),
    *("spacings", "thicknesses", "type", "units"),
}
_MOST_AXES = 16


def open_nrrd(source: str) -> Volume:
    """Read the header of an NRRD file.

    Args:
        source: the path of an `.nrrd` or `.nhdr` file.

    Raises:
        InputError: if it, or a file that it names, is missing or damaged.
    """
    header = _read(source)
    (axes,) = whole_numbers(source, "dimension", header.needed("dimension"), 1)
    if not 1 <= axes <= _MOST_AXES:
        raise damaged(source, f"dimension should be from 1 to {_MOST_AXES}, and is {axes}")
    sizes = whole_numbers(source, "sizes", header.needed("sizes"), axes)
    require_sizes(source, "sizes", sizes)
    encoding = _encoding(header)
    dtype = _dtype(header, encoding)
    voxels, notes = _data(header, sizes, dtype, encoding).voxels()
    spacings, kinds = _spacings(header, axes), _kinds(header, axes)
    channels = _channels_axis(source, kinds, spacings)
    # the axes of the file in the order of the volume: that of the channels last
    order = [axis for axis in range(axes) if axis != channels]
    extended = tuple(spacings[axis] for axis in order)
    if channels is not None:
        order.append(channels)
    return Volume(
        source=source,
        shape=tuple(sizes[axis] for axis in order),
        dtype=dtype,
        dtype_name=dtype.name,
        order=tuple(order.index(axis) for axis in reversed(range(axes))),
        voxels=voxels,
        repetition=_repetition(header, kinds, spacings, order[3]) if channels is None and axes > 3 else None,
        spacing=spacing_of(extended),
        channels_last=channels is not None,
        notes=notes,
    )


def named_files(source: str) -> list[str]:
    """Return the files that a header names, which may be missing; none if it cannot be read."""
    try:
        header = _read(source)
        named = "data file" in header.fields
        return _paths(header, whole_numbers(source, "sizes", header.needed("sizes"))) if named else []
    except InputError:
        return []


def _read(source: str) -> TextHeader:
    """Read the lines of a header up to an empty one, and those behind it if they name files."""
    fields: dict[str, str] = {}
    try:
        with open_regular(source) as file:
            lines = lines_of(source, file)
            first = next(lines, "")
            if _MAGIC.fullmatch(first.rstrip()) is None:
                raise damaged(source, f"it begins with {quoted(first)} and not with NRRD0001 to NRRD0006")
            for line in lines:
                if not line:
                    break
                name, text = _field(source, line)
                if name in fields:
                    raise damaged(source, f"it has the field {name} twice")
                if name:
                    fields[name] = text
                if name == "data file" and text[:4] == "LIST":
                    break
            end = file.tell()
            names = tuple(map(str.strip, lines)) if fields.get("data file", "")[:4] == "LIST" else ()
    except OSError as error:
        raise unreadable(source, error) from error
    return TextHeader(source, fields, tuple(filter(None, names)), end)


def _field(source: str, line: str) -> tuple[str, str]:
    """Return the name and the value in a line; empty texts for a comment, or a pair of key and value.

    Raises:
        InputError: if the line has neither, or there is no such field.
    """
    if line.startswith("#"):
        return "", ""
    field, colon, text = line.partition(": ")
    name = field.strip().lower()
    name = _SYNONYMS.get(name, name)
    if colon and name in _FIELDS:
        return name, text.strip()
    if ":=" not in line:
        raise damaged(source, f"the line {quoted(line)} is no field of NRRD")
    return "", ""


def _encoding(header: TextHeader) -> Encoding:
    name = header.needed("encoding")
    found = _ENCODINGS.get(name.lower())
    if found is None:
        known = ", ".join(dict.fromkeys(_ENCODINGS.values()))
        raise InputError(
            header.source, f"its encoding is {quoted(name)}, which is not read (only {known}); save it as raw or gzip"
        )
    return found


def _dtype(header: TextHeader, encoding: Encoding) -> np.dtype[Any]:
    name = header.needed("type")
    if name.lower() == "block":
        raise InputError(header.source, "its voxels are blocks of bytes and not numbers; save them as numbers")
    code = _DTYPES.get(" ".join(name.lower().split()))
    if code is None:
        raise damaged(header.source, f"type is {quoted(name)}, which is no type of a number")
    endian = header.fields.get("endian", "").lower()
    if endian not in ("little", "big", ""):
        raise damaged(header.source, f"endian should be little or big, and is {quoted(endian)}")
    dtype = np.dtype(code)
    if not endian and dtype.itemsize > 1 and encoding != "text":
        raise damaged(header.source, f"it has no field endian, which tells the order of the bytes of {dtype.name}")
    return dtype.newbyteorder(">" if endian == "big" and encoding != "text" else "<")


def _data(header: TextHeader, sizes: tuple[int, ...], dtype: np.dtype[Any], encoding: Encoding) -> DataFiles:
    """Return where the voxels are."""
    source = header.source
    lines, skipped = header.whole("line skip"), header.whole("byte skip")
    if lines < 0 or skipped < -1:
        raise damaged(source, f"line skip is {lines} and byte skip is {skipped}")
    if skipped == -1 and encoding != "raw":
        raise InputError(
            source, f"its byte skip is -1, which is read only with the encoding raw, and not {encoding}; save it as raw"
        )
    paths = _paths(header, sizes) if "data file" in header.fields else [source]
    inside = encoding in ("gzip", "bzip2")
    return DataFiles(
        source=source,
        paths=paths,
        dtype=dtype,
        values=prod(sizes) // len(paths),
        encoding=encoding,
        start=0 if "data file" in header.fields else header.end,
        lines=lines,
        before=None if skipped == -1 else 0 if inside else skipped,
        inside=skipped if inside else 0,
    )


def _paths(header: TextHeader, sizes: tuple[int, ...]) -> list[str]:
    """Return the files that a header names."""
    source, text = header.source, header.fields["data file"]
    if not text:
        raise damaged(source, "data file is empty")
    words = text.split()
    if words[0] == "LIST":
        own = whole_numbers(source, "data file", words[1], 1)[0] if len(words) > 1 else len(sizes) - 1
        names = list(header.names)
    elif "%" in text and len(words) > 3:
        pattern, first, last, step, *rest = words
        numbers = whole_numbers(source, "data file", " ".join((first, last, step, *rest)))
        if numbers[2] == 0 or len(numbers) > 4:
            raise damaged(source, f"data file is {quoted(text)}")
        own = numbers[3] if len(numbers) > 3 else len(sizes) - 1
        steps = range(numbers[0], numbers[1] + (1 if numbers[2] > 0 else -1), numbers[2])
        require_files(source, len(steps), _pieces(source, sizes, own, len(steps)))
        names = numbered_names(source, pattern, steps)
    else:
        return [beside(source, text)]
    require_files(source, len(names), _pieces(source, sizes, own, len(names)))
    return [beside(source, name) for name in names]


def _pieces(source: str, sizes: tuple[int, ...], own: int, named: int) -> int:
    """Return the number of files that a volume needs, if each has so many axes."""
    if not 1 <= own <= len(sizes):
        raise damaged(source, f"each data file has {own} axes, and the volume {len(sizes)}")
    if own < len(sizes):
        return prod(sizes[own:])
    # each is a slab, of several entries of the last axis
    return named if named and sizes[-1] % named == 0 else sizes[-1]


def _kinds(header: TextHeader, axes: int) -> list[str]:
    """Return the kind of each axis."""
    kinds = header.fields.get("kinds", "").lower().split() or [_UNKNOWN[0]] * axes
    if len(kinds) != axes or not {*kinds} <= {*_RANGES, *_EXTENDED, *_UNKNOWN}:
        raise damaged(header.source, f"kinds should be {axes} words of NRRD, and is {quoted(header.fields['kinds'])}")
    return kinds


def _channels_axis(source: str, kinds: list[str], spacings: tuple[float | None, ...]) -> int | None:
    """Return the axis of the numbers in a voxel, by its kind, or since it has no direction in space; None if none has.

    Raises:
        InputError: if there are several.
    """
    found = [
        axis
        for axis, (kind, spacing) in enumerate(zip(kinds, spacings, strict=True))
        if kind in _RANGES or (kind in _UNKNOWN and spacing is None)
    ]
    if len(found) > 1:
        raise InputError(
            source,
            f"its axes have the kinds {', '.join(kinds)}: {len(found)} of them are none of space or time, and only one "
            "can be that of the channels; save the volume with one such axis",
        )
    return found[0] if found and len(found) < len(kinds) else None


def _repetition(header: TextHeader, kinds: list[str], spacings: tuple[float | None, ...], axis: int) -> str | None:
    """Return the time between the entries of an axis of time, with its unit; None for another axis."""
    if kinds[axis] != "time":
        return None
    units = re.findall(r'"([^"]*)"', header.fields.get("units", ""))
    time, unit = spacings[axis], units[axis] if len(units) == len(kinds) else ""
    return f"{time:g} {unit}".strip() if time is not None and time > 0 else "unknown"


def _spacings(header: TextHeader, axes: int) -> tuple[float | None, ...]:
    """Return the distance of voxels along each axis: NaN if it is unknown, None if the header says that it has none."""
    source = header.source
    text = header.fields.get("space directions")
    if text is not None:
        vectors = re.findall(r"none|\([^()]*\)", text)
        if len(vectors) != axes or re.sub(r"none|\([^()]*\)|\s", "", text):
            raise damaged(source, f"space directions should be {axes} vectors, and is {quoted(text)}")
        return tuple(_length(source, vector) for vector in vectors)
    text = header.fields.get("spacings")
    if text is None:
        return (float("nan"),) * axes
    return tuple(None if isnan(one) else one for one in real_numbers(source, "spacings", text, axes))


def _length(source: str, vector: str) -> float | None:
    """Return the length of a vector in parentheses; None for "none", and for one that is not a number."""
    if vector == "none":
        return None
    parts = vector[1:-1].split(",")
    length = hypot(*real_numbers(source, "space directions", " ".join(parts), len(parts)))
    return None if isnan(length) else length
