from __future__ import annotations

import re

import numpy as np
import pytest

import bnstat
from bnstat import text


@pytest.fixture
def answer(tmp_path):
    """The sentence for arrays, each a batch of samples, and settings."""

    def ask(*arrays, **settings):
        paths = []
        for number, array in enumerate(arrays):
            paths.append(tmp_path / f"{number}.npy")
            np.save(paths[-1], np.asarray(array, np.float64))
        return bnstat.diagnose(paths, **settings).answer

    return ask


def normal(*shape, mean=0.0):
    return mean + np.random.default_rng(9).normal(size=shape)


def test_batch_size_1_is_not_zero_variance(answer):
    assert "A batch size of 1 does not make the variance zero: each channel is averaged over 24 values." in answer(
        normal(1, 4, 6, 2)
    )


def test_a_single_value_everywhere_is_said_to_be_one(answer):
    assert (
        answer(normal(1, 1, 1, 2)) == "Here each channel has a single value, so there is no variance to normalize with."
    )


def test_a_single_value_in_one_of_two_shapes_is_a_range(answer):
    for arrays in ((normal(1, 1, 1, 1), normal(1, 20, 3, 1)), (normal(1, 20, 3, 1), normal(1, 1, 1, 1))):
        assert "over 1 to 60 values" in answer(*arrays)


def test_nothing_is_claimed_of_variance_where_all_is_constant(answer):
    assert "does not make the variance zero" not in answer(np.ones((1, 5, 2)))


def test_jumps_are_in_standard_deviations_of_all_values(answer):
    values = np.concatenate([normal(2, 500, 1), normal(2, 500, 1, mean=10.0)])
    means = values.reshape(2, -1).mean(axis=1)
    jump = means.std(ddof=1)
    assert f"the mean varies by {text.number(jump / values.std(), 2)} SD." in answer(values, batch_size=2)
    assert f"these 2 batches have a standard deviation of {text.number(jump)}." in answer(values, batch_size=2)


def test_a_short_last_batch_is_no_step_of_training(answer):
    values = np.concatenate([normal(4, 500, 1), normal(1, 500, 1, mean=50.0)])
    assert "give at least 8 volumes: `bnstat compare FOLDER`." in answer(values, batch_size=4)


def test_the_same_file_twice_is_not_said_to_vary(answer):
    values = normal(1, 50, 2)
    said = answer(values, values)
    assert "The means of these 2 batches are equal, so they cannot show how batch statistics differ" in said
    assert "varies by" not in said
    assert "standard deviation of 0" not in said


def test_weight_norm_of_equal_batches_starts_alike_whichever_comes_first(answer):
    values = normal(1, 50, 2)
    said = answer(values, values, normalizer="weight-init")
    assert said.endswith("It is the same whichever of these 2 batches comes first.")
    assert " is between " in answer(values, 2 * values, normalizer="weight-init")


def test_weight_norm_gives_variance_1_only_up_to_an_epsilon(answer):
    assert "gets mean 0 and variance 1 in" in answer(normal(1, 50, 2), normalizer="weight-init")
    assert "gets mean 0 and, up to ε, variance 1 in" in answer(normal(1, 50, 2), normalizer="weight-init", epsilon=0.1)


def test_batch_renorm_says_that_the_start_is_far_only_where_limits_would_clip(answer):
    near, far = (normal(4, 500, 1, mean=mean) for mean in (0.0, 100.0))
    assert "far from these data" not in answer(near, normalizer="renorm")
    assert "far from these data" in answer(far, normalizer="renorm")


def test_a_spread_below_a_hundredth_is_not_0(answer):
    values = normal(1, 5000, 1)
    assert re.search(r"the mean varies by 0\.00\d+ SD\.", answer(values, values + 0.001))
