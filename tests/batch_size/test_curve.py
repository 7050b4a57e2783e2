"""The curve on small tables, channel by channel, against every batch that there is."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

import bnstat
from bnstat.batch_size import curve, simulation
from bnstat.batch_size.population import split
from bnstat.batch_size.samples import cohorts_of
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Layer
from bnstat.moments.moments import Moments

VALUES = 30


def layer(name="keras", epsilon=1e-3, momentum=0.99):
    return Layer(FRAMEWORKS[name], epsilon, momentum)


def settings(population="finite", draws=100_000, **options):
    own = {"layer": layer(), "others": (), "steps": None, "ranks": 1, "seed": 0} | options
    return CompareSettings(
        axis=-1,
        batch_axis=None,
        batch_sizes=(),
        population=population,
        draws=draws,
        tolerances=Tolerances(),
        **own,
    )


def values_of(samples=5, channels=2, seed=0):
    """Values of shape (samples, channels, values), of samples whose means are apart."""
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(0, 2, (samples, channels, 1)), 1.0, (samples, channels, VALUES))


def table_of(values):
    """Moments of shape (samples, channels) of these values."""
    return Moments.stack([Moments.from_array(sample.T) for sample in values])


def point_of(values, size, grouping=None, **options):
    given = settings(**options)
    (point,), others = curve.curves(cohorts_of(table_of(values)), [size], given, grouping)
    return point, others


def every(values, size):
    """All batches of different samples, shape (batches, channels, size · values)."""
    batches = [np.concatenate(values[list(chosen)], axis=-1) for chosen in combinations(range(len(values)), size)]
    return np.stack(batches)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_each_channel_has_what_every_batch_gives(size):
    values = values_of()
    point, _ = point_of(values, size)
    batches = every(values, size)
    means, variances = batches.mean(axis=-1), batches.var(axis=-1)
    whole = values.transpose(1, 0, 2).reshape(2, -1)
    assert (point.batch_size, point.complete, point.batches_drawn) == (size, True, len(batches))
    assert point.takes_all == (size == 5)
    for number, channel in enumerate(point.channels):
        assert channel.channel == number
        assert channel.expected_variance == pytest.approx(variances[:, number].mean(), rel=1e-12)
        assert channel.variance_shortfall == pytest.approx(
            1 - variances[:, number].mean() / whole[number].var(), abs=1e-12
        )
        assert channel.mean_sd == pytest.approx(means[:, number].std(), abs=1e-9)
        assert channel.mean_noise == pytest.approx(means[:, number].std() / whole[number].std(), abs=1e-9)
        assert channel.variance_cv == pytest.approx(variances[:, number].std() / variances[:, number].mean(), abs=1e-9)
        assert channel.observed.variance_mean == pytest.approx(variances[:, number].mean(), rel=1e-12)
        assert channel.observed.variance_sd == pytest.approx(variances[:, number].std(), abs=1e-9)
        assert channel.observed.mean_sd == pytest.approx(means[:, number].std(), abs=1e-9)
        assert channel.running_mean == pytest.approx(whole[number].mean(), rel=1e-12)
        assert channel.running_variance == pytest.approx(variances[:, number].mean(), rel=1e-12)


@pytest.mark.parametrize(("framework", "unbiased"), [("keras", False), ("torch", True)])
def test_the_gap_and_the_running_statistics_are_those_of_the_layer(framework, unbiased):
    values, epsilon, size = values_of(channels=1), 1e-2, 2
    point, _ = point_of(values, size, layer=layer(framework, epsilon, 0.1))
    batches, whole = every(values, size)[:, 0], values.ravel()
    bessel = size * VALUES / (size * VALUES - 1) if unbiased else 1.0
    running = batches.var(axis=1).mean() * bessel
    trained = (batches - batches.mean(axis=1, keepdims=True)) / np.sqrt(batches.var(axis=1, keepdims=True) + epsilon)
    evaluated = (batches - whole.mean()) / np.sqrt(running + epsilon)
    (channel,) = point.channels
    assert channel.running_variance == pytest.approx(running, rel=1e-12)
    assert channel.eval_output_variance == pytest.approx(whole.var() / (running + epsilon), rel=1e-12)
    assert channel.train_eval_rms == pytest.approx(np.sqrt(((trained - evaluated) ** 2).mean()), rel=1e-9)
    r = np.sqrt((batches.var(axis=1) + epsilon) / (running + epsilon))
    assert channel.renorm.r_p50 == pytest.approx(np.quantile(r, 0.5), rel=1e-9)
    assert channel.renorm.r_clipped == np.mean((r > 3) | (r < 1 / 3))


@pytest.mark.parametrize("population", ["finite", "infinite"])
@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_the_output_in_evaluation_is_that_of_the_running_variance_beside_it(framework, population):
    """Few drawn batches have another average variance; what follows from it stands beside the closed form."""
    values, epsilon = values_of(12, channels=2, seed=3), 1e-2
    asked = layer(framework, epsilon, 0.1)
    found = split(table_of(values), cohorts_of(table_of(values)), population, None)
    grouping = np.arange(12) % 2
    outputs = []
    for size in (1, 2, 3, 4, 6):
        point, _ = point_of(values, size, grouping, population=population, draws=20, ranks=2, layer=asked)
        for one in filter(None, (point, point.one_group, point.synchronized)):
            n = one.batch_size * VALUES
            for whole, channel in zip(found, one.channels, strict=True):
                variance = channel.eval_output_variance * (channel.running_variance + epsilon)
                seen = channel.observed.variance_mean * (n / (n - 1) if framework == "torch" else 1)
                assert variance == pytest.approx(channel.observed.eval_output_variance * (seen + epsilon), rel=1e-12)
                if one is not point.one_group:
                    assert variance == pytest.approx(whole.variance, rel=1e-12)
        outputs.append([channel.eval_output_variance for channel in point.channels])
        gap = np.array([channel.observed.eval_output_variance for channel in point.channels]) / outputs[-1]
        assert (abs(gap - 1) > 1e-4).any() == (not point.complete)
    assert (np.diff(outputs, axis=0) < 0).all()  # it falls with the batch size


def test_without_an_epsilon_nothing_is_known_of_the_output():
    point, _ = point_of(values_of(), 2, layer=layer("keras", None))
    assert point.channels[0].observed.eval_output_variance is None
    assert point.channels[0].eval_output_variance is None


def test_other_layers_have_what_each_has_alone():
    values = values_of()
    asked = (layer("torch", 1e-5, 0.1), layer("keras", None, 0.99), layer("keras", 1e-3, None))
    _, others = point_of(values, 2, others=asked)
    assert [one.layer for one in others] == list(asked)
    for one, other in zip(asked, others, strict=True):
        alone, _ = point_of(values, 2, layer=one)
        for channel, beside in zip(alone.channels, other.channels[0], strict=True):
            names = ("channel", "running_mean", "running_variance", "train_eval_rms", "renorm", "running_mean_sd")
            assert [getattr(beside, name) for name in names] == [getattr(channel, name) for name in names]
    assert others[1].channels[0][0].train_eval_rms is None  # no ε is known
    assert others[2].channels[0][0].running_mean_sd is None  # no momentum is known


def test_batches_of_one_group_equal_brute_force_over_the_groups():
    values, grouping = values_of(7, channels=1), np.array([0, 0, 0, 0, 1, 1, 1])
    values[grouping == 1] += 10
    point, _ = point_of(values, 2, grouping, draws=20_000)
    groups = [every(values[grouping == group], 2)[:, 0].var(axis=1).mean() for group in (0, 1)]
    assert point.one_group.composition == "one_group"
    assert point.one_group.channels[0].expected_variance == pytest.approx(np.dot((4 / 7, 3 / 7), groups), rel=1e-12)
    assert point.one_group.channels[0].expected_variance < point.channels[0].expected_variance
    assert point_of(values, 5, grouping)[0].one_group is None  # no group has five samples


def test_synchronized_ranks_take_one_batch_together():
    values = values_of(6)
    point, _ = point_of(values, 2, ranks=3)
    alone, _ = point_of(values, 6)
    assert (point.synchronized.composition, point.synchronized.batch_size) == ("synchronized", 6)
    assert point.synchronized.channels == alone.channels
    assert point_of(values, 4, ranks=2)[0].synchronized is None  # there are not so many samples
    assert alone.synchronized is None


def test_batches_of_a_larger_set_are_drawn_with_replacement():
    values = values_of(4, channels=1)
    point, _ = point_of(values, 3, population="infinite")
    means = values.mean(axis=-1).ravel()
    spread = means.mean() + (means - means.mean()) * np.sqrt(4 / 3)
    batches = [spread[list(chosen)].mean() for chosen in product(range(4), repeat=3)]
    assert point.batches_drawn == len(batches)
    assert point.channels[0].mean_sd == pytest.approx(np.std(batches), rel=1e-9)
    assert not point.takes_all


def test_a_channel_that_lacks_samples_has_batches_of_those_that_it_has():
    values = values_of()
    values[1, 0, 3] = np.nan
    point, _ = point_of(values, 2)
    alone, _ = point_of(values[[0, 2, 3, 4]], 2)
    assert point.channels[0] == alone.channels[0]
    whole = point_of(values_of(), 2)[0].channels[1]
    assert point.channels[1].expected_variance == pytest.approx(whole.expected_variance, rel=1e-12)
    assert point.channels[1].observed.variance_sd == pytest.approx(whole.observed.variance_sd, rel=1e-12)


def test_a_channel_with_too_few_samples_for_a_batch_has_no_figures():
    values = values_of(3)
    values[1:, 0, 3] = np.nan
    point, others = point_of(values, 2, others=(layer("torch"),))
    assert point.channels[0].expected_variance is None
    assert point.channels[1].expected_variance is not None
    assert others[0].channels[0][0].running_mean is None
    one, _ = point_of(values, 1)
    assert one.channels[0].expected_variance == pytest.approx(values[0, 0].var(), rel=1e-12)
    assert one.channels[0].mean_sd is None


def test_equal_values_have_no_share_of_anything():
    point, _ = point_of(np.full((4, 1, VALUES), 7.0), 2)
    (channel,) = point.channels
    assert (channel.mean_noise, channel.variance_shortfall, channel.variance_cv) == (None, None, None)
    assert channel.eval_output_variance == 0


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_the_population_of_each_channel_splits_the_variance_of_all_values(population):
    values = values_of()
    grouping = np.array([0, 0, 1, 1, 1])
    found = split(table_of(values), cohorts_of(table_of(values)), population, grouping)
    for channel, own in zip(found, values.transpose(1, 0, 2), strict=True):
        means = own.mean(axis=1)
        assert channel.within == pytest.approx(own.var(axis=1).mean(), rel=1e-12)
        assert channel.between == pytest.approx(means.var(ddof=population == "infinite"), rel=1e-12)
        assert channel.rho == pytest.approx(channel.between / channel.variance, rel=1e-12)
        assert channel.merged_variance == pytest.approx(own.var(), rel=1e-12)
        assert channel.merged_count == own.size
        apart = sum(p * (means[grouping == g].mean() - means.mean()) ** 2 for g, p in ((0, 0.4), (1, 0.6)))
        if population == "infinite":  # without the part that is chance, from the variance within groups
            within = sum(((means[grouping == g] - means[grouping == g].mean()) ** 2).sum() for g in (0, 1)) / 3
            apart = max((5 * apart - within) / 4, 0)
        assert channel.between_groups == pytest.approx(apart, rel=1e-12, abs=1e-12)


def test_groups_of_a_larger_set_that_do_not_differ_are_as_noisy_as_mixed_batches():
    """Over 60 tables of 8 groups of 3 samples: the noise of a group's batches is that of any, but for estimates."""
    grouping, rng = np.repeat(np.arange(8), 3), np.random.default_rng(4)
    values = rng.normal(rng.normal(0, 0.5, (24, 60, 1)), 1.0, (24, 60, VALUES))
    cohorts = cohorts_of(table_of(values))
    found = split(table_of(values), cohorts, "infinite", grouping)
    (point,), _ = curve.curves(cohorts, [2], settings("infinite", draws=50), grouping)
    apart, between = (np.array([getattr(one, name) for one in found]) for name in ("between_groups", "between"))
    alone = np.array([channel.mean_sd for channel in point.one_group.channels])
    mixed = np.array([channel.mean_sd for channel in point.channels])
    np.testing.assert_allclose(alone**2, apart + (between - apart) / 2, rtol=1e-9)
    assert 0.4 < (apart == 0).mean() < 0.7  # the F of 7 and 16 degrees of freedom is below 1 with probability 0.54
    np.testing.assert_allclose(alone[apart == 0], mixed[apart == 0], rtol=1e-9)
    assert np.mean(alone**2) / np.mean(mixed**2) < 1.2
    for channel, other in zip(point.one_group.channels, point.channels, strict=True):
        whole = channel.expected_variance + channel.mean_sd**2
        assert whole == pytest.approx(other.expected_variance + other.mean_sd**2, rel=1e-9)


@pytest.mark.parametrize(("grouping", "known"), [([0, 1, 2, 3, 3], True), ([0] * 5, True), ([0, 1, 2, 3, 4], False)])
def test_a_larger_set_has_batches_of_groups_of_any_size(grouping, known):
    """One sample of a group is enough if another group has two; if none has, nothing is known within groups."""
    values = values_of(channels=1)
    point, _ = point_of(values, 8, np.array(grouping), population="infinite")
    (whole,) = split(table_of(values), cohorts_of(table_of(values)), "infinite", np.array(grouping))
    if not known:
        assert (point.one_group, whole.between_groups) == (None, None)
        return
    (channel,) = point.one_group.channels
    apart = whole.between_groups
    assert channel.mean_sd**2 == pytest.approx(apart + (whole.between - apart) / 8, rel=1e-9)
    if not any(grouping):
        assert channel.mean_sd == pytest.approx(point.channels[0].mean_sd, rel=1e-9)


def test_simulated_runs_start_from_the_layers_own_start_and_reach_what_they_converge_to():
    values = values_of(4, channels=1)
    point, _ = point_of(values, 4, steps=2000, layer=layer("keras", 1e-3, 0.9))
    (channel,) = point.channels
    for runs in (channel.simulated.shuffled, channel.simulated.independent):
        assert runs.steps == 2000
        assert runs.running_mean == pytest.approx(values.mean(), rel=1e-9)  # a batch of all samples has no noise
        assert runs.running_variance == pytest.approx(values.var(), rel=1e-9)
        assert runs.running_mean_sd == pytest.approx(0, abs=1e-12)
    assert point_of(values, 4)[0].channels[0].simulated is None
    larger, _ = point_of(values, 2, steps=50, population="infinite")
    assert larger.channels[0].simulated.shuffled is None


def test_every_simulated_run_has_a_seed_of_its_own(monkeypatch):
    """Equal runs would differ too little from their mean. Of 16 seeds from an odd one on, each is another."""
    seeds, sequence = [], simulation._sequence
    monkeypatch.setattr(simulation, "_sequence", lambda *asked: seeds.append(asked[3]) or sequence(*asked))
    point_of(values_of(channels=1), 2, steps=5, seed=7)
    assert len(seeds) == 2 * len(set(seeds)) == 2 * simulation.RUNS
    assert min(seeds) == 7


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_a_channel_without_a_usable_sample_has_no_batches_of_one_group(tmp_path, population):
    random = np.random.default_rng(3)
    for site in "aabb":
        (tmp_path / site).mkdir(exist_ok=True)
        values = random.normal(size=(1, 3, 4, 5, 2))
        values[..., 1] = np.nan
        np.save(tmp_path / site / f"{site}{len(list((tmp_path / site).iterdir()))}.npy", values)
    report = bnstat.compare(str(tmp_path), axis=4, batch_sizes=(1, 2), population=population, group_by="directory")
    for point in report.batch_sizes:
        usable, broken = point.one_group.channels
        assert usable.mean_sd > 0
        assert (broken.mean_sd, broken.expected_variance, broken.observed) == (None, None, None)


def test_the_samples_that_all_drawn_batches_of_a_size_take_are_bounded():
    asked = CompareSettings.of()
    assert [asked.draws_of(size) for size in (1, 8, 4096)] == [1000] * 3
    assert asked.draws_of(8192) == 500
    assert asked.draws_of(10**9) == 100


@pytest.mark.parametrize("draws", [7, 1000, 2000])
def test_as_many_batches_of_every_size_are_drawn_as_were_asked_for(tmp_path, draws):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(6, 6, 1)))
    found = bnstat.compare(tmp_path / "a.npy", batch_sizes=[8, 16384], draws=draws)
    assert [point.batches_drawn for point in found.batch_sizes] == [draws] * 2
    page = bnstat.report(tmp_path / "a.npy", batch_size=1, batch_sizes=[8, 16384], draws=draws)
    assert [point.batches_drawn for point in page.report.comparison.batch_sizes][1:] == [draws] * 2


def test_a_report_says_how_many_batches_of_a_large_size_were_drawn(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(5, 6, 1)))
    found = bnstat.compare(tmp_path / "a.npy", batch_sizes=[8, 16384])
    assert [point.batches_drawn for point in found.batch_sizes] == [1000, 250]
