"""Batch renorm, weight norm's start and synchronized batch norm, against numpy and the layers themselves."""

from __future__ import annotations

import os

import numpy as np
import pytest

import bnstat
from bnstat.errors import UsageError

EPSILON = 1e-3
# Eight samples of two channels, channels last; their means wander.
SAMPLES = np.random.default_rng(5).normal(size=(8, 4, 5, 2)) * [1.0, 20.0] + np.arange(8).reshape(8, 1, 1, 1) * [
    0.1,
    9.0,
]


@pytest.fixture
def diagnosed(tmp_path):
    def ask(samples=SAMPLES, **settings):
        np.save(tmp_path / "x.npy", samples)
        return bnstat.diagnose(tmp_path / "x.npy", **settings)

    return ask


def by_hand(batches, momentum=0.99, epsilon=EPSILON):
    """r, d, running mean and running variance of each batch and channel."""
    mean, deviation = np.zeros(2), np.ones(2)
    for batch in batches:
        now, spread = batch.mean(axis=(0, 1, 2)), np.sqrt(batch.var(axis=(0, 1, 2)) + epsilon)
        r, d = spread / deviation, (now - mean) / deviation
        mean, deviation = momentum * mean + (1 - momentum) * now, momentum * deviation + (1 - momentum) * spread
        yield r, d, mean, deviation**2 - epsilon


@pytest.mark.parametrize(("framework", "epsilon"), [("keras", EPSILON), ("keras2", EPSILON), ("keras", 0.0)])
def test_renorm_compares_each_batch_with_the_running_statistics_before_it(diagnosed, framework, epsilon):
    report = diagnosed(framework=framework, normalizer="renorm", batch_size=2, momentum=0.9, epsilon=epsilon)
    for batch, expected in zip(report.batches, by_hand(np.split(SAMPLES, 4), 0.9, epsilon), strict=True):
        for channel in batch.channels:
            correction = channel.correction
            found = (correction.r, correction.d, channel.running_mean, channel.running_variance)
            np.testing.assert_allclose(found, [number[channel.channel] for number in expected], rtol=1e-11)
            assert correction.r_clipped == (not 1 / 3 <= correction.r <= 3)
            assert correction.d_clipped == (abs(correction.d) > 5)
    flags = {(one.correction.r_clipped, one.correction.d_clipped) for b in report.batches for one in b.channels}
    assert len(flags) > 1


def test_renorm_is_that_of_keras(diagnosed):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layer = keras.layers.BatchNormalization(renorm=True, center=False, scale=False)
    report = diagnosed(normalizer="renorm", batch_size=2)
    for batch, values in zip(report.batches, np.split(SAMPLES, 4), strict=True):
        output = keras.ops.convert_to_numpy(layer(values.astype(np.float32), training=True))
        weights = {weight.name: keras.ops.convert_to_numpy(weight) for weight in layer.weights}
        for one in batch.channels:
            ours = (values[..., one.channel] - one.mean) * one.gain * one.correction.r + one.correction.d
            np.testing.assert_allclose(ours, output[..., one.channel], rtol=1e-4, atol=1e-4)
            assert one.running_mean == pytest.approx(weights["moving_mean"][one.channel], rel=1e-5)
            assert one.running_variance == pytest.approx(weights["moving_variance"][one.channel], rel=1e-5)


def test_a_nan_makes_the_running_statistics_of_its_channel_undefined_from_then_on(diagnosed):
    samples = SAMPLES.copy()
    samples[2, 0, 0, 1] = np.nan
    batches = diagnosed(samples, normalizer="renorm", batch_size=2).batches
    assert [batch.channels[1].correction.r is None for batch in batches] == [False, True, True, True]
    assert [batch.channels[1].running_variance is None for batch in batches] == [False, True, True, True]
    assert all(batch.channels[0].correction.r is not None for batch in batches)


@pytest.mark.parametrize("settings", [{"batch_size": 8}, {"batch_size": 5, "drop_last": True}])
def test_renorm_needs_two_batches(diagnosed, settings):
    with pytest.raises(UsageError, match="renorm needs at least two batches"):
        diagnosed(normalizer="renorm", **settings)


def test_renorm_is_refused_where_no_layer_has_it(diagnosed):
    with pytest.raises(UsageError, match="torch has no layer for batch renorm; choose one of keras, keras2"):
        diagnosed(normalizer="renorm", framework="torch")


def test_weight_norm_starts_with_mean_0_and_variance_1(diagnosed):
    samples = np.concatenate([SAMPLES, np.full((8, 4, 5, 1), 3.0)], axis=-1)
    report = diagnosed(samples, normalizer="weight-init", batch_size=8)
    first, second, constant = report.batches[0].channels
    for one in (first, second):
        values = SAMPLES[..., one.channel]
        assert one.start.g == pytest.approx(1 / values.std(), rel=1e-12)
        assert one.start.b == pytest.approx(-values.mean() / values.std(), rel=1e-10, abs=1e-12)
        scaled = values * one.start.g + one.start.b
        assert (scaled.mean(), scaled.var()) == pytest.approx((0, 1), abs=1e-12)
        assert (one.output_variance, one.running_mean, one.running_variance) == (1.0, None, None)
    assert (constant.start.g, constant.start.b) == (None, None)
    (finding,) = report.findings
    assert (finding.rule, finding.channel) == ("BN101", 2)
    assert "are undefined" in finding.message
    assert (report.settings.epsilon, report.settings.momentum) == (None, None)


def test_weight_norm_has_no_momentum_and_an_epsilon_only_where_one_is_given(diagnosed):
    with pytest.raises(UsageError, match="no momentum"):
        diagnosed(normalizer="weight-init", momentum=0.9)
    report = diagnosed(normalizer="weight-init", batch_size=8, epsilon=4.0)
    channel = report.batches[0].channels[0]
    assert channel.start.g == pytest.approx(1 / np.sqrt(SAMPLES[..., 0].var() + 4.0), rel=1e-12)


def test_ranks_are_shown_alone_and_merged(diagnosed):
    report = diagnosed(framework="torch", batch_size=2, ranks=2)
    alone = diagnosed(framework="torch", batch_size=2)
    assert report.batches == alone.batches
    assert [batch.samples for batch in report.synchronized] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    for batch, values in zip(report.synchronized, np.split(SAMPLES, 2), strict=True):
        assert batch.input_shape[0] == 4
        for one in batch.channels:
            its = values[..., one.channel]
            assert (one.count, one.mean) == (its.size, pytest.approx(its.mean(), rel=1e-11))
            assert one.variance == pytest.approx(its.var(), rel=1e-11)
            assert one.running_variance == pytest.approx(0.9 + 0.1 * its.var(ddof=1), rel=1e-11)
    assert "Synchronized over 2 ranks, a batch of 4 averages each channel over 80 values." in report.answer


def test_a_short_last_step_is_cut_into_what_there_is(diagnosed):
    report = diagnosed(batch_size=2, ranks=3)
    assert [batch.samples for batch in report.synchronized] == [(0, 1, 2, 3, 4, 5), (6, 7)]
    assert [batch.samples for batch in report.batches] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert len(diagnosed(batch_size=2, ranks=3, drop_last=True).batches) == 3


def test_ranks_that_cannot_be_are_refused(diagnosed):
    with pytest.raises(UsageError, match="`ranks` must be at least 1, and is 0"):
        diagnosed(ranks=0)
    with pytest.raises(UsageError, match=r"a batch of 3 on each of 3 ranks takes more samples than the [0-9]+ given"):
        diagnosed(ranks=3, batch_size=3)


def test_one_value_on_each_rank_trains_where_they_are_synchronized(diagnosed):
    report = diagnosed(SAMPLES[:, :1, :1], framework="torch-syncbn", ranks=4, axis=3)
    message = next(one.message for one in report.findings if one.rule == "BN201")
    assert "refuses to train, unless its 4 ranks are synchronized" in message
    assert report.batches[0].channels[0].running_variance is None
    assert report.synchronized[0].channels[0].running_variance is not None
