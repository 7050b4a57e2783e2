"""An ONNX model is measured as the network that it was exported from: inputs of layers, training passes, switches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bnstat.errors import InputError, UsageError
from bnstat.moments.moments import Moments
from bnstat.networks.network import LayerRefusesError

KEPT = {"dynamo": True, "optimize": False}
RELATIVE = 1e-6


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    for name in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="module")
def network(torch):
    """Return a network with every kind of normalization, trained for some steps."""
    nn = torch.nn

    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.head = nn.LayerNorm(4), nn.Conv3d(4, 3, 1)

        def forward(self, x):
            return self.head(self.norm(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3))

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv3d(1, 4, 3, padding=1),
        nn.BatchNorm3d(4, eps=1e-3),
        nn.ReLU(),
        nn.Conv3d(4, 4, 3, padding=1),
        nn.InstanceNorm3d(4, affine=True),
        nn.Conv3d(4, 4, 3, padding=1),
        nn.BatchNorm3d(4),
        nn.Dropout(0.5),
        nn.GroupNorm(2, 4),
        Last(),
    )
    for tensor in model.parameters():
        tensor.data += 0.2 * torch.randn(tensor.shape)
    for _ in range(5):
        model(torch.randn(3, 1, 8, 8, 8) + 1)
    return model.eval()


@pytest.fixture(scope="module")
def batch(torch):
    torch.manual_seed(1)
    return (torch.randn(3, 1, 8, 8, 8) * torch.tensor([0.5, 1, 2]).reshape(3, 1, 1, 1, 1) + 1).numpy()


def export(torch, model, path, *, size=3, free=False, **options):
    shapes = {"dynamic_shapes": ({0: "batch"},)} if free else {}
    torch.onnx.export(model, (torch.zeros(size, 1, 8, 8, 8),), path, **shapes, **options)
    return str(path)


@pytest.fixture(scope="module")
def exported(torch, network, tmp_path_factory):
    return export(torch, network, tmp_path_factory.mktemp("onnx") / "kept.onnx", free=True, **KEPT)


@pytest.fixture
def opened(exported):
    from bnstat.networks.onnx.onnx_network import open_onnx

    return open_onnx(exported)


def entered(torch, model, batch, *, training=False):
    """Return what enters each normalization of a module, by its name, and the output."""
    kinds = (torch.nn.BatchNorm3d, torch.nn.InstanceNorm3d, torch.nn.GroupNorm, torch.nn.LayerNorm)
    found, hooks = {}, []
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for name, module in model.named_modules():
        if isinstance(module, kinds):
            module.train(training)
            hooks.append(
                module.register_forward_pre_hook(lambda _, given, name=name: found.update({name: given[0].clone()}))
            )
    with torch.no_grad():
        output = model(torch.from_numpy(batch))
    for hook in hooks:
        hook.remove()
    model.eval().load_state_dict(before)
    return {name: value.numpy() for name, value in found.items()}, output.numpy()


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=RELATIVE, atol=RELATIVE * np.abs(expected).max())


def same(passed, values, output):
    """Compare the moments of a pass with those of what entered the layers of the module."""
    assert [seen.normalization.layer for seen in passed.seen] == list(values)
    for seen in passed.seen:
        value = values[seen.normalization.layer]
        assert (seen.shape, seen.dtype) == (value.shape, "float32")
        rows = Moments.stack(Moments.from_array(row, axis=seen.axis - 1) for row in value)
        close(seen.moments.mean, rows.mean)
        close(seen.moments.variance, rows.variance)
        assert seen.moments.shape == rows.shape
    np.testing.assert_allclose(passed.outputs, output, rtol=1e-5, atol=1e-5 * np.abs(output).max())


def test_what_enters_each_layer_is_what_enters_the_module(torch, network, opened, batch):
    passed = opened.evaluate(batch)
    same(passed, *entered(torch, network, batch))
    kinds = [(seen.normalization.kind, seen.normalization.groups, seen.normalization.epsilon) for seen in passed.seen]
    assert kinds == [
        ("batch", None, 1e-3),
        ("instance", None, 1e-5),
        ("batch", None, 1e-5),
        ("group", 2, 1e-5),
        ("layer", None, 1e-5),
    ]
    assert opened.missed == ()


def test_a_layer_has_the_numbers_of_the_module(network, opened, batch):
    state = network.state_dict()
    for seen in opened.evaluate(batch).seen:
        normalization = seen.normalization
        np.testing.assert_array_equal(normalization.scale, state[f"{normalization.layer}.weight"])
        np.testing.assert_array_equal(normalization.shift, state[f"{normalization.layer}.bias"])
        if normalization.kind == "batch":
            np.testing.assert_array_equal(normalization.running_mean, state[f"{normalization.layer}.running_mean"])
            np.testing.assert_array_equal(normalization.running_variance, state[f"{normalization.layer}.running_var"])
    assert opened.parameters == sum(tensor.numel() for tensor in network.parameters())


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_training_pass_is_that_of_the_module(torch, network, opened, batch, size):
    same(opened.train(batch[:size]), *entered(torch, network, batch[:size], training=True))
    same(opened.evaluate(batch), *entered(torch, network, batch))  # and leaves nothing behind


@pytest.mark.parametrize("layers", [["1"], ["6"], ["1", "6"], []])
def test_a_switched_layer_uses_the_statistics_of_the_sample(torch, network, opened, batch, layers):
    sample = batch[:1]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for name in layers:
        network.get_submodule(name).train()
    with torch.no_grad():
        expected = network(torch.from_numpy(sample)).numpy()
    network.eval().load_state_dict(before)
    np.testing.assert_allclose(opened.switched(layers, sample), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_a_layer_with_one_value_for_each_channel_refuses_to_train(torch, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    nn = torch.nn
    model = nn.Sequential(nn.Conv3d(1, 4, 8), nn.BatchNorm3d(4), nn.Conv3d(4, 2, 1), nn.BatchNorm3d(2)).eval()
    opened = open_onnx(export(torch, model, tmp_path / "a.onnx", free=True, **KEPT))
    sample = np.random.default_rng(0).normal(size=(2, 1, 8, 8, 8)).astype("f4")
    with pytest.raises(LayerRefusesError, match="Expected more than 1 value per channel") as refused:
        opened.train(sample[:1])
    assert (refused.value.layer, refused.value.seen) == ("1", ())
    assert len(opened.train(sample).seen) == 2
    with pytest.raises(LayerRefusesError, match="3: Expected"):
        opened.switched(["3"], sample[:1])


def test_what_enters_one_layer_is_found_without_the_layers_after_it(opened, batch):
    for seen in opened.evaluate(batch).seen:
        alone = opened.entering(seen.normalization.layer, batch)
        close(alone.moments.mean, seen.moments.mean)
        close(alone.moments.variance, seen.moments.variance)
    with pytest.raises(UsageError, match="no normalization"):
        opened.entering("nothing", batch)


def test_statistics_that_are_loaded_are_used_saved_and_restored(torch, network, opened, batch, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    before = opened.evaluate(batch)
    mean, variance = np.arange(4.0), np.arange(1.0, 5)
    opened.load("1", mean, variance)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network[1].running_mean.copy_(torch.from_numpy(mean))
    network[1].running_var.copy_(torch.from_numpy(variance))
    expected = entered(torch, network, batch)
    network.load_state_dict(state)
    same(opened.evaluate(batch), *expected)
    assert opened.evaluate(batch).seen[0].normalization.running_mean.tolist() == mean.tolist()
    opened.save(str(tmp_path / "b.onnx"))
    same(open_onnx(str(tmp_path / "b.onnx")).evaluate(batch), *expected)
    opened.restore()
    np.testing.assert_array_equal(opened.evaluate(batch).outputs, before.outputs)
    with pytest.raises(UsageError, match="stores no running statistics"):
        opened.load("4", mean, variance)


@pytest.mark.parametrize("size", [1, 2])
def test_a_model_for_a_fixed_number_of_samples_takes_any_in_evaluation_mode(torch, network, batch, tmp_path, size):
    from bnstat.networks.onnx.onnx_network import open_onnx

    opened = open_onnx(export(torch, network, tmp_path / "a.onnx", size=size, **KEPT))
    same(opened.evaluate(batch), *entered(torch, network, batch))
    same(opened.train(batch[:size]), *entered(torch, network, batch[:size], training=True))
    with pytest.raises(UsageError, match=rf"exported for {size} sample.*`batch_size={size}`"):
        opened.train(batch)


@pytest.mark.parametrize("options", [{"dynamo": False}, {"dynamo": True}])
def test_batch_norms_that_an_exporter_folded_are_told(torch, network, batch, tmp_path, options):
    from bnstat.networks.onnx.onnx_network import open_onnx

    opened = open_onnx(export(torch, network, tmp_path / "a.onnx", **options))
    passed = opened.evaluate(batch)
    assert not any(seen.normalization.kind == "batch" for seen in passed.seen)
    assert {"instance", "group"} <= {seen.normalization.kind for seen in passed.seen}
    assert not opened.trains
    assert any("fold batch norm" in told and "TrainingMode.PRESERVE" in told for told in opened.missed)


def test_the_older_exporter_keeps_them_in_training_mode(torch, network, batch, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    options = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    preserve = torch.onnx.TrainingMode.PRESERVE
    path = export(torch, network, tmp_path / "a.onnx", dynamo=False, training=preserve, **options)
    opened = open_onnx(path)
    same(opened.evaluate(batch), *entered(torch, network, batch))
    same(opened.train(batch[:2]), *entered(torch, network, batch[:2], training=True))


def test_layers_of_lists_and_layers_without_bias_have_their_names(torch, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            block = nn.Sequential(nn.Conv3d(1, 4, 3, bias=False), nn.BatchNorm3d(4), nn.GroupNorm(2, 4))
            self.blocks = nn.ModuleList([nn.Sequential(block), nn.BatchNorm3d(4)])

        def forward(self, x):
            for block in (*self.blocks, self.blocks[1]):
                x = block(x)
            return x

    path = tmp_path / "a.onnx"
    torch.onnx.export(
        Net().eval(), (torch.zeros(1, 1, 8, 8, 8),), path, dynamo=False, training=torch.onnx.TrainingMode.PRESERVE
    )
    seen = open_onnx(str(path)).evaluate(np.ones((2, 1, 8, 8, 8), "f4")).seen
    assert [one.normalization.layer for one in seen] == ["blocks.0.0.1", "blocks.0.0.2", "blocks.1", "blocks.1#2"]


def test_other_files_and_other_shapes_are_one_line(exported, opened, batch, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    with pytest.raises(InputError, match="no such file"):
        open_onnx(str(tmp_path / "missing.onnx"))
    (tmp_path / "a.onnx").write_bytes(Path(exported).read_bytes()[:200])
    with pytest.raises(InputError, match="export it again"):
        open_onnx(str(tmp_path / "a.onnx"))
    with pytest.raises(UsageError, match="`patch` is 8 × 8 × 8"):
        opened.evaluate(batch[..., :4])
    with pytest.raises(UsageError, match="another number of channels"):
        opened.evaluate(np.repeat(batch, 2, axis=1))


def test_a_file_of_weights_that_is_not_there_is_named(torch, network, tmp_path):
    from bnstat.networks.onnx.onnx_network import open_onnx

    file = tmp_path / "kept.onnx"
    export(torch, network, file, external_data=True, **KEPT)
    (tmp_path / "kept.onnx.data").unlink()
    with pytest.raises(InputError, match=r"weights are in .*kept.onnx.data, which does not exist; copy this file"):
        open_onnx(str(file))
