"""Closed form, resampled batches, and brute force over the values themselves: three ways to the same figures."""

from __future__ import annotations

from itertools import combinations, product
from math import comb
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from small_samples import of_values, small

from bnstat.batch_size import closed_form
from bnstat.moments.moments import Moments
from bnstat.moments.one_pass import scan_volume
from bnstat.sources.layout import arrange
from bnstat.sources.opening import open_volume

COHORT = sorted((Path(__file__).parents[2] / "sample_data" / "cohort").glob("*.nii.gz"))
FUNCTIONAL = Path(nib.__file__).parent / "tests" / "data" / "functional.nii"


def table_of(path, **options):
    volume = open_volume(str(path))
    return scan_volume(volume, arrange(volume.shape, order=volume.order, **options))


@pytest.fixture(scope="module")
def tables():
    """Moments of shape (samples, 1): twelve volumes of two scanners, and twenty time points."""
    cohort = Moments.stack([table_of(path)[0] for path in COHORT])
    return {"cohort": cohort, "functional": table_of(FUNCTIONAL, batch_axis=3)}


def population(table, kind):
    return closed_form.population(table.mean[:, 0], table.variance[:, 0], kind)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5])
def test_all_finite_batches_equal_brute_force_over_the_values(batch_size):
    values = small()
    brute = [values[list(chosen)] for chosen in combinations(range(len(values)), batch_size)]
    whole = of_values(values)
    drawn = whole.draw(batch_size, number=10_000, seed=0)
    assert drawn.complete
    np.testing.assert_allclose(drawn.means, [batch.mean() for batch in brute], rtol=1e-12)
    np.testing.assert_allclose(drawn.variances, [batch.var() for batch in brute], rtol=1e-12)
    found = whole.expected(batch_size)
    assert found.variance == pytest.approx(np.mean([batch.var() for batch in brute]), rel=1e-12)
    assert found.mean_sd == pytest.approx(np.std([batch.mean() for batch in brute]), rel=1e-9, abs=1e-12)
    assert found.shortfall == pytest.approx(1 - found.variance / values.var(), abs=1e-12)
    assert found.mean_noise == pytest.approx(found.mean_sd / values.std(), rel=1e-12)


def test_the_population_splits_the_variance_of_all_values():
    values = small()
    whole = of_values(values)
    assert whole.variance == pytest.approx(values.var(), rel=1e-12)
    assert whole.rho == pytest.approx(values.mean(axis=1).var() / values.var(), rel=1e-12)


def test_an_infinite_population_has_the_unbiased_variance_between_samples():
    values = small()
    whole = of_values(values, "infinite")
    assert whole.between == pytest.approx(values.mean(axis=1).var(ddof=1), rel=1e-12)
    assert whole.means.var() == pytest.approx(whole.between, rel=1e-12)
    drawn = whole.draw(3, number=1000, seed=0)
    brute = [whole.means[list(chosen)].mean() for chosen in product(range(5), repeat=3)]
    assert drawn.complete
    np.testing.assert_allclose(drawn.means, brute)


@pytest.mark.parametrize("name", ["cohort", "functional"])
@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 8])
def test_closed_form_and_resampled_agree(tables, name, kind, seed, batch_size):
    """Within 5 standard errors of 20,000 draws; to 1e-9 where all batches are taken."""
    whole, draws = population(tables[name], kind), 20_000
    form, drawn = whole.expected(batch_size), whole.draw(batch_size, draws, seed)
    all_of_them = comb(whole.samples, batch_size) if kind == "finite" else whole.samples**batch_size
    assert drawn.complete == (all_of_them <= draws)
    assert len(drawn.means) == min(all_of_them, draws)
    deviations = (drawn.means - whole.mean) ** 2
    for measured, exact in ((drawn.variances, form.variance), (deviations, form.mean_sd**2)):
        if drawn.complete:
            assert measured.mean() == pytest.approx(exact, rel=1e-9)
        else:
            assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_a_kind_that_was_read_from_a_file_is_that_of_the_program(kind):
    """Two texts of the same letters may be two objects."""
    read, given = (of_values(small(), one).expected(3) for one in ("".join(list(kind)), kind))
    assert (read.mean_sd, read.variance) == (given.mean_sd, given.variance)


def test_a_batch_of_all_samples_has_no_noise_and_lacks_nothing():
    form = of_values(small()).expected(5)
    assert (form.mean_sd, form.mean_noise, form.shortfall) == (0, 0, 0)


def test_one_sample_has_nothing_between_samples():
    form = of_values(small(1)).expected(1)
    assert (form.mean_sd, form.shortfall) == (0, 0)


def test_a_constant_channel_has_no_share_of_anything():
    whole = closed_form.population(np.full(4, 7.0), np.zeros(4))
    assert np.isnan(whole.rho)
    assert np.isnan(whole.expected(2).mean_noise)


def sites(seed=0):
    """Values of samples of three groups, of 4, 3 and 2 samples, whose means are apart."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(rng.normal(mean, 1, (number, 1)), 1.0, (number, 40)) for mean, number in ((0, 4), (3, 3), (9, 2))
    ]


def test_batches_of_one_group_equal_brute_force_over_the_values():
    groups = sites()
    whole = closed_form.Groups(tuple(of_values(values) for values in groups))
    every = np.concatenate(groups)
    found = whole.expected(2)
    pairs = [[values[list(chosen)] for chosen in combinations(range(len(values)), 2)] for values in groups]
    weights = [len(values) / len(every) for values in groups]
    variance = sum(p * np.mean([pair.var() for pair in some]) for p, some in zip(weights, pairs, strict=True))
    spread = [np.mean([(pair.mean() - every.mean()) ** 2 for pair in some]) for some in pairs]
    assert whole.variance == pytest.approx(every.var(), rel=1e-12)
    assert found.variance == pytest.approx(variance, rel=1e-12)
    assert found.mean_sd**2 == pytest.approx(np.dot(weights, spread), rel=1e-12)
    assert whole.apart == pytest.approx(np.dot(weights, [(v.mean() - every.mean()) ** 2 for v in groups]), rel=1e-12)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_closed_form_and_drawn_batches_of_one_group_agree(kind, seed, batch_size):
    whole, draws = closed_form.Groups(tuple(of_values(values, kind) for values in sites())), 20_000
    form, drawn = whole.expected(batch_size), whole.draw(batch_size, draws, seed)
    assert len(drawn.means) == draws
    assert not drawn.complete  # these are drawn, also where there are fewer different ones
    for measured, exact in ((drawn.variances, form.variance), ((drawn.means - whole.mean) ** 2, form.mean_sd**2)):
        assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_the_variance_within_samples_is_not_lost_among_means_that_are_far_apart(kind):
    """At batch size 1 it is all that is left; σ² − τ² would have no digit of it."""
    means, variances = np.array([0.1, 1e6, 3e6, 7e6]), np.array([1e-6, 2e-6, 3e-6, 6e-6])
    whole = closed_form.population(means, variances, kind)
    assert whole.expected(1).variance == pytest.approx(3e-6, rel=1e-12)
    groups = closed_form.Groups.of(closed_form.population(means, variances), np.array([0, 0, 1, 1]))
    assert groups.expected(1).variance == pytest.approx(3e-6, rel=1e-12)


@pytest.mark.parametrize("number", [20, 40])
def test_what_groups_have_in_common_is_computed_once_however_many_there_are(number, monkeypatch):
    calls = []
    average = closed_form.average
    whole = of_values(small(2 * number))
    monkeypatch.setattr(closed_form, "average", lambda *given: calls.append(1) or average(*given))
    groups = closed_form.Groups.of(whole, np.arange(2 * number) // 2)
    of_each = len(calls)
    assert np.isfinite(groups.expected(1).variance).all()
    assert np.isfinite(groups.apart).all()
    assert len(calls) - of_each <= 6


def test_groups_have_their_members_in_the_order_of_the_samples():
    whole, numbers = of_values(small(9)), np.array([2, 0, 1, 0, 2, 2, 0, 1, 1])
    groups = closed_form.Groups.of(whole, numbers).groups
    for number, group in enumerate(groups):
        np.testing.assert_array_equal(group.means, whole.means[numbers == number])
