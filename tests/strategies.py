"""The values on which laws are tested: arrays of every kind, and ways to split them."""

from __future__ import annotations

import os
import struct
import zlib
from itertools import pairwise

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# No deadline: machines are busy. The same examples each time in CI, others at each run elsewhere.
settings.register_profile("bnstat", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bnstat")

REAL_TYPES = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2", ">f4", "?")


def arrays(types=REAL_TYPES, max_dims=4, min_dims=1, max_side=7):
    """Draw arrays of real numbers. Floats are moderate, so that squares neither overflow nor vanish."""

    def of_type(dtype):
        elements = None
        if np.dtype(dtype).kind == "f":
            elements = st.floats(-1e6, 1e6, width=32, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
        return hnp.arrays(
            dtype, hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, max_side=max_side), elements=elements
        )

    return st.sampled_from(types).flatmap(of_type)


SIZES = st.integers(2, 400)


def offset_values(size=SIZES):
    """Draw float64 values whose mean is up to 1e6 times their spread."""

    def drawn(parts):
        count, seed, offset, spread = parts
        return offset + spread * np.random.default_rng(seed).normal(size=count)

    return st.tuples(
        size, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, -1e3, 1e6]), st.sampled_from([1.0, 1e-2, 1e3])
    ).map(drawn)


def splits(length):
    """Draw ordered cut points of a sequence: any number of them, also none, also equal ones."""
    return st.lists(st.integers(0, length), max_size=12).map(sorted)


def extremes(code):
    """Draw a number that a field of a binary header can hold: most often at the ends of its type, or around them."""
    if code in "fd":
        ends = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-45, 1e-38, 3e38, -3e38, 352.0, 351.0, np.inf, -np.inf, np.nan])
        return ends | st.floats(width=32 if code == "f" else 64)
    bits = 8 * np.dtype(code).itemsize
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if code.islower() else (0, 2**bits - 1)
    near = [low, low + 1, -1, 0, 1, 2, 3, 4, 7, 8, 2**7, 2**8, 2**15, 2**16, 2**31 - 1, 2**31, 2**40, high - 1, high]
    return st.sampled_from([one for one in near if low <= one <= high]) | st.integers(low, high)


@st.composite
def changed_fields(draw, data, fields, order):
    """Draw data in which one to three fields of a header have other values.

    Args:
        draw: given by Hypothesis.
        data: the bytes.
        fields: the place and the type of each field, as a character of `struct`.
        order: "<" or ">".
    """
    changed = bytearray(data)
    for place, code in draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3)):
        struct.pack_into(order + code, changed, place, draw(extremes(code)))
    return bytes(changed)


@st.composite
def gzip_streams(draw, data):
    """Draw a valid gzip stream of some bytes: of several members, also empty ones, each with any header and flushes."""
    cuts = [0, *draw(splits(len(data))), len(data)]
    members = []
    for start, end in pairwise(cuts):
        part = data[start:end]
        flags, head = 0, b""
        if draw(st.booleans()):
            extra = draw(st.binary(max_size=40))
            flags, head = flags | 4, head + len(extra).to_bytes(2, "little") + extra
        for bit in (8, 16):  # a name and a comment
            if draw(st.booleans()):
                flags, head = flags | bit, head + draw(st.binary(max_size=20)).replace(b"\0", b"") + b"\0"
        packer = zlib.compressobj(draw(st.integers(0, 9)), zlib.DEFLATED, -15)
        middle = draw(st.integers(0, len(part)))
        flush = draw(st.sampled_from([zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
        packed = packer.compress(part[:middle]) + packer.flush(flush) + packer.compress(part[middle:]) + packer.flush()
        start_of = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\0\xff" + head
        members.append(start_of + packed + struct.pack("<II", zlib.crc32(part), len(part)))
    return b"".join(members)
