from __future__ import annotations

import numpy as np
import pytest

from bnstat.frameworks import FRAMEWORKS
from bnstat.recommendation import FEWEST_SAMPLES, Cohort, recommend
from bnstat.report import CompareSettings, Tolerances

SIZES = (1, 2, 4, 8, 16, 32, 64)


def settings(**tolerances):
    preset = FRAMEWORKS["keras"]
    return CompareSettings(
        preset, preset.epsilon, preset.momentum, -1, None, SIZES, "finite", 500, 0, Tolerances(**tolerances)
    )


def cohort(between, samples=20, seed=0):
    """Samples of unit variance within, whose means have this standard deviation."""
    return Cohort(between * np.random.default_rng(seed).normal(size=samples), np.ones(samples), 1000.0)


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
    np.testing.assert_array_equal(one.redrawn(7).means, twin.redrawn(7).means)
    assert (one.redrawn(8).means != one.redrawn(7).means).any()
    single, doubled = (recommend([one] * times, SIZES, settings(), "input") for times in (1, 2))
    assert (single.least, single.most) == (doubled.least, doubled.most)


@pytest.mark.parametrize(("samples", "declined"), [(FEWEST_SAMPLES - 1, True), (FEWEST_SAMPLES, False)])
def test_it_declines_below_eight_samples(samples, declined):
    found = recommend([cohort(0.01, samples)], SIZES, settings(), "input")
    assert (found.batch_size is None) == declined
    assert ("at least 8" in found.reason) == declined
