"""Random networks: the numbers are those that the framework itself loads."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from torch_files import written

from bnstat.networks.checkpoints.opening import read_checkpoint

PARTS = {"running_mean": "running_mean", "running_var": "running_variance", "weight": "scale", "bias": "shift"}


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def network(torch, seed):
    """Return a network with random numbers in every tensor."""
    nn = torch.nn
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv3d(1, 5, 3),
        nn.BatchNorm3d(5),
        nn.ModuleDict({"a": nn.BatchNorm3d(3, affine=False), "b": nn.InstanceNorm3d(5, affine=True)}),
        nn.LayerNorm(6),
        nn.GroupNorm(1, 4),
        nn.Linear(5, 5),
    )
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data = torch.randn(tensor.shape) * 10.0 ** torch.randint(-30, 30, tensor.shape)
        else:
            tensor.fill_(int(torch.randint(0, 2**40, ())))
    return model


def same(path, state):
    """Compare all layers of a file with a state dict that the framework loaded, bit for bit."""
    read = read_checkpoint(str(path))
    seen = 0
    for layer in read.normalizations:
        for part, field in PARTS.items():
            expected, found = state.get(f"{layer.layer}.{part}"), getattr(layer, field)
            assert (expected is None) == (found is None)
            if expected is not None:
                np.testing.assert_array_equal(found, expected.detach().double().numpy())
                seen += 1
        count = state.get(f"{layer.layer}.num_batches_tracked")
        assert layer.batches_tracked == (None if count is None else int(count))
    return read, seen


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_every_type_equals_torch_load(torch, dtype, protocol, tmp_path):
    model = network(torch, protocol).to(getattr(torch, dtype))
    for zipped in (True, False):
        path = tmp_path / "a.pt"
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
        # PyTorch itself loads other protocols only by running what they say.
        loaded = torch.load(path, weights_only=True) if protocol == 2 else model.state_dict()
        read, seen = same(path, loaded)
        assert (len(read.normalizations), seen) == (5, 12)
        assert {layer.dtype for layer in read.normalizations} == {dtype}


def test_infinite_values_and_nan_are_read_as_they_are(torch, tmp_path):
    state = network(torch, 1).state_dict()
    state["1.running_var"][:4] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45])
    torch.save(state, tmp_path / "a.pt")
    same(tmp_path / "a.pt", state)


def test_tensors_that_are_parts_of_others_are_read(torch, tmp_path):
    whole = torch.randn(100)
    state = {
        "a.running_mean": whole[3:50:5],
        "a.running_var": whole.reshape(10, 10)[:, 2],
        "a.weight": whole[7:8].expand(10),
        "b.running_mean": torch.randn(4, 3).T[1],
        "b.running_var": torch.nn.Parameter(whole[-4:]),
        "c.weight": whole[:0],
    }
    torch.save(state, tmp_path / "a.pt")
    _, seen = same(tmp_path / "a.pt", torch.load(tmp_path / "a.pt", weights_only=True))
    assert seen == 5


def test_numbers_with_the_most_significant_byte_first_are_read(torch, tmp_path):
    state = network(torch, 2).to(torch.bfloat16).state_dict()
    torch.save(state, tmp_path / "a.pt")
    turned = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive, zipfile.ZipFile(turned, "w") as other:
        sizes = {str(place): tensor.element_size() for place, tensor in enumerate(state.values())}
        for member in archive.namelist():
            held, key = archive.read(member), member.rpartition("/")[2]
            if "/data/" in member:
                held = np.frombuffer(held, f"u{sizes[key]}").byteswap().tobytes()
            other.writestr(member, b"big" if key == "byteorder" else held)
    _, seen = same(written(tmp_path / "b.pt", turned.getvalue()), state)
    assert seen == 12


def test_a_whole_module_says_epsilon_and_momentum(torch, tmp_path):
    model = torch.nn.Sequential(
        torch.nn.BatchNorm2d(3, eps=0.01, momentum=0.3),
        torch.nn.BatchNorm1d(3, momentum=None),
        torch.nn.GroupNorm(3, 3),
        torch.nn.RMSNorm(3, eps=0.5),
    )
    torch.save(torch.nn.DataParallel(model), tmp_path / "a.pt")
    layers = read_checkpoint(str(tmp_path / "a.pt")).normalizations
    assert [(layer.layer, layer.kind, layer.epsilon, layer.momentum) for layer in layers] == [
        ("0", "batch", 0.01, 0.3),
        ("1", "batch", 1e-5, None),
        ("2", "group", 1e-5, None),
        ("3", "rms", 0.5, None),
    ]


def test_a_compiled_network_has_the_names_of_the_plain_one(torch, tmp_path):
    model = network(torch, 3)
    torch.save({"model": torch.compile(model).state_dict()}, tmp_path / "a.pt")
    layers = read_checkpoint(str(tmp_path / "a.pt")).normalizations
    assert [layer.layer for layer in layers] == ["model.1", "model.2.a", "model.2.b", "model.3", "model.4"]


def test_tensors_of_other_kinds_are_noted_and_do_not_disturb(torch, tmp_path):
    state = network(torch, 4).state_dict()
    odd = {
        "sparse": torch.eye(3).to_sparse(),
        "float8": torch.ones(4).to(torch.float8_e4m3fn),
        "complex": torch.ones(4, dtype=torch.complex64),
        "meta": torch.ones(3, device="meta"),
        "short": torch.ones(4, dtype=torch.uint16),
        "tagged": torch.ones(3).as_subclass(torch.nn.Buffer if hasattr(torch.nn, "Buffer") else torch.Tensor),
    }
    torch.save({"odd": odd, **state}, tmp_path / "a.pt")
    read, seen = same(tmp_path / "a.pt", state)
    assert seen == 12
    assert any(note.startswith("2 tensors that are sparse") for note in read.notes)


def test_files_without_checksums_are_read(torch, tmp_path):
    state = network(torch, 5).state_dict()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(tmp_path / "a.pt", state)[1] == 12


def test_layers_that_share_their_numbers_are_one_with_several_names(torch, tmp_path):
    model = torch.nn.ModuleDict({"a": torch.nn.BatchNorm3d(4), "b": torch.nn.BatchNorm3d(4)})
    model["c"] = model["a"]
    torch.save(model.state_dict(), tmp_path / "a.pt")
    read = read_checkpoint(str(tmp_path / "a.pt"))
    assert [layer.layer for layer in read.normalizations] == ["a", "b"]
    assert read.other_names == {"a": ("c",)}
    assert (read.tensors, read.parameters) == (15, 34)


def test_44_names_of_an_nnunet_are_its_14_layers(torch, tmp_path):
    nets = pytest.importorskip("dynamic_network_architectures.architectures.unet")
    net = nets.PlainConvUNet(
        1, 4, (4, 4, 4, 4), torch.nn.Conv3d, 3, (1, 2, 2, 2), (2,) * 4, 2, (2,) * 3, True, torch.nn.BatchNorm3d, {}
    )
    torch.save({"network_weights": net.state_dict()}, tmp_path / "checkpoint_final.pth")
    read = read_checkpoint(str(tmp_path / "checkpoint_final.pth"))
    names = [name for name in net.state_dict() if name.endswith("running_var")]
    modules = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    assert len(read.normalizations) == len(modules) == 14
    assert len(names) == 14 + sum(map(len, read.other_names.values())) == 44
    assert all(layer.layer.startswith("network_weights.") for layer in read.normalizations)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_safetensors_equal_the_package(torch, dtype, tmp_path):
    package = pytest.importorskip("safetensors.torch")
    package.save_file(
        network(torch, 6).to(getattr(torch, dtype)).state_dict(), tmp_path / "a.safetensors", {"format": "pt"}
    )
    assert same(tmp_path / "a.safetensors", package.load_file(tmp_path / "a.safetensors"))[1] == 12


@pytest.mark.parametrize(
    "options", [{"dynamo": True, "optimize": False}, {"dynamo": True, "optimize": False, "external_data": True}]
)
def test_an_onnx_file_has_the_numbers_of_the_network(torch, options, tmp_path):
    pytest.importorskip("onnxscript")
    model = torch.nn.Sequential(
        torch.nn.Conv3d(1, 4, 3), torch.nn.BatchNorm3d(4, eps=1e-3), torch.nn.InstanceNorm3d(4, affine=True)
    )
    model(torch.randn(2, 1, 6, 6, 6))
    torch.onnx.export(model.eval(), (torch.randn(1, 1, 6, 6, 6),), tmp_path / "a.onnx", **options)
    read = read_checkpoint(str(tmp_path / "a.onnx"))
    assert [(layer.layer, layer.kind, layer.epsilon) for layer in read.normalizations] == [
        ("1", "batch", 1e-3),
        ("2", "instance", 1e-5),
    ]
    for layer in read.normalizations:
        for part, field in PARTS.items():
            if getattr(layer, field) is not None:
                np.testing.assert_array_equal(
                    getattr(layer, field), model.state_dict()[f"{layer.layer}.{part}"].double()
                )
