"""Weights that are written are loaded in place of the file that they came from."""

from __future__ import annotations

import collections

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
            kept = [key for key, one in before.items() if not isinstance(one, np.generic)]
            assert list(after) == kept, path
            for key in kept:
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
