"""What starting imports, and when it looks for unused cycles: both together were more than a third of its time."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import save

from bnstat.cli.progress import progress

CODE = """
import sys
from bnstat.cli import run
assert run(sys.argv[1:]) == 0
print(*sorted(sys.modules), file=sys.stderr)
"""
# What `bnstat --help` imports of this package. Whatever is added here, every start of every command waits for.
OF_HELP = {
    "bnstat",
    "bnstat.cli",
    "bnstat.cli.exit_codes",
    "bnstat.cli.messages",
    "bnstat.cli.shared",
    "bnstat.cli.unused_cycles",
    "bnstat.errors",
    "bnstat.escapes",
    "bnstat.redaction",
    "bnstat.sources",
    "bnstat.sources.noted",
    "bnstat.stopping",
    "bnstat.text",
    "bnstat.version",
}
# What a file of this machine without errors, given by its name, is read without: URLs, gzip on several cores, the
# search in folders, data sets, settings files, moments files, and other formats.
NOT_OF_A_FILE = {
    "bnstat.preprocessing.masks",
    "bnstat.preprocessing.operations",
    "bnstat.preprocessing.patches",
    "bnstat.reading.moments_file",
    "bnstat.reading.workers.dask",
    "bnstat.renderers.html",
    "bnstat.sources.blocked_gzip",
    "bnstat.sources.buckets",
    "bnstat.sources.datasets",
    "bnstat.sources.formats.dicom",
    "bnstat.sources.formats.hdf5",
    "bnstat.sources.formats.metaimage",
    "bnstat.sources.formats.nrrd",
    "bnstat.sources.formats.tiff",
    "bnstat.sources.formats.zarr_store",
    "bnstat.sources.neighbours",
    "bnstat.sources.patience",
    "bnstat.sources.ranges",
    "bnstat.sources.remote",
    "bnstat.sources.survey",
    "bnstat.sources.trainings",
    "bnstat.sources.web",
    "glob",
    "msgspec",
    "tomllib",
}


def modules_of(*arguments, folder=None):
    """Return the names of all modules that a run of the program in a folder has imported."""
    command = [sys.executable, "-c", CODE, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.splitlines()[-1].split())


def imported_by(*arguments):
    """Return the names of all packages that a run of the program has imported."""
    return {name.partition(".")[0] for name in modules_of(*arguments)}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_few_modules(option):
    modules = modules_of(option)
    assert {name for name in modules if name.partition(".")[0] == "bnstat"} == OF_HELP
    assert not {"dataclasses", "difflib", "json", "traceback"} & modules


def test_inspect_imports_nothing_that_one_file_does_not_need(tmp_path):
    volume = save(tmp_path / "x.nii", np.arange(1000, dtype=np.float32).reshape(10, 10, 10))
    modules = modules_of("inspect", str(volume), "-q", "--format", "json", folder=tmp_path)  # no settings file
    assert NOT_OF_A_FILE & modules == set()
    assert "bnstat.sources.formats.nifti" in modules


def test_the_names_above_are_those_of_modules():
    assert all(find_spec(name) for name in OF_HELP | NOT_OF_A_FILE)


def test_reading_looks_for_unused_cycles_among_its_own_objects_only():
    before = gc.get_threshold()
    with progress(quiet=True):
        assert gc.get_freeze_count()
        assert gc.get_threshold() == (700, 10, 100)
    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()


def test_the_program_looks_for_no_unused_cycles_at_its_start_and_its_end(tmp_path):
    volume = save(tmp_path / "x.nii", np.arange(1000, dtype=np.float32).reshape(10, 10, 10))
    code = """
import atexit, gc, sys
from bnstat.cli import main
found = set()
gc.callbacks.append(lambda phase, told: found.add(gc.get_threshold()))
atexit.register(lambda: print(found - {(700, 10, 100)}, gc.get_freeze_count() > 50_000))
main(sys.argv[1:])
"""
    command = [sys.executable, "-c", code, "inspect", str(volume), "-q", "-o", str(tmp_path / "x.json")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == "set() True\n", ran.stderr


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
