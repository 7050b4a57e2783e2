"""Closed form, resampled batches, and brute force over the values themselves: three ways to the same figures."""

from __future__ import annotations

from itertools import combinations, product
from math import comb
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

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


def small(samples=5, seed=0):
    """Values of a few samples of equal size, means apart."""
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(0, 2, (samples, 1)), rng.uniform(0.5, 2, (samples, 1)), (samples, 40))


def of_values(values, kind="finite"):
    return closed_form.population(values.mean(axis=1), values.var(axis=1), kind)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5])
def test_all_finite_batches_equal_brute_force_over_the_values(batch_size):
    values = small()
    brute = [values[list(chosen)] for chosen in combinations(range(len(values)), batch_size)]
    whole = of_values(values)
    drawn = closed_form.draw(whole, batch_size, draws=10_000, seed=0)
    assert drawn.complete
    np.testing.assert_allclose(drawn.means, [batch.mean() for batch in brute], rtol=1e-12)
    np.testing.assert_allclose(drawn.variances, [batch.var() for batch in brute], rtol=1e-12)
    found = closed_form.expected(whole, batch_size)
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
    drawn = closed_form.draw(whole, 3, draws=1000, seed=0)
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
    form, drawn = closed_form.expected(whole, batch_size), closed_form.draw(whole, batch_size, draws, seed)
    all_of_them = comb(whole.samples, batch_size) if kind == "finite" else whole.samples**batch_size
    assert drawn.complete == (all_of_them <= draws)
    assert len(drawn.means) == min(all_of_them, draws)
    deviations = (drawn.means - whole.mean) ** 2
    for measured, exact in ((drawn.variances, form.variance), (deviations, form.mean_sd**2)):
        if drawn.complete:
            assert measured.mean() == pytest.approx(exact, rel=1e-9)
        else:
            assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)


def test_a_batch_of_all_samples_has_no_noise_and_lacks_nothing():
    form = closed_form.expected(of_values(small()), 5)
    assert (form.mean_sd, form.mean_noise, form.shortfall) == (0, 0, 0)


def test_one_sample_has_nothing_between_samples():
    form = closed_form.expected(of_values(small(1)), 1)
    assert (form.mean_sd, form.shortfall) == (0, 0)


def test_a_constant_channel_has_no_share_of_anything():
    whole = closed_form.population(np.full(4, 7.0), np.zeros(4))
    assert np.isnan(whole.rho)
    assert np.isnan(closed_form.expected(whole, 2).mean_noise)


def test_equal_seeds_draw_equal_batches_for_every_channel():
    one = closed_form.draw(of_values(small(40)), 8, 500, seed=3)
    other = closed_form.draw(of_values(small(40)), 8, 500, seed=3)
    np.testing.assert_array_equal(one.means, other.means)
    assert (closed_form.draw(of_values(small(40)), 8, 500, seed=4).means != one.means).any()


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_drawn_batches_are_of_the_right_number_even_where_memory_is_parted(kind, monkeypatch):
    monkeypatch.setattr(closed_form, "_AT_ONCE", 1000)
    drawn = closed_form.draw(of_values(small(40), kind), 8, 777, seed=0)
    assert len(drawn.means) == len(drawn.variances) == 777


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
@pytest.mark.parametrize("bessel", [1.0, 80 / 79])
def test_the_gap_is_what_the_layers_outputs_differ_by(epsilon, bessel):
    values = small()
    whole = of_values(values)
    drawn = closed_form.draw(whole, 2, 1000, seed=0)
    settled = closed_form.settled(whole, drawn, bessel)
    found = closed_form.gap(whole, drawn, epsilon, settled)
    running = drawn.variances.mean() * bessel
    squares = []
    for chosen in combinations(range(len(values)), 2):
        batch = values[list(chosen)]
        trained = (batch - batch.mean()) / np.sqrt(batch.var() + epsilon)
        evaluated = (batch - values.mean()) / np.sqrt(running + epsilon)
        squares.append(((trained - evaluated) ** 2).mean())
    assert found.rms == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)
    assert settled == pytest.approx((values.mean(), running))
    normalized = (values - values.mean()) / np.sqrt(running + epsilon)
    assert found.eval_output_variance == pytest.approx(normalized.var(), rel=1e-9)


def test_batch_renorm_corrects_each_batch_to_the_running_statistics():
    values = small()
    whole = of_values(values)
    one = closed_form.Drawn(*closed_form.statistics(whole, np.array([[0, 1]])), complete=False)
    settled = closed_form.settled(whole, closed_form.draw(whole, 2, 1000, seed=0))
    found = closed_form.renorm(one, 1e-3, settled, (0.5,), (3, 5))
    batch = values[[0, 1]]
    renormed = (batch - batch.mean()) / np.sqrt(batch.var() + 1e-3) * found.r[0] + found.d[0]
    evaluated = (batch - values.mean()) / np.sqrt(settled[1] + 1e-3)
    np.testing.assert_allclose(renormed, evaluated, rtol=1e-10, atol=1e-12)


def test_renorm_over_batches_has_the_quantiles_and_shares_of_its_r_and_d():
    whole = of_values(small(12))
    drawn = closed_form.draw(whole, 1, 1000, seed=0)
    mean, variance = closed_form.settled(whole, drawn)
    r = np.sqrt((drawn.variances + 1e-3) / (variance + 1e-3))
    d = (drawn.means - mean) / np.sqrt(variance + 1e-3)
    found = closed_form.renorm(drawn, 1e-3, (mean, variance), (0.05, 0.5, 0.95), (1.2, 0.5))
    np.testing.assert_allclose(found.r, np.quantile(r, (0.05, 0.5, 0.95)), rtol=1e-12)
    np.testing.assert_allclose(found.d, np.quantile(d, (0.05, 0.5, 0.95)), rtol=1e-12)
    assert found.r_clipped == np.mean((r > 1.2) | (r < 1 / 1.2))
    assert found.d_clipped == np.mean(np.abs(d) > 0.5)
    assert 0 < found.r_clipped < 1


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
    for measured, exact in ((drawn.variances, form.variance), ((drawn.means - whole.mean) ** 2, form.mean_sd**2)):
        assert abs(measured.mean() - exact) < 5 * measured.std() / np.sqrt(draws)
