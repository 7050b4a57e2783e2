"""Bad inputs and settings: an exit code, a line on stderr for each problem, and never a traceback."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from patience import LONGEST

from bnstat.cli import run

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc or /dev/full")
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
BNSTAT = [sys.executable, "-m", "bnstat"]


def edited(path, change):
    """Apply a change to the bytes of a file."""
    data = bytearray(Path(path).read_bytes())
    changed = change(data)
    Path(path).write_bytes(data if changed is None else changed)
    return path


def dimension(size):
    return lambda data: struct.pack_into("<h", data, 42, size)


def damage(name):
    """What is done to the bytes of a good file."""
    return {
        "text": lambda _: b"Dear reader, this is not an image.\n" * 20,
        "empty": lambda _: b"",
        "header cut": lambda data: data[:200],
        "truncated": lambda data: data[:-100],
        "promises more": dimension(30_000),
        "zero": dimension(0),
        "negative": dimension(-7),
        "slope": lambda data: struct.pack_into("<f", data, 116, float("nan")) or data,
        "offset": lambda data: struct.pack_into("<f", data, 108, float("inf")),
    }[name]


def in_gzip(change):
    """The same done within a compressed file."""
    return lambda data: gzip.compress(bytes(_changed(bytearray(gzip.decompress(data)), change)))


def _changed(data, change):
    changed = change(data)
    return data if changed is None else changed


def flip(place):
    def change(data):
        data[place if place < 0 else len(data) // place] ^= 0x20

    return change


@pytest.mark.parametrize(
    "what", ["text", "empty", "header cut", "truncated", "promises more", "zero", "negative", "offset"]
)
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_damaged_volume_is_an_error_and_never_a_number(refused, small_image, name, what):
    change = damage(what)
    path = edited(small_image(name), in_gzip(change) if name.endswith(".gz") else change)
    assert path in refused(3, "inspect", path, "--format", "csv")


@pytest.mark.parametrize("change", [flip(2), flip(-8), flip(-1), lambda data: data[:-40], lambda data: data[: 1 << 7]])
def test_a_damaged_gzip_is_an_error_and_never_a_number(refused, small_image, change):
    path = edited(small_image("x.nii.gz"), change)
    assert path in refused(3, "inspect", path, "--format", "csv")


def test_a_missing_file_is_an_error_that_names_it(refused, tmp_path):
    assert "no such file" in refused(3, "inspect", tmp_path / "missing.nii")


def test_a_directory_without_volumes_is_an_error(refused, tmp_path):
    assert "no image" in refused(3, "inspect", tmp_path)


def test_complex_data_are_an_error(refused, write_image, voxels):
    assert "complex" in refused(3, "inspect", write_image("x.nii", voxels.astype(np.complex64)))


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["-b", 0], "--batch-size must be at least 1, and is 0"),
        (["-b", -3], "--batch-size must be at least 1, and is -3"),
        (["-b", 2], "more samples"),
        (["-b", 10**30], "more samples"),
        (["-b", "two"], "two"),
        (["-b", 1.5], "1.5"),
        (["--axis", 0], "--axis must not be 0"),
        (["--axis", -5], "axis -5"),
        (["--axis", 5], "axis 5"),
        (["--axis", "last"], "last"),
        (["--batch-axis", 3], "--batch-axis 3"),
        (["--batch-axis", -4], "--batch-axis -4"),
        (["--batch-axis", "time"], "time"),
        (["--framework", "kears"], "'keras'"),
        (["--framework", "pytorhc"], "'pytorch'"),
        (["--framework", ""], "keras, torch"),
        (["--epsilon", -1e-9], "--epsilon must be 0 or more, and is -1e-09; Keras would return NaN"),
        (["--epsilon", "nan"], "--epsilon must be a number, and is nan"),
        (["--epsilon", "inf"], "--epsilon must be at most 3.403e+38, the largest number of float32, and is inf"),
        (["--momentum", 1.5], "--momentum must be a number from 0 to 1, and is 1.5"),
        (["--momentum", "nan"], "--momentum must be a number from 0 to 1, and is nan"),
        (["--seed", -1], "--seed must be at least 0, and is -1"),
        (["--format", "yaml"], "yaml"),
        (["--color", "pink"], "pink"),
        (["--bogus"], "--bogus"),
    ],
)
def test_a_setting_that_cannot_be_is_wrong_usage(refused, small_image, args, word):
    assert word in refused(2, "inspect", small_image(), *args)


def test_no_input_and_unknown_commands_are_wrong_usage(refused, bnstat_run):
    assert "PATH" in refused(2, "inspect")
    assert "instpect" in refused(2, "instpect")
    assert bnstat_run().code == 2


@pytest.mark.parametrize("args", [["-b", 3], ["--axis", 9], ["--batch-axis", 9]])
@pytest.mark.parametrize("bad_first", [True, False])
def test_a_failed_input_goes_before_wrong_usage_wherever_it_stands(bnstat_run, small_image, tmp_path, args, bad_first):
    paths = [tmp_path / "missing.nii", small_image()]
    ran = bnstat_run("inspect", *(paths if bad_first else paths[::-1]), *args)
    assert ran.code == 3
    assert (len(ran.lines), len(ran.errors)) == (2, 2)
    assert "missing.nii" in ran.errors[0]


def test_mixed_shapes_in_one_batch_are_wrong_usage_that_names_two(refused, write_image):
    paths = [write_image(f"{n}.nii", np.arange(n * 12, dtype=np.int16).reshape(n, 3, 4)) for n in (2, 3)]
    message = refused(2, "inspect", *paths, "-b", 2)
    assert all(path in message for path in paths)


def test_mixed_shapes_beside_a_failed_input_are_a_failed_input(bnstat_run, write_image, tmp_path):
    paths = [write_image(f"{n}.nii", np.arange(n * 12, dtype=np.int16).reshape(n, 3, 4)) for n in (2, 3)]
    ran = bnstat_run("inspect", *paths, tmp_path / "no.nii", "-b", 2)
    assert (ran.code, len(ran.errors)) == (3, 2)


@pytest.mark.parametrize("where", [".", "no/such/folder/x.json", "small.nii/x.json"])
def test_an_output_that_cannot_be_written_is_code_3(refused, small_image, tmp_path, where):
    assert "cannot be written" in refused(3, "inspect", small_image(), "-o", tmp_path / where)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_output_to_a_place_that_is_read_only_is_code_3(refused, small_image, tmp_path):
    image, place = small_image(), tmp_path / "read-only"
    place.mkdir(0o500)
    assert "Permission denied" in refused(3, "inspect", image, "-o", place / "x.json")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="the superuser may read everything")
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "folder/x.nii"])
def test_an_input_that_may_not_be_read_is_called_that(refused, small_image, tmp_path, name):
    (tmp_path / "folder").mkdir()
    path = Path(small_image(name))
    (path.parent if name.startswith("folder") else path).chmod(0)
    try:
        assert "permission denied" in refused(3, "inspect", path)
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_an_output_that_is_an_input_leaves_the_input_alone(bnstat_run, small_image):
    path = Path(small_image())
    before = path.read_bytes()
    ran = bnstat_run("inspect", path, "-o", path)
    assert path.read_bytes() == before
    assert ran.code in (2, 3)


@linux
@pytest.mark.parametrize("args", [[], ["--format", "json"], ["-o", "/dev/full"], ["--help"]])
def test_a_full_disk_is_code_3(small_image, args):
    with Path("/dev/full").open("w") as full:
        command = [*BNSTAT, "inspect", small_image(), *args]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LONGEST, check=False)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (3, 1), ran.stderr
    assert "No space left" in ran.stderr


@linux
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_is_cut_short_is_never_a_success(tmp_path, unbuffered):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 2, 8)))
    command = 'trap "" XFSZ; ulimit -f 8; exec "$0" -m bnstat inspect -q --format csv x.npy > x.csv'
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    ran = subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (ran.returncode, len(ran.stderr.splitlines())) == (3, 1), ran.stderr


@posix
@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), (">&-", 3)])
def test_a_stream_that_is_closed_from_the_start_is_no_defect(small_image, closed, code):
    command = f'"$0" -m bnstat inspect "$1" {closed}'
    ran = subprocess.run(
        ["sh", "-c", command, sys.executable, small_image()],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("form", ["csv", "json", "markdown", "table"])
def test_a_closed_pipe_is_code_141_and_silent(tmp_path, form, unbuffered):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(200, 2, 8)))
    command = f'"$0" -m bnstat inspect -q --all "$1" --format {form} | head -1; exit ${{PIPESTATUS[0]}}'
    ran = subprocess.run(
        ["bash", "-c", command, sys.executable, str(tmp_path / "x.npy")],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (141, "")
    assert len(ran.stdout.splitlines()) == 1


def big_plain(path):
    """A header of 4 GiB, and a file of holes."""
    header = bytearray(edited(path, lambda data: data[:352]) and Path(path).read_bytes())
    struct.pack_into("<8h", header, 40, 3, 4096, 4096, 256, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)  # uint8
    Path(path).write_bytes(header)
    os.truncate(path, 352 + (4 << 30))
    return header


def big_gzip(path):
    header = big_plain(path)
    Path(path).unlink()
    zeros = gzip.compress(bytes(1 << 25))
    with Path(path + ".gz").open("wb") as file:
        file.write(gzip.compress(bytes(header)))
        for _ in range(128):
            file.write(zeros)


@linux
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_ctrl_c_while_reading_is_code_130_and_one_line(small_image, name):
    path = small_image("x.nii")
    (big_gzip if name.endswith(".gz") else big_plain)(path)
    path = str(Path(path).with_name(name))
    ignored = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    process = subprocess.Popen([*BNSTAT, "inspect", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, ignored)
    while process.poll() is None and not is_read(process.pid, path):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out, err) == (130, "", "bnstat: error: interrupted\n")


def is_read(pid, path):
    """Return True if a process has read more than the header. Before that a finalizer may swallow an interrupt."""
    try:
        links = [link for link in Path(f"/proc/{pid}/fd").iterdir() if str(link.readlink()) == path]
        told = [Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().split() for link in links]
        return any(int(one[one.index("pos:") + 1]) > 1 << 17 for one in told)
    except OSError:  # it was closed, or the process ended, while we looked
        return False


def test_an_interrupt_is_code_130_from_wherever_it_comes(refused, small_image, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bnstat.moments.one_pass._Reducer.add", interrupted)
    for name in ("x.nii", "x.nii.gz"):
        assert refused(130, "inspect", small_image(name)) == "bnstat: error: interrupted"


def test_a_defect_is_code_4_in_one_line_and_a_trace_where_it_is_asked_for(refused, small_image, monkeypatch, capsys):
    def defect(*_):
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr("bnstat.workflows.inspect.findings_of", defect)
    assert "ZeroDivisionError" in refused(4, "inspect", small_image())
    assert run(["inspect", small_image(), "--debug"]) == 4  # 1 would say that something was found
    trace = capsys.readouterr().err
    assert trace.startswith("Traceback (most recent call last):")
    assert trace.splitlines()[-1].endswith("with the trace above")


def test_a_trace_cannot_steer_the_terminal(small_image, monkeypatch, capsys):
    def defect(*_):
        raise ZeroDivisionError("x\x1b]0;title\x07\r\x9b2J\n##[error]\ns3://name:secret@host/x\u2028")

    monkeypatch.setattr("bnstat.workflows.inspect.findings_of", defect)
    assert run(["inspect", small_image(), "--debug"]) == 4
    trace = capsys.readouterr().err
    assert "ZeroDivisionError: x\\x1b]0;title" in trace
    assert 'in defect\n    raise ZeroDivisionError("x' in trace  # lines of code keep their indentation
    assert not set(trace) & set("\x1b\x07\r\x9b\u2028")
    assert not any(line.startswith("##[") for line in trace.splitlines())
    assert "secret@" not in trace
