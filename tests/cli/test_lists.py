"""Lists of paths: a file of them, standard input, and patterns that no shell has replaced."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

COMMANDS = ("inspect", "compare", "check")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three volumes, one of them with a space and one with a line break in its name."""
    monkeypatch.chdir(tmp_path)
    names = ["a.npy", "b b.npy", "c\nc.npy"]
    for number, name in enumerate(names):
        np.save(name, np.random.default_rng(number).normal(size=(1, 4, 5, 6, 1)))
    return names


def sources(ran):
    assert ran.code == 0, ran.err
    return [sample["source"] for sample in json.loads(ran.out)["samples"]]


def standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_a_file_lists_paths_a_line_each_after_those_that_are_given(bnstat_run, files, ending):
    Path("list.txt").write_bytes(ending.join(files[:2]).encode())
    found = sources(bnstat_run("inspect", files[2], "--files-from", "list.txt", "--format", "json"))
    assert found == [files[2], *files[:2]]


def test_nul_ends_a_path_where_names_hold_line_breaks(bnstat_run, files):
    Path("list.txt").write_bytes("\0".join(files).encode() + b"\0")
    assert sources(bnstat_run("inspect", "-0", "--files-from", "list.txt", "--format", "json")) == files


@pytest.mark.parametrize("asked", [["-"], ["--files-from", "-"]])
def test_standard_input_is_a_list_too(bnstat_run, files, monkeypatch, asked):
    standard_input(monkeypatch, "\n".join(files[:2]).encode())
    assert sources(bnstat_run("inspect", *asked, "--format", "json")) == files[:2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_files_takes_lists(bnstat_run, files, command):
    Path("list.txt").write_text("\n".join(files[:2]))
    ran = bnstat_run(command, "--files-from", "list.txt", "--format", "csv")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--files-from", "none.txt"], 3, "none.txt: cannot be read as a list of paths: No such file"),
        (["--files-from", "empty.txt"], 2, "empty.txt lists no path"),
        (["-", "-"], 2, "standard input can be read only once"),
        (["-", "--files-from", "-"], 2, "standard input can be read only once"),
        ([], 2, "no input: give a PATH, as in bnstat inspect volume.nii.gz"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_is_no_list_is_one_line(refused, monkeypatch, arguments, code, message):
    Path("empty.txt").write_text("\n\n")
    standard_input(monkeypatch, b"a.npy\n")
    assert message in refused(code, "inspect", *arguments)


@pytest.mark.usefixtures("files")
def test_find_and_a_pipe_through_the_installed_program():
    command = (
        f"find . -name '*.npy' -print0 | {sys.executable} -m bnstat inspect -0 - --format csv | tail -n +2 | wc -l"
    )
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert int(ran.stdout) >= 3


@pytest.mark.usefixtures("files")
def test_a_pattern_that_no_shell_replaced_is_replaced(bnstat_run, refused):
    Path("deep/er").mkdir(parents=True)
    np.save("deep/er/d.npy", np.ones((1, 2, 3, 4, 1)))
    assert sources(bnstat_run("inspect", "?.npy", "--format", "json")) == ["a.npy"]
    assert sources(bnstat_run("inspect", "**/d*.npy", "--format", "json")) == ["deep/er/d.npy"]
    assert "no file matches" in refused(3, "inspect", "*.nii")


@pytest.mark.usefixtures("files")
def test_a_name_with_an_asterisk_or_brackets_is_a_name(bnstat_run):
    np.save("x*.npy", np.ones((1, 2, 3, 4, 1)))
    np.save("x1.npy", np.ones((1, 2, 3, 4, 1)))
    assert sources(bnstat_run("inspect", "x*.npy", "--format", "json")) == ["x*.npy"]
    np.savez("arrays.npz", first=np.ones((1, 2, 3, 4, 1)))
    assert sources(bnstat_run("inspect", "arrays.npz[first]", "--format", "json")) == ["arrays.npz[first]"]


@pytest.mark.usefixtures("files")
def test_a_list_that_is_no_text_is_one_line(refused):
    Path("list").write_bytes(b"a.npy\0b.npy\nc.npy")
    assert "list: cannot be read as a list of paths: it contains NUL" in refused(3, "inspect", "--files-from", "list")
