from __future__ import annotations

import numpy as np
import pytest

from bnstat.batch_size import needed as needed_sizes
from bnstat.batch_size.confidence import FEWEST_SAMPLES
from bnstat.batch_size.recommendation import recommend
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Layer

SIZES = (1, 2, 4, 8, 16, 32, 64)


def settings(**tolerances):
    return settings_of(Tolerances(**tolerances))


def settings_of(tolerances, epsilon=1e-3, ranks=1, population="infinite"):
    layer = Layer(FRAMEWORKS["keras"], epsilon, 0.99)
    return CompareSettings(layer, (), -1, None, SIZES, population, 500, 0, tolerances, ranks=ranks)


def cohort(between, samples=20, seed=0):
    """Samples of unit variance within, whose means have this standard deviation."""
    means = between * np.random.default_rng(seed).normal(size=(samples, 1))
    return Cohort((0,), np.arange(samples), means, np.ones((samples, 1)), np.array([1000.0]))


def test_samples_that_hardly_differ_need_no_large_batch():
    assert recommend([cohort(0.01)], SIZES, settings(), "input").batch_size == 1


def test_the_worst_channel_decides():
    alone = recommend([cohort(0.5)], SIZES, settings(), "input")
    both = recommend([cohort(0.01), cohort(0.5)], SIZES, settings(), "input")
    assert both.batch_size == alone.batch_size
    assert alone.batch_size > 1


@pytest.mark.parametrize("between", [0.2, 0.5, 1.0])
def test_noise_alone_asks_for_the_size_that_the_closed_form_gives(between):
    one = cohort(between)
    tau2 = one.means.var(ddof=1)
    needed = tau2 / (1 + tau2) / 0.1**2
    found = recommend([one], SIZES, settings(shortfall=9.0, gap=9.0), "input")
    assert found.estimate == np.ceil(needed)
    assert found.mean_and_variance.estimate == found.estimate
    assert found.least < needed < found.most
    assert found.batch_size == next((size for size in SIZES if size >= found.most), None)


def test_equal_channels_give_the_upper_end_of_one_and_a_lower_end_for_both():
    single, doubled = (recommend([cohort(0.5)] * times, SIZES, settings(), "input") for times in (1, 2))
    assert (single.estimate, single.most) == (doubled.estimate, doubled.most)
    assert doubled.least < single.least


def test_the_range_is_wider_for_fewer_samples():
    ranges = [recommend([cohort(0.3, samples)], SIZES, settings(), "input") for samples in (8, 30, 400)]
    widths = [one.most / one.least for one in ranges]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 4
    assert widths[2] < 2


def test_a_channel_that_is_never_the_worst_does_not_change_the_size():
    worst, quiet = cohort(0.5), cohort(0.01, seed=1)
    alone, both = (recommend(some, SIZES, settings(), "input") for some in ([worst], [worst, quiet]))
    assert (alone.estimate, alone.most) == (both.estimate, both.most)


def test_where_none_is_enough_it_says_what_would_be():
    one = cohort(1.0)
    found = recommend([one], SIZES[:3], settings(gap=9.0), "input")
    tau2 = one.means.var(ddof=1)
    assert found.batch_size is None
    needed = np.ceil(tau2 / (1 + tau2) / 0.1**2)
    assert f"; about {needed:.0f} would be enough (" in found.headline
    assert f"Mean and variance need about {needed:.0f} (" in found.reason


def test_without_an_epsilon_noise_and_shortfall_decide():
    found = recommend([cohort(0.5)], SIZES, settings_of(Tolerances(), epsilon=None), "input")
    assert found.batch_size is not None
    assert found.gap is None
    assert found.smallest.gap is None
    assert "train/eval" not in found.reason


@pytest.mark.parametrize("population", ["finite", "infinite"])
@pytest.mark.parametrize("ranks", [2, 4])
def test_synchronized_ranks_need_their_part_of_the_batch(ranks, population):
    one = cohort(0.3, samples=80)
    alone = recommend([one], SIZES, settings_of(Tolerances(), population=population), "input")
    found = recommend([one], SIZES, settings_of(Tolerances(), ranks=ranks, population=population), "input")
    assert found.batch_size == alone.batch_size
    assert found.synchronized == max(alone.batch_size // ranks, 1)
    assert alone.synchronized is None


@pytest.mark.parametrize(("samples", "declined"), [(FEWEST_SAMPLES - 1, True), (FEWEST_SAMPLES, False)])
def test_it_declines_below_eight_samples(samples, declined):
    found = recommend([cohort(0.01, samples)], SIZES, settings(), "input")
    assert (found.batch_size is None) == declined
    assert ("at least 8" in found.reason) == declined


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.4])
def test_the_size_that_the_gap_needs_is_the_same_from_any_size_and_is_about_enough(limit):
    one, asked = cohort(0.5), settings(gap=limit)
    needed = {recommend([one], sizes, asked, "input").gap.estimate for sizes in ([1], [1, 4], [2, 8])}
    assert len(needed) == 1
    size = needed.pop()
    gaps = [needed_sizes.gap_of(one, max(size + by, 1), asked) for by in (-max(size // 5, 1), max(size // 5, 1))]
    assert gaps[0] > limit > gaps[1]


@pytest.mark.parametrize(
    ("between", "limit"),
    [(0.2, 0.05), (0.5, 0.05), (0.5, 0.3), (1.0, 0.3), (1.0, 0.8), (4.0, 0.1), (4.0, 0.3), (4.0, 0.5)],
)
def test_the_size_that_the_gap_needs_is_the_first_of_all_sizes_whose_batches_are_within_the_limit(between, limit):
    one, asked = cohort(between), settings(gap=limit)
    (found,) = needed_sizes.needs(one, asked)
    first = next(size for size in range(1, 1000) if needed_sizes.gap_of(one, size, asked) <= limit)
    assert found.gap.estimate == first


def test_one_size_is_named_where_it_is_enough_for_the_gap_too():
    found = recommend([cohort(0.5)], [1], settings(noise=0.5, gap=0.4), "input")
    assert found.gap.estimate == found.mean_and_variance.estimate
    assert f"; about {found.estimate} would be enough ({found.most} with" in found.reason
    assert "Mean and variance need" not in found.reason


def test_a_limit_of_zero_names_no_size():
    found = recommend([cohort(0.5)], [1], settings(noise=0.0, gap=0.0), "input")
    assert (found.batch_size, found.estimate, found.most) == (None, None, None)
    assert "would be enough" not in found.reason
    assert "None" not in found.reason


@pytest.mark.parametrize("population", ["finite", "infinite"])
@pytest.mark.parametrize("samples", [1, 3, 40])
def test_the_reason_is_whole_sentences(samples, population):
    for sizes in ([1], list(SIZES)):
        reason = recommend(
            [cohort(0.5, samples)], sizes, settings_of(Tolerances(), population=population), "input"
        ).reason
        assert reason.endswith(".")
        assert not reason.endswith("..")
        assert "None" not in reason
