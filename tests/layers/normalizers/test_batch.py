from __future__ import annotations

import math

import numpy as np
import pytest

from bnstat import Moments, Preparation
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.normalizers.batch import normalize
from bnstat.layers.settings import Settings


def settings(framework="keras", **changes):
    preset = FRAMEWORKS[framework]
    return Settings(**{"framework": preset, "epsilon": preset.epsilon, "momentum": preset.momentum, **changes})


def channel(values, **changes):
    """The only channel of one sample."""
    return normalize(Moments.from_array(np.reshape(values, (-1, 1)))[np.newaxis], settings(**changes))[0]


VALUES = np.random.default_rng(7).normal(0.5, 0.03, 1000)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5, 0.0])
def test_epsilon_is_added_inside_the_square_root_and_not_to_the_variance(epsilon):
    found, variance = channel(VALUES, epsilon=epsilon), VALUES.var()
    assert found.variance == pytest.approx(variance, rel=1e-12)
    assert found.std == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert found.gain == pytest.approx(1 / math.sqrt(variance + epsilon), rel=1e-12)
    normalized = (VALUES - VALUES.mean()) * found.gain
    assert found.output_variance == pytest.approx(normalized.var(), rel=1e-10)
    assert found.output_std == pytest.approx(normalized.std(), rel=1e-10)
    assert found.epsilon_share == pytest.approx(epsilon / (variance + epsilon))


def test_data_in_the_unit_range_come_out_of_keras_at_0_688():
    unit = 0.5 + 0.03 * np.tile([-1.0, 1.0], 50)
    assert channel(unit).output_std == pytest.approx(0.688, abs=5e-4)


def test_keras_keeps_99_percent_of_the_old_and_the_biased_variance():
    found = channel(VALUES)
    assert found.running_mean == pytest.approx(0.01 * VALUES.mean(), rel=1e-12)
    assert found.running_variance == pytest.approx(0.99 + 0.01 * VALUES.var(), rel=1e-12)


def test_pytorch_takes_10_percent_of_the_batch_and_the_unbiased_variance():
    found = channel(VALUES[:5], framework="torch")
    assert found.running_mean == pytest.approx(0.1 * VALUES[:5].mean(), rel=1e-12)
    assert found.running_variance == pytest.approx(0.9 + 0.1 * VALUES[:5].var(ddof=1), rel=1e-12)


def test_momentum_is_in_the_convention_of_its_framework():
    assert channel(VALUES, momentum=0.9).running_mean == pytest.approx(0.1 * VALUES.mean())
    assert channel(VALUES, framework="torch", momentum=0.9).running_mean == pytest.approx(0.9 * VALUES.mean())


def test_a_constant_channel_has_no_variance_and_no_condition_number():
    found = channel(np.full(100, 3.0))
    assert (found.constant, found.variance, found.output_variance, found.condition_number) == (True, 0.0, 0.0, None)
    assert found.gain == pytest.approx(1 / math.sqrt(1e-3))
    assert found.epsilon_share == 1.0


def test_zero_variance_without_epsilon_is_undefined_and_not_zero():
    found = channel(np.full(100, 3.0), epsilon=0.0)
    assert (found.gain, found.output_variance, found.epsilon_share) == (None, None, None)
    assert found.output_nan
    assert not channel(VALUES, epsilon=0.0).output_nan


def test_the_condition_number_is_that_of_chan_golub_and_leveque():
    found = channel(VALUES)
    assert found.condition_number == pytest.approx(math.sqrt(1 + VALUES.mean() ** 2 / VALUES.var()), rel=1e-12)


def test_one_nan_leaves_what_the_layer_would_compute_undefined():
    found = channel([*VALUES, math.nan, math.inf])
    assert (found.count, found.nan, found.inf, found.constant) == (1002, 1, 1, False)
    for name in ("mean", "variance", "std", "gain", "output_variance", "running_mean", "running_variance"):
        assert getattr(found, name) is None
    assert (found.minimum, found.maximum) == (VALUES.min(), VALUES.max())
    assert found.finite is not None
    assert found.finite.variance == pytest.approx(VALUES.var())


def test_nothing_but_nan_has_no_least_and_no_greatest_value():
    found = channel([math.nan, math.nan])
    assert (found.minimum, found.maximum, found.finite.mean, found.finite.variance) == (None, None, None, None)


def test_whole_numbers_stay_whole():
    found = channel(np.array([1, 5], np.int16))
    assert (found.minimum, found.maximum) == (1, 5)
    assert isinstance(found.minimum, int)


def test_one_value_trains_in_keras_and_not_in_pytorch():
    assert channel([4.0]).running_mean == pytest.approx(0.04)
    assert channel([4.0], framework="torch").running_mean is None
    assert channel([4.0], framework="torch").running_variance is None


def test_a_batch_is_the_merge_of_its_samples():
    parts = [VALUES[:300].reshape(-1, 1), 5 + VALUES[300:].reshape(-1, 1)]
    both = Moments.stack([Moments.from_array(part) for part in parts])
    assert normalize(both, settings())[0].variance == pytest.approx(np.concatenate(parts).var(), rel=1e-12)


def test_one_value_inside_of_a_mask_has_a_running_variance_only_where_that_is_the_biased_one():
    masked = Preparation(mask="nonzero")
    assert channel([4.0], preparation=masked).running_variance == pytest.approx(0.99)
    assert channel([4.0], framework="torch", preparation=masked).running_variance is None
