"""The header of a netCDF-3 file, which MINC-1 is stored in: where each variable lies, so that none has to be held.

The format: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, BinaryIO

import numpy as np

from bnstat.sources.streams import skip

MARKERS = (b"CDF\x01", b"CDF\x02")
# The types of numbers, by their codes; a code of 2 is text.
_TYPES = {1: "b", 2: "c", 3: "h", 4: "i", 5: "f", 6: "d"}
_TEXT = 2
# The tags of lists; an empty list may have none.
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
# The most bytes of one text or attribute, and the most entries of a list: MINC has some hundred of each at most.
_MOST_BYTES, _MOST_ENTRIES = 1 << 24, 1 << 16


@dataclass(eq=False)
class Variable:
    """An array of a file, before it is read.

    Attributes:
        dimensions: the names of its axes.
        shape: their sizes.
        code: the type of its numbers, as in numpy.
        attributes: what is said of it: texts as bytes, numbers as numbers or arrays.
        begin: its place in the file, in bytes.
        data: its values; None as long as they are not read.
    """

    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    code: str
    attributes: Mapping[str, Any]
    begin: int
    data: Any = field(default=None, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type of a number."""
        return np.dtype(f">{self.code}" if self.code != "c" else "S1")

    @property
    def nbytes(self) -> int:
        """The bytes of all values."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(stream: BinaryIO) -> dict[str, Variable] | None:
    """Read the variables of a file, without their values; None if one grows along a dimension without an end.

    Raises:
        EOFError: if the header is cut.
        ValueError: if it is damaged.
    """
    reader = _Reader(stream)
    marker = reader.taken(4)
    if marker not in MARKERS:
        raise ValueError("it does not begin as netCDF")
    reader.number()  # of records, which no variable may have
    dimensions = reader.listed(_DIMENSIONS, lambda: (reader.text(), reader.number()))
    reader.attributes()
    offset_bytes = 4 if marker == MARKERS[0] else 8

    def variable() -> tuple[str, Variable]:
        name = reader.text()
        axes = [dimensions[reader.place(len(dimensions))] for _ in range(reader.number(_MOST_ENTRIES))]
        attributes = reader.attributes()
        code = reader.type()
        reader.number()  # its bytes, which its shape tells
        begin = int.from_bytes(reader.taken(offset_bytes), "big")
        names, shape = tuple(axis[0] for axis in axes), tuple(axis[1] for axis in axes)
        return name, Variable(names, shape, _TYPES[code], attributes, begin)

    found = dict(reader.listed(_VARIABLES, variable))
    return None if any(0 in one.shape for one in found.values()) else found


def read_values(stream: BinaryIO, variables: list[Variable]) -> None:
    """Read the values of small variables from a stream of the whole file, which is read once, in their order there.

    Raises:
        EOFError: if the file ends before.
        ValueError: if one lies within another.
    """
    at = 0
    for one in sorted(variables, key=lambda one: one.begin):
        if one.begin < at or one.nbytes > _MOST_BYTES:
            raise ValueError("its variables lie one in the other, or are too large")
        skip(stream, one.begin - at)
        data = stream.read(one.nbytes)
        if len(data) < one.nbytes:
            raise EOFError
        one.data = np.frombuffer(data, one.dtype).reshape(one.shape)
        at = one.begin + one.nbytes


class _Reader:
    """What a header is made of: big-endian numbers, and texts that are padded to four bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def taken(self, size: int) -> bytes:
        found = self._stream.read(size)
        if len(found) < size:
            raise EOFError
        return found

    def number(self, most: int = (1 << 32) - 1) -> int:
        found = int.from_bytes(self.taken(4), "big")
        if found > most:
            raise ValueError(f"it has {found:,} where at most {most:,} can be")
        return found

    def place(self, size: int) -> int:
        return self.number(size - 1)

    def type(self) -> int:
        code = self.number()
        if code not in _TYPES:
            raise ValueError(f"{code} is no type of a number")
        return code

    def padded(self, size: int) -> bytes:
        if size > _MOST_BYTES:
            raise ValueError("a text is too long")
        return self.taken(size + -size % 4)[:size]

    def text(self) -> str:
        return self.padded(self.number(_MOST_BYTES)).decode("latin-1")

    def listed(self, tag: int, entry: Callable[[], Any]) -> list[Any]:
        given, number = self.number(), self.number(_MOST_ENTRIES)
        if given not in (0, tag) or (given == 0 and number):
            raise ValueError("a list has another tag than it should")
        return [entry() for _ in range(number)]

    def attributes(self) -> dict[str, Any]:
        return dict(self.listed(_ATTRIBUTES, self.attribute))

    def attribute(self) -> tuple[str, Any]:
        name, code, number = self.text(), self.type(), self.number(_MOST_BYTES)
        if code == _TEXT:
            return name, self.padded(number).rstrip(b"\0")
        dtype = np.dtype(f">{_TYPES[code]}")
        values = np.frombuffer(self.padded(number * dtype.itemsize), dtype)
        return name, values[0] if values.size == 1 else values
