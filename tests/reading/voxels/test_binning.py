"""The bins that are shown: wide enough for all values that matter, and none of them an artefact."""

from __future__ import annotations

import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given
from hypothesis import strategies as st
from reading.voxels.counted_by_numpy import assert_histogram

from bnstat.moments.bins import Counted
from bnstat.moments.moments import Moments
from bnstat.reading.voxels.binning import Lattice, fine_bins, histogram

WHOLE = Lattice()


def binned(*volumes, lattice=None):
    """The histogram of volumes, of which each value is checked to be where numpy has it."""
    whole = np.concatenate(volumes)
    bins = fine_bins(Moments.from_array(whole, axis=0).merged(), lattice, len(volumes))
    counts = [Counted.of(np.bincount(bins.index(one), minlength=bins.number + 2)) for one in volumes]
    found = histogram(0, bins, counts, lattice)
    assert_histogram(found, volumes)
    assert 1 <= len(found.counts) <= 64
    return found


def normal(size=20_000, mean=0.0, spread=1.0):
    return np.random.default_rng(1).normal(mean, spread, size)


def test_a_mask_has_a_bin_for_each_value_even_if_one_is_rare():
    values = np.zeros(100_000, np.uint8)
    values[:3] = 1
    found = binned(values, lattice=WHOLE)
    assert (found.edges, found.counts) == ((-0.5, 0.5, 1.5), (99_997, 3))


@pytest.mark.parametrize(("value", "edges"), [(7.0, (6.5, 7.5)), (0.0, (-0.5, 0.5)), (-3.0, (-3.5, -2.5))])
def test_a_constant_has_one_bin(value, edges):
    assert binned(np.full(10, value)).edges == edges


@pytest.mark.parametrize("value", [0.3, -1e-12, 1e300, 5e-324, np.finfo(float).max])
def test_a_constant_that_is_no_whole_number_has_one_narrow_bin(value):
    found = binned(np.full(10, value))
    assert found.counts == (10,)
    assert found.edges[1] - found.edges[0] <= max(abs(value) / 16, 1e-300)


@pytest.mark.parametrize("most", [10, 64, 65, 255, 4000, 65_000])
def test_bins_of_whole_numbers_each_have_as_many_possible_values(most):
    values = np.repeat(np.arange(most + 1, dtype=np.int32), 3)
    counts = binned(values, lattice=WHOLE).counts
    assert len(set(counts[:-1])) <= 1  # the last one reaches beyond the values
    assert len(counts) == most + 1 if most < 64 else len(counts) > 32


def test_scaled_integers_have_no_combs_either():
    found = binned(np.arange(256) * (1 / 255), lattice=Lattice(1 / 255))
    assert found.counts == (4,) * 64


def test_an_outlier_does_not_set_the_range():
    found = binned(np.append(normal(mean=100, spread=10), 1e9))
    assert (found.above, len(found.counts) > 32) == (1 + found.above - 1, True)
    assert 1 <= found.above < 100
    assert found.edges[-1] < 200


def test_outliers_on_both_sides_do_not_set_the_range():
    found = binned(np.concatenate([normal(mean=100, spread=10), [1e30, -1e30]]))
    assert found.edges[0] > 0
    assert found.edges[-1] < 200
    assert min(found.below, found.above) >= 1


def test_an_outlier_of_whole_numbers_leaves_the_bins_between_them():
    values = np.append(np.repeat(np.arange(500), 40), 2**31 - 1).astype(np.int64)
    found = binned(values, lattice=WHOLE)
    assert found.edges[0] == -0.5
    assert (found.edges[-1] < 600, found.above) == (True, 1)
    assert set(found.counts[1:-2]) == {40 * 8}


def test_a_volume_of_another_scale_is_no_outlier():
    found = binned(normal(), normal(mean=5000, spread=10))
    assert (found.below, found.above) == (0, 0)


def test_a_large_mean_with_a_small_spread_is_resolved():
    found = binned(normal(mean=1e6, spread=1e-3))
    assert len(found.counts) > 30
    assert max(found.counts) < 5000


def test_values_at_the_ends_of_float64_are_counted():
    found = binned(np.array([-1.7e308, 0.0, 1.7e308]))
    assert sum(found.counts) == 3


@given(st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=40))
def test_any_values_are_counted_once(numbers):
    values = np.array(numbers)
    found = binned(values)
    assert sum(found.counts) + found.below + found.above == values.size


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=40))
def test_any_whole_numbers_are_counted_once(numbers):
    found = binned(np.array(numbers), lattice=WHOLE)
    assert sum(found.counts) + found.below + found.above == len(numbers)


def test_many_cells_get_fewer_fine_bins():
    moments = Moments.from_array(normal(), axis=0).merged()
    assert fine_bins(moments, None, 1).number > 2000
    assert fine_bins(moments, None, 100_000).number <= 258


def test_no_finite_value_has_no_bins():
    assert fine_bins(Moments.from_array(np.array([np.nan]), axis=0).merged(), None, 1) is None
