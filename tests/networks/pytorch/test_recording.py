"""`bnstat.torch.record`: numbers of hooks written by hand, one record a step, and a network that is as it was."""

from __future__ import annotations

import copy
import io
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402  (needs torch)
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils.checkpoint import checkpoint  # noqa: E402

from bnstat.errors import UsageError  # noqa: E402
from bnstat.torch import record  # noqa: E402


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(0)
    yield
    torch._dynamo.reset()


class Net(nn.Module):
    """Two batch norms, one of which is used twice, a group norm, and a function that normalizes."""

    def __init__(self, checkpointed=None):
        super().__init__()
        self.first = nn.Conv3d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4)
        self.block = nn.Sequential(nn.Conv3d(4, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU())
        self.group = nn.GroupNorm(2, 4)
        self.checkpointed = checkpointed

    def forward(self, x):
        x = self.norm(F.relu(self.norm(self.first(x))))
        if self.checkpointed is not None:
            x = checkpoint(self.block, x, use_reentrant=self.checkpointed)
        else:
            x = self.block(x)
        return F.layer_norm(self.group(x), x.shape[2:])


NAMES = ["norm", "norm#2", "block.1", "group", "forward"]


def batch(samples=2):
    return torch.randn(samples, 1, 6, 6, 6) + torch.randn(samples, 1, 1, 1, 1)


def train(model, steps, samples=2):
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(batch(samples)).square().mean().backward()
        optimizer.step()


def lines(path, kind="step"):
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [one for one in read if one["record"] == kind]


def steps(path):
    return [one["step"] for one in lines(path)]


@pytest.mark.parametrize("samples", [1, 3])
def test_numbers_are_those_of_hooks_written_by_hand(tmp_path, samples):
    model, seen = Net(), []

    def hook(module, inputs):
        seen.append((inputs[0].detach().double().numpy(), getattr(module, "running_mean", torch.zeros(0)).clone()))

    handles = [one.register_forward_pre_hook(hook) for one in (model.norm, model.block[1], model.group)]
    path = tmp_path / "run.jsonl"
    with record(model, path, every=1):
        train(model, 3, samples)
    for handle in handles:
        handle.remove()
    recorded = [layer for line in lines(path) for layer in line["layers"] if layer["layer"] != "forward"]
    assert [layer["layer"] for layer in recorded] == NAMES[:4] * 3
    for layer, (values, running) in zip(recorded, seen, strict=True):
        channels = values.swapaxes(0, 1).reshape(values.shape[1], samples, -1)
        np.testing.assert_allclose(layer["mean"], channels.mean((1, 2)), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(layer["variance"], channels.var((1, 2)), rtol=1e-6)
        if samples > 1:
            np.testing.assert_allclose(layer["within"], channels.var(2).mean(1), rtol=1e-6)
            np.testing.assert_allclose(layer["between"], channels.mean(2).var(1), rtol=1e-6, atol=1e-15)
        if running.numel():
            np.testing.assert_allclose(layer["running_mean"], running.numpy(), rtol=1e-6, atol=1e-12)
    assert {line["batch_size"] for line in lines(path)} == {samples}


def test_a_momentum_of_one_keeps_what_was_recorded(tmp_path):
    model = nn.Sequential(nn.Conv3d(1, 3, 3), nn.BatchNorm3d(3, momentum=1.0), nn.Conv3d(3, 3, 1), nn.BatchNorm3d(3))
    path = tmp_path / "run.jsonl"
    with record(model, path, every=1):
        train(model, 2)
    before, after = (line["layers"][0] for line in lines(path))
    values = np.prod(before["shape"]) / 3
    np.testing.assert_allclose(after["running_mean"], before["mean"], rtol=1e-6)
    np.testing.assert_allclose(after["running_variance"], np.multiply(before["variance"], values / (values - 1)), 1e-6)


def test_every_second_step_is_recorded_and_evaluation_is_not_counted(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=2):
        for _ in range(5):
            train(model, 1)
            model.eval()
            with torch.no_grad():
                model(batch())
            model.train()
    assert steps(path) == [0, 2, 4]
    assert lines(path, "end")[0]["steps"] == 5
    assert [layer["layer"] for layer in lines(path)[0]["layers"]] == NAMES


def state_of(model):
    """Everything that recording could change."""
    hooks = [
        {name: list(getattr(one, name)) for name in vars(one) if "hook" in name and hasattr(getattr(one, name), "keys")}
        for one in model.modules()
    ]
    buffers = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return buffers, hooks, [one.training for one in model.modules()], [sorted(vars(one)) for one in model.modules()]


def assert_same(one, other):
    assert one[1:] == other[1:]
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])


def test_the_network_trains_to_the_same_bits_and_is_as_it_was(tmp_path):
    torch.manual_seed(3)
    plain = Net()
    watched = copy.deepcopy(plain)
    empty = state_of(plain)
    torch.manual_seed(4)
    train(plain, 4)
    random = torch.get_rng_state()
    torch.manual_seed(4)
    with record(watched, tmp_path / "run.jsonl", every=2):
        train(watched, 4)
    assert torch.equal(torch.get_rng_state(), random)
    assert_same(state_of(watched), state_of(plain))
    assert state_of(watched)[1] == empty[1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_after_an_exception_the_file_can_be_read_and_the_network_is_as_it_was(tmp_path, error):
    model, path = Net(), tmp_path / "run.jsonl"
    before = state_of(model)

    def stop(*_):
        raise error

    def interrupted():
        with record(model, path, every=1):
            train(model, 1)
            handle = model.group.register_forward_pre_hook(stop)
            try:
                train(model, 1)
            finally:
                handle.remove()

    with pytest.raises(error):
        interrupted()
    assert steps(path) == [0]
    assert state_of(model)[1:] == before[1:]


def test_after_a_failed_step_the_next_one_is_recorded(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        with pytest.raises(RuntimeError):
            model(torch.zeros(1, 2, 6, 6, 6))
        train(model, 1)
    assert steps(path) == [1]
    assert [layer["layer"] for layer in lines(path)[0]["layers"]] == NAMES


@pytest.mark.parametrize("reentrant", [False, True])
def test_activation_checkpointing_is_recorded_once(tmp_path, reentrant):
    model, path = Net(checkpointed=reentrant), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        train(model, 2)
    assert [[layer["layer"] for layer in line["layers"]] for line in lines(path)] == [NAMES, NAMES]


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_network_that_is_checkpointed_as_a_whole_is_one_step(tmp_path, reentrant):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        for _ in range(2):
            values = batch().requires_grad_()
            checkpoint(model, values, use_reentrant=reentrant).square().mean().backward()
    assert steps(path) == [0, 1]
    assert lines(path, "end")[0]["steps"] == 2


@pytest.mark.parametrize("given", ["compiled", "module", "in place"])
def test_a_compiled_network_is_recorded_under_its_own_names(tmp_path, given):
    model, path = nn.Sequential(nn.BatchNorm3d(1)), tmp_path / "run.jsonl"
    runs = torch.compile(model, backend="eager") if given == "compiled" else model
    if given == "in place":
        model.compile(backend="eager")
    with record(runs, path, every=2), torch.no_grad():
        if given == "module":
            runs = torch.compile(model, backend="eager")
        for _ in range(3):
            runs(batch())
    assert len(steps(path)) == 2  # the step in which a network is compiled may have no values, and then the next has
    assert {layer["layer"] for line in lines(path) for layer in line["layers"]} == {"0"}


def test_steps_between_recorded_ones_run_compiled(tmp_path):
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return lambda *values: (graphs.append(None), graph.forward(*values))[1]

    model = torch.compile(Net(), backend=backend)
    with record(model, tmp_path / "run.jsonl", every=3), torch.no_grad():
        for _ in range(6):
            model(batch())
    compiled = [one for one in graphs if one is not None]
    assert (len(compiled), graphs.count(None)) == (1, 4)  # one graph without a break, and 4 of 6 steps


def test_a_network_that_never_trains_says_that_nothing_is_recorded(tmp_path):
    model = Net().eval()
    with pytest.warns(UserWarning, match="nothing was recorded"), record(model, tmp_path / "run.jsonl", every=1):
        model(batch())


def test_autocast_says_the_type_that_a_layer_saw(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1), torch.autocast("cpu", torch.bfloat16):
        model(batch())
    assert lines(path)[0]["layers"][0]["dtype"] == "bfloat16"


def test_a_named_step_is_recorded_once_whatever_number_of_calls_it_has(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=2) as recorder:
        for number in range(10, 15):
            recorder.step(number)
            for _ in range(3):  # gradient accumulation
                model(batch())
    assert steps(path) == [10, 12, 14]
    assert lines(path, "end")[0]["steps"] == 15


def test_a_resumed_training_appends(tmp_path):
    path = tmp_path / "run.jsonl"
    for _ in range(2):
        model = Net()
        with record(model, path, every=2):
            train(model, 3)
    assert steps(path) == [0, 2, 4]
    assert [one["first_step"] for one in lines(path, "start")] == [0, 3]


def test_layers_are_chosen_by_pattern(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1, layers="block.*"):
        train(model, 1)
    assert [layer["layer"] for layer in lines(path)[0]["layers"]] == ["block.1"]
    with pytest.raises(UsageError, match=r"no normalization layer that `layers` asks for \(nothing\)"):
        record(model, path, layers="nothing")


def test_a_frozen_layer_is_said_to_be(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        model.block[1].eval()
        model(batch())
    assert {layer["layer"]: layer["frozen"] for layer in lines(path)[0]["layers"]} == {
        **dict.fromkeys(NAMES, False),
        "block.1": True,
    }


def test_a_layer_with_arithmetic_of_its_own_is_recorded_by_its_statistics(tmp_path):
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(4))
            self.register_buffer("running_var", torch.ones(4))

        def forward(self, x):
            return (x - self.running_mean[:, None, None, None]) / self.running_var[:, None, None, None].sqrt()

    model, path = nn.Sequential(nn.Conv3d(1, 4, 3), Frozen()), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        model(batch())
    (layer,) = lines(path)[0]["layers"]
    assert (layer["layer"], layer["kind"], layer["frozen"]) == ("1", "batch", True)


def test_a_norm_alone_is_a_network(tmp_path):
    model, path = nn.BatchNorm3d(1), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        model(batch())
    assert [layer["shape"] for layer in lines(path)[0]["layers"]] == [[2, 1, 6, 6, 6]]


def test_inputs_in_dictionaries_and_by_name_have_a_batch_size(tmp_path):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, *, data):
            return self.net(data["image"])

    model, path = Named(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        model(data={"image": batch(3)})
    assert lines(path)[0]["batch_size"] == 3


def test_a_copied_or_saved_network_has_hooks_that_do_nothing(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        averaged = copy.deepcopy(model)
        torch.save(model, io.BytesIO())
        averaged(batch())
        model(batch())
    assert steps(path) == [0]


def test_a_batch_without_values_is_no_step_to_record(tmp_path):
    model, path = Net(), tmp_path / "run.jsonl"
    with record(model, path, every=1):
        model(torch.zeros(0, 1, 6, 6, 6))
        train(model, 1)
    assert steps(path) == [1]


def test_a_layer_that_cannot_be_reduced_is_left_out_and_the_training_goes_on(tmp_path, monkeypatch):
    from bnstat.networks.pytorch import training_step

    def no_memory(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(training_step, "reduced", no_memory)
    model, path = Net(), tmp_path / "run.jsonl"
    with pytest.warns(UserWarning, match="norm is not recorded in this step: out of memory"), record(model, path):
        train(model, 1)
    assert steps(path) == []


def test_torchscript_is_told_why_it_cannot_be_recorded(tmp_path):
    scripted = torch.jit.trace(Net().eval(), batch())
    with pytest.raises(UsageError, match=r"record the network before torch\.jit\.script"):
        record(scripted, tmp_path / "run.jsonl")


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"`model` must be a torch\.nn\.Module, and is of type str"):
        record("net.pt", tmp_path / "run.jsonl")
    assert not list(tmp_path.iterdir())


def test_two_recorders_of_one_network_do_not_disturb_each_other(tmp_path):
    model, paths = Net(), (tmp_path / "one.jsonl", tmp_path / "two.jsonl")
    with record(model, paths[0], every=1), record(model, paths[1], every=2):
        train(model, 3)
    assert [steps(path) for path in paths] == [[0, 1, 2], [0, 2]]
    assert lines(paths[0])[0]["layers"] == lines(paths[1])[0]["layers"]


def test_one_process_of_a_distributed_training_writes_the_file(tmp_path):
    distributed = pytest.importorskip("torch.distributed")
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model, path = nn.parallel.DistributedDataParallel(Net()), tmp_path / "run.jsonl"
        with record(model, path, every=1):
            train(model, 2)
    finally:
        distributed.destroy_process_group()
    assert [[layer["layer"] for layer in line["layers"]] for line in lines(path)] == [NAMES, NAMES]
    assert (lines(path, "start")[0]["rank"], lines(path, "start")[0]["ranks"]) == (0, 1)


@pytest.mark.parametrize(
    ("rank", "every_rank", "written"), [(0, False, "run.jsonl"), (1, False, None), (1, True, "run.rank1.jsonl")]
)
def test_other_processes_write_only_if_they_are_asked_to(tmp_path, monkeypatch, rank, every_rank, written):
    from bnstat.networks.pytorch import recording

    monkeypatch.setattr(recording, "_rank", lambda: (rank, 2))
    model = Net()
    with record(model, tmp_path / "run.jsonl", every=1, every_rank=every_rank) as recorder:
        train(model, 1)
    assert [one.name for one in tmp_path.iterdir()] == ([] if written is None else [written])
    assert recorder.path == (None if written is None else str(tmp_path / written))
