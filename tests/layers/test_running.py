"""Running statistics beside the layers' own buffers, and closed form beside many simulated runs."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.batch_size import closed_form
from bnstat.layers import running
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.frameworks.framework import RUNNING_START

TORCH, KERAS = FRAMEWORKS["torch"], FRAMEWORKS["keras"]
SAMPLES, BATCH_SIZE = 40, 2


def batches(sizes=(2,) * 10, seed=0):
    """Volumes of one channel, shape (batch, 1, 3, 4, 5) each, whose means and spreads differ."""
    rng = np.random.default_rng(seed)
    return [rng.normal(rng.normal(3, 2), rng.uniform(0.5, 4), (size, 1, 3, 4, 5)) for size in sizes]


def statistics(volumes):
    """Means, biased variances and n/(n − 1) of batches, shape (batches,) each."""
    sizes = np.array([volume.size for volume in volumes])
    return np.array([v.mean() for v in volumes]), np.array([v.var() for v in volumes]), sizes / (sizes - 1)


def torch_buffers(volumes, momentum, double):
    """running_mean and running_var of the layer after each batch, shape (batches,) each."""
    torch = pytest.importorskip("torch")
    layer = torch.nn.BatchNorm3d(1, momentum=momentum).train()
    kept = torch.float64 if double else torch.float32
    layer = layer.to(kept)
    means, variances = [], []
    for volume in volumes:
        layer(torch.from_numpy(volume).to(kept))
        means.append(layer.running_mean.item())
        variances.append(layer.running_var.item())
    return np.array(means), np.array(variances)


def cohort(seed=0):
    """Forty samples with means far apart, and each its own variance."""
    rng = np.random.default_rng(seed)
    return closed_form.population(rng.normal(0, 1, SAMPLES), rng.uniform(0.2, 1.0, SAMPLES))


def many_runs(whole, batch_weight, steps, runs, kind, bessel=1.0):
    """Running statistics of shape (steps, runs), started where they settle."""
    indices = np.stack([running.epochs(SAMPLES, BATCH_SIZE, steps, seed, kind) for seed in range(runs)], axis=1)
    means = whole.means[indices]
    variances = whole.variances[indices].mean(axis=-1) + means.var(axis=-1)
    settled = whole.expected(BATCH_SIZE).variance * bessel
    return running.simulate(means.mean(axis=-1), variances, batch_weight, bessel, (whole.mean, settled))


@pytest.mark.parametrize(("double", "tolerance"), [(False, 1e-6), (True, 1e-12)])
@pytest.mark.parametrize("momentum", [0.1, 0.01])
@pytest.mark.parametrize("sizes", [(2,) * 10, (4, 4, 1, 4, 4, 1, 4, 4, 1, 3)])
def test_a_simulated_run_has_the_buffers_of_the_torch_layer_after_each_batch(sizes, momentum, double, tolerance):
    volumes = batches(sizes)
    means, variances, bessel = statistics(volumes)
    run = running.simulate(means, variances, TORCH.batch_weight(momentum), bessel)
    layer_means, layer_variances = torch_buffers(volumes, momentum, double)
    np.testing.assert_allclose(run.means, layer_means, rtol=tolerance)
    np.testing.assert_allclose(run.variances, layer_variances, rtol=tolerance)


def test_the_biased_variance_would_not_be_that_of_the_torch_layer():
    volumes = batches()
    means, variances, _ = statistics(volumes)
    _, layer_variances = torch_buffers(volumes, 0.1, double=True)
    run = running.simulate(means, variances, 0.1)
    assert (np.abs(run.variances / layer_variances - 1) > 1e-4).all()


def test_a_simulated_run_is_the_keras_convention_written_out():
    means, variances, _ = statistics(batches())
    run = running.simulate(means, variances, KERAS.batch_weight(0.99))
    moving_mean, moving_variance = 0.0, 1.0
    for step, (mean, variance) in enumerate(zip(means, variances, strict=True)):
        moving_mean = moving_mean * 0.99 + mean * (1 - 0.99)
        moving_variance = moving_variance * 0.99 + variance * (1 - 0.99)
        assert run.means[step] == pytest.approx(moving_mean, rel=1e-12)
        assert run.variances[step] == pytest.approx(moving_variance, rel=1e-12)


def test_equal_batches_follow_the_closed_form_exactly():
    run = running.simulate(np.full(500, 7.0), np.full(500, 4.0), 0.01, bessel=1.25)
    form = running.expected(7.0, 5.0, 0.01, 500)
    np.testing.assert_allclose(run.means, form.means, rtol=1e-12)
    np.testing.assert_allclose(run.variances, form.variances, rtol=1e-12)
    assert form.means[-1] == pytest.approx(7.0 * (1 - running.start_weight(0.01, 500)), rel=1e-12)


def test_runs_side_by_side_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    means, variances, bessel = rng.normal(size=(20, 3)), rng.uniform(1, 2, (20, 3)), rng.uniform(1, 2, 20)
    together = running.simulate(means, variances, 0.1, bessel)
    for run in range(3):
        alone = running.simulate(means[:, run], variances[:, run], 0.1, bessel)
        np.testing.assert_array_equal(together.means[:, run], alone.means)
        np.testing.assert_array_equal(together.variances[:, run], alone.variances)


@pytest.mark.parametrize("batch_weight", [0.1, 0.01])
def test_the_noise_of_independent_draws_is_what_many_runs_have(batch_weight):
    """Within 4 standard errors of 2000 runs that share nothing: one value a run, so none is correlated with another."""
    whole, runs, bessel = cohort(), 2000, 80 / 79
    steps = running.steps_to_forget(batch_weight, 0.01)
    every = whole.draw(BATCH_SIZE, number=1000, seed=0)
    assert every.complete
    form = running.noise(every.means.std(), every.variances.std(), batch_weight, bessel)
    # From a start that is known, what is missing of the squared noise after t steps is (1 − α)^2t: here at most 1e-4.
    last = many_runs(whole, batch_weight, steps, runs, "independent", bessel)
    settled = every.variances.mean() * bessel
    for values, centre, sd in (
        (last.means[-1], whole.mean, form.mean_sd),
        (last.variances[-1], settled, form.variance_sd),
    ):
        squares = (values - centre) ** 2
        assert abs(values.mean() - centre) < 4 * sd / np.sqrt(runs)
        assert abs(squares.mean() - sd**2) < 4 * squares.std() / np.sqrt(runs)


def test_runs_from_the_layers_own_start_average_to_the_closed_form():
    whole, runs, steps = cohort(), 500, 100
    indices = np.stack([running.epochs(SAMPLES, 2, steps, seed, "independent") for seed in range(runs)], axis=1)
    means = whole.means[indices]
    variances = whole.variances[indices].mean(axis=-1) + means.var(axis=-1)
    run = running.simulate(means.mean(axis=-1), variances, 0.1)
    form = running.expected(whole.mean, whole.expected(2).variance, 0.1, steps)
    for values, exact in ((run.means, form.means), (run.variances, form.variances)):
        errors = values.std(axis=1) / np.sqrt(runs)
        assert (np.abs(values.mean(axis=1) - exact) < 5 * errors).all()


def shuffled_variance(batch_weight, each):
    """Variance of the running mean after each step of a settled epoch of `each` batches, that of a batch mean being 1.

    Batch means of one epoch add up to a constant, so that two of them have covariance −1/(each − 1); those of different
    epochs have none.
    """

    def of_one_epoch(weights):
        squares = np.sum(weights**2)
        return squares - (np.sum(weights) ** 2 - squares) / (each - 1)

    weights = batch_weight * (1 - batch_weight) ** np.arange(each * 1000)
    earlier = sum(of_one_epoch(epoch) for epoch in weights.reshape(-1, each))
    return np.array([of_one_epoch(weights[:n]) + (1 - batch_weight) ** (2 * n) * earlier for n in range(1, each + 1)])


@pytest.mark.parametrize("batch_weight", [0.1, 0.01])
def test_shuffled_epochs_have_the_lesser_noise_that_follows_from_their_covariance(batch_weight):
    """At each step of an epoch, within 5 standard errors of 500 runs."""
    whole, runs, each = cohort(), 500, SAMPLES // BATCH_SIZE
    steps = each * 30 if batch_weight == 0.01 else each * 5
    run = many_runs(whole, batch_weight, steps, runs, "shuffled")
    squares = (run.means[-each:] - whole.mean) ** 2
    exact = shuffled_variance(batch_weight, each) * whole.expected(BATCH_SIZE).mean_sd ** 2
    assert (np.abs(squares.mean(axis=1) - exact) < 5 * squares.std(axis=1) / np.sqrt(runs)).all()
    form = running.noise(whole.expected(BATCH_SIZE).mean_sd, 0.0, batch_weight)
    assert (exact < form.mean_sd**2).all()


def test_shuffled_epochs_have_a_quarter_of_the_noise_that_the_closed_form_says():
    """40 samples in batches of 2 at α = 0.01: 0.012 where the formula says 0.046, for τ = 0.93."""
    whole = closed_form.population(cohort().means * 0.93 / np.sqrt(cohort().between), cohort().variances)
    form = running.noise(whole.expected(BATCH_SIZE).mean_sd, 0.0, 0.01)
    run = many_runs(whole, 0.01, 1000, 200, "shuffled")
    measured = np.sqrt(np.mean((run.means[500:] - whole.mean) ** 2))
    assert form.mean_sd == pytest.approx(0.046, abs=5e-4)
    assert measured == pytest.approx(0.012, abs=5e-4)


def test_shuffled_epochs_may_have_more_noise_of_the_variance_than_the_closed_form_says():
    """Means 0, 0, 1, 1 in pairs: an epoch's two batch variances are equal, as if the batch came twice."""
    whole, runs, steps = closed_form.population(np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4)), 1000, 60
    every = whole.draw(2, number=100, seed=0)
    form = running.noise(every.means.std(), every.variances.std(), 0.1)
    indices = np.stack([running.epochs(4, 2, steps, seed, "shuffled") for seed in range(runs)], axis=1)
    means = whole.means[indices]
    run = running.simulate(means.mean(axis=-1), 1 + means.var(axis=-1), 0.1, start=(0.5, every.variances.mean()))
    assert run.variances[-1].std() > 1.3 * form.variance_sd
    assert run.means[-1].std() < 0.5 * form.mean_sd


@pytest.mark.parametrize(
    ("framework", "steps", "left"),
    [(KERAS, 100, 0.366), (TORCH, 22, 0.098), (KERAS, 0, 1), (TORCH, 0, 1)],
)
def test_the_start_weighs_what_is_known_of_the_defaults(framework, steps, left):
    batch_weight = framework.batch_weight(framework.momentum)
    assert running.start_weight(batch_weight, steps) == pytest.approx(left, abs=5e-4)


@pytest.mark.parametrize(
    ("framework", "remaining", "steps"),
    [(KERAS, 0.01, 459), (TORCH, 0.01, 44), (KERAS, 0.37, 99), (TORCH, 0.1, 22), (KERAS, 0.1, 230)],
)
def test_steps_to_forget_of_the_defaults(framework, remaining, steps):
    assert running.steps_to_forget(framework.batch_weight(framework.momentum), remaining) == steps


@pytest.mark.parametrize("batch_weight", [0.9, 0.5, 0.1, 0.01, 1e-3, 1e-6, 1e-12])
@pytest.mark.parametrize("remaining", [0.999, 0.5, 0.25, 0.1, 0.01, 1e-9])
def test_steps_to_forget_is_the_least_number(batch_weight, remaining):
    steps = running.steps_to_forget(batch_weight, remaining)
    assert running.start_weight(batch_weight, steps) <= remaining
    assert steps == 1 or running.start_weight(batch_weight, steps - 1) > remaining


@pytest.mark.parametrize(("batch_weight", "remaining", "steps"), [(0.99, 0.01, 1), (0.999, 1e-3, 1), (0.7, 0.3**5, 5)])
def test_a_share_that_is_reached_but_for_the_rounding_of_the_weight_is_forgotten(batch_weight, remaining, steps):
    assert running.steps_to_forget(batch_weight, remaining) == steps


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 50])
def test_a_share_that_is_reached_exactly_is_forgotten(steps):
    assert running.steps_to_forget(0.5, 0.5**steps) == steps
    assert running.steps_to_forget(0.1, running.start_weight(0.1, steps)) == steps


@pytest.mark.parametrize("batch_weight", [0.0, 1e-17])
def test_a_layer_that_never_updates_remembers_its_start_for_good(batch_weight):
    assert running.steps_to_forget(batch_weight) is None
    assert running.start_weight(batch_weight, 10**9) == 1
    run = running.simulate([5.0, 6.0], [2.0, 3.0], 0.0)
    assert (run.means == RUNNING_START[0]).all()
    assert (run.variances == RUNNING_START[1]).all()
    assert running.noise(3.0, 4.0, 0.0) == running.Noise(0.0, 0.0)


def test_a_layer_that_takes_the_batch_alone_forgets_at_once():
    assert running.steps_to_forget(1.0) == 1
    assert (running.start_weight(1.0, 0), running.start_weight(1.0, 1)) == (1, 0)
    run = running.simulate([5.0, 6.0], [2.0, 3.0], 1.0, bessel=[1.5, 2.0])
    assert run.means.tolist() == [5, 6]
    assert run.variances.tolist() == [3, 6]
    assert running.noise(3.0, 4.0, 1.0, bessel=1.5) == running.Noise(3.0, 6.0)


@pytest.mark.parametrize(("batch_weight", "batch_number"), [(0.01, 199), (0.1, 19), (0.5, 3)])
def test_the_running_average_is_as_quiet_as_so_many_batches(batch_weight, batch_number):
    assert running.noise(1.0, 2.0, batch_weight).mean_sd == pytest.approx(batch_number**-0.5, rel=1e-12)
    weights = batch_weight * (1 - batch_weight) ** np.arange(5000)
    assert np.sum(weights**2) == pytest.approx(1 / batch_number, rel=1e-12)


def test_a_run_starts_from_where_it_is_told():
    run = running.simulate([4.0], [9.0], 0.25, start=(8.0, 1.0))
    assert (run.means.tolist(), run.variances.tolist()) == ([7], [3])


def test_no_steps_leave_nothing():
    run = running.simulate([], [], 0.1)
    assert run.means.shape == run.variances.shape == (0,)
    assert running.expected(0.0, 1.0, 0.1, 0).means.shape == (0,)
    assert running.epochs(4, 2, 0, 0, "shuffled").shape == running.epochs(4, 2, 0, 0, "independent").shape == (0, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_batch_poisons_its_buffer_for_good(bad):
    run = running.simulate([1.0, bad, 1.0, -bad, 1.0], [1.0, 1.0, np.nan, 1.0, 1.0], 0.1)
    assert np.isfinite(run.means).tolist() == [True, False, False, False, False]
    assert np.isnan(run.means[-1])
    assert np.isnan(run.variances).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(("samples", "batch_size"), [(12, 4), (13, 4), (5, 5), (5, 1), (7, 4), (1, 1)])
def test_a_shuffled_epoch_takes_no_sample_twice_and_drops_the_short_batch(samples, batch_size):
    each, number = samples // batch_size, 50
    indices = running.epochs(samples, batch_size, each * number, 0, "shuffled").reshape(number, -1)
    assert all(len(set(epoch)) == each * batch_size for epoch in indices.tolist())
    assert set(indices.ravel().tolist()) == set(range(samples))  # nor is one left out for good


def test_each_shuffled_epoch_has_an_order_of_its_own():
    indices = running.epochs(40, 2, 60, 0, "shuffled").reshape(3, 40)
    assert len({tuple(epoch) for epoch in indices.tolist()}) == 3


def test_independent_batches_hold_different_samples_and_all_pairs_alike():
    steps, pairs = 20_000, 10
    indices = np.sort(running.epochs(5, 2, steps, 0, "independent"), axis=1)
    assert (indices[:, 0] < indices[:, 1]).all()
    counts = np.bincount(indices[:, 0] * 5 + indices[:, 1])
    found = counts[counts > 0]
    assert len(found) == pairs
    assert (np.abs(found - steps / pairs) < 5 * np.sqrt(steps / pairs)).all()


@pytest.mark.parametrize("kind", ["shuffled", "independent"])
def test_equal_seeds_give_equal_batches_even_where_memory_is_parted(kind, monkeypatch):
    whole = running.epochs(13, 4, 101, 7, kind)
    assert (running.epochs(13, 4, 101, 8, kind) != whole).any()
    monkeypatch.setattr(running, "_RANDOM_AT_ONCE", 100)
    np.testing.assert_array_equal(running.epochs(13, 4, 101, 7, kind), whole)
    assert whole.shape == (101, 4)


@pytest.mark.parametrize("kind", ["shuffled", "independent"])
@pytest.mark.parametrize("batch_size", [0, 6])
def test_batches_that_cannot_be_made_are_refused(kind, batch_size):
    with pytest.raises(ValueError, match=f"a batch of {batch_size} different samples cannot be drawn from 5"):
        running.epochs(5, batch_size, 10, 0, kind)
