"""Numbers as text, and the three numbers that stand for many."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.renderers.compare_layers.rows import summary
from bnstat.renderers.numbers import least_median_greatest, number, ratio, share, summed


@pytest.mark.parametrize("values", [[4.0], [87.0, 1.0], [3.0, 1.0, 9.0], [1.0, 8.0, 2.0, 7.0], [-1e308, 1e308]])
def test_the_median_is_that_of_numpy(values):
    assert least_median_greatest(np.array([np.nan, *values, np.nan])) == (min(values), np.median(values), max(values))


def test_of_nothing_known_there_is_no_median():
    assert least_median_greatest(np.array([])) is None
    assert least_median_greatest(np.array([np.nan])) is None


def test_a_comparison_of_two_groups_shows_the_mean_of_both_as_their_median():
    """A layer with two groups has two variances: the median is neither of them."""
    values = np.random.default_rng(0).normal(0, [1, 5, 20, 40], (1, 4, 5, 6, 4))
    found = bnstat.compare_layers(values, by="normalizers", values=["batch", "group:2"])
    variances = [found.entries[1].report.batches[0].parts[place].variance for place in range(2)]
    rows = summary(found)
    place = next(at for at, row in enumerate(rows) if row[0] == "variance, least")
    shown = [row[2] for row in rows[place : place + 3]]
    assert shown == [number(one) for one in (min(variances), np.mean(variances), max(variances))]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.16, "16.0%"), (0.0909, "9.09%"), (0.477087, "47.7%"), (1.0, "100%"), (0.0, "0%"), (3e-5, "<0.01%")],
)
def test_a_share_has_three_digits_as_in_sentences(value, shown):
    assert share(value) == shown


def test_rounding_beside_1_is_nothing():
    assert (ratio(2.2e-16), ratio(-1e-17), ratio(0.5279), ratio(None)) == ("0", "0", "0.5279", "–")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((385385.4, 271044.6, 114340.8), ("385,385", "271,044", "114,341")),
        ((182876.91, 182852.0, 24.91), ("182,877", "182,852", "25")),
        ((3.0, 1.0, 1.0, 1.0), ("3.000", "1.000", "1.000", "1.000")),
        ((1.0, 1 / 3, 1 / 3, 1 / 3), ("1.000", "0.334", "0.333", "0.333")),
        ((1.0, 1.0, 0.0), ("1.000", "1.000", "0")),
        ((1.0, 1.0, 1e-33), ("1.000", "1.000", "1.000e-33")),
        ((2e12, 1e12, 1e12), ("2.000e+12", "1.000e+12", "1.000e+12")),
        ((None, 1.0, None), ("–", "1.000", "–")),
        ((0.0, 0.0, 0.0), ("0", "0", "0")),
    ],
)
def test_the_printed_parts_of_a_sum_add_up_to_it(values, shown):
    assert summed(*values) == shown
