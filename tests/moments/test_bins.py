"""Fine bins: the index of a value is what comparisons with the edges give, however values are rounded."""

from __future__ import annotations

from math import ldexp

import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given
from hypothesis import strategies as st

from bnstat.moments.bins import Counted, EqualBins, GrowingBins, power_above

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20)


def by_comparison(bins, values):
    """The index of each value, by its comparison with the lower edges and with the end of the last bin."""
    lower = bins.lower_edges()
    found = np.searchsorted(lower, values, side="right")
    if isinstance(bins, EqualBins):
        found[values >= lower[-1] + bins.width] = bins.number + 1
    return found


@given(
    FLOATS, st.integers(-40, 40), st.integers(-50, 50), st.integers(1, 100), st.sampled_from([np.float32, np.float64])
)
def test_bins_of_a_power_of_two_are_those_of_comparisons(numbers, power, first, number, kind):
    bins = EqualBins(ldexp(1.0, power), first, number)
    edges = bins.lower_edges()
    with np.errstate(over="ignore"):
        values = np.concatenate([np.array(numbers), edges, np.nextafter(edges, -np.inf)]).astype(kind)
    values = values[np.isfinite(values)]
    assert (bins.index(values) == by_comparison(bins, values.astype(np.float64))).all()


@given(st.integers(0, 6), st.integers(-300, 300), st.sampled_from([(1.0, 0.0), (1 / 255, 0.0), (0.3, -7.1)]))
def test_each_bin_of_stepped_values_has_as_many_of_them(power, first, scale):
    slope, intercept = scale
    bins = EqualBins(ldexp(slope, power), first, 8, intercept - slope / 2)
    stored = np.arange(first * 2**power, (first + 8) * 2**power)
    found = np.bincount(bins.index(stored * slope + intercept), minlength=10)
    assert found.tolist() == [0, *[2**power] * 8, 0]


@given(FLOATS, st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_growing_bins_are_those_of_comparisons(numbers, one, other):
    low, high = min(one, other), max(one, other)
    bins = GrowingBins.over(low, high)
    edges = bins.lower_edges()
    assert (np.diff(edges) > 0).all()
    values = np.clip(np.concatenate([np.array(numbers), edges, np.nextafter(edges, -np.inf), [low, high]]), low, high)
    found = bins.index(values)
    assert (found == by_comparison(bins, values)).all()
    assert found.min() >= 1


def test_multiples_of_a_power_of_two_are_edges_of_growing_bins():
    edges = GrowingBins.over(-1e6, 1e6).lower_edges().tolist()
    assert {16.0 * place for place in range(-256, 257)} <= set(edges)


def test_values_beyond_the_bins_are_counted_apart():
    bins = EqualBins(1.0, 0, 3)
    assert bins.index(np.array([-0.5, -1e300, 0.0, 2.9, 3.0, 1e300])).tolist() == [0, 0, 1, 3, 4, 4]
    growing = GrowingBins.over(-3.0, 5.0)
    assert growing.index(np.array([-1e300, -3.0, 5.0, 1e300])).tolist() == [0, 1, growing.number, growing.number + 1]


@pytest.mark.parametrize(("value", "power"), [(1.0, 0), (1.1, 1), (0.5, -1), (1024.0, 10)])
def test_the_power_above_a_number_is_the_least_one(value, power):
    assert power_above(value) == power


def test_counts_without_zeros_add_up():
    one, other = Counted.of(np.array([0, 3, 0, 1])), Counted.of(np.array([2, 0, 0, 5]))
    both = one.plus(other, 4)
    assert (both.places.tolist(), both.counts.tolist()) == ([0, 1, 3], [2, 3, 6])
