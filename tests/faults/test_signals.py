"""Signals: the code says which one, one line says so, what is done is kept, and no process stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from patience import LONGEST

import bnstat

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")

SAID = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "stopped by SIGTERM",
    signal.SIGHUP: "stopped by SIGHUP, as when a terminal is closed",
}
# A program that is slow at the last volume, and says so with a file.
SLOW = """
import pathlib, sys, time
from bnstat.reading.workers import job, processes
mark = pathlib.Path(sys.argv.pop(1))
read = job.Job.read
def slow(self, *given):
    if self.case.name.endswith("last.npy"):
        mark.touch()
        time.sleep(6000)
    return read(self, *given)
job.Job.read = slow
processes._WORTH_BYTES = processes._SMALL_BYTES = 0
from bnstat.__main__ import main
main()
"""
# What Python runs before anything else: the import of one module waits, and says so with a file.
SLOW_IMPORT = """
import os, sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["SLOW_IMPORT"]:
            open(os.environ["MARK"], "w").close()
            time.sleep(6000)
sys.meta_path.insert(0, Slow())
"""
# A program in which a signal comes while a finalizer runs, where Python swallows what is raised.
FINALIZER = """
import pathlib, sys, time
from bnstat import stopping
stopping.raise_stopped()
class Slow:
    def __del__(self):
        pathlib.Path(sys.argv[1]).touch()
        time.sleep(6000)
del (slow := [Slow()])[0]
time.sleep(6000)
"""


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def cohort(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "last"):
        np.save(folder / f"{name}.npy", rng.normal(size=(1, 3, 3, 3, 1)))
    return folder


def started(*command, ignored=(), **environment):
    """Start a program in a session of its own, whose signals are as in a terminal."""

    def as_in_a_terminal():
        for number in SAID:
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    path = os.pathsep.join([*([environment.pop("first")] if "first" in environment else []), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_in_a_terminal,  # noqa: PLW1509  (this process has one thread)
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path, **environment},
    )


def wait_for(condition, process=None):
    limit = time.monotonic() + LONGEST
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def left_behind(session):
    """Return the processes of a session that have not ended."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = status.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it ended meanwhile
            continue
        if int(own) == session and state not in "ZX":
            found.append(int(status.parent.name))
    return found


def scan_at_the_last(cohort, mark, file, jobs, **given):
    """Start a scan, and return it once it has written all volumes but the last, which it reads."""
    process = started("-c", SLOW, mark, "scan", cohort, "-o", file, "--jobs", str(jobs), **given)
    wait_for(lambda: mark.exists() and file.exists() and len(file.read_text().splitlines()) == 3, process)
    return process


@pytest.mark.parametrize("to_all", [False, True], ids=["to one process", "to all"])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", SAID, ids=lambda number: number.name)
def test_a_scan_keeps_what_is_done_and_ends_with_all_its_processes(cohort, mark, tmp_path, number, jobs, to_all):
    if to_all and jobs == 1:
        pytest.skip("one process is all")
    file = tmp_path / "m.jsonl"
    process = scan_at_the_last(cohort, mark, file, jobs)
    (os.killpg if to_all else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out) == (128 + number, "")
    assert err.splitlines() == [
        f"bnstat: note: the samples read until now are in {file}; --resume goes on with it",
        f"bnstat: error: {SAID[number]}",
    ]
    wait_for(lambda: not left_behind(process.pid))
    assert {one.name for one in tmp_path.iterdir()} == {"cohort", "mark", "m.jsonl"}
    assert [bnstat.collect(str(cohort), file, resume=True).unchanged, len(bnstat.diagnose(str(file)).samples)] == [3, 4]


def test_no_worker_outlives_a_scan_that_is_killed(cohort, mark, tmp_path):
    process = scan_at_the_last(cohort, mark, tmp_path / "m.jsonl", 2)
    assert len(left_behind(process.pid)) == 3
    process.kill()
    process.wait()
    wait_for(lambda: not left_behind(process.pid))
    assert bnstat.collect(str(cohort), tmp_path / "m.jsonl", resume=True).unchanged == 3


def test_what_nohup_lets_a_program_ignore_stays_ignored(cohort, mark, tmp_path):
    process = scan_at_the_last(cohort, mark, tmp_path / "m.jsonl", 1, ignored=(signal.SIGHUP,))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=LONGEST)[1].splitlines()[-1] == "bnstat: error: stopped by SIGTERM"
    assert process.returncode == 143


@pytest.mark.parametrize("number", SAID, ids=lambda number: number.name)
@pytest.mark.parametrize("module", ["click", "click.core", "bnstat.cli.inspect", "numpy", "bnstat.workflows.inspect"])
def test_a_signal_while_the_program_starts_is_no_trace(cohort, mark, tmp_path, number, module):
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SLOW_IMPORT)
    command = ["-P", "-m", "bnstat", "inspect", cohort]
    process = started(*command, first=str(site), SLOW_IMPORT=module, MARK=str(mark))
    wait_for(mark.exists, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out, err) == (128 + number, "", f"bnstat: error: {SAID[number]}\n")


def test_a_signal_that_python_swallows_ends_the_program_too(mark):
    process = started("-c", FINALIZER, mark)
    wait_for(mark.exists, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out, err) == (143, "", "bnstat: error: stopped by SIGTERM\n")
