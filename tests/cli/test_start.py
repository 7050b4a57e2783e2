"""What starting does not import: numpy and nibabel are two thirds of the time that they take to be there."""

from __future__ import annotations

import subprocess
import sys

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
