"""Types that round no least and no greatest value, whatever is put together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.moments.extremes import common_type, neutral_extremes, typed

EDGE = 2**53
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, EDGE, EDGE + 1, -EDGE, -EDGE - 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64]),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
)


@given(st.lists(NUMBERS, max_size=4))
def test_the_type_of_numbers_holds_each_of_them(numbers):
    kind = typed(numbers)
    assert np.array(numbers, kind).tolist() == numbers


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([], "float64"),
        ([1.5, np.inf], "float64"),
        ([0, 7], "int64"),
        ([-1, 2**63 - 1], "int64"),
        ([-(2**63), 0], "int64"),
        ([-(2**63) - 1], "object"),
        ([0, 2**63], "uint64"),
        ([1, 2**64 - 1], "uint64"),
        ([0, 2**64], "object"),
        ([-1, 2**63], "object"),
        ([0.5, EDGE], "float64"),
        ([0.5, EDGE + 1], "object"),
        ([0.5, -EDGE], "float64"),
        ([0.5, -EDGE - 1], "object"),
    ],
)
def test_numbers_have_the_plainest_type_that_rounds_none(numbers, kind):
    assert typed(numbers) == np.dtype(kind)


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ([np.array([1], "i2"), np.array([2], "u1")], "int16"),
        ([np.array([1], "i8"), np.array([2], "u8")], "object"),
        ([np.array([EDGE], "i8"), np.array([0.5])], "float64"),
        ([np.array([EDGE + 1], "i8"), np.array([0.5])], "object"),
        ([np.array([-EDGE - 1], "i8"), np.array([0.5])], "object"),
        ([np.array([], "i8"), np.array([0.5])], "float64"),
        ([np.array([2**31 - 1], "i4"), np.array([0.5])], "float64"),
        ([np.array([1.5], "f4"), np.array([0.5], "f8")], "float64"),
    ],
)
def test_columns_have_the_type_of_numpy_unless_that_rounds(columns, kind):
    assert common_type(columns) == np.dtype(kind)


@pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "u8", "f4", "f8"])
def test_any_value_replaces_the_neutral_ones(dtype):
    least, greatest = neutral_extremes(np.dtype(dtype))
    ends = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    for value in (ends.min, ends.max):
        assert (min(least, value), max(greatest, value)) == (value, value)
