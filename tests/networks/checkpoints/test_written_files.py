"""Files that frameworks wrote are read without them: the same numbers as the framework has, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from damaged import damaged

from bnstat.errors import InputError
from bnstat.networks.checkpoints.opening import read_checkpoint

WRITTEN = Path(__file__).parent / "written"
EXPECTED = json.loads((WRITTEN / "expected.json").read_text(encoding="utf-8"))
FORMATS = {
    ".pt": "torch",
    ".ckpt": "torch",
    ".pt2": "pt2",
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".keras": "keras",
    ".h5": "h5",
    ".onnx": "onnx",
}
SPECIAL = {"legacy.pt": "torch-legacy", "script.pt": "torchscript"}
# Formats without checksums: a damaged number is read as it is, by their frameworks too.
UNCHECKED = ("legacy.pt", ".safetensors", ".h5", ".onnx")
PARTS = ("running_mean", "running_variance", "scale", "shift")


def needed(name: str) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnx")
    if name.endswith((".keras", ".h5")):
        pytest.importorskip("h5py")


def layers_of(path: str) -> list[dict[str, object]]:
    """Return the layers of a file as expected.json has them."""
    return [
        {field: value.tolist() if isinstance(value, np.ndarray) else value for field, value in vars(layer).items()}
        for layer in read_checkpoint(path).normalizations
    ]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_layers_are_those_of_the_framework(name):
    needed(name)
    found = sorted(layers_of(str(WRITTEN / name)), key=lambda layer: str(layer["layer"]))
    assert found == sorted(EXPECTED[name], key=lambda layer: layer["layer"])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_format_is_told_by_its_content_and_not_by_its_name(name, tmp_path):
    needed(name)
    copy = tmp_path / "weights.bin"
    copy.write_bytes((WRITTEN / name).read_bytes())
    assert read_checkpoint(str(copy)).format == SPECIAL.get(name, FORMATS[Path(name).suffix])
    assert len(layers_of(str(copy))) == len(EXPECTED[name])


def test_numbers_are_float64_and_channels_are_in_order():
    (batch, *_) = read_checkpoint(str(WRITTEN / "state.pt")).normalizations
    assert all(getattr(batch, part).dtype == np.float64 and getattr(batch, part).shape == (4,) for part in PARTS)
    assert (batch.batches_tracked, batch.dtype) == (2, "float32")


def test_tensors_and_values_are_counted():
    read = read_checkpoint(str(WRITTEN / "state.pt"))
    # conv 108 + 4, batch norm 4 × 4 + 1, instance and group norm 8 each, PReLU 4, linear layer 16 + 4
    assert (read.tensors, read.parameters) == (14, 169)


def test_a_file_whose_batch_norms_an_exporter_folded_says_so():
    pytest.importorskip("onnx")
    read = read_checkpoint(str(WRITTEN / "folded.onnx"))
    assert all(layer.kind != "batch" for layer in read.normalizations)
    assert any(
        "fold batch norm into the convolution" in note and "TrainingMode.PRESERVE" in note for note in read.notes
    )


# One file of each format; HDF5 opens a file in ten times the time of the others.
DAMAGED = {
    **dict.fromkeys(["state.pt", "legacy.pt", "bfloat16.safetensors", "arrays.npz", "model.keras", "kept.onnx"], 1000),
    **dict.fromkeys(["script.pt", "program.pt2", "module.pt", "compressed.npz"], 300),
    **dict.fromkeys(["model.weights.h5", "model.h5"], 100),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_copy_is_one_line_or_the_right_numbers(name, tmp_path):
    needed(name)
    good, expected = (WRITTEN / name).read_bytes(), layers_of(str(WRITTEN / name))
    path = tmp_path / name
    lines = same = long = 0
    for number, copy in enumerate(damaged(good, DAMAGED[name], seed=len(name))):
        path.write_bytes(copy)
        try:
            found = layers_of(str(path))
        except InputError as error:
            lines += 1
            long += "\n" in str(error)
            continue
        if not name.endswith(UNCHECKED):
            assert found == expected, f"copy {number}"
        same += found == expected
    assert (lines > 0, long) == (True, 0)
    assert same > 0


FOREIGN = ("torch", "safetensors", "keras", "onnx", "onnxruntime", "jax")


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.endswith(".onnx")])
def test_no_framework_is_imported(name):
    needed(name)
    code = (
        f"import sys\nfor name in {FOREIGN!r}: sys.modules[name] = None\n"
        "from bnstat.networks.checkpoints.opening import read_checkpoint\n"
        f"assert read_checkpoint({str(WRITTEN / name)!r}).normalizations"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
