"""Changes of an input that keep its structure, so that it gets past the first checks."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Numbers at the ends of types, and around them.
WHOLE = (
    *(0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 127, 128, 255, 256, 257, 348, 352, 540, 544, 1024, 32767, 32768, 65535, 65536),
    *(2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64),
)
FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-45, 1e-38, 3e38, 1e-300, 1e300, 1.7e308, 352.0, 351.0, 348.0, 1e10),
    *(float("nan"), float("inf"), float("-inf")),
)
# Values of any kind in any place of a document.
ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 2.5, 1e308, -1e308, 10**400, float("inf"), float("nan"), "", "x", "0", "1", "-1"),
    *([], [1], [[]], {}, {"a": 1}, ["a", None], [0, 1, 2], {"0": "x"}, [True], ["x"], "../x", "/etc/passwd", "a\nb"),
    *("http://localhost:1/x.nii", "http://[x", "file:///etc/passwd", "\ud800", "\x00", "é" * 40, "x" * 300, "\u202e"),
    *(2**31, 2**53, 2**63, 2**64, -(2**63), 1e-320, 0.1),
)
_INTEGERS = "bBhHiIqQ"


@dataclass(frozen=True)
class Field:
    """A number in a binary header."""

    place: int
    code: str
    likely: tuple[float, ...] = ()


def with_field(data: bytes, fields: Sequence[Field], order: str, rng: random.Random) -> bytes:
    """Return data in which a field has another value."""
    field = rng.choice(fields)
    size = struct.calcsize(order + field.code)
    if len(data) < field.place + size:
        return data
    if field.likely and rng.random() < 0.7:
        value: float = rng.choice(field.likely)
    elif field.code in _INTEGERS:
        bits = 8 * size
        value = rng.choice(WHOLE) * rng.choice((1, 1, 1, -1)) + rng.choice((0, 0, 1, -1))
        value = (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) if field.code.islower() else value % 2**bits
    else:
        value = rng.choice(FLOATS)
    try:
        packed = struct.pack(order + field.code, value)
    except (struct.error, OverflowError):
        return data
    return data[: field.place] + packed + data[field.place + size :]


def with_bytes(data: bytes, rng: random.Random, start: int = 0) -> bytes:
    """Return data that are cut, have other bytes or bits, or parts twice, from a place on."""
    if len(data) <= start:
        return data
    copied, place = bytearray(data), rng.randrange(start, len(data))
    kind = rng.randrange(6)
    run = min(rng.choice((1, 2, 4, 8, 40)), len(data) - place)
    if kind == 0:
        del copied[place:]
    elif kind == 1:
        copied[place] ^= 1 << rng.randrange(8)
    elif kind == 2:
        copied[place : place + run] = rng.randbytes(run)
    elif kind == 3:
        copied[place : place + run] = bytes([rng.choice((0, 255))]) * run
    elif kind == 4:
        copied[place:place] = copied[place : place + run]
    else:
        del copied[place : place + run]
    return bytes(copied)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside of another."""
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def with_value(document: object, rng: random.Random, odd: Sequence[object] = ODD) -> object:
    """Return a document in which one value is another, is gone, is renamed, or stands twice."""
    found: Any = copy.deepcopy(document)
    paths = [*places(found)]
    if not paths:
        return copy.deepcopy(rng.choice(odd))
    *path, last = rng.choice(paths)
    inner = found
    for key in path:
        inner = inner[key]
    way = rng.random()
    if way < 0.15 and isinstance(inner, dict):
        del inner[last]
    elif way < 0.25 and isinstance(inner, list):
        inner.insert(last, copy.deepcopy(inner[last]))
    elif way < 0.3 and isinstance(inner, dict):
        inner[str(rng.choice(odd))] = inner.pop(last)
    elif way < 0.45:
        inner[last] = copy.deepcopy(_at(document, rng.choice(paths)))
    elif way < 0.6 and isinstance(inner[last], (int, float)) and not isinstance(inner[last], bool):
        inner[last] = rng.choice((inner[last] + 1, -inner[last], rng.choice(WHOLE), rng.choice(FLOATS)))
    else:
        inner[last] = copy.deepcopy(rng.choice(odd))
    return found


def _at(document: object, path: Sequence[Any]) -> object:
    found: Any = document
    for key in path:
        found = found[key]
    return found


def json_changed(text: bytes, rng: random.Random, *, indent: int | None = None) -> bytes:
    """Return JSON with another value somewhere; other text is changed byte by byte."""
    try:
        document = json.loads(text)
        for _ in range(rng.choice((1, 1, 2, 3))):
            document = with_value(document, rng)
        return json.dumps(document, indent=indent).encode()
    except (ValueError, RecursionError, TypeError):
        return with_bytes(text, rng)


def lines_changed(text: bytes, rng: random.Random, words: Sequence[bytes] = ()) -> bytes:
    """Return text with a line gone, twice, elsewhere or with another word."""
    lines = text.split(b"\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    way = rng.randrange(6)
    if way == 0:
        del lines[place]
    elif way == 1:
        lines.insert(other, lines[place])
    elif way == 2:
        lines[place], lines[other] = lines[other], lines[place]
    elif way == 3:
        lines[place] = with_bytes(lines[place], rng)
    else:
        parts = lines[place].split(b" ")
        number = rng.choice((str(rng.choice(WHOLE)), str(rng.choice(FLOATS)), f"-{rng.choice(WHOLE)}"))
        parts[rng.randrange(len(parts))] = rng.choice((*words, number.encode())) if words else number.encode()
        lines[place] = b" ".join(parts)
    return b"\n".join(lines)
