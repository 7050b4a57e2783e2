"""Write small files of all types, byte orders and headers, byte by byte."""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, nan, prod
from pathlib import Path

INTEGERS = "bBhHiIqQ"
FLOATS = "fd"
NIFTI_CODES = {"B": 2, "h": 4, "i": 8, "f": 16, "d": 64, "b": 256, "H": 512, "I": 768, "q": 1024, "Q": 1280}
COLOUR_CODES = {3: 128, 4: 2304}
NPY_NAMES = {"b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "q": "i8", "Q": "u8"} | {
    "e": "f2",
    "f": "f4",
    "d": "f8",
    "?": "b1",
}
# Numbers that a scale factor of a header may be; they are rounded to float32 in NIfTI-1.
SLOPES = (-0.5, 2.0, 0.1, 1e-3, 1.0, -1.0, 3.7e5, 1e-20, 0.0, nan)
INTERCEPTS = (0.0, -1024.0, 0.3, 1e6, -7e-4, 1e12)
# Means and standard deviations of floats.
MEANS = (0.0, 0.0, 1.0, -1e3, 1e6, 0.5, 1e12, -3e-5)
DEVIATIONS = (1.0, 1e-3, 100.0, 1e-8, 0.1, 1e5, 3e-7)


@dataclass(frozen=True)
class Kind:
    """How numbers are stored.

    Attributes:
        ending: ".nii", ".nii.gz" or ".npy".
        code: the type, as a character of `struct`.
        big: True for the most significant byte first.
        slope: of the header.
        intercept: of the header.
        version: 1 or 2 of NIfTI.
        fortran: True if the first axis of an array is the fastest in memory.
        colours: 3 for RGB, 4 for RGBA, else 1.
        extra: bytes between the header and the voxels.
    """

    ending: str
    code: str
    big: bool = False
    slope: float = 1.0
    intercept: float = 0.0
    version: int = 1
    fortran: bool = False
    colours: int = 1
    extra: int = 0


def kind_of(rng: random.Random, *, arrays: bool = True, scaled: bool = True, colours: bool = True) -> Kind:
    """Draw how numbers are stored."""
    big, ending = rng.random() < 0.3, rng.choice([".nii", ".nii.gz", ".npy"] if arrays else [".nii", ".nii.gz"])
    if ending == ".npy":
        return Kind(ending, rng.choice([*INTEGERS, "e", "f", "d", "f", "d", "?"]), big, fortran=rng.random() < 0.3)
    kind = Kind(ending, rng.choice([*INTEGERS, *FLOATS, "h", "h", "f"]), big, version=1 + (rng.random() < 0.2))
    kind = replace(kind, extra=16 * (rng.random() < 0.1))
    if colours and rng.random() < 0.04:
        return replace(kind, code="B", colours=rng.choice([3, 4]))
    if scaled and rng.random() < 0.35:
        return replace(kind, slope=rng.choice(SLOPES), intercept=rng.choice(INTERCEPTS))
    return kind


def numbers_of(rng: random.Random, code: str, count: int, *, broken: float = 0.25) -> list[float]:
    """Draw numbers that a type can store: of many sizes and spreads, constant, at the ends of the type.

    Args:
        rng: where they come from.
        code: the type.
        count: how many.
        broken: the probability of some NaN or Inf among floats.
    """
    if code == "?":
        return [rng.randrange(2) for _ in range(count)]
    if code in INTEGERS:
        return [*_integers(rng, code, count)]
    numbers = _floats(rng, code, count)
    if rng.random() < broken:
        bad = rng.choice([(nan,), (inf,), (-inf,), (nan, inf)])
        for _ in range(rng.choice([1, 1, 3])):
            numbers[rng.randrange(count)] = rng.choice(bad)
    return numbers


def _integers(rng: random.Random, code: str, count: int) -> list[int]:
    bits = 8 * struct.calcsize("=" + code)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if code.islower() else (0, 2**bits - 1)
    way = rng.randrange(6)
    if way == 0:  # all over the type
        return [rng.randint(low, high) for _ in range(count)]
    if way == 1:  # a narrow range at one end
        width = min(rng.choice([1, 3, 1000]), high - low)
        return [high - rng.randint(0, width) for _ in range(count)]
    if way == 2:
        width = min(rng.choice([1, 3, 1000]), high - low)
        return [low + rng.randint(0, width) for _ in range(count)]
    if way == 3:  # one number
        return [rng.randint(low, high)] * count
    if way == 4:  # one bright voxel
        numbers = [0] * count
        numbers[rng.randrange(count)] = high
        return numbers
    middle, spread = rng.choice([0, 60, 100]), rng.choice([1, 10, 30])
    return [min(max(round(rng.gauss(middle, spread)), low), high) for _ in range(count)]


def _floats(rng: random.Random, code: str, count: int) -> list[float]:
    way = rng.randrange(8)
    if way == 0:
        numbers = [rng.uniform(0, 1) for _ in range(count)]
    elif way == 1:
        numbers = [rng.choice([0.1, 1000.3, -3.0, 0.0, 1e-5])] * count
    elif way == 2:
        pair = (rng.gauss(0, 1), rng.gauss(0, 1))
        numbers = [rng.choice(pair) for _ in range(count)]
    elif way == 3:  # sizes of many powers of 2
        most = {"e": 4, "f": 25, "d": 60}[code]
        numbers = [rng.choice([-1, 1]) * 2.0 ** rng.uniform(-most, most) for _ in range(count)]
    elif way == 4 and code == "d":  # far from 1, all together
        scale = 10.0 ** rng.choice([rng.uniform(-120, 120), rng.uniform(-150, 150), 300, 307.5, -300, -320])
        numbers = [scale * rng.gauss(1, rng.choice([1, 1e-4])) for _ in range(count)]
    else:
        mean, deviation = rng.choice(MEANS), rng.choice(DEVIATIONS)
        numbers = [rng.gauss(mean, deviation) for _ in range(count)]
    return [stored(one, code) for one in numbers]


def stored(number: float, code: str) -> float:
    """Return a number as a floating-point type stores it, at most its largest."""
    most = {"e": 65504.0, "f": 3.0e38, "d": inf}[code]
    kept: float = struct.unpack("=" + code, struct.pack("=" + code, min(max(number, -most), most)))[0]
    return kept


def write(path: Path, kind: Kind, shape: Sequence[int], numbers: Sequence[float]) -> None:
    """Write numbers, in the order of the file, as a file of this kind."""
    order = ">" if kind.big else "<"
    body = struct.pack(f"{order}{len(numbers)}{kind.code}", *numbers)
    if kind.ending == ".npy":
        path.write_bytes(_npy_header(kind, shape, order) + body)
        return
    header = _nifti1(kind, shape, order) if kind.version == 1 else _nifti2(kind, shape, order)
    extension = struct.pack(order + "2i", kind.extra, 6) + bytes(kind.extra - 8) if kind.extra else b""
    data = header + extension + body
    path.write_bytes(gzip.compress(data, 1, mtime=0) if kind.ending == ".nii.gz" else data)


def _npy_header(kind: Kind, shape: Sequence[int], order: str) -> bytes:
    name = NPY_NAMES[kind.code]
    order = "|" if name[1] == "1" else order
    text = f"{{'descr': '{order}{name}', 'fortran_order': {kind.fortran}, 'shape': {tuple(shape)}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")


def _type_code(kind: Kind) -> tuple[int, int]:
    code = NIFTI_CODES[kind.code] if kind.colours == 1 else COLOUR_CODES[kind.colours]
    return code, 8 * struct.calcsize("=" + kind.code) * kind.colours


def _dims(shape: Sequence[int]) -> list[int]:
    return [len(shape), *shape, *[1] * (7 - len(shape))]


def _nifti1(kind: Kind, shape: Sequence[int], order: str) -> bytes:
    head = bytearray(352)
    head[0:4] = struct.pack(order + "i", 348)
    head[40:56] = struct.pack(order + "8h", *_dims(shape))
    head[70:74] = struct.pack(order + "2h", *_type_code(kind))
    head[76:108] = struct.pack(order + "8f", *[1.0] * 8)
    head[108:120] = struct.pack(order + "3f", 352 + kind.extra, kind.slope, kind.intercept)
    head[344:348] = b"n+1\0"
    if kind.extra:
        head[348] = 1
    return bytes(head)


def _nifti2(kind: Kind, shape: Sequence[int], order: str) -> bytes:
    head = bytearray(544)
    head[0:4] = struct.pack(order + "i", 540)
    head[4:12] = b"n+2\0\r\n\x1a\n"
    head[12:16] = struct.pack(order + "2h", *_type_code(kind))
    head[16:80] = struct.pack(order + "8q", *_dims(shape))
    head[104:168] = struct.pack(order + "8d", *[1.0] * 8)
    head[168:176] = struct.pack(order + "q", 544 + kind.extra)
    head[176:192] = struct.pack(order + "2d", kind.slope, kind.intercept)
    head[540] = kind.extra > 0
    return bytes(head)


def shape_of(rng: random.Random, kind: Kind, *, large: float = 0.01) -> tuple[int, ...]:
    """Draw the axes of a file: few voxels mostly, and more than a piece of 2¹⁹ values seldom."""
    if kind.colours > 1:
        return tuple(rng.randint(1, 7) for _ in range(3))
    if rng.random() < large:
        return (rng.randint(60, 90), rng.randint(60, 90), rng.randint(1, 90), rng.choice([1, 2]))
    axes = rng.choice([1, 2, 3, 3, 3, 3, 4, 4, 5])
    if kind.ending == ".npy":
        axes = rng.choice([2, 3, 4, 5, 5])
    most = {1: 60, 2: 20, 3: 9, 4: 6, 5: 4}[axes]
    return tuple(rng.randint(1, most) for _ in range(axes))


def voxels(shape: Sequence[int], kind: Kind) -> int:
    """Return how many numbers a file has."""
    return prod(shape) * kind.colours
