"""Columns of numbers against one number after the other."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.layers import normalizers
from bnstat.layers.columns import by_count, plain
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.normalizers.batch import columns_of
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


@pytest.mark.parametrize(
    "counts",
    [
        np.array([4]),
        np.array([4, 4, 4]),
        np.array([4, 2, 4, 9, 2]),
        np.array([[7, 7], [7, 1]]),
        np.array([[5, 5, 5]]),
    ],
)
def test_a_function_of_counts_is_that_of_each_count_and_is_asked_for_each_once(counts):
    asked = []

    def function(count):
        asked.append(count)
        return count**2 / 3

    found = by_count(counts, function)
    assert found.shape == counts.shape
    assert found.ravel().tolist() == [count**2 / 3 for count in counts.ravel().tolist()]
    assert sorted(asked) == sorted(set(counts.ravel().tolist()))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_no_counts_have_no_results(shape):
    assert by_count(np.zeros(shape, np.int64), float).shape == shape


def test_undefined_numbers_are_none_in_the_order_of_rows():
    values = np.array([[1.5, np.nan, -0.0], [np.inf, np.nan, 2.0]])
    assert plain(values) == [1.5, None, -0.0, np.inf, None, 2.0]
    assert plain(values[:0]) == []
    assert all(type(one) is float for one in plain(values[:, [0, 2]]))


def test_batches_of_channels_are_listed_row_by_row_with_their_places():
    """The channels of the first batch come first, as they do where each batch is listed by itself."""
    values = np.random.default_rng(0).normal(3, 2, (5, 20, 2))
    table = Moments.stack([Moments.from_array(one) for one in values])
    keras = FRAMEWORKS["keras"]
    settings = Settings(keras, keras.epsilon, keras.momentum)
    listed = columns_of(table, settings).listed()
    assert listed["channel"] == [0, 1] * 5
    for row in range(5):
        alone = columns_of(table[row], settings).listed()
        assert {name: some[2 * row : 2 * row + 2] for name, some in listed.items()} == alone
    none = columns_of(Moments.from_array(np.zeros((4, 0))), settings).listed()
    assert all(some == [] for some in none.values())


@pytest.mark.parametrize(("framework", "expected"), [("torch-instance", 0.0), ("keras", None)])
def test_a_constant_channel_without_an_epsilon_is_what_the_layer_takes_0_divided_by_0_for(framework, expected):
    settings = Settings(FRAMEWORKS[framework], 0.0, 0.1)
    listed = columns_of(Moments.from_array(np.full((9, 1), 3.0)), settings).listed()
    assert listed["variance"] == [0.0]
    assert listed["output_variance"] == listed["gain"] == [expected]
    assert listed["condition_number"] == listed["epsilon_share"] == [None]


@pytest.mark.parametrize(("channels", "together"), [(1 << 13, 2), (1 << 14, 1), (20_000, 1)])
def test_tables_are_taken_together_as_long_as_they_are_small_and_each_of_them_once(channels, together):
    tables = [Moments.from_array(np.zeros((1, channels))) for _ in range(3)]
    found = list(normalizers._alike(tables))
    assert [place for places in found for place in places] == [0, 1, 2]
    assert max(map(len, found)) == together
