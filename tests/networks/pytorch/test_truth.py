"""What is said of real networks equals what PyTorch itself computes in them."""

from __future__ import annotations

import numpy as np
import pytest
from real_networks import WITH_BATCH_NORM, WITHOUT_BATCH_NORM, batch_of, resnet_18, seeded, swin_unetr

torch = pytest.importorskip("torch")

from bnstat.networks.network import LayerRefusesError  # noqa: E402  (after the package that it needs)
from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402

nn = torch.nn
CLOSE = 1e-6


def batch_norms(module):
    return {name: one for name, one in module.named_modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)}


def trained_by_hand(module, batch):
    """Return the buffers of each batch norm after a pass in training mode with momentum 1, without random layers."""
    layers = batch_norms(module)
    with torch.no_grad():
        for one in layers.values():
            one.momentum = 1.0
        for one in module.modules():
            one.training = isinstance(one, nn.modules.batchnorm._BatchNorm)
        module(torch.from_numpy(batch))
    return {name: (one.running_mean.double().numpy(), one.running_var.double().numpy()) for name, one in layers.items()}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", WITH_BATCH_NORM)
def test_buffers_of_momentum_1_are_the_table_of_a_training_batch(name, seed):
    factory, shape = WITH_BATCH_NORM[name]
    seeded(seed)
    module, batch = factory(), batch_of(2, shape, seed)
    network = ModuleNetwork(module, name)
    seen = network.train(batch).seen
    assert network.missed == ()
    truth = trained_by_hand(module, batch)
    assert {one.normalization.layer for one in seen} == set(truth) > set()
    for one in seen:
        mean, variance = truth[one.normalization.layer]
        merged = one.moments.merged(axis=0)
        unbiased = merged.m2 / (merged.count - 1)
        np.testing.assert_allclose(variance, unbiased, rtol=CLOSE)
        rounded = 2.0**-24 * np.abs(mean)  # the buffer is in float32
        assert np.all(np.abs(mean - merged.mean) <= CLOSE * np.sqrt(merged.variance) + rounded)


def normalized(one, before):
    """Return what a layer that normalizes each sample must give, from the table of it."""
    own, moments = one.normalization, one.moments
    if own.kind == "group":
        samples, channels = moments.shape
        groups = moments.reshape((samples, own.groups, channels // own.groups)).merged(axis=2)
        mean, variance = (np.repeat(v, channels // own.groups, axis=1) for v in (groups.mean, groups.variance))
    else:
        mean, variance = moments.mean, moments.variance
    spatial = (...,) + (np.newaxis,) * (before.ndim - 2)
    output = (before - mean[spatial]) / np.sqrt(variance[spatial] + own.epsilon)
    if own.scale is not None:
        output = output * own.scale[spatial] + own.shift[spatial]
    return output


@pytest.mark.parametrize("name", WITHOUT_BATCH_NORM)
def test_instance_and_group_norm_give_what_the_table_says(name):
    factory, shape = WITHOUT_BATCH_NORM[name]
    seeded(3)
    module, batch = factory(), batch_of(1 if name == "SwinUNETR" else 2, shape, 3)
    with torch.no_grad():
        for one in module.modules():  # γ and β that are not 1 and 0
            if isinstance(one, (nn.InstanceNorm3d, nn.GroupNorm)) and one.weight is not None:
                one.weight.normal_()
                one.bias.normal_()
    ran = {}
    hooks = []
    for layer, one in module.named_modules():
        if isinstance(one, (nn.InstanceNorm3d, nn.GroupNorm)):

            def keep(_, got, gave, layer=layer):
                ran[layer] = got[0].clone(), gave.clone()

            hooks.append(one.register_forward_hook(keep))
    network = ModuleNetwork(module, name)
    seen = network.evaluate(batch).seen
    for hook in hooks:
        hook.remove()
    assert network.missed == ()
    checked = 0
    for one in seen:
        if one.normalization.kind in ("instance", "group"):
            before, after = (tensor.double().numpy() for tensor in ran[one.normalization.layer])
            expected = normalized(one, before)
            assert np.max(np.abs(after - expected)) < CLOSE * np.max(np.abs(expected))
            checked += 1
    assert checked == len(ran) > 0


def test_swin_unetr_has_51_normalizations_of_which_5_are_functions():
    seeded()
    network = ModuleNetwork(swin_unetr(), "swin")
    batch = batch_of(1, (1, 64, 64, 64))
    seen = network.evaluate(batch).seen
    assert len(seen) == 51
    functions = [one for one in seen if one.normalization.functional]
    assert [one.normalization.layer for one in functions] == ["swinViT"] + [f"swinViT#{n}" for n in range(2, 6)]
    # a layer norm normalizes each place, so its variances are those that a reference takes of the tensor itself
    tensors = []
    handle = network._known.root.swinViT.layers1[0].register_forward_pre_hook(lambda _, got: tensors.append(got[0]))
    first = network.entering("swinViT.layers1.0.blocks.0.norm1", batch)
    handle.remove()
    places = np.moveaxis(tensors[0].double().numpy(), 1, -1)
    assert (first.shape, first.axis, first.together) == (places.shape, 4, places.shape[-1])
    np.testing.assert_allclose(first.place_variances, [np.median(places.var(axis=-1))], rtol=1e-9)
    np.testing.assert_allclose(first.moments.mean[0], places.mean(axis=(0, 1, 2, 3)), rtol=1e-9, atol=1e-12)


def test_an_encoder_names_the_layer_that_stops_the_real_network_at_batch_size_1():
    seeded()
    module, batch = resnet_18(), batch_of(2, (1, 32, 32, 32))
    network = ModuleNetwork(module, "encoder")
    single = [one.normalization.layer for one in network.evaluate(batch[:1]).seen if one.moments.count[0, 0] == 1]
    assert single == ["layer4.0.bn1", "layer4.0.bn2", "layer4.0.downsample.1", "layer4.1.bn1", "layer4.1.bn2"]
    with pytest.raises(LayerRefusesError) as refused:
        network.train(batch[:1])
    assert refused.value.layer == single[0]
    assert "layer3.1.bn2" in [one.normalization.layer for one in refused.value.seen]
    # the real network stops with the same words, and each of these layers stops it
    module.train()
    with pytest.raises(ValueError, match="more than 1 value per channel") as stopped:
        module(torch.from_numpy(batch[:1]))
    assert str(stopped.value) == refused.value.message
    stopping = []
    for name, one in batch_norms(module).items():
        for other in batch_norms(module).values():
            other.training = other is one
        try:
            module(torch.from_numpy(batch[:1]))
        except ValueError:
            stopping.append(name)
    assert sorted(stopping) == sorted(single)
    network.train(batch)  # none at 2
    module.train()
    module(torch.from_numpy(batch))
