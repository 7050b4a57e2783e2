"""A model that is watched computes the same and is as before, whatever happens in its `forward`."""

from __future__ import annotations

import random

import numpy as np
import pytest
from real_networks import WITH_BATCH_NORM, WITHOUT_BATCH_NORM, batch_of, seeded

torch = pytest.importorskip("torch")

from bnstat.errors import UsageError  # noqa: E402  (after the package that it needs)
from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402
from bnstat.networks.pytorch.watched_model import watch  # noqa: E402

nn = torch.nn


def everything(module):
    """Return all that a caller can tell of a module: numbers, identities, modes, hooks and random states."""
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    state = {name: (id(one), one.clone(), one.requires_grad, one.grad, one._version) for name, one in tensors}
    flags = {
        name: {
            key: value if isinstance(value, (bool, int, float, str, type(None))) else len(value)
            for key, value in vars(one).items()
            if isinstance(value, (bool, int, float, str, type(None))) or "hooks" in key
        }
        for name, one in module.named_modules()
    }
    return state, flags, torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()


def assert_same(before, after):
    assert before[0].keys() == after[0].keys()
    for name, (identity, values, *rest) in before[0].items():
        assert after[0][name][0] == identity, name
        assert torch.equal(after[0][name][1], values), name
        assert list(after[0][name][2:]) == rest, name
    assert before[1] == after[1]
    assert torch.equal(before[2], after[2])
    assert before[3:] == after[3:]


def first(output):
    return output[0] if isinstance(output, (list, tuple)) else output


def every_network():
    for holds, networks in (("batch norm", WITH_BATCH_NORM), ("none", WITHOUT_BATCH_NORM)):
        for name, (factory, shape) in networks.items():
            if name != "SwinUNETR":  # as slow as all others together, and watched in the tests of truth
                yield pytest.param(factory, shape, id=f"{name}, {holds}")


@pytest.mark.parametrize(("factory", "shape"), list(every_network()))
def test_real_networks_give_the_same_bits_and_stay_as_they_were(factory, shape):
    seeded(4)
    module, batch = factory(), batch_of(2, shape, 4)
    with torch.no_grad():
        expected = first(module.eval()(torch.from_numpy(batch))).numpy()
    for place, one in enumerate(module.modules()):  # modes as a user may have mixed them
        one.training = place % 2 == 0
    network = ModuleNetwork(module, "model")
    before = everything(module)
    seen = network.evaluate(batch)  # the first pass looks further than the others
    assert np.array_equal(seen.outputs, expected)
    assert np.array_equal(network.evaluate(batch).outputs, expected)
    network.train(batch)
    names = [one.normalization.layer for one in seen.seen if one.moments.count[0, 0] > 1]
    network.switched(names, batch[:1])
    network.entering(names[-1], batch)
    assert_same(before, everything(module))
    module.eval()
    with torch.no_grad(), watch(module):
        assert np.array_equal(first(module(torch.from_numpy(batch))).numpy(), expected)


class Interrupted(nn.Module):
    """A network that fails after its first norms, which has changed buffers if it trains."""

    def __init__(self, failure):
        super().__init__()
        self.convolution, self.norm = nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2)
        self.dropout, self.last = nn.Dropout(0.5), nn.BatchNorm3d(2)
        self.failure = failure
        self.norm.register_forward_hook(lambda *_: None)

    def forward(self, volume):
        values = self.dropout(self.last(self.norm(self.convolution(volume))))
        random.random()
        np.random.random()
        torch.rand(1)
        if self.failure is not None:
            raise self.failure
        return values


@pytest.mark.parametrize("failure", [RuntimeError("no memory"), KeyboardInterrupt(), SystemExit(), ValueError("own")])
@pytest.mark.parametrize("call", ["evaluate", "train", "switched", "entering"])
def test_a_model_that_fails_or_is_interrupted_is_as_before(failure, call):
    seeded()
    module = Interrupted(failure).train()
    module.last.eval()
    network, batch = ModuleNetwork(module, "model"), batch_of(1, (1, 6, 6, 6))
    before = everything(module)
    arguments = {"evaluate": (), "train": (), "switched": (["norm"],), "entering": ("unknown",)}[call]
    expected = UsageError if isinstance(failure, Exception) else type(failure)
    with pytest.raises(expected) as raised:
        getattr(network, call)(*arguments, batch)
    if isinstance(failure, Exception):
        assert f"model cannot run a batch of shape 1 × 1 × 6 × 6 × 6 ({type(failure).__name__}: {failure})" in str(
            raised.value
        )
    assert_same(before, everything(module))
    hooks = {name: (len(one._forward_pre_hooks), len(one._forward_hooks)) for name, one in module.named_modules()}
    with pytest.raises(type(failure)), watch(module):
        module(torch.from_numpy(batch))
    assert hooks == {
        name: (len(one._forward_pre_hooks), len(one._forward_hooks)) for name, one in module.named_modules()
    }


def test_a_pass_after_an_interrupted_one_names_layers_anew():
    seeded()
    module, batch = Interrupted(KeyboardInterrupt()), torch.from_numpy(batch_of(2, (1, 6, 6, 6)))
    with watch(module) as seen:
        with pytest.raises(KeyboardInterrupt):
            module(batch)
        module.failure = None
        module(batch)
    assert [(one.layer, one.samples) for one in seen.layers] == [("norm", 4), ("last", 4)]


def test_a_training_with_and_without_watching_has_the_same_gradients_and_buffers():
    def trained(watched):
        seeded(8)
        module = Interrupted(None).train()
        batch = torch.from_numpy(batch_of(2, (1, 6, 6, 6)))
        if watched:
            with watch(module):
                module(batch).square().sum().backward()
        else:
            module(batch).square().sum().backward()
        return [one.grad for one in module.parameters()], [one.clone() for one in module.buffers()], torch.rand(3)

    for ours, plain in zip(trained(True), trained(False), strict=True):
        for one, other in zip(ours, plain, strict=True):
            assert torch.equal(one, other)


def test_a_batch_is_not_written_to_by_a_model_that_works_in_place():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm3d(1)

        def forward(self, volume):
            return self.norm(volume.mul_(2.0))

    batch = batch_of(2, (1, 4, 4, 4))
    kept = batch.copy()
    ModuleNetwork(InPlace(), "model").evaluate(batch)
    assert np.array_equal(batch, kept)


def test_buffers_that_a_forward_replaces_and_those_that_modules_share_are_given_back():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.BatchNorm3d(1), nn.BatchNorm3d(1)
            self.two._buffers.update(self.one._buffers)
            self.register_buffer("steps", torch.zeros(()))

        def forward(self, volume):
            self.steps = self.steps + 1
            return self.two(self.one(volume))

    module, batch = Shared().train(), batch_of(2, (1, 4, 4, 4))
    network = ModuleNetwork(module, "model")
    before = everything(module)
    network.evaluate(batch)
    seen = network.train(batch).seen
    assert_same(before, everything(module))
    assert all(np.array_equal(one.normalization.running_mean, [0.0]) for one in seen)  # as before the pass


def test_no_activation_is_held_while_the_pass_goes_on():
    import weakref

    alive = []

    class Norm(nn.BatchNorm3d):
        def forward(self, values):
            inputs.append(weakref.ref(values))
            alive.append(sum(one() is not None for one in inputs))
            return super().forward(values)

    inputs = []
    module = nn.Sequential(*(part for _ in range(5) for part in (nn.Conv3d(1, 1, 1), Norm(1))))
    network = ModuleNetwork(module, "model")
    for run in (network.evaluate, network.train, network.evaluate):
        inputs.clear()
        alive.clear()
        run(batch_of(1, (1, 4, 4, 4)))
        assert alive[-5:] == [1, 1, 1, 1, 1]
