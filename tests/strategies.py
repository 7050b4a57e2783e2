"""The values on which laws are tested: arrays of every kind, and ways to split them."""

from __future__ import annotations

import os

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
