from __future__ import annotations

import numpy as np
import pytest

import bnstat


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


def test_a_constant_channel_is_named_with_where_it_is(answer):
    always, sometimes = np.ones((2, 5, 1)), normal(2, 5, 1)
    sometimes[0] = 3
    assert "zero only where all values are equal: channel 0, channel 1 in some batches." in answer(
        np.concatenate([always, sometimes], axis=2)
    )


def test_nothing_is_claimed_of_variance_where_all_is_constant(answer):
    assert "does not make the variance zero" not in answer(np.ones((1, 5, 2)))


def test_jumps_are_in_standard_deviations_of_all_values(answer):
    values = np.concatenate([normal(2, 500, 1), normal(2, 500, 1, mean=10.0)])
    means = values.reshape(2, -1).mean(axis=1)
    jump = means.std(ddof=1)
    assert f"the mean varies by {jump / values.std():.2f} SD." in answer(values, batch_size=2)
    assert f"these 2 batches have a standard deviation of {jump:,.4g}." in answer(values, batch_size=2)


def test_a_short_last_batch_is_no_step_of_training(answer):
    values = np.concatenate([normal(4, 500, 1), normal(1, 500, 1, mean=50.0)])
    assert "give several volumes" in answer(values, batch_size=4)
