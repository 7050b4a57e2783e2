"""Weights that are written are loaded in place of the file that they came from."""

from __future__ import annotations

import collections
import pathlib

import numpy as np
import pytest
from real_networks import batch_of, nnunet, seeded

torch = pytest.importorskip("torch")

from bnstat.errors import OutputError  # noqa: E402  (after the package that it needs)
from bnstat.networks.pytorch.module_network import ModuleNetwork  # noqa: E402

nn = torch.nn
MEAN, VARIANCE = np.arange(4.0), np.arange(1.0, 5.0)


def small():
    seeded()
    return nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU())


def loaded(module, weights=None):
    """Return a network in whose norm other statistics are loaded."""
    network = ModuleNetwork(module, "model", weights)
    network.evaluate(batch_of(1, (1, 5, 5, 5)))
    network.load("1", MEAN, VARIANCE)
    return network


def read(path):
    return torch.load(path, weights_only=True)


def test_without_a_file_the_state_dict_is_written(tmp_path):
    module = small()
    loaded(module).save(str(tmp_path / "new.pt"))
    other = small()
    other.load_state_dict(read(tmp_path / "new.pt"))
    assert other[1].running_mean.tolist() == MEAN.tolist()
    assert other[1].running_var.tolist() == VARIANCE.tolist()
    assert torch.equal(other[0].weight, module[0].weight)


STRUCTURES = {
    "a state dict": ("", lambda state: state),
    "an ordered one": ("", collections.OrderedDict),
    "a key": ("::model", lambda state: {"model": state, "epoch": 3, "loss": [0.1, 0.2]}),
    "Lightning": (
        "::state_dict",
        lambda state: {
            "state_dict": {f"net.{name}": one for name, one in state.items()},
            "hyper_parameters": {"lr": 0.1, "sizes": (1, 2)},
            "optimizer_states": [{"state": {0: {"step": torch.tensor(4.0)}}}],
        },
    ),
    "DataParallel": ("", lambda state: {f"module.{name}": one for name, one in state.items()}),
    "torch.compile": ("", lambda state: {f"_orig_mod.{name}": one for name, one in state.items()}),
    "nested keys": ("::a.b", lambda state: {"a": {"b": state, "c": {"d": torch.ones(2)}}}),
    "numbers of numpy beside it": ("", lambda state: {"weights": state, "log": {"dice": np.float64(0.5), "n": 2}}),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_structure_of_the_file_is_kept(tmp_path, name):
    key, structure = STRUCTURES[name]
    file = tmp_path / "old.pt"
    torch.save(structure(small().state_dict()), file)
    loaded(small(), f"{file}{key}").save(str(tmp_path / "new.pt"))
    old, new = torch.load(file, weights_only=False), read(tmp_path / "new.pt")

    def compare(before, after, path):
        if isinstance(before, dict):
            assert list(after) == list(before), path
            for key in before:
                compare(before[key], after[key], f"{path}.{key}")
        elif path.endswith("1.running_mean"):
            assert after.tolist() == MEAN.tolist()
        elif path.endswith("1.running_var"):
            assert after.tolist() == VARIANCE.tolist()
        elif isinstance(before, torch.Tensor):
            assert torch.equal(before, after), path
        elif isinstance(before, (list, tuple)):
            assert type(before) is type(after)
            for place, (one, other) in enumerate(zip(before, after, strict=True)):
                compare(one, other, f"{path}.{place}")
        else:
            assert before == after, path

    compare(old, new, "")


def test_every_name_of_a_layer_of_nnunet_gets_the_statistics(tmp_path):
    seeded()
    module = nnunet("PlainConvUNet", "batch")
    torch.save({"network_weights": module.state_dict(), "current_epoch": 5}, tmp_path / "checkpoint_final.pth")
    network = ModuleNetwork(module, "nnU-Net", f"{tmp_path / 'checkpoint_final.pth'}::network_weights")
    seen = network.evaluate(batch_of(1, (1, 16, 16, 16))).seen
    for one in seen:
        channels = one.moments.shape[1]
        network.load(one.normalization.layer, np.full(channels, 2.0), np.full(channels, 3.0))
    network.save(str(tmp_path / "new.pth"))
    stored = read(tmp_path / "new.pth")
    means = [value for name, value in stored["network_weights"].items() if name.endswith("running_mean")]
    assert len(means) > len(seen)
    assert all(torch.all(value == 2.0) for value in means)
    assert stored["current_epoch"] == 5
    module.load_state_dict(stored["network_weights"])
    # names that share numbers do so in the file too
    assert len({value.untyped_storage().data_ptr() for value in means}) == len(seen)


def test_safetensors_is_written_by_its_name(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    module = small()
    safetensors.save_file(module.state_dict(), tmp_path / "old.safetensors")
    network = loaded(module, str(tmp_path / "old.safetensors"))
    network.save(str(tmp_path / "new.safetensors"))
    network.save(str(tmp_path / "new.pt"))
    for state in (safetensors.load_file(tmp_path / "new.safetensors"), read(tmp_path / "new.pt")):
        other = small()
        other.load_state_dict(state)
        assert other[1].running_mean.tolist() == MEAN.tolist()


def test_a_file_that_the_code_of_the_module_loaded_itself_does_not_matter(tmp_path):
    (tmp_path / "other.bin").write_bytes(b"no pickle at all")
    for file in (tmp_path / "other.bin", tmp_path / "missing.pt"):
        loaded(small(), str(file)).save(str(tmp_path / "new.pt"))
        assert read(tmp_path / "new.pt")["1.running_mean"].tolist() == MEAN.tolist()


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(OutputError, match=r"new.pt could not be written \(.*\); give a file in a folder that exists"):
        loaded(small()).save(str(tmp_path / "nowhere" / "new.pt"))


def test_a_checkpoint_of_nnunet_keeps_what_training_and_prediction_read(tmp_path):
    seeded()
    module = nnunet("PlainConvUNet", "batch")
    state = module.state_dict()
    written = {
        "network_weights": state,
        "ema_weights": {name: value.clone() for name, value in state.items()},
        "optimizer_state": {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.01}]},
        "logging": {
            "mean_fg_dice": [np.float64(0.5), np.float32(0.25)],
            "dice_per_class_or_region": [[np.float64(0.1), np.int64(-2), np.bool_(True), np.float16(1.5)]],
            "big_endian": np.frombuffer(np.array([7], ">i4").tobytes(), ">i4")[0],
        },
        "_best_ema": np.float64(0.55),
        "init_args": {"configuration": "3d_fullres", "device": torch.device("cuda"), "fold": 0},
        "trainer_name": "nnUNetTrainerBN",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    file = tmp_path / "checkpoint_final.pth"
    torch.save(written, file)
    network = ModuleNetwork(module, "nnU-Net", str(file), origin=f"{file}::network_weights")
    first = network.evaluate(batch_of(1, (1, 16, 16, 16))).seen[0]
    channels = first.moments.shape[1]
    network.load(first.normalization.layer, np.full(channels, 2.0), np.full(channels, 3.0))
    assert network.save(str(tmp_path / "new.pth")) == ()
    new = read(tmp_path / "new.pth")
    assert list(new) == list(written)
    for key in ("logging", "_best_ema", "init_args", "trainer_name", "inference_allowed_mirroring_axes"):
        assert new[key] == written[key], key
    name = f"{first.normalization.layer}.running_mean"
    assert torch.all(new["network_weights"][name] == 2.0)
    assert torch.equal(new["ema_weights"][name], written["ema_weights"][name])


def test_what_cannot_be_written_is_named_and_leaves_lists_as_long_as_they_were(tmp_path):
    file = tmp_path / "old.pt"
    beside = {"lines": [1, pathlib.PurePosixPath("a"), 3], "path": pathlib.PurePosixPath("b"), "array": np.ones(2)}
    torch.save({"model": small().state_dict(), "log": beside}, file)
    said = loaded(small(), str(file)).save(str(tmp_path / "new.pt"))
    assert read(tmp_path / "new.pt")["log"] == {"lines": [1, None, 3]}
    assert said == (
        "the new file lacks what is neither a tensor nor a plain value: the values log.path, log.array, log.lines.1",
    )


def test_weights_that_are_not_in_the_file_are_said(tmp_path):
    file = tmp_path / "old.pt"
    torch.save({"other": torch.ones(1)}, file)
    said = loaded(small(), str(file)).save(str(tmp_path / "new.pt"))
    assert said == (f"the new file is a state dict of the network, since its weights were not found in {file}",)
