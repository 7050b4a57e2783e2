"""Headers that are lines of text, as MetaImage and NRRD have them: their lines, and the numbers in their fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import BinaryIO

from bnstat.errors import InputError
from bnstat.text import by, printable

# The most bytes of a line, and the most lines of a header: a list of files has one for each.
_MOST_LINE, _MOST_LINES = 1 << 20, 120_000
# The most bytes of a header.
_MOST_HEADER = 1 << 24
# A whole number that fits into 64 bits.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The most characters of a text that a message repeats.
_MOST_SHOWN = 40


@dataclass(frozen=True)
class TextHeader:
    """A header whose fields are still texts.

    Attributes:
        source: the file.
        fields: the value of each field.
        names: the lines behind the last field, if they name data files.
        end: the place behind the header, in bytes.
    """

    source: str
    fields: dict[str, str]
    names: tuple[str, ...]
    end: int

    def needed(self, field: str) -> str:
        """Return the text of a field that no header can lack."""
        if field not in self.fields:
            raise damaged(self.source, f"it has no field {field}")
        return self.fields[field]

    def whole(self, field: str, default: int = 0) -> int:
        """Return a field of one whole number."""
        text = self.fields.get(field)
        return default if text is None else whole_numbers(self.source, field, text, 1)[0]


def damaged(source: str, what: str) -> InputError:
    """Return the error that a header cannot be understood."""
    return InputError(source, f"its header is damaged ({what}); copy the file again")


def quoted(text: str) -> str:
    """Return a text of a header as a message repeats it."""
    return repr(printable(text[:_MOST_SHOWN] + "…" * (len(text) > _MOST_SHOWN)))


def lines_of(source: str, file: BinaryIO) -> Iterator[str]:
    """Yield the lines of a header without their ends, up to the end of the file.

    Raises:
        InputError: if a line, or the header, is too long for one, or a line is no text.
    """
    size = number = 0
    while line := file.readline(_MOST_LINE):
        size, number = size + len(line), number + 1
        if size > _MOST_HEADER or number > _MOST_LINES or (len(line) == _MOST_LINE and not line.endswith(b"\n")):
            raise damaged(source, "a line, or the header itself, is too long")
        # the names of files may be in any encoding
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if _CONTROL.search(text):
            raise damaged(source, f"the line {quoted(text)} has control characters")
        yield text


def whole_numbers(source: str, field: str, text: str, count: int | None = None) -> tuple[int, ...]:
    """Return the whole numbers of a field.

    Args:
        source: the file.
        field: the name of the field.
        text: its value.
        count: the number of numbers; None for any.

    Raises:
        InputError: if it has others, or another number of them.
    """
    words = text.split()
    if not all(map(_WHOLE.fullmatch, words)) or not words or count not in (None, len(words)):
        many = "whole numbers" if count is None else f"{count} whole number{'s' * (count > 1)}"
        raise damaged(source, f"{field} should be {many}, and is {quoted(text)}")
    return tuple(map(int, words))


def real_numbers(source: str, field: str, text: str, count: int) -> tuple[float, ...]:
    """Return the real numbers of a field, which may be NaN.

    Raises:
        InputError: if it has others, or another number of them.
    """
    words = text.split()
    try:
        found = tuple(map(float, words))
    except ValueError:
        found = ()
    if len(found) != count:
        raise damaged(source, f"{field} should be {count} number{'s' * (count > 1)}, and is {quoted(text)}")
    return found


def require_sizes(source: str, field: str, sizes: tuple[int, ...]) -> None:
    """Raise InputError unless an image can have these sizes."""
    if any(size < 1 for size in sizes):
        raise damaged(source, f"{field} is {by(sizes)}, but every size must be at least 1")


def spacing_of(distances: tuple[float | None, ...]) -> tuple[float, ...] | None:
    """Return the distance of voxels along the first three axes; None unless each is a positive number."""
    first = tuple(one for one in distances[:3] if one is not None and isfinite(one) and one > 0)
    return first if first and len(first) == len(distances[:3]) else None
