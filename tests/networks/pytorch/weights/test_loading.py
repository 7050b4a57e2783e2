"""Weights: the state dict that fits is found by itself, and nothing in a file is run."""

from __future__ import annotations

import argparse
import os
import pathlib
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from bnstat.errors import InputError, UsageError

torch = pytest.importorskip("torch")

from bnstat.networks.pytorch.weights.loading import load_weights  # noqa: E402  (after the package that it needs)

nn = torch.nn


class Net(nn.Module):
    def __init__(self, features=4):
        super().__init__()
        self.conv, self.norm = nn.Conv3d(1, features, 1), nn.BatchNorm3d(features)

    def forward(self, x):
        return self.norm(self.conv(x))


@pytest.fixture
def state():
    """Return weights that no new network has by chance."""
    torch.manual_seed(1)
    module = Net()
    for tensor in module.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape) * 9 + 1)
    return module.state_dict()


@pytest.fixture
def saved(tmp_path):
    def save(content, name="w.pt", **keywords):
        torch.save(content, tmp_path / name, **keywords)
        return str(tmp_path / name)

    return save


def loaded(weights, module=None):
    module = module or Net()
    load_weights(module, weights, "nets:Net")
    return module.state_dict()


def refused(weights, module=None):
    with pytest.raises((InputError, UsageError)) as caught:
        loaded(weights, module)
    line = str(caught.value)
    assert "\n" not in line
    return line


def same(found, expected):
    return all(torch.equal(found[name], value) for name, value in expected.items())


def under(prefix, state):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    "content",
    [
        lambda state: state,
        lambda state: {"state_dict": under("model.", state), "epoch": 3, "hyper_parameters": {"lr": 0.1}},
        lambda state: {"state_dict": under("net.", state) | {"loss.weight": torch.ones(2)}},
        lambda state: {"network_weights": state, "current_epoch": 5},
        lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
        lambda state: {"a": {"b": {"c": state}}},
        lambda state: under("module.", state),
        lambda state: under("_orig_mod.", state),
        lambda state: under("module._orig_mod.", state),
        lambda state: {"conv._orig_mod.weight" if k == "conv.weight" else k: v for k, v in state.items()},
        lambda state: under("module.", state) | {"n_averaged": torch.tensor(7)},
        lambda state: {"state_dict": state, "model": state},
    ],
    ids=[
        "bare",
        "lightning",
        "lightning-net",
        "nnunet",
        "monai",
        "nested",
        "ddp",
        "compiled",
        "both",
        "part",
        "ema",
        "2",
    ],
)
def test_the_state_dict_that_fits_is_found_by_itself(content, state, saved):
    assert same(loaded(saved(content(state))), state)


def test_old_files_without_counts_of_batches_are_loaded(state, saved):
    old = {name: value for name, value in state.items() if "tracked" not in name}
    assert same(loaded(saved(old, _use_new_zipfile_serialization=False)), old)


def test_half_precision_is_widened(state, saved):
    half = {name: value.to(torch.bfloat16) for name, value in state.items()}
    assert same(loaded(saved(half)), {name: value.to(state[name].dtype) for name, value in half.items()})


def test_a_wrapped_module_takes_plain_weights(state, saved):
    wrapped = loaded(saved(state), nn.DataParallel(Net()))
    assert same({name.removeprefix("module."): value for name, value in wrapped.items()}, state)


def test_safetensors_are_read_without_their_package_also_where_shared_tensors_are_kept_once(tmp_path, state):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(dict(state), tmp_path / "w.safetensors")
    assert same(loaded(str(tmp_path / "w.safetensors")), state)

    class Twice(Net):
        def __init__(self):
            super().__init__()
            self.all = nn.Sequential(self.conv, self.norm)

    twice = Twice()
    twice.load_state_dict(under("all.0.", {}) | dict(state), strict=False)
    safetensors.save_model(twice, tmp_path / "once.safetensors")
    assert same(loaded(str(tmp_path / "once.safetensors"), Twice()), state)


def test_two_that_fit_are_a_question_and_a_key_is_the_answer(state, saved):
    other = {name: value + 1 for name, value in state.items()}
    file = saved({"model": state, "ema": {"shadow": other}})
    line = refused(file)
    assert "2 state dicts that fit nets:Net: model, ema.shadow; choose one, as in `weights=" in line
    assert line.endswith("w.pt::model`")
    assert same(loaded(f"{file}::model"), state)
    assert same(loaded(f"{file}::ema.shadow"), other)
    assert same(loaded(f"{file}::ema"), other)  # the only one below it
    assert "has nothing at the key 'emo'; its keys with tensors are model, ema.shadow" in refused(f"{file}::emo")


def test_a_key_may_be_the_beginning_of_names(state, saved):
    other = {name: value + 1 for name, value in state.items()}
    file = saved({"state_dict": under("student.", state) | under("teacher.", other)})
    assert "state_dict.student, state_dict.teacher" in refused(file)
    assert same(loaded(f"{file}::state_dict.teacher"), other)
    assert same(loaded(f"{saved({'a.b': state})}::a.b"), state)


def test_weights_of_another_network_are_told_with_counts_and_names(state, saved):
    fewer = {name: value for name, value in state.items() if name != "norm.weight"} | {"head.weight": torch.ones(1)}
    line = refused(saved(fewer))
    assert (
        "1 tensor of the network missing (norm.weight); 1 tensor that the network does not have (head.weight)" in line
    )
    line = refused(saved({"model": Net(8).state_dict()}))
    assert "its state dict at model does not fit nets:Net: 6 tensors of another shape" in line
    assert "conv.weight: 8 × 1 × 1 × 1 × 1 in the file, 4 × 1 × 1 × 1 × 1 in the network" in line
    assert "… 3 more" in line
    assert "`model_args`" in line
    line = refused(saved(nn.Linear(2, 2).state_dict()))
    assert "none of its tensors belongs to nets:Net: it has weight, bias, and the network has conv.weight" in line


def test_a_refused_file_leaves_the_network_as_it_was(state, saved):
    module = Net()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    refused(saved({name: value for name, value in state.items() if name != "norm.bias"}), module)
    assert same(module.state_dict(), before)


class Hostile:
    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.system, (f"touch {self.trace}",)


def test_a_hostile_file_runs_nothing(tmp_path, state, saved):
    trace = tmp_path / "trace"
    files = [
        saved({"model": state, "extra": Hostile(trace)}),
        saved(Hostile(trace), "bare.pt"),
        saved({"model": state, "x": [Hostile(trace)]}, "old.pt", _use_new_zipfile_serialization=False),
    ]
    with (tmp_path / "pickle.pt").open("wb") as file:
        pickle.dump(Hostile(trace), file)
    with (tmp_path / "w.safetensors").open("wb") as file:
        pickle.dump(Hostile(trace), file)
    for weights in (*files, str(tmp_path / "pickle.pt"), str(tmp_path / "w.safetensors")):
        assert "torch.save(model.state_dict()" in refused(weights) or "safetensors" in weights
        assert not trace.exists()


class Namesake:
    """What a hostile file calls by the name of a harmless class."""

    def __reduce__(self):
        return argparse.Namespace, ()


def test_plain_values_beside_the_weights_are_passed_over(state, saved):
    """nnU-Net logs numbers of numpy, and trainers keep their options and paths."""
    beside = {
        "logging": {"dice": [np.float64(0.5), np.float32(0.25)], "each": np.ones(3)},
        "best": np.float64(0.5),
        "options": argparse.Namespace(lr=0.1, folder=pathlib.PurePosixPath("a")),
        "counts": OrderedDict(a=1),
        "made": Namesake(),
    }
    assert same(loaded(saved({"network_weights": state, **beside})), state)


def test_a_saved_module_is_told_how_to_save_its_weights(saved):
    line = refused(saved(Net()))
    assert "it contains objects beside tensors" in line
    assert "Net)" in line
    assert line.endswith("save the weights alone, as in: torch.save(model.state_dict(), 'weights.pt')")


def test_files_that_are_no_weights_are_one_line(tmp_path, saved, state):
    file = saved(state)
    whole = pathlib.Path(file).read_bytes()
    for name, content in (("cut.pt", whole[: len(whole) // 2]), ("text.pt", b"hello"), ("empty.pt", b"")):
        (tmp_path / name).write_bytes(content)
        assert name in refused(str(tmp_path / name))
    assert "it is one tensor and no state dict" in refused(saved(torch.ones(3)))
    assert "it has no state dict" in refused(saved({"a": 1}))
    assert "it is a folder" in refused(str(tmp_path))
    saved(state, "weights_of_run.pt")
    assert "did you mean" in refused(str(tmp_path / "weight_of_run.pt"))
    torch.jit.script(Net()).save(tmp_path / "script.pt")
    assert "TorchScript program, whose weights are inside it" in refused(str(tmp_path / "script.pt"))
    torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.ones(1),)), tmp_path / "program.pt2")
    assert "program of torch.export, whose weights are inside it" in refused(str(tmp_path / "program.pt2"))
