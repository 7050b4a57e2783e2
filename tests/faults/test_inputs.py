"""What a name may stand for instead of a file: a pipe, a device, a folder that nobody may enter, nothing at all."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# A reader that waits for a pipe would wait for ever; the longest of these runs takes a few seconds.
PATIENCE = 120

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and permissions of POSIX")


class StillWaitingError(AssertionError):
    """A command waits for something that will not come."""


@pytest.fixture
def bounded():
    """End a test that waits for ever."""

    def stop(*_):
        raise StillWaitingError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def volume(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("v.npy", np.random.default_rng(0).normal(size=(4, 5, 4, 3, 1)).astype(np.float32))
    return "v.npy"


# Every place of the command line that names a file with something else than voxels, with the code of a wrong one.
PLACES = {
    "description": (("inspect", "{}.json"), 3),
    "reference": (("check", "v.npy", "--reference", "{}.jsonl"), 3),
    "moments": (("check", "{}.jsonl"), 3),
    "baseline": (("check", "v.npy", "--baseline", "{}.json"), 3),
    "updated baseline": (("check", "v.npy", "--baseline", "{}.json", "--update-baseline"), 3),
    "settings": (("check", "v.npy", "--config", "{}.toml"), 2),
    "settings of a project": (("check", "v.npy", "--config", "{}/pyproject.toml"), 2),
    "plans": (("check", "v.npy", "--plans", "{}.json"), 3),
    "bundle": (("check", "v.npy", "--monai", "{}.json"), 3),
    "bundle in YAML": (("check", "v.npy", "--monai", "{}.yaml"), 3),
    "groups": (("compare", "v.npy", "--group-by", "{}.csv:site"), 3),
    "layers": (("report", "v.npy", "--layers", "{}.json", "-o", "page.html"), 3),
    "known findings of a page": (("report", "v.npy", "--baseline", "{}.json", "-o", "page.html"), 3),
    "fingerprint": (("check", "v.npy", "--reference", "{}_fingerprint.json"), 3),
    "intensities": (("check", "v.npy", "--intensity", "ct:{}.json"), 2),
    "checkpoint": (("checkpoint", "{}.pt"), 3),
    "safetensors": (("checkpoint", "{}.safetensors"), 3),
    "recording": (("layers", "{}.jsonl"), 2),
}


def named(place, make):
    """Return a command line with the name of a file in it, which is made first."""
    args, code = PLACES[place]
    pattern = next(one for one in args if "{}" in one)
    name = pattern.partition(":")[0] if place == "groups" else pattern.removeprefix("ct:")
    file = Path(name.format("odd"))
    file.parent.mkdir(exist_ok=True)
    make(file)
    return [one.format("odd") for one in args], code


@pytest.mark.usefixtures("bounded", "volume")
@pytest.mark.parametrize("place", PLACES)
def test_a_pipe_in_the_place_of_a_file_is_refused(bnstat_run, place):
    args, code = named(place, os.mkfifo)
    ran = bnstat_run(*args)
    assert ran.code == code
    assert "odd" in ran.errors[0]
    assert "defect" not in ran.err


@pytest.mark.usefixtures("bounded", "volume")
@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device of zeros")
@pytest.mark.parametrize("place", PLACES)
def test_a_device_that_never_ends_is_refused(bnstat_run, place):
    args, code = named(place, lambda file: file.symlink_to("/dev/zero"))
    ran = bnstat_run(*args)
    assert ran.code == code
    assert "defect" not in ran.err


@pytest.mark.usefixtures("volume")
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_is_too_long_is_one_line(bnstat_run, place):
    args, code = PLACES[place]
    ran = bnstat_run(*(one.format("x" * 300) for one in args))
    assert ran.code == code
    assert "defect" not in ran.err


@pytest.mark.usefixtures("bounded", "volume")
def test_a_pipe_named_dataset_json_does_not_stop_the_search_of_a_folder(bnstat_run):
    Path("data").mkdir()
    os.mkfifo("data/dataset.json")
    Path("v.npy").rename("data/v.npy")
    assert bnstat_run("inspect", "data", "--batch-size", 2).code == 0


@pytest.mark.usefixtures("bounded", "volume")
def test_a_list_of_paths_may_come_through_a_pipe(bnstat_run):
    reading, writing = os.pipe()
    os.write(writing, b"v.npy\n")
    os.close(writing)
    try:
        assert bnstat_run("inspect", "--files-from", f"/dev/fd/{reading}").code == 0
    finally:
        os.close(reading)


@pytest.mark.usefixtures("bounded", "volume")
def test_a_list_of_paths_without_end_is_refused(refused):
    assert "larger than 256 MB" in refused(3, "inspect", "--files-from", "/dev/zero")


def give_up_powers() -> None:
    """Take from a process of the superuser the power to open what its permissions forbid, from its next program on."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def run_without_powers(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as a user whom permissions hold, also where these tests are run by the superuser."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "bnstat", *args],
        preexec_fn=give_up_powers if os.geteuid() == 0 else None,
        check=False,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture
def closed(volume):
    """A folder that nobody may enter, in one that anybody may."""
    here = Path.cwd()
    (here / "closed").mkdir()
    shutil.copy(volume, here / "closed" / volume)
    (here / "closed").chmod(0)
    try:
        yield here
    finally:
        (here / "closed").chmod(0o755)


@pytest.mark.parametrize(
    "args",
    [
        ("inspect", "closed"),
        ("inspect", "closed/v.npy"),
        ("inspect", "closed/dataset.json"),
        ("inspect", "closed/*.nii"),
        ("check", "v.npy", "--config", "closed/bnstat.toml"),
        ("check", "v.npy", "--baseline", "closed/b.json"),
        ("check", "v.npy", "--reference", "closed/m.jsonl"),
        ("compare", "v.npy", "--group-by", "closed/t.csv:a"),
        ("scan", "v.npy", "-o", "closed/m.jsonl"),
        ("layers", "closed", "v.npy"),
        ("checkpoint", "closed"),
        ("check", "v.npy", "--plans", "closed/p.json"),
    ],
    ids=" ".join,
)
def test_a_folder_that_nobody_may_enter_is_one_line(closed, args):
    done = run_without_powers(*args, cwd=closed)
    assert done.returncode in (2, 3), done.stderr
    assert "closed" in done.stderr
    assert "defect" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("inspect", "v.npy"),
        ("scan", "v.npy", "-o", "m.jsonl"),
        ("compare", "v.npy", "w.npy", "--group-by", "directory"),
        ("check", "v.npy", "--baseline", "b.json"),
        ("layers", "net.py:make", "v.npy"),
        ("plan", "--patch", "8x8x8", "--levels", "2"),
    ],
    ids=" ".join,
)
def test_a_current_folder_that_is_gone_is_no_defect(tmp_path, args):
    (tmp_path / "gone").mkdir()
    script = f"import os, sys; os.rmdir(os.getcwd()); from bnstat.cli import main; main({json.dumps(list(args))})"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        check=False,
        cwd=tmp_path / "gone",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode in (0, 2, 3), done.stderr
    assert "defect" not in done.stderr
    assert "Traceback" not in done.stderr
