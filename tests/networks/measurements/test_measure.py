"""The figures of layers against numpy in float64, on a network of numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fake_network import FakeNetwork, batch_norm, mixed, normalized, rectified, samples_with_offsets

from bnstat.errors import UsageError
from bnstat.networks.measurements.measure import measure
from bnstat.networks.measurements.samples import HeldSamples
from bnstat.networks.normalization import Normalization
from bnstat.networks.settings import Measuring
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.sample import Patch, Sample

EVALUATION_ONLY = Measuring(batch_sizes=())


def held(number, **more):
    return HeldSamples.of(list(samples_with_offsets(number, **more)))


def stacked(samples):
    return np.stack([samples[place] for place in range(len(samples))]).astype(np.float64)


def patches_of(volumes, each, taken=1):
    """Return patches of volumes that differ in offset, and how they are taken."""
    random = np.random.default_rng(3)
    arrays, named = [], []
    for volume in range(volumes):
        offset = random.normal(0, 2)
        for start in range(each):
            arrays.append((random.normal(offset, 1, (2, 4, 4, 4))).astype(np.float32))
            named.append(Sample(f"v{volume}.nii", None, (9, 9, 9), "int16", patch=Patch((start, 0, 0), (4, 4, 4))))
    patching = Patching(size=(4, 4, 4), number=each, per_volume=taken)
    return HeldSamples(arrays, named, Preparation(patches=patching))


def test_stored_statistics_are_compared_with_those_of_all_samples():
    samples, stored = held(6), batch_norm("norm", 2, [0.5, -0.25], [2.0, 0.5], epsilon=0.1)
    (layer,) = measure(FakeNetwork([stored]), samples, EVALUATION_ONLY).layers
    values = stacked(samples).swapaxes(0, 1).reshape(2, -1)
    np.testing.assert_allclose(layer.mean_gap, np.abs([0.5, -0.25] - values.mean(1)) / values.std(1), rtol=1e-12)
    np.testing.assert_allclose(layer.variance_ratio, [2.0, 0.5] / values.var(1), rtol=1e-12)
    output = (values - stored.running_mean[:, None]) / np.sqrt(stored.running_variance[:, None] + 0.1)
    np.testing.assert_allclose(layer.eval_output_variance, output.var(1), rtol=1e-12)
    np.testing.assert_allclose(layer.largest, np.abs(values).max(1), rtol=1e-12)
    assert (layer.shape, layer.axis, layer.channels, layer.values, layer.samples) == ((2, 4, 4, 4), 0, 2, 64, 6)
    assert layer.stored
    assert not layer.never_updated


def test_rho_is_the_share_of_variance_between_samples_of_a_larger_set():
    samples = held(6)
    (layer,) = measure(FakeNetwork([batch_norm("norm", 2)]), samples, EVALUATION_ONLY).layers
    cells = stacked(samples).reshape(6, 2, -1)
    between, within = cells.mean(2).var(0, ddof=1), cells.var(2).mean(0)
    np.testing.assert_allclose(layer.rho, between / (between + within), rtol=1e-12)
    assert layer.never_updated


def test_one_sample_has_no_rho_and_says_why():
    found = measure(FakeNetwork([batch_norm("norm", 2)]), held(1), EVALUATION_ONLY)
    assert found.layers[0].rho == (None, None)
    assert found.notes == ("ρ needs at least two samples, and there is one; give more volumes",)


def test_rho_of_patches_has_what_lies_between_volumes_and_between_patches_of_a_volume():
    samples = patches_of(volumes=4, each=3)
    (layer,) = measure(FakeNetwork([batch_norm("norm", 2)]), samples, EVALUATION_ONLY).layers
    cells = stacked(samples).reshape(4, 3, 2, -1)
    means = cells.mean(3)
    patch_variance = means.var(1, ddof=1).mean(0)
    # the means of three patches differ between volumes by chance too
    between = means.mean(1).var(0, ddof=1) - patch_variance / 3 + patch_variance
    np.testing.assert_allclose(layer.rho, between / (between + cells.var(3).mean((0, 1))), rtol=1e-9)


def test_patches_of_one_volume_do_not_show_what_lies_between_volumes():
    found = measure(FakeNetwork([batch_norm("norm", 2)]), patches_of(1, 4), EVALUATION_ONLY)
    assert found.layers[0].rho == (None, None)
    assert "two volumes" in found.notes[0]


def test_constant_channels_are_named_by_their_values_and_not_by_a_variance():
    arrays = list(samples_with_offsets(4, shape=(4, 3, 3, 3)))
    for place, array in enumerate(arrays):
        array[1] = 0.1  # a number that a sum of many rounds
        array[2] = 1e6 + place  # constant in each sample
    arrays[0][3] = np.nan
    (layer,) = measure(FakeNetwork([batch_norm("norm", 4)]), HeldSamples.of(arrays), EVALUATION_ONLY).layers
    assert layer.dead == (1,)
    assert layer.constant_in_a_sample == (1, 2)
    assert layer.not_finite == (3,)
    assert (layer.rho[1], layer.mean_gap[1], layer.variance_ratio[1]) == (None, None, None)
    assert layer.eval_output_variance[1] == 0.0
    assert layer.rho[2] == 1.0
    # the samples without NaN are what is known of the channel
    left = np.stack([array[3] for array in arrays[1:]]).astype(np.float64)
    np.testing.assert_allclose(layer.variance_ratio[3], 1 / left.var(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["batch", "instance", "group", "layer", "rms"])
def test_the_share_of_epsilon_is_that_of_the_variance_which_normalizes_a_sample(kind):
    samples = held(5, shape=(4, 3, 3, 3))
    own = Normalization("norm", kind, 0.3, groups=2 if kind == "group" else None)
    (layer,) = measure(FakeNetwork([own]), samples, EVALUATION_ONLY).layers
    cells = stacked(samples).reshape(5, 4, -1)
    variances = {
        "batch": cells.var(2),
        "instance": cells.var(2),
        "group": np.repeat(cells.reshape(5, 2, -1).var(2), 2, axis=1),
        "layer": np.repeat(cells.reshape(5, 1, -1).var(2), 4, axis=1),
        "rms": np.repeat((cells.reshape(5, 1, -1) ** 2).mean(2), 4, axis=1),
    }[kind]
    np.testing.assert_allclose(layer.epsilon_share, np.median(0.3 / (variances + 0.3), axis=0), rtol=1e-10)
    assert layer.values == {"batch": 27, "instance": 27, "group": 54, "layer": 108, "rms": 108}[kind]
    assert not layer.stored
    assert layer.mean_gap == layer.variance_ratio == layer.eval_output_variance == ()


class OfTokens(FakeNetwork):
    """A layer normalization that takes each token by itself."""

    def _run(self, batch, **more):
        found = super()._run(batch, **more)
        tokens = np.asarray(batch, np.float64)
        variances = np.median(tokens.var(1), axis=1)
        return replace(found, seen=(replace(found.seen[0], together=2, place_variances=variances),))


def test_a_layer_norm_of_tokens_reduces_the_channels_of_one_token():
    samples = held(5, shape=(2, 30))
    network = OfTokens([Normalization("norm", "layer", 0.3)])
    (layer,) = measure(network, samples, EVALUATION_ONLY).layers
    assert layer.values == 2
    shares = 0.3 / (np.median(stacked(samples).var(1), axis=1) + 0.3)
    np.testing.assert_allclose(layer.epsilon_share, [np.median(shares)] * 2, rtol=1e-12)


def test_each_layer_alone_is_switched_and_then_all():
    samples = held(4)
    layers = [
        batch_norm("a", 2, [0.3, -0.2]),
        rectified,
        mixed(1, 3, 2),
        batch_norm("b", 3, [1.0, 0.0, 0.5], [3, 1, 2]),
    ]
    network = FakeNetwork(layers)
    found = measure(network, samples, replace(EVALUATION_ONLY, switch=True))

    def outputs(own):
        values = stacked(samples)
        for layer in layers:
            if not isinstance(layer, Normalization):
                values = layer(values)
            elif layer.layer in own:  # sample by sample
                values = np.concatenate([normalized(layer, one[None], stored=False) for one in values])
            else:
                values = normalized(layer, values, stored=True)
        return values.argmax(1)

    for layer, own in zip(found.layers, "ab", strict=True):
        assert layer.output_moved == np.mean(outputs("") != outputs(own))
    assert found.output_moved == np.mean(outputs("") != outputs("ab"))
    assert found.output == "classes"
    assert network.passes.count("evaluate") == 4
    assert (
        network.passes.count("switch a") == network.passes.count("switch b") == network.passes.count("switch a b") == 4
    )


@pytest.mark.parametrize("shape", [(1, 4, 4, 4), (1,)])
def test_one_output_channel_is_compared_by_its_values(shape):
    samples = held(3, shape=(2, 4, 4, 4))
    layers = [batch_norm("a", 2, [0.3, -0.2]), mixed(2, 1, 2)]
    if len(shape) == 1:
        layers.append(lambda values: values.mean((2, 3, 4)))
    found = measure(FakeNetwork(layers), samples, replace(EVALUATION_ONLY, switch=True))
    before = layers[1](normalized(layers[0], stacked(samples), stored=True))
    after = layers[1](np.concatenate([normalized(layers[0], one[None], stored=False) for one in stacked(samples)]))
    if len(shape) == 1:
        before, after = layers[2](before), layers[2](after)
    expected = np.sqrt(((after - before) ** 2).sum() / (before**2).sum())
    assert found.layers[0].output_moved == pytest.approx(expected, rel=1e-12)
    assert found.output == "values"


def test_what_cannot_be_switched_has_no_change():
    samples = held(2, shape=(2, 1, 1, 1))
    layers = [batch_norm("one value", 2), Normalization("own", "instance", 1e-5)]
    found = measure(FakeNetwork(layers), samples, replace(EVALUATION_ONLY, switch=True))
    assert [layer.output_moved for layer in found.layers] == [None, None]
    assert found.output is None
    assert "no layer uses stored statistics" in found.notes[0]


def test_a_layer_that_cannot_be_switched_is_told_and_the_others_are():
    samples, layers = held(3), [batch_norm("a", 2, [0.3, -0.2]), batch_norm("b", 2, [0.1, 0.5]), rectified]
    network = FakeNetwork(layers, refuses_switch=("a",))
    found = measure(network, samples, replace(EVALUATION_ONLY, switch=True))
    assert found.layers[0].output_moved is None
    assert found.output_moved == found.layers[1].output_moved > 0
    assert found.output == "classes"
    assert found.notes == ("not switched to the statistics of each sample: layer a (it does more than normalize)",)
    assert network.passes.count("switch a") == 1


def test_a_layer_that_some_samples_cannot_switch_has_no_change():
    class Fails(FakeNetwork):
        def switched(self, layers, batch):
            if "a" in layers and self.passes.count("switch a") == 2:  # with the third sample
                raise UsageError("it does more than normalize")
            return super().switched(layers, batch)

    network = Fails([batch_norm("a", 2, [0.3, -0.2]), batch_norm("b", 2, [0.1, 0.5]), rectified])
    found = measure(network, held(4), replace(EVALUATION_ONLY, switch=True))
    # that of two samples is none of the four, and all layers are not the same layers with each sample
    assert found.layers[0].output_moved is None
    assert found.layers[1].output_moved > 0
    assert found.output_moved is None
    assert "layer a (it does more than normalize)" in found.notes[0]


def test_only_layers_that_are_asked_for_are_reported_and_switched():
    network = FakeNetwork([batch_norm("down.0.norm", 2), batch_norm("down.1.norm", 2), batch_norm("up.norm", 2)])
    found = measure(network, held(2), Measuring((), switch=True, layers=("down.*",)))
    assert [layer.layer for layer in found.layers] == ["down.0.norm", "down.1.norm"]
    assert found.model.normalizers == {"batch": 3}
    assert "switch up.norm" not in network.passes
    assert "switch down.0.norm down.1.norm up.norm" in network.passes


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("donw.0.norm", "did you mean down.0.norm?"),
        ("*UP*", "did you mean up.norm?"),
        ("zzz", "are down.0.norm, up.norm"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_after_one_pass(pattern, hint):
    network = FakeNetwork([batch_norm("down.0.norm", 2), batch_norm("up.norm", 2)])
    with pytest.raises(UsageError, match=r"no normalization of the network matches") as told:
        measure(network, held(5), Measuring(layers=(pattern,)))
    assert hint in str(told.value)
    assert network.passes == ["evaluate"]


def test_calls_of_one_module_are_selected_together():
    network = FakeNetwork([batch_norm("norm", 2), rectified, batch_norm("norm", 2)])
    found = measure(network, held(2), Measuring((), layers=("norm",)))
    assert [layer.layer for layer in found.layers] == ["norm", "norm#2"]


def test_no_sample_and_no_normalization_are_refused():
    with pytest.raises(UsageError, match="no sample"):
        measure(FakeNetwork([batch_norm("norm", 2)]), HeldSamples.of([]), EVALUATION_ONLY)
    with pytest.raises(UsageError, match=r"fake:network: no normalization can be seen in it, so that there is nothing"):
        measure(FakeNetwork([rectified]), held(2), EVALUATION_ONLY)


def test_what_cannot_be_seen_of_a_network_without_normalizations_is_said():
    network = FakeNetwork([rectified])
    network.missed = ("batch norm is folded into convolutions; export it so that it stays",)
    with pytest.raises(UsageError, match=r"nothing to measure; batch norm is folded into convolutions; export it so"):
        measure(network, held(2), EVALUATION_ONLY)


def test_a_sample_that_is_refused_in_evaluation_mode_is_named():
    network = FakeNetwork([replace(batch_norm("norm", 2), running_mean=None, running_variance=None)])
    with pytest.raises(UsageError, match=r"sample 1: the layer norm refuses this sample of shape 2 × 1 × 1 × 1"):
        measure(network, held(2, shape=(2, 1, 1, 1)), EVALUATION_ONLY)


def test_a_model_without_training_mode_is_measured_in_evaluation_mode_alone():
    network = FakeNetwork([batch_norm("norm", 2)], trains=False)
    found = measure(network, held(3), Measuring((1, 2), switch=True))
    assert found.layers[0].batches == ()
    assert found.notes == (
        "this kind of model only runs in evaluation mode, so training batches and switched layers were not measured",
    )
    assert network.passes == ["evaluate"] * 3
    assert not found.model.trains


def test_every_pass_is_counted():
    told = []
    network = FakeNetwork([batch_norm("a", 2), batch_norm("b", 2)])
    measure(network, held(5), Measuring((1, 2), draws=4, switch=True), progress=lambda *now: told.append(now))
    assert len(told) == len(network.passes) == 5 * 4 + 4 + 4
    assert {words: total for words, _, total in told} == {
        "evaluation mode, and each layer switched": 20,
        "training batches of 1": 4,
        "training batches of 2": 4,
    }
    assert all(done <= total for _, done, total in told)


class Fetched(HeldSamples):
    """Samples that are made when they are fetched, and die if nobody holds them."""

    def __getitem__(self, place):
        import weakref

        made = np.array(self.arrays[place])
        self.alive.append(weakref.ref(made))
        assert sum(one() is not None for one in self.alive) <= self.most
        return made


def test_samples_are_not_held():
    plain = held(6)
    samples = Fetched(plain.arrays, plain.identities)
    object.__setattr__(samples, "alive", [])
    object.__setattr__(samples, "most", 3)  # those of a batch of 2, and the last one
    measure(FakeNetwork([batch_norm("a", 2)]), samples, Measuring((1, 2), draws=4, switch=True))
    assert len(samples.alive) == 6 + 4 + 8
