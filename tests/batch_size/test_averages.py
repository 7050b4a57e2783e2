from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

import bnstat
from bnstat.batch_size import closed_form
from bnstat.batch_size.averages import average, variance


@pytest.mark.parametrize("value", [0.1, 1000.3, -7e-5, 1e300])
@pytest.mark.parametrize("number", [3, 6, 7, 10, 49])
def test_the_average_of_equal_numbers_is_that_number(value, number):
    values = np.full((number, 2), value)
    assert (average(values) == value).all()
    assert (average(values, np.full(number, 1 / number)) == value).all()
    assert (variance(values) == 0).all()


@pytest.mark.parametrize("population", ["finite", "infinite"])
@pytest.mark.parametrize("number", [3, 6, 7, 10])
def test_constant_volumes_of_one_value_have_no_variance_and_no_noise(population, number):
    report = bnstat.compare([np.full((1, 3, 4, 2), 0.1)] * number, batch_sizes=(1, 2, 3), population=population)
    whole = report.population[0]
    assert (whole.mean, whole.variance, whole.between, whole.rho) == (0.1, 0.0, 0.0, None)
    for point in report.batch_sizes:
        for channel in point.channels:
            assert (channel.mean_sd, channel.expected_variance, channel.mean_noise) == (0.0, 0.0, None)
            assert (channel.observed.variance_mean, channel.observed.mean_sd) == (0.0, 0.0)
            assert channel.train_eval_rms == 0.0


def test_constant_volumes_have_no_noise_in_batches_of_one_group(tmp_path):
    for site, number in (("a", 3), ("b", 2), ("c", 1)):
        (tmp_path / site).mkdir()
        for place in range(number):
            np.save(tmp_path / site / f"{place}.npy", np.full((1, 3, 4, 2), 0.1))
    for population in ("finite", "infinite"):
        report = bnstat.compare(
            str(tmp_path), batch_sizes=(1, 2), population=population, group_by="directory", framework="torch"
        )
        for point in report.batch_sizes:
            channel = point.one_group.channels[0]
            assert (channel.mean_sd, channel.expected_variance, channel.variance_shortfall) == (0.0, 0.0, None)


def test_constant_patches_of_one_value_have_no_variance(write_image):
    paths = [write_image(f"{place}.nii", np.full((4, 4, 4), 0.1)) for place in range(3)]
    patching = bnstat.Patching((2, 2, 2), number=3, per_volume=2)
    reading = bnstat.Reading(preparation=bnstat.Preparation(patches=patching))
    report = bnstat.compare(paths, batch_sizes=(2, 3), population="infinite", reading=reading)
    whole = report.population[0]
    assert (whole.between_volumes, whole.between_patches, whole.rho) == (0.0, 0.0, None)
    assert all(point.channels[0].mean_sd == 0.0 for point in report.batch_sizes)


def test_a_first_value_that_is_far_from_the_others_costs_the_average_no_digits():
    for seed in range(20):
        draw = np.random.default_rng(seed)
        values = draw.normal(1, 1, (9, 1))
        values[0] = 1e6 * draw.normal()
        values[1] -= values.sum() - 9
        exact = float(sum(map(Fraction, values[:, 0].tolist())) / len(values))
        assert average(values)[0] == pytest.approx(exact, rel=1e-15, abs=0)


@pytest.mark.parametrize("batch_size", [2, 3, 5])
def test_a_batch_of_one_constant_sample_drawn_several_times_has_no_variance(batch_size):
    means = np.array([0.1, 0.7, -3.3, 12.9])[:, np.newaxis]
    whole = closed_form.population(means, np.zeros_like(means), "infinite")
    drawn = whole.draw(batch_size, 4**batch_size, 0)
    assert drawn.complete
    alike = [len(set(row)) == 1 for row in product(range(4), repeat=batch_size)]
    assert (drawn.variances[alike] == 0).all()
    assert (drawn.variances[np.logical_not(alike)] > 1e-3).all()


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_batches_of_one_constant_sample_have_an_expected_variance_of_0(kind):
    for seed in range(50):
        means = np.random.default_rng(seed).normal(3, 1, (6, 1))
        assert closed_form.population(means, np.zeros_like(means), kind).expected(1).variance == 0
