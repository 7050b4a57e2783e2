"""What starting does not import: numpy and nibabel are two thirds of the time that they take to be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from bnstat.cli import run
assert run(sys.argv[1:]) == 0
print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)
"""


def imported_by(*arguments):
    ran = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("inspect", "--help"),
        ("compare", "--help"),
        ("check", "--help"),
        ("scan", "--help"),
        ("checkpoint", "--help"),
        ("layers", "--help"),
        ("plan", "--patch", "32x32x32", "--levels", "3", "--format", "json"),
        ("plan", "--patch", "32x32x32", "--levels", "3"),
        ("explain",),
        ("explain", "BN101"),
        ("frameworks",),
        ("frameworks", "torch", "--format", "json"),
    ],
)
def test_commands_that_read_no_voxels_import_neither_numpy_nor_nibabel(arguments):
    assert not {"numpy", "nibabel", "matplotlib", "fsspec"} & imported_by(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "sample_data/mri_4channel.nii.gz"),
        ("checkpoint", "sample_data/checkpoints/step_400.pt"),
        ("checkpoint", "tests/networks/checkpoints/written/bfloat16.safetensors"),
        ("checkpoint", "tests/networks/checkpoints/written/arrays.npz"),
        ("layers", "--help"),
        ("explain", "BN603"),
    ],
)
def test_what_runs_no_network_imports_no_package_that_does(arguments, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert not {"torch", "onnx", "onnxruntime", "keras", "jax", "h5py", "safetensors"} & imported_by(*arguments)
