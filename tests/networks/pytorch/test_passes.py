"""Passes of a module: types and memory formats, training mode, random layers, refusals, switched layers, statistics."""

from __future__ import annotations

import numpy as np
import pytest
from real_networks import WITH_BATCH_NORM, batch_of, seeded, torchvision

torch = pytest.importorskip("torch")

from forward_networks import Forward  # noqa: E402  (so that a skip is this file's own)

from bnstat.errors import UsageError  # noqa: E402  (after the package that it needs)
from bnstat.networks.network import LayerRefusesError  # noqa: E402
from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402

nn, F = torch.nn, torch.nn.functional


def small(norm=nn.BatchNorm3d):
    seeded()
    return nn.Sequential(nn.Conv3d(1, 4, 3), norm(4), nn.ReLU(), nn.Conv3d(4, 4, 3), norm(4))


BATCH = batch_of(3, (1, 8, 8, 8))


# --- types and memory


@pytest.mark.parametrize("amp", ["bfloat16", "float16"])
def test_under_autocast_layers_are_reduced_in_the_type_that_they_saw(amp):
    module = small()
    network = ModuleNetwork(module, "model", amp=amp)
    entered = []
    module[1].register_forward_hook(lambda _, got, __: entered.append(got[0].clone()))
    seen = network.evaluate(BATCH)
    assert [one.dtype for one in seen.seen] == [amp, amp]
    assert seen.outputs.dtype == np.float32
    assert str(entered[0].dtype) == f"torch.{amp}"
    values = entered[0].double().numpy()
    np.testing.assert_allclose(seen.seen[0].moments.mean, values.mean((2, 3, 4)), rtol=1e-12)
    np.testing.assert_allclose(seen.seen[0].moments.maximum, values.max((2, 3, 4)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_model_of_another_type_gets_its_batch_in_that_type(dtype):
    network = ModuleNetwork(small().to(dtype), "model")
    seen = network.evaluate(BATCH)
    assert {f"torch.{one.dtype}" for one in seen.seen} == {str(dtype)}
    assert seen.outputs.dtype == (np.float64 if dtype == torch.float64 else np.float32)


def test_channels_last_in_memory_gives_the_same_numbers():
    module = nn.Sequential(nn.Identity(), nn.BatchNorm3d(3), nn.GroupNorm(3, 3))
    batch = torch.from_numpy(batch_of(2, (3, 17, 18, 19)))
    tables = []
    for memory in (torch.contiguous_format, torch.channels_last_3d):

        class Formatted(nn.Module):
            def forward(self, values, memory=memory):
                return module(values.contiguous(memory_format=memory))

        wrapped = Formatted()
        wrapped.inner = module
        tables.append([one.moments for one in ModuleNetwork(wrapped, "model").evaluate(batch.numpy()).seen])
    for plain, last in zip(*tables, strict=True):
        np.testing.assert_allclose(last.mean, plain.mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(last.variance, plain.variance, rtol=1e-6)
    first = tables[0][0], tables[1][0]
    assert np.array_equal(first[0].mean, first[1].mean)  # of the same values
    assert np.array_equal(first[0].m2, first[1].m2)


def test_values_that_are_not_finite_are_counted():
    batch = batch_of(2, (2, 4, 4, 4))
    batch[0, 1, 0, 0, :3] = [np.nan, np.inf, -np.inf]
    (one, layer) = ModuleNetwork(nn.Sequential(nn.InstanceNorm3d(2), nn.LayerNorm(4)), "model").evaluate(batch).seen
    assert one.moments.nan.tolist() == [[0, 1], [0, 0]]
    assert one.moments.inf.tolist() == [[0, 2], [0, 0]]
    assert np.all(np.isfinite(one.moments.mean))
    assert layer.moments.nan.sum() == 64
    assert np.isfinite(layer.place_variances).tolist() == [False, True]


def test_a_layer_of_one_value_for_each_channel_is_reduced():
    module = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.BatchNorm1d(1))
    (one,) = ModuleNetwork(module, "model").evaluate(BATCH).seen
    assert one.shape == (3, 1)
    np.testing.assert_allclose(one.moments.mean[:, 0], BATCH.astype(np.float64).mean((1, 2, 3, 4)), rtol=1e-6)


# --- training mode


def test_a_training_pass_equals_a_plain_one_and_the_statistics_are_those_before_it():
    module = small()
    with torch.no_grad():
        expected = module.train()(torch.from_numpy(BATCH)).numpy()
        buffers = [one.clone() for one in module.buffers()]
    network = ModuleNetwork(module, "model")
    seen = network.train(BATCH)
    assert np.array_equal(seen.outputs, expected)
    assert np.array_equal(seen.seen[0].normalization.running_mean, buffers[0].double().numpy())
    assert not np.array_equal(seen.outputs, network.evaluate(BATCH).outputs)


def test_a_function_trains_if_its_forward_says_so_and_frozen_ones_do_not():
    def network_of(training):
        part = Forward(lambda m, x: F.batch_norm(x, m.mean, m.var, training=training(m)))
        part.register_buffer("mean", torch.zeros(1))
        part.register_buffer("var", torch.ones(1))
        return ModuleNetwork(nn.Sequential(part), "model")

    own = network_of(lambda m: m.training)
    np.testing.assert_allclose(own.train(BATCH).outputs.mean(), 0.0, atol=1e-6)
    frozen = network_of(lambda _: False)
    trained = frozen.train(BATCH)
    assert np.array_equal(trained.outputs, frozen.evaluate(BATCH).outputs)
    assert trained.seen[0].normalization.frozen
    assert not own.train(BATCH).seen[0].normalization.frozen
    always = network_of(lambda _: True)
    (one,) = always.evaluate(BATCH).seen
    assert not one.normalization.stored  # in evaluation mode too it takes the statistics of the batch
    assert one.normalization.kind == "batch"


def test_batch_norm_that_stores_nothing_takes_those_of_the_batch_in_evaluation_mode():
    module = nn.Sequential(nn.BatchNorm3d(1, track_running_stats=False))
    network = ModuleNetwork(module, "model")
    assert np.array_equal(network.evaluate(BATCH).outputs, network.train(BATCH).outputs)
    assert np.array_equal(network.switched(["0"], BATCH[:1]), network.evaluate(BATCH[:1]).outputs)


# --- random layers


def stochastic_depth(values, training):
    torchvision()
    from torchvision.ops import stochastic_depth as function

    return function(values, 0.5, "row", training=training)


RANDOM = {
    "modules": lambda m, x: m.dropout(m.norm(x)),
    "F.dropout of the mode": lambda m, x: F.dropout(m.norm(x), 0.5, training=m.training),
    "F.dropout always": lambda m, x: F.dropout3d(F.dropout(m.norm(x)), 0.3),
    "F.alpha_dropout always": lambda m, x: F.alpha_dropout(m.norm(x), training=True),
    "torch.dropout always": lambda m, x: torch.dropout(m.norm(x), 0.5, True),
    "stochastic depth always": lambda m, x: stochastic_depth(m.norm(x), True),
    "drop path always": lambda m, x: m.norm(x) * x.new_empty(len(x), 1, 1, 1, 1).bernoulli_(0.75).div_(0.75),
    "a mask always": lambda m, x: m.norm(x) * torch.bernoulli(torch.full_like(x, 0.75)) / 0.75,
    "attention always": lambda m, x: m.norm(x) + 0 * F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    "attention by position": lambda m, x: m.norm(x) + 0 * F.scaled_dot_product_attention(x, x, x, None, 0.5),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_are_off_in_every_pass(name):
    seeded()
    module = Forward(RANDOM[name], norm=nn.BatchNorm3d(1), dropout=nn.Dropout(0.5)).train()
    network = ModuleNetwork(module, "model")
    values = torch.from_numpy(BATCH)
    for run, training in ((network.evaluate, False), (network.train, True)):
        with torch.no_grad():
            module.norm.training = training
            expected = nn.BatchNorm3d(1)(values) if training else nn.BatchNorm3d(1).eval()(values)
        np.testing.assert_allclose(run(BATCH).outputs, expected.numpy(), rtol=1e-6, atol=1e-6)
    assert network.missed == ()


def test_random_numbers_that_cannot_be_turned_off_are_said_and_repeat():
    module = Forward(lambda m, x: m.norm(x + torch.randn_like(x)), norm=nn.BatchNorm3d(1))
    network = ModuleNetwork(module, "model")
    first, second = network.evaluate(BATCH), network.evaluate(BATCH)
    assert np.array_equal(first.outputs, second.outputs)
    assert network.missed == (
        "the network draws random numbers that cannot be turned off; every pass draws the same ones",
    )


# --- refusals


@pytest.mark.parametrize(
    ("norm", "words", "in_evaluation"),
    [
        (nn.BatchNorm3d(1), "Expected more than 1 value per channel when training", False),
        (nn.InstanceNorm3d(1), "Expected more than 1 spatial element when training", True),
        (nn.InstanceNorm3d(1, track_running_stats=True), "Expected more than 1 spatial element when training", False),
        (nn.GroupNorm(1, 1), "Expected more than 1 value per channel when training", True),
    ],
)
def test_a_layer_that_refuses_is_named_with_pytorchs_words_and_what_ran_before_it(norm, words, in_evaluation):
    module = nn.Sequential(nn.BatchNorm3d(1), nn.AdaptiveAvgPool3d(1), norm)
    network = ModuleNetwork(module, "model")
    with pytest.raises(LayerRefusesError, match=words) as refused:
        network.train(BATCH[:1])
    assert refused.value.layer == "2"
    assert [one.normalization.layer for one in refused.value.seen] == ["0"]
    with pytest.raises(ValueError, match=words) as plain:
        module.train()(torch.from_numpy(BATCH[:1]))
    assert refused.value.message == str(plain.value)
    if in_evaluation:
        with pytest.raises(LayerRefusesError, match=words):
            network.evaluate(BATCH[:1])
    else:
        network.evaluate(BATCH[:1])
        with pytest.raises(LayerRefusesError, match=words):
            network.switched(["2"], BATCH[:1])


def test_another_error_in_a_normalization_is_no_refusal():
    network = ModuleNetwork(nn.Sequential(nn.BatchNorm3d(2)), "unet.py:make")
    with pytest.raises(UsageError, match=r"unet.py:make cannot run a batch of shape 3 × 1 × 8 × 8 × 8 \(RuntimeError"):
        network.evaluate(BATCH)


def test_a_refusal_that_the_network_handles_itself_is_none():
    def careful(m, x):
        try:
            return m.norm(F.adaptive_avg_pool3d(x, 1))
        except ValueError:
            return x

    network = ModuleNetwork(Forward(careful, norm=nn.BatchNorm3d(1)), "model")
    assert np.array_equal(network.train(BATCH[:1]).outputs, BATCH[:1])


# --- switched layers


def switched_by_hand(module, layers, batch):
    """Return the outputs with layers in training mode and momentum 0, as one would write it."""
    module.eval()
    for layer in layers:
        norm = module.get_submodule(layer)
        norm.training, norm.momentum = True, 0.0
    with torch.no_grad():
        output = module(torch.from_numpy(batch))
    return (output[0] if isinstance(output, list) else output).numpy()


@pytest.mark.parametrize("name", ["BasicUNet", "PlainConvUNet", "UNet"])
def test_switched_layers_equal_a_switch_by_hand(name):
    factory, shape = WITH_BATCH_NORM[name]
    seeded(5)
    module, batch = factory(), batch_of(1, (*shape[:1], 32, 32, 32))
    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.BatchNorm3d):
                one.running_mean.normal_()
                one.running_var.uniform_(0.5, 2.0)
    network = ModuleNetwork(module, name)
    names = [one.normalization.layer for one in network.evaluate(batch).seen]
    plain = network.evaluate(batch).outputs
    for layers in ([names[0]], [names[-1]], names[2:4], names):
        ours = network.switched(layers, batch)
        assert not np.array_equal(ours, plain)
        assert np.array_equal(ours, switched_by_hand(factory_with(module, factory), layers, batch))
    assert np.array_equal(network.switched([], batch), plain)


def factory_with(module, factory):
    other = factory()
    other.load_state_dict(module.state_dict())
    return other


def test_calls_of_one_module_are_switched_one_by_one():
    norm = nn.BatchNorm3d(1)
    network = ModuleNetwork(Forward(lambda m, x: m.norm(2.0 * m.norm(x)), norm=norm), "model")
    own = nn.BatchNorm3d(1, track_running_stats=False)
    sample = torch.from_numpy(BATCH[:1])
    norm.eval()
    with torch.no_grad():
        for layers, first, second in (("norm",), own, norm), (("norm#2",), norm, own), (("norm", "norm#2"), own, own):
            expected = second(2.0 * first(sample)).numpy()
            np.testing.assert_allclose(network.switched(layers, BATCH[:1]), expected, rtol=1e-5, atol=1e-6)


def test_an_instance_norm_with_stored_statistics_is_switched():
    module = nn.Sequential(nn.InstanceNorm3d(1, track_running_stats=True))
    network = ModuleNetwork(module, "model")
    assert network.evaluate(BATCH[:1]).seen[0].normalization.stored
    expected = nn.InstanceNorm3d(1)(torch.from_numpy(BATCH[:1])).numpy()
    assert np.array_equal(network.switched(["0"], BATCH[:1]), expected)


def test_a_module_that_does_more_than_normalize_cannot_be_switched():
    class NormAndMore(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(1))
            self.register_buffer("running_var", torch.ones(1))

        def forward(self, values):
            return (values - self.running_mean) * torch.rsqrt(self.running_var) + values.amax()

    network = ModuleNetwork(nn.Sequential(NormAndMore()), "model")
    with pytest.raises(UsageError, match="does more than batch normalization"):
        network.switched(["0"], BATCH[:1])


def test_a_norm_with_arithmetic_of_its_own_is_switched_also_if_values_are_not_finite():
    class OwnNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.full((1,), 0.5))
            self.register_buffer("running_var", torch.full((1,), 2.0))

        def forward(self, values):
            return (values - self.running_mean) * torch.rsqrt(self.running_var)

    network = ModuleNetwork(nn.Sequential(OwnNorm()), "model")
    for value in (np.nan, np.inf):
        batch = BATCH[:1].copy()
        batch.flat[0] = value
        assert np.isnan(network.switched(["0"], batch)).all()  # such a sample has no statistics


# --- up to a layer, and statistics that are loaded


def test_a_pass_up_to_a_layer_runs_no_further_and_shows_the_same():
    module = small()
    ran = []
    module[3].register_forward_hook(lambda *_: ran.append(3))
    network = ModuleNetwork(module, "model")
    whole = network.evaluate(BATCH).seen
    ran.clear()
    for one in whole:
        reached = network.entering(one.normalization.layer, BATCH)
        assert reached.normalization.layer == one.normalization.layer
        assert np.array_equal(reached.moments.m2, one.moments.m2)
        assert len(ran) == (one is whole[1])
    with pytest.raises(UsageError, match=r"^conv: no normalization of model has this name"):
        network.entering("conv", BATCH)


def test_statistics_are_loaded_until_they_are_restored():
    module = small()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    network = ModuleNetwork(module, "model")
    network.evaluate(BATCH)
    network.load("1", np.arange(4.0), np.arange(1.0, 5.0))
    network.load("1", np.arange(4.0), np.arange(2.0, 6.0))
    network.load("4", np.zeros(4), np.full(4, 0.25))
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(BATCH)).numpy()
    seen = network.evaluate(BATCH)
    assert np.array_equal(seen.outputs, expected)
    assert seen.seen[0].normalization.running_variance.tolist() == [2.0, 3.0, 4.0, 5.0]
    assert module[1].running_mean.tolist() == [0.0, 1.0, 2.0, 3.0]
    network.restore()
    assert all(torch.equal(before[name], one) for name, one in module.state_dict().items())
    network.restore()
    with pytest.raises(UsageError, match=r"^0: this layer of model has no running statistics"):
        network.load("0", np.zeros(4), np.ones(4))


# --- settings


def test_a_device_and_a_type_that_are_not_there_are_refused():
    with pytest.raises(UsageError, match="`device=quantum`"):
        ModuleNetwork(small(), "model", device="quantum")
    with pytest.raises(UsageError, match="`amp` must be bfloat16 or float16"):
        ModuleNetwork(small(), "model", amp="half")


def test_a_network_without_outputs_is_refused():
    with pytest.raises(UsageError, match="returns no tensor"):
        ModuleNetwork(Forward(lambda _, x: x.mean()), "model").evaluate(BATCH)


def test_parameters_are_counted_and_those_to_come_after_the_first_pass():
    assert ModuleNetwork(small(), "model").parameters == 4 * 27 + 4 + 8 + 16 * 27 + 4 + 8
    lazy = ModuleNetwork(nn.Sequential(nn.LazyConv3d(4, 3), nn.LazyBatchNorm3d()), "model")
    assert lazy.parameters == 0
    lazy.train(BATCH)
    assert lazy.parameters == 4 * 27 + 4 + 8
    assert lazy.missed == ()
