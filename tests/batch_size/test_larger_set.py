"""The parts of a variance between and within groups, against the larger sets that samples are drawn from."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from small_samples import of_values, small

from bnstat.batch_size import closed_form, larger_set
from bnstat.batch_size.patches import patches
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.slots import Taking

SIZES = [(3,) * 8, (2, 2), (5, 3, 1), (9, 1, 1, 2), (1, 1, 1, 2)]
FORCED = Taking(2, 0.4)


def numbers_of(sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


def factor(sizes):
    """The part of the variance between groups drawn at random in groups of these sizes, (K − ΣK_g²/K)/(K − 1)."""
    total = sum(sizes)
    return (total - sum(size**2 for size in sizes) / total) / (total - 1)


def grouped(means, groups):
    whole = closed_form.population(means, np.ones_like(means), "infinite", groups)
    return whole, closed_form.Groups.of(whole, groups)


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2, 1), (1, 4)])
def test_over_all_tables_that_can_be_drawn_the_parts_are_exact_on_average(sizes):
    """Each sample is one of two values about its group's mean; groups are so far apart that nothing is negative."""
    groups, total = numbers_of(sizes), sum(sizes)
    centres = np.array([0.0, 20.0, -30.0])[: len(sizes)]
    means = centres[groups][:, np.newaxis] + np.array(list(product((-1.5, 1.5), repeat=total))).T
    shares = np.array(sizes) / total
    apart = shares @ (centres - shares @ centres) ** 2
    found = larger_set.between_groups(means, 0.0, groups)
    assert (found > 0).all()
    assert found.mean() == pytest.approx(apart * total / (total - 1), rel=1e-12)
    assert (means.var(axis=0, ddof=1) - found).mean() == pytest.approx(1.5**2, rel=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("effect", [0.0, 6.0])
def test_what_groups_drawn_at_random_have_between_them_is_found_and_no_chance_spread(sizes, effect):
    """Over 20,000 tables, within 5 standard errors, where negative estimates are kept; else they are 0."""
    rng, tables, groups = np.random.default_rng(0), 20_000, numbers_of(sizes)
    means = effect * rng.normal(size=(len(sizes), tables))[groups] + rng.normal(size=(len(groups), tables))
    found = larger_set.between_groups(means, 0.0, groups)

    # the analysis of variance of each table, from its definition
    parts = [means[groups == group] for group in range(len(sizes))]
    squares = sum(len(part) * (part.mean(axis=0) - means.mean(axis=0)) ** 2 for part in parts)
    within = sum(((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in parts) / (len(groups) - len(sizes))
    usual = (len(groups) - sum(size**2 for size in sizes) / len(groups)) / (len(sizes) - 1)
    random = (squares / (len(sizes) - 1) - within) / usual
    signed = random * factor(sizes)
    np.testing.assert_allclose(found, np.maximum(signed, 0), rtol=1e-9, atol=1e-12)
    assert abs(signed.mean() - effect**2 * factor(sizes)) < 5 * signed.std() / np.sqrt(tables)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("effect", [0.0, 3.0])
def test_the_spread_means_have_the_parts_and_the_mean(sizes, effect):
    rng, groups = np.random.default_rng(1), numbers_of(sizes)
    means = 1e6 + effect * rng.normal(size=(len(sizes), 40))[groups] + rng.normal(size=(len(groups), 40))
    whole, each = grouped(means, groups)
    apart = larger_set.between_groups(means, 0.0, groups)
    np.testing.assert_allclose(whole.mean, means.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.between, means.var(axis=0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(each.apart, apart, rtol=1e-6, atol=1e-12)
    assert each.weights == pytest.approx(np.array(sizes) / sum(sizes))
    for size in (1, 2, 5):
        form, mixed = each.expected(size), whole.expected(size)
        np.testing.assert_allclose(form.mean_sd**2, apart + (whole.between - apart) / size, rtol=1e-6)
        np.testing.assert_allclose(form.variance + form.mean_sd**2, whole.variance, rtol=1e-9)
        assert (form.mean_sd >= mixed.mean_sd * (1 - 1e-9)).all()
        drawn = each.draw(size, 20_000, seed=0)
        np.testing.assert_allclose(((drawn.means - each.mean) ** 2).mean(axis=0), form.mean_sd**2, rtol=0.2)
        np.testing.assert_allclose(drawn.variances.mean(axis=0), form.variance, rtol=0.05)


def test_groups_that_do_not_differ_have_the_noise_of_mixed_batches():
    groups = numbers_of((2, 2))
    means = np.array([-1.0, 1.0, -1.0, 1.0])
    whole, each = grouped(means, groups)
    assert larger_set.between_groups(means, 0.0, groups) == 0
    for size in (1, 2, 8):
        assert each.expected(size).mean_sd == pytest.approx(whole.expected(size).mean_sd, rel=1e-12)


def test_one_group_is_the_whole():
    means = np.random.default_rng(0).normal(size=(7, 3))
    groups = np.zeros(7, np.intp)
    plain = closed_form.population(means, np.ones_like(means), "infinite")
    whole, each = grouped(means, groups)
    np.testing.assert_allclose(whole.means, plain.means, rtol=1e-12)
    np.testing.assert_allclose(each.apart, 0, atol=1e-30)
    assert (larger_set.between_groups(means, 0.0, groups) <= 1e-30).all()


def test_means_that_are_all_equal_have_no_parts():
    for means in (np.full((5, 2), 7.0), np.repeat([[3.0], [3.0], [8.0], [8.0], [8.0]], 2, axis=1)):
        groups = np.array([0, 0, 1, 1, 1])
        whole, each = grouped(means, groups)
        np.testing.assert_allclose(each.apart, means.var(axis=0, ddof=1), rtol=1e-12)
        np.testing.assert_allclose(whole.between, each.apart, rtol=1e-12)


def cohort_of(values, nested=None, volumes=None):
    means, variances = values.mean(axis=1)[:, np.newaxis], values.var(axis=1)[:, np.newaxis]
    return Cohort((0,), np.arange(len(values)), means, variances, np.array([values.shape[1]]), volumes, nested)


def test_what_single_samples_of_groups_do_not_tell_is_not_known():
    cohort = cohort_of(small(5))
    assert np.isnan(cohort.between_groups("infinite", np.arange(5)))
    assert cohort.between_groups("finite", np.arange(5)) == pytest.approx(of_values(small(5)).between, rel=1e-12)
    assert not cohort.splits(np.arange(5))
    assert cohort.splits(np.array([0, 1, 2, 3, 3]))


@pytest.mark.parametrize("effect", [0.0, 6.0])
@pytest.mark.parametrize("each", [1, 2, 4])
def test_groups_of_volumes_have_neither_the_noise_of_volumes_nor_that_of_patches(effect, each):
    """Over 4,000 tables: volumes vary by 4 and patches by 1. A patch of each volume alone is a sample."""
    sizes, rng, tables = (4, 3, 2, 1, 4, 4), np.random.default_rng(2), 4000
    groups = numbers_of(sizes)
    volumes = np.repeat(np.arange(len(groups)), each)
    centres = effect * rng.normal(size=(len(sizes), tables))[groups] + 2 * rng.normal(size=(len(groups), tables))
    means = centres[volumes] + rng.normal(size=(len(volumes), tables))
    nested = patches(means, np.ones_like(means), volumes, volumes < 0, Taking())
    found = nested.every.between_groups(groups)
    averages = np.stack([means[volumes == volume].mean(axis=0) for volume in range(len(groups))])
    alone = larger_set.between_groups(averages, 0.0, groups)
    whole = nested.as_drawn("infinite", groups)
    assert (found <= whole.between_volumes + 1e-9).all()
    assert (abs(found - alone) < 1e-9).mean() > 0.95  # but for tables with nothing left between volumes
    if effect:
        assert abs(found.mean() - effect**2 * factor(sizes)) < 5 * found.std() / np.sqrt(tables)
    np.testing.assert_allclose(closed_form.Groups.of(whole, groups).apart, found, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.between_volumes, nested.as_drawn("infinite").between_volumes, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(whole.between_patches, nested.as_drawn("infinite").between_patches, rtol=1e-9)


@pytest.mark.parametrize("taking", [Taking(1), Taking(4), FORCED])
@pytest.mark.parametrize("sizes", [(4, 4, 4), (6, 1, 3)])
def test_drawn_batches_of_groups_of_volumes_agree_with_the_closed_form(taking, sizes):
    rng, groups = np.random.default_rng(3), numbers_of(sizes)
    numbers = rng.integers(3, 8, len(groups))
    volumes = np.repeat(np.arange(len(groups)), numbers)
    foreground = np.arange(len(volumes)) % 3 == 2
    means = 3 * rng.normal(size=len(sizes))[groups][volumes] + rng.normal(size=len(groups))[volumes] + foreground
    nested = patches(means + rng.normal(size=len(volumes)), np.ones(len(volumes)), volumes, foreground, taking)
    for size in (1, 2, 5):
        each = closed_form.Groups.of(nested.batches("infinite", size, groups=groups), groups)
        drawn, form = each.draw(size, 20_000, seed=0), each.expected(size)
        squares = (drawn.means - each.mean) ** 2
        assert abs(squares.mean() - form.mean_sd**2) < 5 * squares.std() / np.sqrt(20_000)
        assert abs(drawn.variances.mean() - form.variance) < 5 * drawn.variances.std() / np.sqrt(20_000) + 1e-9
