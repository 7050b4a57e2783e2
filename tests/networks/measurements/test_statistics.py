"""Statistics to load in place of stored ones: those of one training batch of all samples."""

from __future__ import annotations

import numpy as np
import pytest
from fake_network import FakeNetwork, batch_norm, mixed, normalized, rectified, samples_with_offsets

from bnstat.errors import UsageError
from bnstat.networks.measurements.samples import HeldSamples
from bnstat.networks.measurements.statistics import corrected
from bnstat.networks.normalization import Normalization


def held(number, **more):
    return HeldSamples.of(list(samples_with_offsets(number, **more)))


def in_one_batch(layers, samples):
    """Return mean and biased variance at every batch norm in a training batch of all samples."""
    values = np.stack([samples[place] for place in range(len(samples))]).astype(np.float64)
    found = []
    for layer in layers:
        if not isinstance(layer, Normalization):
            values = layer(values)
            continue
        if layer.kind == "batch":
            found.append((values.mean((0, 2, 3, 4)), values.var((0, 2, 3, 4))))
        values = normalized(layer, values, stored=False)
    return found


def test_layer_by_layer_equals_one_batch_of_all_samples():
    samples = held(7)
    layers = [
        *(mixed(0, 4, 2), batch_norm("a", 4, [1, 2, 3, 4], [9, 8, 7, 6]), rectified),
        *(mixed(1, 4, 4), Normalization("own", "instance", 1e-5), rectified),
        *(mixed(2, 3, 4), batch_norm("b", 3), rectified, mixed(3, 3, 3), batch_norm("c", 3, [0.1, 0, 0], [1, 5, 1])),
    ]
    network = FakeNetwork(layers)
    found = corrected(network, samples)
    assert [layer.layer for layer in found.layers] == ["a", "b", "c"]
    for layer, (mean, variance) in zip(found.layers, in_one_batch(layers, samples), strict=True):
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(layer.variance, variance, rtol=1e-9)
        np.testing.assert_array_equal(network.loaded[layer.layer], [layer.mean, layer.variance])
        assert layer.values == 7 * 64
    assert found.samples == 7
    assert found.notes == ()


def test_the_network_then_does_in_evaluation_what_one_training_batch_does():
    samples, layers = held(5), [mixed(0, 4, 2), batch_norm("a", 4), rectified, mixed(1, 3, 4), batch_norm("b", 3)]
    network = FakeNetwork(layers)
    corrected(network, samples)
    batch = np.stack([samples[place] for place in range(5)])
    np.testing.assert_allclose(network.evaluate(batch).outputs, network.train(batch).outputs, atol=1e-9)


def test_each_pass_ends_at_the_layer_in_question():
    network, told = FakeNetwork([batch_norm("a", 2), batch_norm("b", 2)]), []
    corrected(network, held(3), progress=lambda *now: told.append(now))
    assert network.passes == ["evaluate", *["enter a"] * 3, *["enter b"] * 3]
    assert told[0] == ("statistics of layer 1 of 2", 1, 3)
    assert told[-1] == ("statistics of layer 2 of 2", 3, 3)


def test_samples_of_different_shapes_count_by_their_values():
    arrays = [*samples_with_offsets(2), *samples_with_offsets(2, seed=1, shape=(2, 2, 3, 3))]
    (layer,) = corrected(FakeNetwork([batch_norm("a", 2)]), HeldSamples.of(arrays)).layers
    values = np.concatenate([array.reshape(2, -1) for array in arrays], axis=1).astype(np.float64)
    np.testing.assert_allclose(layer.mean, values.mean(1), rtol=1e-9)
    np.testing.assert_allclose(layer.variance, values.var(1), rtol=1e-9)


def test_a_module_that_runs_twice_gets_the_statistics_of_both_calls():
    samples = held(4)
    shared = batch_norm("shared", 3, [0.5, 0, 0], [2, 1, 1])
    layers = [mixed(0, 3, 2), shared, rectified, mixed(1, 3, 3), batch_norm("between", 3), mixed(2, 3, 3), shared]
    network = FakeNetwork(layers)
    found = corrected(network, samples)
    assert [layer.layer for layer in found.layers] == ["shared", "between"]
    assert "shared runs 2 times" in found.notes[0]

    # what its calls get once all statistics are loaded, apart from the second, which depends on its own numbers
    shared_mean, shared_variance = network.loaded["shared"]
    seen = network.evaluate(np.stack([samples[place] for place in range(4)])).seen
    between = seen[1].moments.merged(axis=0)
    np.testing.assert_allclose(network.loaded["between"], [between.mean, between.variance], rtol=1e-9)
    first = seen[0].moments.merged(axis=0)
    assert np.all(np.abs(shared_mean - first.mean) > 1e-6)
    assert np.all(shared_variance > 0)


def test_frozen_layers_keep_their_statistics():
    network = FakeNetwork([batch_norm("frozen", 2, [1, 2], [3, 4], frozen=True), batch_norm("a", 2)])
    found = corrected(network, held(3))
    assert [layer.layer for layer in found.layers] == ["a"]
    assert list(network.loaded) == ["a"]
    assert found.notes[0].startswith("kept the stored statistics of frozen, which training had frozen")


def test_a_channel_without_variance_is_told():
    arrays = list(samples_with_offsets(3))
    for array in arrays:
        array[1] = 0.1
    found = corrected(FakeNetwork([batch_norm("a", 2)]), HeldSamples.of(arrays))
    assert found.layers[0].dead == (1,)
    assert found.layers[0].variance[1] == 0.0
    assert found.notes[0].startswith("1 channel without variance in these samples got the variance 0 (a first)")


def test_nan_is_refused_and_the_network_is_as_before():
    arrays = list(samples_with_offsets(3))
    arrays[1][1, 0, 0, 0] = np.nan
    network = FakeNetwork([batch_norm("a", 2), batch_norm("b", 2)])
    with pytest.raises(UsageError, match=r"sample 2: NaN or Inf enters channel 1 of the layer a"):
        corrected(network, HeldSamples.of(arrays))
    assert network.loaded == {}


def test_an_interrupted_correction_leaves_no_statistics_behind():
    network = FakeNetwork([batch_norm("a", 2), batch_norm("b", 2)])

    def interrupt(words, *_):
        if words.startswith("statistics of layer 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corrected(network, held(3), progress=interrupt)
    assert network.loaded == {}


def test_a_network_without_running_statistics_has_none_to_correct():
    with pytest.raises(UsageError, match="no layer with running statistics"):
        corrected(FakeNetwork([Normalization("a", "instance", 1e-5)]), held(2))
    with pytest.raises(UsageError, match="no sample"):
        corrected(FakeNetwork([batch_norm("a", 2)]), HeldSamples.of([]))
