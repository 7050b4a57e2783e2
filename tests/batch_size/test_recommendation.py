from __future__ import annotations

import numpy as np
import pytest

from bnstat.batch_size import recommendation
from bnstat.batch_size.recommendation import FEWEST_SAMPLES, recommend
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Layer

SIZES = (1, 2, 4, 8, 16, 32, 64)


def settings(**tolerances):
    return settings_of(Tolerances(**tolerances))


def settings_of(tolerances, epsilon=1e-3, ranks=1):
    layer = Layer(FRAMEWORKS["keras"], epsilon, 0.99)
    return CompareSettings(layer, (), -1, None, SIZES, "finite", 500, 0, tolerances, ranks=ranks)


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
    assert found.batch_size == next(size for size in SIZES if size >= needed)


def test_channels_are_redrawn_as_samples_together():
    one, twin = cohort(0.5), cohort(0.5)
    drawn = recommendation._BootstrapCohorts(one, 7).cohort.means
    np.testing.assert_array_equal(drawn, recommendation._BootstrapCohorts(twin, 7).cohort.means)
    assert (recommendation._BootstrapCohorts(one, 8).cohort.means != drawn).any()
    single, doubled = (recommend([one] * times, SIZES, settings(), "input") for times in (1, 2))
    assert (single.least, single.most) == (doubled.least, doubled.most)


def test_the_range_holds_what_is_recommended_and_is_wider_for_fewer_samples():
    found = {samples: recommend([cohort(0.3, samples)], SIZES, settings(), "input") for samples in (8, 400)}
    for one in found.values():
        assert one.least <= one.batch_size <= (one.most or 1000)
    assert found[400].most <= 2 * found[400].least
    assert (found[8].most or 1000) >= 4 * found[8].least


def test_a_channel_that_is_never_the_worst_does_not_change_the_range():
    worst, quiet = cohort(0.5), cohort(0.01, seed=1)
    alone, both = (recommend(some, SIZES, settings(), "input") for some in ([worst], [worst, quiet]))
    assert (alone.least, alone.most) == (both.least, both.most)


def test_where_none_is_enough_it_says_what_would_be():
    one = cohort(1.0)
    found = recommend([one], SIZES[:3], settings(gap=9.0), "input")
    tau2 = one.means.var(ddof=1)
    assert found.batch_size is None
    assert f"from batch size {np.ceil(tau2 / (1 + tau2) / 0.1**2):.0f} on" in found.reason


def test_without_an_epsilon_noise_and_shortfall_decide():
    found = recommend([cohort(0.5)], SIZES, settings_of(Tolerances(), epsilon=None), "input")
    assert found.batch_size is not None
    assert "evaluation mode" not in found.reason


@pytest.mark.parametrize("ranks", [2, 4])
def test_synchronized_ranks_need_their_part_of_the_batch(ranks):
    alone = recommend([cohort(0.5)], SIZES, settings(), "input")
    found = recommend([cohort(0.5)], SIZES, settings_of(Tolerances(), ranks=ranks), "input")
    assert found.batch_size == alone.batch_size
    assert found.synchronized == max(alone.batch_size // ranks, 1)
    assert alone.synchronized is None


@pytest.mark.parametrize(("samples", "declined"), [(FEWEST_SAMPLES - 1, True), (FEWEST_SAMPLES, False)])
def test_it_declines_below_eight_samples(samples, declined):
    found = recommend([cohort(0.01, samples)], SIZES, settings(), "input")
    assert (found.batch_size is None) == declined
    assert ("at least 8" in found.reason) == declined


def test_the_size_that_the_gap_needs_is_found_from_any_size_and_is_about_enough():
    one = cohort(0.5)
    needed = []
    for sizes in ([1], [1, 4], [2, 8]):
        reason = recommend([one], sizes, settings(noise=0.3, shortfall=0.3), "input").reason
        needed.append(int(reason.partition("gap needs a batch size of about ")[2].partition(".")[0]))
    assert max(needed) <= 1.15 * min(needed)
    gaps = [
        recommendation._figures([one], size, settings(), drawn=True).gap.max()
        for size in (min(needed) // 2, 2 * max(needed))
    ]
    assert gaps[0] > 0.1 > gaps[1]


def test_one_size_is_named_where_it_is_enough_for_the_gap_too():
    reason = recommend([cohort(0.5)], [1], settings(gap=0.5), "input").reason
    assert "All three would be within their limits from batch size" in reason
    assert "gap needs" not in reason


def test_where_only_the_gap_is_too_large_only_its_size_is_named():
    reason = recommend([cohort(0.5)], [64], settings(gap=0.01), "input").reason
    assert "Mean and variance would" not in reason
    assert "The train/eval gap needs a batch size of about" in reason


@pytest.mark.parametrize("samples", [3, 40])
def test_the_reason_is_whole_sentences(samples):
    for sizes in ([1], list(SIZES)):
        reason = recommend([cohort(0.5, samples)], sizes, settings(), "input").reason
        assert reason.endswith(".")
        assert not reason.endswith("..")
