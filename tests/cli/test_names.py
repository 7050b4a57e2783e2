"""File names of every kind, and names that are no regular file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from inspected import inspected
from patience import LONGEST

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
BNSTAT = [sys.executable, "-m", "bnstat"]


NAMES = (b"new\nline.nii", b"\x1b[31mred.nii", b"\xff\xfe.nii", "é\u202e\u2028x.nii".encode(), b"[bold]|`x`.nii")


@posix
@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_files_of_any_name_are_read_and_cannot_speak_to_the_terminal(small_image, tmp_path, form):
    paths = [os.fsencode(tmp_path) + b"/" + name for name in NAMES]
    for path in paths:
        shutil.copy(small_image(), path)
    missing = [path + b".gz" for path in paths]
    ran = subprocess.run(
        [*BNSTAT, "inspect", *paths, *missing, "-q", "--format", form],
        capture_output=True,
        timeout=LONGEST,
        check=False,
    )
    assert (ran.returncode, ran.stderr.count(b"\n")) == (3, len(NAMES))
    assert b"\x1b" not in ran.stderr
    if form != "csv":  # data for a program, which must have the name as it is
        assert b"\x1b" not in ran.stdout
    if form == "json":
        assert [os.fsencode(one["source"]) for one in json.loads(ran.stdout)["samples"]] == paths


@posix
@pytest.mark.parametrize("name", ["fifo.nii", "fifo.npy", "fifo.npz", "fifo.npz[a]"])
def test_a_named_pipe_is_an_error_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name.split("[")[0])
    command = [*BNSTAT, "inspect", str(tmp_path / name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (3, 1)


@posix
@pytest.mark.parametrize("name", ["loop.nii", "loop.npy", "loop"])
def test_a_link_to_itself_is_an_error(refused, tmp_path, name):
    (tmp_path / name).symlink_to(tmp_path / name)
    refused(3, "inspect", tmp_path / name)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".npy", ".npz", ""])
def test_a_name_that_is_too_long_is_an_error(refused, tmp_path, ending):
    refused(3, "inspect", tmp_path / ("x" * 300 + ending))


@pytest.mark.parametrize("name", ["a\0.nii", "a\0.npy", "a\0.npz[k]"])
def test_a_name_with_a_nul_is_an_error(name):
    """No shell can give one, a list of files can."""
    (failure,) = inspected(name).errors
    assert "NUL" in failure.message
