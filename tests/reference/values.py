"""Decode the voxels of a .nii, .nii.gz or .npy file from its bytes, with the standard library alone.

Formats: nifti1.h and nifti2.h of the NIfTI group, and numpy's "A simple file format for NumPy arrays".
"""

from __future__ import annotations

import ast
import gzip
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from pathlib import Path

# Codes of NIfTI: the character of `struct`, and values of one voxel.
NIFTI_TYPES = {
    2: ("B", 1),
    4: ("h", 1),
    8: ("i", 1),
    16: ("f", 1),
    64: ("d", 1),
    128: ("B", 3),
    256: ("b", 1),
    512: ("H", 1),
    768: ("I", 1),
    1024: ("q", 1),
    1280: ("Q", 1),
    2304: ("B", 4),
}
NPY_TYPES = {
    **{f"i{size}": code for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    **{f"u{size}": code for size, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "b1": "B",
}
ONE_SAMPLE_AXES = 3


@dataclass(frozen=True)
class Stored:
    """The numbers of a file as they are stored, and how their values follow from them.

    Attributes:
        shape: the axes of the file; colours are a last axis of their own.
        strides: how far apart in `numbers` two neighbours along each axis are.
        numbers: integers or floats, in the order of the file.
        code: the type as a character of `struct`.
        slope: a value is slope · number + intercept.
        intercept: the same.
        batched: True if axis 0 holds samples: an array, and no image.
        colours: values of one voxel, 3 or 4 for RGB and RGBA, else 1.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    numbers: Sequence[int | float]
    code: str
    slope: Fraction = Fraction(1)
    intercept: Fraction = Fraction(0)
    batched: bool = False
    colours: int = 1

    @property
    def small_integers(self) -> bool:
        """True if the stored type is an integer of 8 or 16 bits, or a bool."""
        return self.code in "bBhH"

    @property
    def integers(self) -> bool:
        """True if the stored type is an integer."""
        return self.code not in "efd"

    @property
    def scaled(self) -> bool:
        """True if the values are not the stored numbers."""
        return self.slope != 1 or self.intercept != 0


@dataclass(frozen=True)
class Tensor:
    """The batched tensor: the places in `numbers` of each sample and channel.

    Attributes:
        shape: the axes of one sample.
        axis: the kept axis, from 1.
        places: for each sample, for each channel, places in C order of the other axes.
    """

    shape: tuple[int, ...]
    axis: int
    places: tuple[tuple[tuple[int, ...], ...], ...]


def read(path: Path) -> Stored:
    """Return the stored numbers of a file."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return _npy(data) if data[:6] == b"\x93NUMPY" else _nifti(data)


def _npy(data: bytes) -> Stored:
    major = data[6]
    length, start = (struct.unpack("<H", data[8:10])[0], 10) if major == 1 else (struct.unpack("<I", data[8:12])[0], 12)
    header = ast.literal_eval(data[start : start + length].decode("utf-8" if major == 3 else "latin1"))
    shape, descr = tuple(header["shape"]), header["descr"]
    code = NPY_TYPES[descr[1:]]
    order = ">" if descr[0] == ">" else "<"
    numbers = _numbers(data, start + length, prod(shape), order, code)
    strides = _fortran(shape) if header["fortran_order"] else tuple(reversed(_fortran(tuple(reversed(shape)))))
    return Stored(shape, strides, numbers, code, batched=True)


def _nifti(data: bytes) -> Stored:
    order = "<" if struct.unpack("<i", data[:4])[0] in (348, 540) else ">"
    if struct.unpack(order + "i", data[:4])[0] == 348:
        dim = struct.unpack(order + "8h", data[40:56])
        kind = struct.unpack(order + "h", data[70:72])[0]
        offset, slope, intercept = struct.unpack(order + "3f", data[108:120])
    else:
        kind = struct.unpack(order + "h", data[12:14])[0]
        dim = struct.unpack(order + "8q", data[16:80])
        (offset,) = struct.unpack(order + "q", data[168:176])
        slope, intercept = struct.unpack(order + "2d", data[176:192])
    code, colours = NIFTI_TYPES[kind]
    shape = tuple(dim[1 : 1 + dim[0]])
    numbers = _numbers(data, int(offset), prod(shape) * colours, order, code)
    strides = tuple(colours * step for step in _fortran(shape))
    if colours > 1:
        return Stored((*shape, colours), (*strides, 1), numbers, code, colours=colours)
    if slope == 0 or not math.isfinite(slope):  # "if scl_slope is 0, the data are not scaled"
        return Stored(shape, strides, numbers, code)
    return Stored(shape, strides, numbers, code, Fraction(slope), Fraction(intercept))


def _fortran(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[:axis]) for axis in range(len(shape)))


def _numbers(data: bytes, start: int, count: int, order: str, code: str) -> Sequence[int | float]:
    size = struct.calcsize("=" + code)
    return struct.unpack(f"{order}{count}{code}", data[start : start + count * size])


def tensor(stored: Stored, axis: int = -1, batch_axis: int | str | None = None) -> Tensor:
    """Return the batched tensor of a file.

    The batch axis is taken out: the one that is named, or axis 0 of an array. An image, or an array that is one
    sample, gets a channel axis of size 1 if it has three axes or fewer; colours are one. Samples are stacked in front,
    and `axis` counts in that tensor.
    """
    axes = list(zip(stored.shape, stored.strides, strict=True))
    taken = 0 if stored.batched and batch_axis is None else batch_axis
    samples, step = (1, 0) if taken is None or isinstance(taken, str) else axes.pop(taken)
    if not (stored.batched and batch_axis != "none") and stored.colours == 1 and len(axes) <= ONE_SAMPLE_AXES:
        axes.append((1, 0))
    kept = axis if axis > 0 else axis + len(axes) + 1
    channels, channel_step = axes[kept - 1]
    others = [one for place, one in enumerate(axes) if place != kept - 1]
    inner = [sum(steps) for steps in product(*(range(0, size * one, one) if one else [0] for size, one in others))]
    places = tuple(
        tuple(tuple(sample * step + channel * channel_step + place for place in inner) for channel in range(channels))
        for sample in range(samples)
    )
    return Tensor(tuple(size for size, _ in axes), kept, places)
