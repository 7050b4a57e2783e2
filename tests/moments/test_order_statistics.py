"""Order statistics of keys that are counted in passes equal those of sorted values."""

from __future__ import annotations

import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given
from hypothesis import strategies as st

from bnstat.moments import order_statistics
from bnstat.moments.order_statistics import OrderStatistics, key_bits, keys_of, value_of

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def drawn(dtype, seed, size):
    """Numbers over the whole range of the type, with ties, and for floats with tiny ones and infinite ones."""
    random = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    values = np.frombuffer(random.bytes(size * kind.itemsize), kind).copy()
    if kind.kind == "f":
        values[np.isnan(values)] = random.normal(1e6, 1e-3, int(np.isnan(values).sum()))
        values[: size // 8] = np.inf
    values[random.random(size) < 0.3] = values[-1]
    return random.permutation(values)


def searched(groups, dtype, wanted, parts=3):
    """All wanted order statistics of some groups, whose values come in parts; and the passes that this took."""
    search = OrderStatistics(range(len(groups)), key_bits(dtype), wanted)
    passes = 0
    while not search.done:
        for group, values in enumerate(groups):
            for part in np.array_split(values, parts):
                search.count(group, part)
        search.advance()
        passes += 1
    return search, passes


@given(st.sampled_from(TYPES), st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_keys_have_the_order_of_their_values_and_give_them_back(dtype, seed, size):
    values = drawn(dtype, seed, size)
    keys = keys_of(values)
    order = np.argsort(keys, kind="stable")
    assert np.array_equal(values[order], np.sort(values))
    assert [value_of(int(key), dtype) for key in keys] == [float(value) for value in values]


@given(
    st.sampled_from([2, 64, 1 << 22]),
    st.sampled_from([0, 7, 1 << 20]),
    st.sampled_from(TYPES),
    st.integers(0, 2**32 - 1),
    st.integers(1, 200),
)
def test_every_rank_is_found_however_few_counters_there_are(most_counters, most_held, dtype, seed, size):
    groups = [drawn(dtype, seed, size), drawn(dtype, seed + 1, 3 * size), np.empty(0, dtype)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_statistics, "_MOST_HELD", most_held)
        patch.setattr(order_statistics, "_MOST_COUNTERS", most_counters)
        search, _ = searched(groups, dtype, lambda count: {0, count // 3, count // 3, count - 1})
    for group, values in enumerate(groups[:2]):
        ranked = np.sort(values)
        assert search.sizes[group] == values.size
        for rank in (0, values.size // 3, values.size - 1):
            assert value_of(search.keys[group, rank], dtype) == float(ranked[rank])
    assert 2 not in search.sizes


@pytest.mark.parametrize(("dtype", "passes"), [("u1", 1), ("i2", 1), ("u4", 2), ("f4", 2), ("i8", 4), ("f8", 4)])
def test_passes_are_as_many_as_the_bits_need_if_no_value_may_be_held(dtype, passes, monkeypatch):
    monkeypatch.setattr(order_statistics, "_MOST_HELD", 0)
    values = np.arange(100).astype(dtype)
    assert searched([values], dtype, lambda count: [count // 2])[1] == passes


def test_few_values_are_held_in_the_second_pass():
    values = np.random.default_rng(3).normal(1e6, 1e-3, 5000)
    search, passes = searched([values], "f8", lambda _: [17, 4000])
    assert passes == 2
    assert value_of(search.keys[0, 17], "f8") == np.sort(values)[17]


def test_extended_floats_have_the_keys_of_their_float64():
    values = np.array([-np.inf, -1e300, -1.5, -0.0, 0.0, 1 / 3, 1e308, np.inf])
    wide = values.astype(np.longdouble)
    assert keys_of(wide).tolist() == keys_of(values).tolist()
    assert [value_of(key, wide.dtype) for key in keys_of(wide).tolist()] == values.tolist()
    assert (np.diff(keys_of(wide).astype(object)) > 0).all()
