"""The number types that files of weights have, and their values in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What numpy has no type for; its values are the upper halves of float32 values.
BFLOAT16 = "bfloat16"
# Types of one element, by the name that PyTorch has for them: the bytes, and numpy's code.
_NUMPY = {
    "float16": "f2",
    "float32": "f4",
    "float64": "f8",
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "uint8": "u1",
    "uint16": "u2",
    "uint32": "u4",
    "uint64": "u8",
    "bool": "u1",
    BFLOAT16: "u2",
}
# Types whose values are not read, and the bytes of one. No normalization has them.
_UNREAD = {
    "complex32": 4,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
    "float4_e2m1fn_x2": 1,
    "qint8": 1,
    "quint8": 1,
    "qint32": 4,
}
# Types that the statistics and weights of a normalization can have.
FLOATS = ("float16", BFLOAT16, "float32", "float64")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def bytes_of(dtype: str) -> int | None:
    """Return the number of bytes of one element; None for an unknown type."""
    if dtype in _NUMPY:
        return int(np.dtype(_NUMPY[dtype]).itemsize)
    return _UNREAD.get(dtype)


def readable(dtype: str) -> bool:
    """Return True if elements of this type can be read."""
    return dtype in _NUMPY


def decoded(raw: bytes, dtype: str, *, big: bool = False) -> NDArray[Any]:
    """Return the elements in some bytes, in this machine's order; those of bfloat16 as float32, which holds them all.

    Args:
        raw: The bytes of whole elements.
        dtype: A type that is `readable`.
        big: True if the most significant byte comes first.
    """
    stored = np.frombuffer(raw, np.dtype(_NUMPY[dtype]).newbyteorder(">" if big else "<"))
    if dtype == BFLOAT16:
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return stored.astype(bool) if dtype == "bool" else stored.astype(stored.dtype.newbyteorder("="))
