"""What is written is whole or not there: a full disk, a planted link and a pipe lose nothing that was there before."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import LONGEST
from recorded_steps import training, write

from bnstat.networks.measurements.kept_moments import KeptMoments
from bnstat.networks.recordings.file import RecordingFile
from bnstat.writing import append_to_own, append_whole, replacing, write_whole

resource = pytest.importorskip("resource")

BNSTAT = [sys.executable, "-P", "-m", "bnstat"]
OLD = "the answer of yesterday"
# What is left over of a limit would be the beginning of an answer.
LIMIT = 100


@pytest.fixture
def cohort(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        np.save(folder / f"{name}.npy", rng.normal(size=(1, 4, 4, 4, 1)))
    np.save(folder / "d.npy", np.zeros((1, 4, 4, 4, 1)))  # which `check` finds
    return folder


@pytest.fixture
def full_disk():
    """Let no file grow beyond a few bytes, as a full disk does, from when the returned function is called."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size=LIMIT: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


OUTPUTS = [
    ("inspect", "-o", "x.json"),
    ("inspect", "-o", "x.html"),
    ("compare", "-o", "x.csv"),
    ("compare", "--save-population", "x.npz"),
    ("compare", "--save-population", "x.json"),
    ("compare", "--plot", "x.png"),
    ("check", "-o", "x.sarif"),
    ("check", "--exit-zero", "--update-baseline", "--baseline", "x.json"),
    ("report", "-o", "x.html"),
    ("report", "-o", "x.md"),
    ("plan", "-o", "x.json"),
    ("frameworks", "-o", "x.json"),
    ("explain", "BN201", "-o", "x.md"),
]


@pytest.mark.parametrize("before", [True, False], ids=["replaced", "new"])
@pytest.mark.parametrize("asked", OUTPUTS, ids=" ".join)
def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(
    cohort, tmp_path, asked, before, full_disk, refused
):
    if "--plot" in asked:
        pytest.importorskip("matplotlib")
    if "report" in asked:
        pytest.importorskip("jinja2")
    command, *options, file = asked
    target = tmp_path / "out" / file
    target.parent.mkdir()
    old = '{"schema": "bnstat.baseline/1", "findings": []}' if "--baseline" in asked else OLD
    if before:
        target.write_text(old)
    reads = command not in ("plan", "frameworks", "explain")
    given = [cohort] if reads else ["--patch", "32", "--levels", "2"] if command == "plan" else []
    full_disk()
    line = refused(3, command, *options, target, *given, *(["--quiet"] if reads else []))
    assert f"{target}: cannot be written: File too large; give another" in line
    assert [(one.name, one.read_text()) for one in target.parent.iterdir()] == [(file, old)] * before


def test_a_summary_of_github_keeps_what_was_in_it(cohort, tmp_path, full_disk, bnstat_run, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text(OLD)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    full_disk()
    ran = bnstat_run("check", cohort, "--format", "github")
    assert ran.code == 3
    assert ran.errors == [f"bnstat: error: {summary}: cannot be written: File too large"]
    assert summary.read_text() == OLD


def test_a_recording_ends_with_a_whole_line(tmp_path, full_disk):
    path = write(tmp_path / "run.jsonl", list(training(3, 2)), close=False)
    before = Path(path).read_bytes()
    file = RecordingFile(path)
    full_disk(len(before) + 10)
    with pytest.warns(UserWarning, match="the recording ends here, because it cannot be written: File too large"):
        file.close(3)
    assert Path(path).read_bytes() == before


def test_an_error_and_an_interruption_leave_the_old_file_alone(tmp_path):
    target = tmp_path / "x.json"
    target.write_text(OLD)

    def half_written(error):
        with replacing(target) as file:
            file.write(b"half of")
            file.flush()
            raise error

    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            half_written(error)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.json", OLD)]


def test_a_file_is_either_the_old_or_the_new_one_for_whoever_reads_it(tmp_path):
    target = tmp_path / "x.json"
    target.write_text(OLD)
    with target.open() as reader:
        with replacing(target) as file:
            file.write(b"new")
            file.flush()
            assert target.read_text() == OLD
        assert (target.read_text(), reader.read()) == ("new", OLD)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o640])
def test_the_permissions_of_the_old_file_stay(tmp_path, mode):
    target = tmp_path / "x.json"
    target.write_text(OLD)
    target.chmod(mode)
    write_whole(target, b"new")
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_that_any_program_gives_it(tmp_path):
    (tmp_path / "as.txt").write_text("x")
    write_whole(tmp_path / "new.txt", b"x")
    assert (tmp_path / "new.txt").stat().st_mode == (tmp_path / "as.txt").stat().st_mode


def test_a_link_that_a_user_names_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "x.json", tmp_path / "link.json"
    target.write_text(OLD)
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [one.name for one in (tmp_path / "there").iterdir()] == ["x.json"]


def test_the_longest_name_of_a_file_can_be_written(tmp_path):
    write_whole(tmp_path / ("x" * 255), b"new")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"new"


@pytest.mark.parametrize("planted", ["link", "dangling", "file"])
def test_what_is_planted_under_the_name_of_an_unfinished_file_is_not_written_to(tmp_path, planted):
    victim, part = tmp_path / "victim", tmp_path / "norm.jsonl.part"
    if planted != "dangling":
        victim.write_text(OLD)
    os.link(victim, part) if planted == "file" else part.symlink_to(victim)
    with append_to_own(part, new=True) as file:
        file.write(b"line")
    assert part.read_bytes() == b"line"
    assert not part.is_symlink()
    assert (victim.read_text() if victim.exists() else OLD) == OLD
    part.unlink()
    part.symlink_to(tmp_path / "as.txt")  # planted between two lines
    with pytest.raises(OSError, match=r"symbolic links|Too many"):
        append_to_own(part)
    assert not (tmp_path / "as.txt").exists()


@pytest.mark.parametrize("asked", [["inspect"], ["check", "--format", "json"]], ids=" ".join)
def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(cohort, tmp_path, asked):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ran = subprocess.run(
        [*BNSTAT, *asked, cohort, "--quiet", "-o", pipe], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert ran.returncode == 3
    assert "it is a pipe that no program reads; start the reader first" in ran.stderr.splitlines()[-1]


def test_a_pipe_that_is_read_gets_all(cohort, tmp_path, bnstat_run):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert bnstat_run("inspect", cohort, "--format", "json", "-o", pipe).code == 0
    with os.fdopen(reader, encoding="utf-8") as read:
        assert read.read() == bnstat_run("inspect", cohort, "--format", "json").out
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_summary_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "summary")
    with pytest.raises(OSError, match="it is a pipe that no program reads"):
        append_whole(tmp_path / "summary", b"x")


def test_a_device_stays_a_device(cohort, bnstat_run, refused):
    assert bnstat_run("inspect", cohort, "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    if Path("/dev/full").exists():
        assert "/dev/full: cannot be written: No space left on device" in refused(
            3, "inspect", cohort, "-o", "/dev/full"
        )


def test_what_stdout_is_appended_to_keeps_what_it_has(cohort, tmp_path):
    log = tmp_path / "log"
    log.write_text(f"{OLD}\n")
    with log.open("ab") as stdout:
        command = [*BNSTAT, "inspect", cohort, "--format", "csv", "-o", "/dev/stdout"]
        subprocess.run(command, stdout=stdout, timeout=LONGEST, check=True)
    assert log.read_text().startswith(f"{OLD}\n")
    assert "variance" in log.read_text()


def test_a_folder_that_layers_are_kept_in_has_whole_files_only(tmp_path):
    kept = KeptMoments(tmp_path / "kept")
    kept._write({"norm": "line\n"})
    assert [one.name for one in (tmp_path / "kept").iterdir()] == ["norm.jsonl.part"]
    kept._write({"norm": "another\n"})
    kept.finish()
    assert [(one.name, one.read_text()) for one in (tmp_path / "kept").iterdir()] == [("norm.jsonl", "line\nanother\n")]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no limit on files")
def test_the_limit_is_an_error_and_no_signal():
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
