"""The range of the size that is needed: formulas against plain ones, and how often it holds the true size."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.batch_size.confidence import CONFIDENCE, ranges, spread_of, student
from bnstat.batch_size.needed import needs
from bnstat.batch_size.patches import patches
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings
from bnstat.batch_size.slots import Taking


def cohort(means, variances):
    means = np.asarray(means, np.float64).reshape(len(means), -1)
    variances = np.asarray(variances, np.float64).reshape(means.shape)
    channels = means.shape[1]
    return Cohort(tuple(range(channels)), np.arange(len(means)), means, variances, np.full(channels, 1e6))


def drawn(samples, between=0.6, seed=0):
    random = np.random.default_rng(seed)
    return cohort(between * random.normal(size=samples), random.gamma(10, 0.1, samples))


@pytest.mark.parametrize(
    ("tail", "freedom", "expected"),
    [(0.05, 7, 1.894579), (0.05, 11, 1.795885), (0.05, 39, 1.684875), (0.025, 7, 2.364624), (0.001, 7, 4.785290)],
)
def test_quantiles_of_students_t_are_those_of_tables(tail, freedom, expected):
    assert student(tail, freedom) == pytest.approx(expected, rel=2e-3)


def test_the_range_is_that_of_the_formulas():
    one = drawn(12)
    means, variances = one.means[:, 0], one.variances[:, 0]

    def figures(m, v):
        tau2, w = m.var(ddof=1), v.mean()
        spread = (m - m.mean()) * np.sqrt(len(m) / (len(m) - 1))
        return tau2 / w, tau2 / (tau2 + w) + np.var(v + spread**2) / (tau2 + w) ** 2 / 4

    whole, without = figures(means, variances), [
        figures(np.delete(means, i), np.delete(variances, i)) for i in range(12)
    ]  # fmt: skip
    logs = np.log(without)
    own = np.sqrt(11 / 12 * ((logs - logs.mean(axis=0)) ** 2).sum(axis=0))
    spread, rho, gap = ranges(one, 0.0, 0)
    assert spread.rho[0] == pytest.approx(whole[0] / (1 + whole[0]), rel=1e-12)
    assert spread.gap[0] == pytest.approx(whole[1], rel=1e-12)
    t, c = student(0.05, 11), 12 / (12 - 1.6448536)
    least, most = whole[0] * np.exp(-t * own[0]), c * whole[0] * np.exp(c * t * own[0])
    assert spread.rho[0] * rho.least[0] == pytest.approx(least / (1 + least), rel=1e-6)
    assert spread.rho[0] * rho.most[0] == pytest.approx(most / (1 + most), rel=1e-6)
    both = np.hypot(own[1], own[0] / (1 + whole[0]))
    assert gap.least[0] == pytest.approx(np.exp(-t * both), rel=1e-6)
    assert gap.most[0] == pytest.approx(c * np.exp(c * t * both), rel=1e-6)


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_the_upper_end_is_enough_as_often_as_it_says(draw):
    random, enough, held = np.random.default_rng(5), [], []
    true = 100 * 0.36 / 1.36
    for _ in range(200):
        means = 0.6 * (random.normal(size=15) if draw == "normal" else random.exponential(size=15) - 1)
        one = cohort(means, random.gamma(10, 0.1, 15))
        (found,) = needs(one, CompareSettings.of(epsilon=1e-3, draws=1))
        size = found.mean_and_variance
        enough.append(size.most >= true)
        held.append(size.least <= np.ceil(true) and size.most >= true)
    assert np.mean(enough) >= (CONFIDENCE if draw == "normal" else 0.82)
    assert np.mean(held) >= (0.88 if draw == "normal" else 0.8)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_the_range_does_not_depend_on_unit_or_offset(scale, shift):
    one = drawn(12)
    other = cohort(scale * one.means + scale * shift, scale**2 * one.variances)
    for first, second in zip(ranges(one, 0.0, 0)[1:], ranges(other, 0.0, 0)[1:], strict=True):
        assert second.least == pytest.approx(first.least, rel=1e-6)
        assert second.most == pytest.approx(first.most, rel=1e-6)


def test_what_one_sample_decides_has_no_upper_end():
    alone = np.zeros(9)
    alone[4] = 1.0
    _, rho, gap = ranges(cohort(alone, np.ones(9)), 0.0, 0)
    assert spread_of(cohort(alone, np.ones(9)), 0.0).rho[0] * rho.most[0] == pytest.approx(1.0)
    assert np.isinf(gap.most[0])
    (found,) = needs(cohort(alone, np.ones(9)), CompareSettings.of())
    assert (found.noise.most, found.gap.most) == (100, None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-145, 1e-100, 1e100, 1e140])
def test_fourth_powers_of_large_and_small_values_are_numbers(scale):
    one = drawn(12)
    other = cohort(scale * one.means, scale**2 * one.variances)
    (plain,) = needs(one, CompareSettings.of(epsilon=1e-300))
    (found,) = needs(other, CompareSettings.of(epsilon=1e-300))
    assert (found.noise, found.gap) == (plain.noise, plain.gap)


@pytest.mark.parametrize("limit", [0.0, 1e-200])
def test_a_limit_of_the_gap_that_no_batch_meets_names_no_size(limit):
    for one in (drawn(12), cohort(1e-100 * drawn(12).means, 1e-200 * drawn(12).variances)):
        (found,) = needs(one, CompareSettings.of(tolerance_gap=limit))
        assert found.gap.estimate in (None, 1)  # 1 where ε leaves no output


def test_samples_that_do_not_differ_need_a_batch_of_one_for_sure():
    (found,) = needs(cohort(np.ones(9), np.full(9, 2.0)), CompareSettings.of())
    assert {size.most for size in (found.noise, found.shortfall, found.gap)} == {1}


def test_many_samples_are_left_out_in_parts():
    small, large = drawn(40, seed=1), drawn(4000, seed=1)
    widths = [ranges(one, 0.0, 0)[1].most[0] for one in (small, large)]
    assert 1 < widths[1] < 1.1 < widths[0]


def test_a_wider_set_of_channels_lowers_the_lower_end_only():
    one = drawn(12)
    (_, alone, _), (_, many, _) = ranges(one, 0.0, 0), ranges(one, 0.0, 0, channels=50)
    assert many.most == pytest.approx(alone.most)
    assert many.least[0] < alone.least[0]


@pytest.mark.parametrize(("volumes", "per_volume", "forced"), [(8, 1, None), (12, 2, None), (12, 2, 0.33)])
def test_the_upper_end_is_enough_where_samples_are_patches_of_volumes(volumes, per_volume, forced):
    random, number, enough, held = np.random.default_rng(3), 8, [], []
    apart, within = 0.5, 0.4
    true = 100 * per_volume * (apart**2 + within**2 / per_volume) / (1 + apart**2 + within**2)
    of = np.repeat(np.arange(volumes), number)
    foreground = np.tile(np.arange(number) % 2 == 0, volumes)
    for _ in range(150):
        means = apart * random.normal(size=(volumes, 1)) + within * random.normal(size=(volumes, number))
        means, variances = means.reshape(-1, 1), random.gamma(10, 0.1, (volumes * number, 1))
        nested = patches(means, variances, of, foreground, Taking(per_volume, forced))
        one = Cohort((0,), np.arange(len(means)), means, variances, np.array([1e6]), of, nested)
        (found,) = needs(one, CompareSettings.of(draws=10))
        enough.append(found.noise.most >= true)
        held.append(found.noise.least <= np.ceil(true) <= np.ceil(found.noise.most))
    assert np.mean(enough) >= CONFIDENCE
    assert np.mean(held) >= 0.88


@pytest.mark.parametrize("per_volume", [1, 2, 4])
def test_patches_differ_as_brute_force_over_their_mean_squares_finds(per_volume):
    random, numbers = np.random.default_rng(8), [3, 5, 2, 7, 4, 4]
    of = np.repeat(np.arange(len(numbers)), numbers)
    means, variances = random.exponential(size=(len(of), 1)), random.gamma(3, 0.3, (len(of), 1))
    nested = patches(means, variances, of, np.zeros(len(of), bool), Taking(per_volume))
    one = Cohort((0,), np.arange(len(of)), means, variances, np.array([1e6]), of, nested)
    (pool,) = nested.batches("infinite", per_volume).pools  # with the spread of a larger set
    cells = [(pool.means[k, :number, 0], pool.variances[k, :number, 0]) for k, number in enumerate(numbers)]
    mean = np.mean([m.mean() for m, _ in cells])
    variance = np.mean([v.mean() + m.var() + (m.mean() - mean) ** 2 for m, v in cells])
    squares = [(v + (m - mean) ** 2) / variance for m, v in cells]
    rho, kappa = (
        np.var([some.mean() for some in each]) + np.mean([some.var() for some in each]) / per_volume
        for each in ([m for m, _ in cells], squares)
    )
    found = spread_of(one, 0.0)
    assert found.rho[0] == pytest.approx(rho / variance, rel=1e-12)
    assert found.gap[0] == pytest.approx(rho / variance + kappa / 4, rel=1e-12)
    shrunk = variance / (variance + 0.5)
    expected = shrunk * rho / variance + shrunk**3 * kappa / 4
    assert spread_of(one, 0.5).gap[0] == pytest.approx(expected, rel=1e-12)
