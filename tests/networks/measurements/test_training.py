"""Training batches: which are drawn, what they have at each layer, and which layers refuse them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fake_network import WORDS, FakeNetwork, batch_norm, mixed, normalized, rectified, samples_with_offsets

from bnstat.batch_size.samples import Nesting
from bnstat.batch_size.slots import Taking
from bnstat.errors import UsageError
from bnstat.networks.measurements.loader import drawn_batches
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import HeldSamples
from bnstat.networks.normalization import Normalization
from bnstat.networks.settings import Measuring


def held(number, **more):
    return HeldSamples.of(list(samples_with_offsets(number, **more)))


def nesting(volumes, each, per_volume=1, forced=None, foreground=()):
    inside = np.isin(np.arange(volumes * each) % each, foreground)
    return Nesting(np.repeat(np.arange(volumes), each), inside, Taking(per_volume, forced))


def test_batches_are_of_different_samples_and_depend_on_the_seed():
    rows = drawn_batches(20, None, 4, 50, seed=3)
    assert rows.shape == (50, 4)
    assert all(len(set(row)) == 4 for row in rows.tolist())
    assert len(np.unique(rows)) == 20
    np.testing.assert_array_equal(rows, drawn_batches(20, None, 4, 50, seed=3))
    assert not np.array_equal(rows, drawn_batches(20, None, 4, 50, seed=4))


def test_a_batch_of_one_takes_each_sample_at_most_once():
    assert sorted(drawn_batches(20, None, 1, 50, seed=0).ravel()) == list(range(20))
    some = drawn_batches(20, None, 1, 8, seed=0).ravel()
    assert len(set(some)) == 8


def test_few_batches_are_each_drawn_once():
    rows = drawn_batches(4, None, 3, 32, seed=0)
    assert sorted(map(tuple, rows.tolist())) == [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]
    assert drawn_batches(4, None, 4, 32, seed=0).tolist() == [[0, 1, 2, 3]]
    assert drawn_batches(4, None, 5, 32, seed=0).shape == (0, 5)


def test_a_batch_of_patches_takes_different_volumes_and_so_many_patches_of_each():
    rows = drawn_batches(24, nesting(6, 4, per_volume=2), 4, 200, seed=0)
    for row in rows.tolist():
        assert len(set(row)) == 4
        assert sorted(Counter(place // 4 for place in row).values()) == [2, 2]
    assert len(np.unique(rows)) == 24
    assert drawn_batches(24, nesting(6, 4), 7, 10, seed=0).shape == (0, 7)


def test_single_patches_are_of_as_many_volumes_as_possible():
    rows = drawn_batches(24, nesting(6, 4), 1, 12, seed=0).ravel()
    assert sorted(place // 4 for place in rows) == [volume for volume in range(6) for _ in range(2)]
    assert len(set(drawn_batches(24, nesting(6, 4), 1, 99, seed=0).ravel())) == 24


def test_forced_slots_take_patches_around_foreground():
    rows = drawn_batches(24, nesting(6, 4, forced=0.5, foreground=(3,)), 2, 100, seed=0)
    assert (rows[:, 0] % 4 != 3).all()
    assert (rows[:, 1] % 4 == 3).all()


def test_noise_and_shortfall_are_those_of_a_plain_loop():
    samples = held(12)
    layers = [mixed(0, 3, 2), batch_norm("a", 3), rectified, mixed(1, 3, 3), batch_norm("b", 3)]
    found = measure(FakeNetwork(layers), samples, Measuring((1, 3), draws=20, seed=5))
    for size, place in ((1, 0), (3, 1)):
        entered = {"a": [], "b": []}
        for row in drawn_batches(12, None, size, 20, seed=5):
            values = np.stack([samples[one] for one in row]).astype(np.float64)
            for layer in layers:
                if isinstance(layer, Normalization):
                    entered[layer.layer].append((values.mean((0, 2, 3, 4)), values.var((0, 2, 3, 4))))
                    values = normalized(layer, values, stored=False)
                else:
                    values = layer(values)
        for layer in found.layers:
            means, variances = (np.array(column) for column in zip(*entered[layer.layer], strict=True))
            total = variances.mean(0) + means.var(0, ddof=1)
            mine = layer.batches[place]
            assert (mine.batch_size, mine.drawn, mine.values) == (size, 12 if size == 1 else 20, size * 64)
            np.testing.assert_allclose(mine.mean_noise, np.sqrt(means.var(0, ddof=1) / total), rtol=1e-10)
            np.testing.assert_allclose(mine.shortfall, 1 - variances.mean(0) / total, rtol=1e-7)
            assert not mine.raises


def test_the_noise_of_single_samples_is_the_root_of_rho_where_no_batch_norm_is_above():
    (layer,) = measure(FakeNetwork([batch_norm("a", 2)]), held(12), Measuring((1,))).layers
    np.testing.assert_allclose(np.square(layer.batches[0].mean_noise), layer.rho, rtol=1e-9)


def test_a_constant_channel_and_one_with_nan_have_no_noise():
    arrays = list(samples_with_offsets(6, shape=(3, 3, 3, 3)))
    for array in arrays:
        array[0] = 0.1
        array[1, 0, 0, 0] = np.inf
    (layer,) = measure(FakeNetwork([batch_norm("a", 3)]), HeldSamples.of(arrays), Measuring((2,))).layers
    assert layer.batches[0].mean_noise[:2] == (None, None)
    assert layer.batches[0].mean_noise[2] > 0


def pooled(values):
    return values.mean((2, 3, 4), keepdims=True)


REFUSING = [
    batch_norm("a", 2),
    pooled,
    Normalization("group", "group", 1e-5, groups=2),
    batch_norm("b", 2),
    Normalization("sample", "layer", 1e-5),
    batch_norm("c", 2),
]


@pytest.mark.parametrize("shows", [True, False])
def test_layers_that_refuse_one_sample_are_named_and_so_are_those_below_them(shows):
    network = FakeNetwork(REFUSING, shows_refused=shows)
    found = measure(network, held(5), Measuring((1, 2), draws=4))
    ones = {layer.layer: layer.batches[0] for layer in found.layers}
    assert [name for name, one in ones.items() if one.raises] == (["b", "c"] if shows else ["group", "b", "c"])
    assert ones["b"].message == WORDS
    assert ones["c"].message is None
    assert ones["c"].drawn == 0
    assert ones["c"].values == 1
    assert ones["c"].mean_noise == (None, None)
    if shows:  # the layer above has what reached it
        assert ones["a"].drawn == 4
        assert None not in ones["a"].mean_noise
    assert network.passes.count("train 1") == (4 if shows else 1)
    twos = [layer.batches[1] for layer in found.layers]
    assert not any(two.raises for two in twos)
    assert all(two.drawn == 4 for two in twos)


def test_a_framework_that_refuses_nothing_is_not_said_to():
    network = FakeNetwork([batch_norm("a", 2), pooled], framework="keras")
    (layer,) = measure(network, held(5), Measuring((1,))).layers
    assert not layer.batches[0].raises


def test_normalizations_of_a_sample_by_itself_have_values_and_no_noise():
    layers = [batch_norm("a", 4), Normalization("b", "instance", 1e-5), Normalization("c", "group", 1e-5, groups=2)]
    found = measure(FakeNetwork(layers), held(5, shape=(4, 2, 2, 2)), Measuring((3,), draws=4))
    assert [layer.batches[0].values for layer in found.layers] == [24, 8, 16]
    assert [layer.batches[0].mean_noise[0] is None for layer in found.layers] == [False, True, True]


def test_without_a_batch_norm_no_batch_is_run():
    network = FakeNetwork([Normalization("a", "instance", 1e-5)])
    found = measure(network, held(3), Measuring((1, 2)))
    assert network.passes == ["evaluate"] * 3
    assert found.layers[0].batches == ()
    assert "the batch size changes nothing" in found.notes[0]


def test_frozen_layers_refuse_nothing_and_do_not_depend_on_the_batch():
    frozen = batch_norm("frozen", 2, frozen=True)
    network = FakeNetwork([batch_norm("a", 2), pooled, frozen, batch_norm("b", 2), frozen], shows_refused=False)
    found = measure(network, held(3), Measuring((1,), draws=2))
    assert [layer.batches[0].raises for layer in found.layers] == [False, False, True, False]
    alone = FakeNetwork([frozen])
    assert measure(alone, held(3), Measuring((1, 2))).layers[0].batches == ()
    assert not any("train" in one for one in alone.passes)


class Exported(FakeNetwork):
    """A program that was written for one sample in a batch."""

    def train(self, batch):
        if len(batch) > 1:
            raise UsageError("it was exported for 1 sample; export it with a dynamic batch axis")
        return super().train(batch)


def test_a_size_that_the_network_cannot_run_is_skipped():
    found = measure(Exported([batch_norm("a", 2)]), held(9), Measuring((2, 1), draws=4))
    assert [one.batch_size for one in found.layers[0].batches] == [1]
    assert found.notes == (
        "skipped training batches of 2: it was exported for 1 sample; export it with a dynamic batch axis",
    )


def test_batches_of_all_samples_and_of_more_say_what_is_not_known():
    found = measure(FakeNetwork([batch_norm("a", 2)]), held(4), Measuring((2, 4, 8)))
    two, four, eight = found.layers[0].batches
    assert (two.drawn, four.drawn, eight.drawn) == (6, 1, 0)
    assert None not in two.mean_noise
    assert four.mean_noise == eight.mean_noise == (None, None)
    assert eight.values == 8 * 64
    assert [note.partition(";")[0] for note in found.notes] == [
        "training batches of 2 are drawn from 4 samples and have many of these in common: batches of a large data set "
        "vary about 1.4 times as much",
        "a training batch of 4 takes all of the 4 samples, so that batches cannot differ and their noise is not known",
        "skipped training batches of 8, which need more than the 4 samples given",
    ]


def test_samples_of_different_shapes_are_only_run_one_by_one():
    arrays = [*samples_with_offsets(3), *samples_with_offsets(3, shape=(2, 2, 2, 2))]
    found = measure(FakeNetwork([batch_norm("a", 2)]), HeldSamples.of(arrays), Measuring((1, 2)))
    (layer,) = found.layers
    assert [one.batch_size for one in layer.batches] == [1]
    assert layer.batches[0].drawn == 6
    assert (layer.values, layer.shape) == (8, (2, 2, 2, 2))
    assert "2 different shapes" in found.notes[0]


def test_a_layer_that_one_of_several_shapes_is_too_small_for_refuses():
    arrays = [*samples_with_offsets(3), *samples_with_offsets(1, shape=(2, 1, 1, 1)), *samples_with_offsets(2, seed=4)]
    found = measure(FakeNetwork([batch_norm("a", 2)]), HeldSamples.of(arrays), Measuring((1,)))
    assert found.layers[0].batches[0].raises
