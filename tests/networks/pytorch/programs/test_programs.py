"""TorchScript and exported programs: the names, the moments and the outputs of the module that was written."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.networks.network import LayerRefusesError
from bnstat.networks.opening import open_network

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402  (after the package that it needs)

from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402

nn, functional = torch.nn, torch.nn.functional
KINDS = ("scripted", "traced", "exported")
BATCH = np.random.default_rng(5).normal(1, 2, (3, 1, 8, 8, 8)).astype(np.float32)
CLOSE = 1e-6


class Block(nn.Module):
    def __init__(self, channels, features):
        super().__init__()
        self.conv, self.norm = nn.Conv3d(channels, features, 3, padding=1), nn.BatchNorm3d(features)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)))


class Net(nn.Module):
    """Every kind of normalization, a module that is called twice, a function, and a branch."""

    def __init__(self):
        super().__init__()
        self.first, self.again = Block(1, 4), Block(4, 4)
        self.instance, self.bare = nn.InstanceNorm3d(4, affine=True), nn.InstanceNorm3d(4)
        self.tracked = nn.InstanceNorm3d(4, track_running_stats=True)
        self.group, self.layer = nn.GroupNorm(2, 4), nn.LayerNorm(4)
        self.dropout = nn.Dropout3d(0.5)

    def forward(self, x):
        x = self.again(self.again(self.first(x)))
        if x.shape[2] > 1000:
            x = self.group(x)
        x = self.group(self.tracked(self.bare(self.instance(x))))
        x = self.layer(self.dropout(x).movedim(1, -1))
        return functional.layer_norm(x, [4]).movedim(-1, 1)


NAMES = ["first.norm", "again.norm", "again.norm#2", "instance", "bare", "tracked", "group", "layer", "forward"]


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(3)
    made = Net()
    for one in made.modules():  # running statistics, γ and β that are not 0 and 1
        if getattr(one, "weight", None) is not None and "Norm" in type(one).__name__:
            one.weight.data.uniform_(0.5, 2)
            one.bias.data.normal_()
        if getattr(one, "running_var", None) is not None:
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
    return made.eval()


def write(module, kind, file, batch=BATCH, **keywords):
    tensor = torch.from_numpy(batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "scripted":
            torch.jit.script(module).save(file)
        elif kind == "traced":
            torch.jit.trace(module, tensor).save(file)
        else:
            keywords = keywords or {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
            torch.export.save(torch.export.export(module, (tensor,), **keywords), file)
    return str(file)


@pytest.fixture(scope="module", params=KINDS)
def program(module, request, tmp_path_factory):
    """Return the file of a program of each kind."""
    ending = "pt2" if request.param == "exported" else "pt"
    return write(module, request.param, tmp_path_factory.mktemp("programs") / f"net.{ending}")


def alike(one, other):
    """Compare what entered a layer of a program with what entered it in the module."""
    own, its = one.normalization, other.normalization
    assert (own.layer, own.kind, own.groups, own.functional) == (its.layer, its.kind, its.groups, its.functional)
    assert (one.shape, one.axis, one.dtype, one.together) == (other.shape, other.axis, other.dtype, other.together)
    assert own.epsilon == pytest.approx(its.epsilon, rel=1e-9)
    for name in ("running_mean", "running_variance", "scale", "shift"):
        mine, theirs = getattr(own, name), getattr(its, name)
        assert (mine is None) == (theirs is None), (own.layer, name)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)
    deviation = np.sqrt(other.moments.variance)
    assert np.all(np.abs(one.moments.mean - other.moments.mean) <= CLOSE * (deviation + np.abs(other.moments.mean)))
    np.testing.assert_allclose(one.moments.variance, other.moments.variance, rtol=1e-5)


def test_a_program_says_what_its_module_says(module, program):
    opened, network = open_network(program), ModuleNetwork(module, "net")
    assert opened.missed == ()
    assert opened.parameters == network.parameters
    assert (opened.trains, opened.framework, opened.channels_last) == (True, "pytorch", False)
    for run in ("evaluate", "train"):
        mine, theirs = getattr(opened, run)(BATCH), getattr(network, run)(BATCH)
        assert [one.normalization.layer for one in mine.seen] == NAMES
        np.testing.assert_allclose(mine.outputs, theirs.outputs, rtol=1e-4, atol=1e-5)
        for one, other in zip(mine.seen, theirs.seen, strict=True):
            alike(one, other)


def test_a_program_gives_the_same_bits_watched_or_not(program):
    read = torch.export.load(program).module() if program.endswith("2") else torch.jit.load(program)
    with torch.no_grad():
        plain = read(torch.from_numpy(BATCH)).numpy()
    np.testing.assert_array_equal(open_network(program).evaluate(BATCH).outputs, plain)


def test_samples_do_not_see_each_other_in_evaluation_mode(program):
    opened = open_network(program)
    together = opened.evaluate(BATCH)
    for row in range(len(BATCH)):
        alone = opened.evaluate(BATCH[row : row + 1])
        for one, other in zip(alone.seen, together.seen, strict=True):
            np.testing.assert_allclose(one.moments.mean[0], other.moments.mean[row], rtol=1e-4, atol=1e-5)


def test_a_layer_is_switched_as_in_the_module(module, program):
    opened, network = open_network(program), ModuleNetwork(module, "net")
    for layers in (["first.norm"], ["again.norm"], ["first.norm", "again.norm#2"]):
        expected = network.switched(layers, BATCH[:1])
        np.testing.assert_allclose(opened.switched(layers, BATCH[:1]), expected, rtol=1e-4, atol=1e-5)
        assert not np.array_equal(expected, network.switched([], BATCH[:1]))


def test_statistics_are_loaded_saved_and_restored(module, program, tmp_path):
    opened, network = open_network(program), ModuleNetwork(module, "net")
    before = opened.evaluate(BATCH).outputs
    network.evaluate(BATCH)
    mean, variance = np.array([1.0, 2, 3, 4]), np.array([0.5, 1, 2, 3])
    for one in (opened, network):
        one.load("again.norm", mean, variance)
    after = opened.evaluate(BATCH).outputs
    np.testing.assert_allclose(after, network.evaluate(BATCH).outputs, rtol=1e-4, atol=1e-5)
    file = tmp_path / ("saved.pt2" if program.endswith("2") else "saved.pt")
    opened.save(str(file))
    opened.restore()
    network.restore()
    np.testing.assert_array_equal(opened.evaluate(BATCH).outputs, before)
    np.testing.assert_array_equal(open_network(str(file)).evaluate(BATCH).outputs, after)
    with pytest.raises(UsageError, match="stores no running statistics"):
        opened.load("group", mean, variance)
    with pytest.raises(OutputError, match="cannot be written"):
        opened.save(str(tmp_path / "nowhere" / "x.pt"))


def test_a_pass_stops_at_a_layer(module, program):
    opened, network = open_network(program), ModuleNetwork(module, "net")
    alike(opened.entering("again.norm#2", BATCH), network.entering("again.norm#2", BATCH))
    with pytest.raises(UsageError, match="no normalization"):
        opened.entering("again.nrm", BATCH)


def test_one_value_for_each_channel_is_refused_with_the_words_of_pytorch(program):
    opened = open_network(program)
    if program.endswith("2"):
        return  # was written for 8 voxels along each axis
    with pytest.raises(LayerRefusesError) as refused:
        opened.train(BATCH[:1, :, :1, :1, :1])
    assert refused.value.layer == "first.norm"
    assert (
        refused.value.message
        == "Expected more than 1 value per channel when training, got input size torch.Size([1, 4, 1, 1, 1])"
    )
    opened.evaluate(BATCH)  # as before


def test_an_instance_norm_may_refuse_in_evaluation_mode_too(module, tmp_path):
    file = write(module, "scripted", tmp_path / "net.pt")
    with pytest.raises(LayerRefusesError) as refused:
        open_network(file).evaluate(BATCH[:1, :, :1, :1, :1])
    assert refused.value.layer == "instance"
    assert refused.value.message.startswith("Expected more than 1 spatial element when training")
    assert [one.normalization.layer for one in refused.value.seen] == NAMES[:3]


class Returned(TorchDispatchMode):
    """Keeps what the operator itself returns: the mean and 1/√(v + ε) that it normalized with."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__ == "native_batch_norm" and args[5]:
            self.kept.append((result[1].double().numpy(), result[2].double().numpy(), args[7]))
        return result


class Deep(nn.Sequential):
    def __init__(self):
        layers = [
            layer
            for size in (1, 6, 6, 6)
            for layer in (nn.Conv3d(size, 6, 3, padding=1), nn.InstanceNorm3d(6), nn.ReLU())
        ]
        super().__init__(*layers)


@pytest.mark.parametrize("kind", ["scripted", "traced"])
def test_the_moments_are_the_statistics_that_the_operator_returns(kind, tmp_path):
    torch.manual_seed(8)
    file = write(Deep().eval(), kind, tmp_path / "deep.pt")
    seen = open_network(file).evaluate(BATCH).seen
    assert [one.normalization.layer for one in seen] == ["1", "4", "7", "10"]
    with torch.no_grad(), torch.jit.optimized_execution(False), Returned() as returned:
        torch.jit.load(file)(torch.from_numpy(BATCH))
    for one, (mean, inverse, epsilon) in zip(seen, returned.kept, strict=True):
        deviation = np.sqrt(one.moments.variance + epsilon)
        assert np.max(np.abs(one.moments.mean - mean.reshape(3, 6)) / deviation) < CLOSE
        np.testing.assert_allclose(inverse.reshape(3, 6) * deviation, 1, rtol=CLOSE)


def test_a_program_for_a_fixed_batch_runs_in_parts_of_it(module, tmp_path):
    file = write(module, "exported", tmp_path / "two.pt2", BATCH[:2], strict=False)
    opened = open_network(file)
    free = ModuleNetwork(module, "net")
    passed, expected = opened.evaluate(BATCH), free.evaluate(BATCH)  # 2 samples, then 1
    np.testing.assert_allclose(passed.outputs, expected.outputs, rtol=1e-4, atol=1e-5)
    for one, other in zip(passed.seen, expected.seen, strict=True):
        alike(one, other)
    assert len(opened.switched(["first.norm"], BATCH[:1])) == 1
    opened.train(BATCH[:2])
    with pytest.raises(UsageError) as refused:
        opened.train(BATCH)
    assert "was exported for 2 samples in a batch, so training batches of 3 cannot be run" in str(refused.value)


def test_samples_of_another_size_than_the_program_was_written_for(module, tmp_path):
    file = write(module, "exported", tmp_path / "fixed.pt2")
    with pytest.raises(UsageError) as refused:
        open_network(file, channels=1, patch=(9, 8, 8))
    assert "was exported for samples of 1 × 8 × 8 × 8 (channels first), and they have 1 × 9 × 8 × 8" in str(
        refused.value
    )
    with pytest.raises(UsageError, match="cut patches of this size"):
        open_network(file).evaluate(np.zeros((1, 2, 8, 8, 8), np.float32))
    script = write(module, "scripted", tmp_path / "free.pt")
    with pytest.raises(UsageError, match=r"cannot run a batch of shape 1 × 2 × 8 × 8 × 8: .*channels"):
        open_network(script).evaluate(np.zeros((1, 2, 8, 8, 8), np.float32))


def test_a_frozen_program_says_that_names_and_batch_norms_are_lost(module, tmp_path):
    torch.jit.freeze(torch.jit.script(module)).save(tmp_path / "frozen.pt")
    opened = open_network(str(tmp_path / "frozen.pt"))
    assert not opened.trains
    assert "batch norms after a convolution were folded into it" in opened.missed[0]
    kinds = [one.normalization.kind for one in opened.evaluate(BATCH).seen]
    assert kinds.count("instance") == 3
    assert (kinds.count("group"), kinds.count("layer")) == (1, 2)


class Twice(nn.Module):
    """A layer under two names, as in networks of nnU-Net, whose functions return a list of outputs."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm3d(1)
        self.all = nn.Sequential(self.norm, nn.ReLU())
        self.rms = nn.RMSNorm(8)

    def forward(self, x):
        return [torch.zeros(1), self.rms(self.all(x)), x]


@pytest.mark.parametrize("kind", ["traced", "exported"])
def test_layers_with_several_names_have_the_first_one_and_the_output_has_the_samples(kind, tmp_path):
    module = Twice().eval()
    opened = open_network(write(module, kind, tmp_path / ("t.pt2" if kind == "exported" else "t.pt")))
    passed, expected = opened.evaluate(BATCH), ModuleNetwork(module, "twice").evaluate(BATCH)
    assert [one.normalization.layer for one in expected.seen] == ["norm", "rms"]
    np.testing.assert_allclose(passed.outputs, expected.outputs, rtol=1e-6)
    for one, other in zip(passed.seen, expected.seen, strict=kind == "exported"):
        alike(one, other)
    if kind == "traced":  # the processor has no operator for it
        assert ["rms has an RMS norm" in sentence for sentence in opened.missed] == [True]


def test_a_program_of_half_precision_gets_half_precision(tmp_path):
    file = write(Block(1, 4).eval().half(), "scripted", tmp_path / "half.pt")
    passed = open_network(file).evaluate(BATCH)
    assert (passed.seen[0].dtype, passed.outputs.dtype) == ("float16", np.float32)


def test_a_program_of_other_operators_says_the_same(module, tmp_path):
    """Decomposed programs have operators that return statistics beside the output."""
    exported = torch.export.export(module, (torch.from_numpy(BATCH),)).run_decompositions()
    torch.export.save(exported, tmp_path / "core.pt2")
    opened, network = open_network(str(tmp_path / "core.pt2")), ModuleNetwork(module, "net")
    for run in ("evaluate", "train"):
        mine, theirs = getattr(opened, run)(BATCH), getattr(network, run)(BATCH)
        np.testing.assert_allclose(mine.outputs, theirs.outputs, rtol=1e-4, atol=1e-5)
        found = {one.normalization.layer for one in mine.seen}
        assert {"first.norm", "again.norm", "again.norm#2", "group", "layer", "forward"} <= found


def test_an_operator_that_is_not_known_is_said():
    from bnstat.networks.pytorch.programs.program import unknown_normalization

    assert "quantized.batch_norm3d" in unknown_normalization("quantized.batch_norm3d.default")
    assert unknown_normalization("aten.native_batch_norm_backward.default") is None
    assert unknown_normalization("aten.linalg_vector_norm.default") is None


@pytest.mark.parametrize("kind", ["traced", "exported"])
def test_a_program_written_in_training_mode_is_refused(kind, tmp_path):
    file = write(Block(1, 4).train(), kind, tmp_path / ("t.pt2" if kind == "exported" else "t.pt"))
    with pytest.raises(UsageError, match=r"was written in training mode: norm normalizes .* call model.eval\(\)"):
        open_network(file).evaluate(BATCH)


def test_a_scripted_module_in_training_mode_is_run_in_evaluation_mode(tmp_path):
    file = write(Block(1, 4).train(), "scripted", tmp_path / "t.pt")
    assert open_network(file).evaluate(BATCH).seen[0].normalization.stored


def test_a_factory_may_return_a_program(module, monkeypatch):
    import sys
    import types

    holder = types.ModuleType("holder_of_a_program")
    holder.make = lambda: torch.jit.script(module)
    monkeypatch.setitem(sys.modules, "holder_of_a_program", holder)
    assert len(open_network("holder_of_a_program:make").evaluate(BATCH).seen) == len(NAMES)
    with pytest.raises(UsageError, match="leave `weights` out"):
        open_network("holder_of_a_program:make", weights="w.pt")


def test_damaged_programs_are_one_line(program, tmp_path):
    file = tmp_path / f"cut{Path(program).suffix}"
    file.write_bytes(Path(program).read_bytes()[:2000])
    with pytest.raises(InputError, match="damaged or incomplete archive"):
        open_network(str(file))
    with zipfile.ZipFile(program) as whole, zipfile.ZipFile(file, "w") as changed:
        for name in whole.namelist():
            content = whole.read(name)
            changed.writestr(name, content[: len(content) // 2] if name.endswith(("model.json", ".py")) else content)
    with pytest.raises(InputError) as refused:
        open_network(str(file))
    assert "PyTorch" in str(refused.value)
    assert "\n" not in str(refused.value)
