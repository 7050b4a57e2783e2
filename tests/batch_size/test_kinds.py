"""Two kinds of volumes: against every division that there is, in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from statistics import median

import numpy as np
import pytest

from bnstat.batch_size.kinds import APART, FEWEST_OF_A_KIND, kinds_of, robust


def divided(values, least):
    """Return places and medians of both kinds at the widest gap with four volumes on each side; None if too near."""
    exact = [Fraction(value) for value in values]
    order = sorted(range(len(exact)), key=lambda place: exact[place])
    ways = [(order[:at], order[at:]) for at in range(4, len(order) - 3)]
    if not ways:
        return None
    lower, upper = max(ways, key=lambda way: exact[way[1][0]] - exact[way[0][-1]])
    low, high = (median([exact[place] for place in some]) for some in (lower, upper))
    own = [abs(exact[place] - low) for place in lower] + [abs(exact[place] - high) for place in upper]
    deviation = max(Fraction(1.4826) * median(own), Fraction(least))
    return (set(lower), set(upper), low, high) if high > low and high - low >= 12 * deviation else None


def two_kinds(seed):
    """Return figures of two kinds of volumes, from near to far apart and of few to many volumes."""
    random = np.random.default_rng(seed)
    numbers = random.integers(2, 9, 2)
    values = np.concatenate([random.normal(0, 1, numbers[0]), random.normal(random.uniform(5, 40), 1, numbers[1])])
    return random.permutation(values).tolist()


def test_volumes_are_divided_where_exact_arithmetic_divides_them():
    found = 0
    for seed in range(400):
        values, least = two_kinds(seed), (0.0, 0.05, 2.0)[seed % 3]
        expected, kinds = divided(values, least), kinds_of(values, least)
        assert (kinds is None) == (expected is None), seed
        if kinds is not None:
            found += 1
            assert (set(kinds.lower), set(kinds.upper)) == expected[:2]
            assert (kinds.low, kinds.high) == pytest.approx([float(one) for one in expected[2:]], rel=1e-15)
    assert 100 < found < 300


@pytest.mark.parametrize("more", [0, 1])
def test_as_few_as_four_volumes_are_a_kind(more):
    values = [0.0] * FEWEST_OF_A_KIND + [1.0] * (FEWEST_OF_A_KIND + more)
    kinds = kinds_of(values, 0.05)
    assert (kinds.lower, kinds.upper) == ((0, 1, 2, 3), tuple(range(4, 8 + more)))
    assert kinds_of(values[1:], 0.05) is None or more


def test_medians_that_are_just_far_enough_apart_are_two_kinds():
    assert kinds_of([0.0] * 6 + [APART] * 6, 1.0) is not None
    assert kinds_of([0.0] * 6 + [np.nextafter(APART, 0)] * 6, 1.0) is None
    assert kinds_of([3.0] * 12, 0.0) is None


def test_a_score_is_the_distance_from_the_nearer_median_by_that_of_all():
    values = [0.0, 1.0, 2.0, 3.0, 4.0, 100.0, 101.0, 102.0, 103.0, 104.0]
    kinds = kinds_of(values, 0.05)
    other = [-4.0, 2.0, 50.0, 54.0, 102.0, 109.0, 1000.0]
    distances = [6.0, 0.0, 48.0, 48.0, 0.0, 7.0, 898.0]
    assert kinds.scores(other).tolist() == pytest.approx([one / (1.4826 * 7.0) for one in distances], rel=1e-12)


def test_medians_of_another_figure_are_those_of_each_kind_without_what_is_left_out():
    kinds = kinds_of([0.0, 1.0, 2.0, 3.0, 100.0, 101.0, 102.0, 103.0], 0.05)
    figure = [5.0, 6.0, 8.0, 60.0, 2.0, 3.0, 9.0, 11.0]
    assert kinds.medians(figure, ()) == (7.0, 6.0)
    assert kinds.medians(figure, {3, 4}) == (6.0, 9.0)
    assert kinds.medians(figure, {0, 1, 2, 3}) is None
    assert kinds.medians(figure, {4, 5, 6, 7}) is None


def test_robust_deviations_are_at_least_the_least_and_never_divide_by_zero():
    assert robust([0.0, 1.0, 3.0], 0.0).tolist() == pytest.approx([0.0, 1 / 1.4826, 3 / 1.4826])
    assert robust([0.0, 1.0, 3.0], 2.0).tolist() == [0.0, 0.5, 1.5]
    assert robust([0.0, 0.0, 3.0], 0.0).tolist() == [0.0, 0.0, float("inf")]
