"""Which samples channels have, and in which groups."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.batch_size.population import split
from bnstat.batch_size.samples import Cohort, cohorts_of
from bnstat.moments.moments import Moments


@pytest.mark.parametrize(
    ("numbers", "splits"), [([], False), ([0], False), ([0, 0], True), ([0, 1], False), ([0, 1, 1], True)]
)
def test_a_group_of_two_shows_how_samples_of_a_group_differ(numbers, splits):
    assert Cohort.splits(np.array(numbers, np.intp)) == splits


def test_a_sample_without_values_is_left_out_as_one_with_nan_and_one_with_inf_are():
    random = np.random.default_rng(0)
    samples = [random.normal(size=(9, 1)) for _ in range(5)]
    samples[1] = samples[1][:0]
    samples[2][3], samples[4][0] = np.nan, np.inf
    (found,) = cohorts_of(Moments.stack([Moments.from_array(one) for one in samples]))
    assert found.places.tolist() == [0, 3]


def test_a_channel_without_samples_has_no_values_together():
    table = Moments.stack([Moments.from_array(np.array([[1.0, np.nan], [2.0, 3.0]])) for _ in range(3)])
    whole, without = split(table, cohorts_of(table), "finite", None)
    assert (whole.samples, whole.merged_count) == (3, 6)
    assert (without.samples, without.merged_count, without.merged_mean) == (0, 0, None)
