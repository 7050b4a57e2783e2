"""Every normalization of a network is found, whatever it is called by; what cannot be seen is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from real_networks import batch_of, nnunet, seeded, torchvision

torch = pytest.importorskip("torch")

from forward_networks import Forward  # noqa: E402  (so that a skip is this file's own)

from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402  (after the package that it needs)
from bnstat.networks.pytorch.watched_model import watch  # noqa: E402

nn, F = torch.nn, torch.nn.functional
BATCH = batch_of(2, (4, 6, 6, 6))


def seen_in(module, batch=BATCH):
    """Return what one evaluation shows: name, kind and whether a function was called; and the network."""
    seeded()
    network = ModuleNetwork(module, "model")
    found = network.evaluate(batch).seen
    return [(one.normalization.layer, one.normalization.kind, one.normalization.functional) for one in found], network


MODULES = {
    "batch": (nn.BatchNorm3d(4), "batch"),
    "batch without statistics": (nn.BatchNorm3d(4, track_running_stats=False), "batch"),
    "batch without affine": (nn.BatchNorm3d(4, affine=False, momentum=None), "batch"),
    "batch without parameters to come": (nn.LazyBatchNorm3d(), "batch"),
    "synchronized": (nn.SyncBatchNorm(4), "batch"),
    "instance": (nn.InstanceNorm3d(4), "instance"),
    "instance that tracks": (nn.InstanceNorm3d(4, affine=True, track_running_stats=True), "instance"),
    "instance to come": (nn.LazyInstanceNorm3d(), "instance"),
    "group": (nn.GroupNorm(2, 4), "group"),
    "layer": (nn.LayerNorm(6), "layer"),
    "layer of several axes": (nn.LayerNorm((4, 6, 6, 6)), "layer"),
    "rms": (nn.RMSNorm(6), "rms"),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_found_with_their_kind_and_their_numbers(name):
    module, kind = MODULES[name]
    found, network = seen_in(nn.Sequential(nn.Identity(), module))
    assert (found, network.missed) == ([("1", kind, False)], ())
    (one,) = network.evaluate(BATCH).seen
    double = BATCH.astype(np.float64)
    kept = (0, one.axis)
    reduced = tuple(axis for axis in range(BATCH.ndim) if axis not in kept)
    np.testing.assert_allclose(one.moments.mean, double.mean(axis=reduced), rtol=1e-12)
    np.testing.assert_allclose(one.moments.variance, double.var(axis=reduced), rtol=1e-12)
    assert (one.shape, one.dtype) == (BATCH.shape, "float32")
    stores = getattr(module, "running_mean", None) is not None
    assert one.normalization.stored == stores
    assert one.normalization.momentum == (module.momentum if stores else None)
    assert one.normalization.epsilon == (module.eps if kind != "rms" else torch.finfo(torch.float32).eps)
    if kind in ("layer", "rms") and one.axis > 1:
        squares = double.var(axis=-1) if kind == "layer" else (double**2).mean(axis=-1)
        np.testing.assert_allclose(one.place_variances, np.median(squares.reshape(2, -1), axis=1), rtol=1e-12)


CALLS = {
    "F.batch_norm": ("batch", lambda m, x: F.batch_norm(x, m.mean, m.var)),
    "F.batch_norm by name": ("batch", lambda m, x: F.batch_norm(running_var=m.var, running_mean=m.mean, input=x)),
    "F.instance_norm": ("instance", lambda _, x: F.instance_norm(x)),
    "F.group_norm": ("group", lambda _, x: F.group_norm(x, 2)),
    "F.layer_norm": ("layer", lambda _, x: F.layer_norm(x, x.shape[1:])),
    "F.rms_norm": ("rms", lambda _, x: F.rms_norm(x, (6,))),
    "torch.batch_norm": ("batch", lambda m, x: torch.batch_norm(x, None, None, m.mean, m.var, False, 0.1, 1e-5, True)),
    "torch.instance_norm": (
        "instance",
        lambda _, x: torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, True),
    ),
    "torch.group_norm": ("group", lambda _, x: torch.group_norm(x, 2)),
    "torch.layer_norm": ("layer", lambda _, x: torch.layer_norm(x, (6,))),
    "torch.rms_norm": ("rms", lambda _, x: torch.rms_norm(x, (6,))),
    "torch.native_batch_norm": (
        "batch",
        lambda m, x: torch.native_batch_norm(x, None, None, m.mean, m.var, False, 0.1, 1e-5)[0],
    ),
    "torch.native_layer_norm": ("layer", lambda _, x: torch.native_layer_norm(x, (6,), None, None, 1e-5)[0]),
    "torch.native_group_norm": (
        "group",
        lambda _, x: torch.native_group_norm(x, None, None, len(x), 4, 216, 2, 1e-5)[0],
    ),
    "an operator": ("group", lambda _, x: torch.ops.aten.group_norm(x, 2)),
    "an overload": ("layer", lambda _, x: torch.ops.aten.layer_norm.default(x, [6])),
    "an operator of exported programs": (
        "batch",
        lambda m, x: torch.ops.aten._native_batch_norm_legit_no_training(x, None, None, m.mean, m.var, 0.1, 1e-5)[0],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_are_found_where_a_forward_calls_them(name):
    kind, called = CALLS[name]
    part = Forward(called)
    part.register_buffer("mean", torch.tensor([1.0, 2.0, 3.0, 4.0]))
    part.register_buffer("var", torch.tensor([0.5, 1.0, 2.0, 4.0]))
    found, network = seen_in(nn.Sequential(nn.Identity(), part))
    assert (found, network.missed) == ([("1", kind, True)], ())
    (one,) = network.evaluate(BATCH).seen
    own = one.normalization
    if kind == "batch":
        assert own.running_mean.tolist() == [1.0, 2.0, 3.0, 4.0]
        assert own.running_variance.tolist() == [0.5, 1.0, 2.0, 4.0]
        network.load("1", np.zeros(4), np.ones(4))
        assert np.array_equal(network.evaluate(BATCH).seen[0].normalization.running_mean, np.zeros(4))
        network.restore()
    assert own.groups == (2 if kind == "group" else None)
    assert not network.evaluate(BATCH).seen[0].normalization.stored or kind == "batch"
    # one sample with its own statistics has mean 0 and variance 1, and the module's buffers are as before
    if kind == "batch":
        output = network.switched(["1"], BATCH[:1]).astype(np.float64)
        np.testing.assert_allclose(output.mean(axis=(0, 2, 3, 4)), 0.0, atol=1e-6)
        np.testing.assert_allclose(output.var(axis=(0, 2, 3, 4)), 1.0, rtol=1e-4)
        assert part.mean.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_calls_of_one_forward_and_of_one_module_are_numbered():
    norm = nn.BatchNorm3d(4)
    several = Forward(lambda m, x: F.layer_norm(m.norm(F.group_norm(m.norm(x), 2)), (6,)), norm=norm)
    found, _ = seen_in(several)
    assert [name for name, *_ in found] == ["norm", "forward", "norm#2", "forward#2"]
    assert [functional for *_, functional in found] == [False, True, False, True]


class Frozen(nn.Module):
    """A batch norm of fixed statistics with arithmetic of its own, as FrozenBatchNorm2d is."""

    def __init__(self):
        super().__init__()
        for name, values in (("weight", [1, 2]), ("bias", [3, 4]), ("running_mean", [1, 5]), ("running_var", [4, 9])):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32))
        self.eps = 1e-3

    def forward(self, values):
        def each(vector):
            return vector.reshape(1, -1, *(1,) * (values.ndim - 2))

        scale = each(self.weight) * (each(self.running_var) + self.eps).rsqrt()
        return values * scale + each(self.bias) - each(self.running_mean) * scale


def test_a_module_with_arithmetic_of_its_own_is_known_by_its_buffers():
    batch = batch_of(2, (2, 5, 5))
    found, network = seen_in(nn.Sequential(nn.Conv2d(2, 2, 1), Frozen(), nn.ReLU()), batch)
    assert (found, network.missed) == ([("1", "batch", False)], ())
    seen = network.entering("1", batch)
    assert seen.normalization.running_mean.tolist() == [1.0, 5.0]
    assert seen.normalization.epsilon == 1e-3
    module = network._known.root
    with torch.no_grad():
        entered = module[0](torch.from_numpy(batch))
        np.testing.assert_allclose(seen.moments.mean, entered.double().mean((2, 3)).numpy(), rtol=1e-12)
        expected = F.batch_norm(entered[:1], None, None, module[1].weight, module[1].bias, True, 0.0, 1e-3).relu()
    assert np.array_equal(network.switched(["1"], batch[:1]), expected.numpy())
    network.load("1", np.zeros(2), np.ones(2))
    assert module[1].running_var.tolist() == [1.0, 1.0]
    network.restore()
    assert module[1].running_var.tolist() == [4.0, 9.0]
    # it has no training mode, so that nothing changes and nothing is refused there
    assert np.array_equal(network.train(batch).outputs, network.evaluate(batch).outputs)


def test_torchvisions_frozen_batch_norm_is_found():
    torchvision()
    from torchvision.ops import FrozenBatchNorm2d

    class FrozenBatchNorm(FrozenBatchNorm2d):
        """One that calls a function, as that of detectron2 does."""

        def forward(self, x):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    batch = batch_of(2, (4, 5, 5))
    found, network = seen_in(nn.Sequential(FrozenBatchNorm2d(4), FrozenBatchNorm(4)), batch)
    assert (found, network.missed) == ([("0", "batch", False), ("1", "batch", False)], ())
    for one in (*network.evaluate(batch).seen, *network.train(batch).seen):
        assert one.normalization.stored
        assert one.normalization.frozen


def test_a_module_that_stores_statistics_and_calls_a_function_is_known_by_the_call():
    class Fused(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(4))
            self.register_buffer("running_var", torch.ones(4))

        def forward(self, values):
            return F.batch_norm(2.0 * values, self.running_mean, self.running_var, training=self.training)

    found, network = seen_in(nn.Sequential(Fused()))
    assert found == [("0", "batch", False)]
    for _ in range(2):  # also when it is known how the module normalizes
        np.testing.assert_allclose(
            network.evaluate(BATCH).seen[0].moments.mean, 2.0 * BATCH.astype(np.float64).mean((2, 3, 4)), rtol=1e-6
        )
    assert len(network.train(BATCH).seen) == 1
    assert network.entering("0", BATCH).normalization.layer == "0"


def test_arithmetic_of_its_own_is_said_where_a_name_tells_of_it():
    class MyInstanceNorm(nn.Module):
        def forward(self, values):
            return (values - values.mean((2, 3, 4), keepdim=True)) / values.std((2, 3, 4), keepdim=True)

    found, network = seen_in(nn.Sequential(MyInstanceNorm(), nn.BatchNorm3d(4)))
    assert [name for name, *_ in found] == ["1"]
    (missed,) = network.missed
    assert missed.startswith("0 (MyInstanceNorm) calls no normalization of PyTorch")
    network.evaluate(BATCH)
    assert len(network.missed) == 1


def test_torchscript_inside_a_network_is_said():
    scripted = torch.jit.script(nn.Sequential(nn.Conv3d(4, 4, 1), nn.BatchNorm3d(4)).eval())
    found, network = seen_in(Forward(lambda m, x: m.last(m.scripted(x)), scripted=scripted, last=nn.GroupNorm(2, 4)))
    assert [name for name, *_ in found] == ["last"]
    assert len(network.missed) == 1
    assert "native_batch_norm" in network.missed[0]
    before = [one.clone() for one in scripted.buffers()]
    network.train(BATCH)
    assert all(torch.equal(one, other) for one, other in zip(scripted.buffers(), before, strict=True))
    assert not scripted.training


def test_a_function_with_a_backward_of_its_own_is_seen():
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(_, values):
            return torch.group_norm(values, 2)

        @staticmethod
        def backward(_, gradient):
            return gradient

    found, network = seen_in(Forward(lambda _, x: Own.apply(x)))
    assert (found, network.missed) == ([("forward", "group", True)], ())


def test_wrappers_add_nothing_to_names():
    inner = nn.Sequential(nn.Conv3d(4, 4, 1), nn.BatchNorm3d(4))
    compiled = torch.compile(nn.Sequential(nn.BatchNorm3d(4)), backend="eager")
    for module, names in (
        (torch.compile(inner, backend="eager"), ["1"]),
        (nn.DataParallel(inner), ["1"]),
        (nn.DataParallel(torch.compile(inner, backend="eager")), ["1"]),
        (nn.Sequential(nn.DataParallel(inner), compiled), ["0.1", "1.0"]),
        (torch.optim.swa_utils.AveragedModel(inner), ["1"]),
        (nn.Sequential(nn.Sequential(), Forward(lambda m, x: m.module(x), module=inner)), ["1.module.1"]),
    ):
        found, network = seen_in(module)
        assert [name for name, *_ in found] == names
        plain = module.eval()
        with torch.no_grad():
            plain(torch.from_numpy(BATCH))  # compiled before it is watched
            with watch(module) as seen:
                module(torch.from_numpy(BATCH))
        assert [one.layer for one in seen.layers] == names
        assert len(network.evaluate(BATCH).seen) == len(names)


def test_compiled_parts_and_functions_are_watched_after_they_were_compiled():
    part = nn.Sequential(nn.BatchNorm3d(4))
    part.compile(backend="eager")
    normalize = torch.compile(lambda x: F.layer_norm(x, (6,)), backend="eager", fullgraph=True)
    module = Forward(lambda m, x: normalize(m.part(x)), part=part).eval()
    with torch.no_grad():
        module(torch.from_numpy(BATCH))
    found, _ = seen_in(module)
    assert [name for name, *_ in found] == ["part.0", "forward"]


@dataclasses.dataclass
class Predicted:
    loss: float
    logits: object


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda x: [x, x[:, :, ::2]],
        lambda x: {"loss": x.mean(), "out": x, "aux": 0 * x},
        lambda x: Predicted(0.0, (x, 0 * x)),
        lambda x: ((torch.zeros(()), [x]),),
    ],
)
def test_the_first_output_is_returned_of_lists_dictionaries_and_data_classes(wrapped):
    module = Forward(lambda m, x: wrapped(m.norm(x)), norm=nn.BatchNorm3d(4))
    network = ModuleNetwork(module, "model")
    with torch.no_grad():
        expected = module.norm.eval()(torch.from_numpy(BATCH)).numpy()
    assert np.array_equal(network.evaluate(BATCH).outputs, expected)


def test_deep_supervision_of_nnunet_gives_its_first_output():
    seeded()
    module, batch = nnunet("PlainConvUNet", "batch"), batch_of(2, (1, 16, 16, 16))
    network = ModuleNetwork(module, "nnU-Net")
    with torch.no_grad():
        outputs = module.eval()(torch.from_numpy(batch))
    assert len(outputs) > 1
    seen = network.evaluate(batch)
    assert np.array_equal(seen.outputs, outputs[0].numpy())
    # its state dict lists a layer under several names; it runs once, and has one name
    layers = {id(one): name for name, one in module.named_modules() if isinstance(one, nn.BatchNorm3d)}
    listed = sum(name.endswith("running_mean") for name in module.state_dict())
    assert len(seen.seen) == len(layers) < listed
    assert {one.normalization.layer for one in seen.seen} == set(layers.values())


def test_windows_of_a_sample_are_merged_and_sequences_keep_their_features():
    windows = Forward(lambda m, x: m.norm(x.reshape(-1, 6, 6)), norm=nn.LayerNorm(6))
    network = ModuleNetwork(Forward(lambda m, x: m.w(x).reshape(x.shape), w=windows), "model")
    (one,) = network.evaluate(BATCH).seen
    assert one.shape == (48, 6, 6)
    assert one.moments.shape == (2, 6)
    np.testing.assert_allclose(one.moments.mean, BATCH.astype(np.float64).mean((1, 2, 3)), rtol=1e-6)
    places = BATCH.astype(np.float64).var(-1).reshape(2, -1)
    np.testing.assert_allclose(one.place_variances, np.median(places, axis=1), rtol=1e-9)
