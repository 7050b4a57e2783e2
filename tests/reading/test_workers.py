"""Every way to run gives the same bits; what dies or cannot be read is reported, and the rest is finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from patience import LONGEST

import bnstat
from bnstat.errors import InputError
from bnstat.preprocessing.settings import UNPREPARED
from bnstat.reading.settings import Reading
from bnstat.reading.workers import executor_of, pool, processes
from bnstat.reading.workers.job import Job
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

FILES = 24


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    numbers = np.random.default_rng(0)
    for case in range(FILES):
        np.save(folder / f"{case:02}.npy", numbers.normal(case, 1, (2, 5, 6, 7, 3)))
    return folder


@pytest.fixture
def shared_at_once(monkeypatch):
    """However small files are."""
    monkeypatch.setattr(processes, "_WORTH_BYTES", 0)
    monkeypatch.setattr(processes, "_SMALL_BYTES", 0)


def jobs_of(folder):
    return [Job(Case.of(str(path)), -1, None, UNPREPARED) for path in sorted(folder.iterdir())]


def texts(folder, tmp_path, reading):
    """The lines of a scan."""
    file = tmp_path / f"{reading.jobs}.jsonl"
    found = bnstat.collect(folder, file, reading=reading, force=True)
    return sorted(file.read_text().splitlines()), found


@pytest.mark.usefixtures("shared_at_once")
@pytest.mark.parametrize("jobs", [2, 3, None])
def test_processes_give_the_bits_of_one(cohort, tmp_path, jobs):
    alone, _ = texts(cohort, tmp_path, Reading())
    assert texts(cohort, tmp_path, Reading(jobs=jobs))[0] == alone
    assert len(alone) == 2 * FILES


@pytest.mark.usefixtures("shared_at_once")
def test_a_report_is_the_same_whoever_read(cohort):
    assert bnstat.diagnose(cohort, reading=Reading(jobs=2)) == bnstat.diagnose(cohort)
    emulated = [
        bnstat.diagnose(cohort, framework="keras-tensorflow", reading=Reading(jobs=jobs)).batches for jobs in (1, 2)
    ]
    assert emulated[0] == emulated[1]
    assert emulated[1][0].channels[0].prediction.kind == "emulated"  # voxels are found again


@pytest.mark.usefixtures("shared_at_once")
def test_a_file_that_fails_is_an_outcome_like_others(cohort, tmp_path):
    jobs = jobs_of(cohort)
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"\x93NUMPY")
    jobs[3] = Job(Case.of(str(bad)), -1, None, UNPREPARED)
    outcomes = {one.place: one for one in executor_of(Reading(jobs=2), jobs).run(jobs, None)}
    assert sorted(outcomes) == list(range(FILES))
    assert [place for place, one in outcomes.items() if one.failure] == [3]
    assert isinstance(outcomes[3].failure, InputError)
    assert outcomes[3].failure.source == str(bad)


# A scan of two processes in which the one that reads a certain file kills itself, the first time or always.
_LETHAL = """
import os, pathlib, signal, sys
import bnstat
from bnstat.reading.workers import pool, processes

folder, target, where, once = sys.argv[1:]
read = pool.run_apart  # a process that is started anew runs all of this too, but for what is below

def run(job):
    mark = pathlib.Path(target + ".died")
    if job.case.name.endswith(where) and not (once == "once" and mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return read(job)

processes._WORTH_BYTES = processes._SMALL_BYTES = 0
pool.run_apart = run
if __name__ == "__main__":
    found = bnstat.collect(folder, target, reading=bnstat.Reading(jobs=2))
    for failure in found.errors:
        print(f"{failure.source}: {failure.message}")
"""


@pytest.mark.parametrize("times", ["once", "always"])
def test_a_worker_that_dies_is_tried_again_then_reported_and_the_rest_finished(cohort, tmp_path, times):
    alone, _ = texts(cohort, tmp_path, Reading())
    file = tmp_path / "m.jsonl"
    script = tmp_path / "lethal.py"
    script.write_text(_LETHAL)
    command = [sys.executable, str(script), str(cohort), str(file), "07.npy", times]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert Path(f"{file}.died").exists()
    found = sorted(file.read_text().splitlines())
    if times == "once":
        assert (found, said) == (alone, "")
    else:
        assert "07.npy: the process that read it died twice" in said
        assert [line for line in found if "07.npy" not in line] == [line for line in alone if "07.npy" not in line]
        assert [json.loads(line)["schema"] for line in found if "07.npy" in line] == ["bnstat.moments-failure/1"]


def test_few_small_files_start_no_process(cohort, monkeypatch):
    monkeypatch.setattr(pool, "ProcessPoolExecutor", None)
    jobs = jobs_of(cohort)
    assert len(list(executor_of(Reading(jobs=2), jobs).run(jobs, None))) == FILES


def test_many_small_files_are_shared_after_a_while(cohort, monkeypatch):
    started = []
    start = pool.ProcessPoolExecutor
    monkeypatch.setattr(processes, "_ALONE_S", -1.0)
    monkeypatch.setattr(processes, "_LEFT_S", 0.0)
    monkeypatch.setattr(pool, "ProcessPoolExecutor", lambda *given: started.append(1) or start(*given))
    jobs = jobs_of(cohort)
    outcomes = executor_of(Reading(jobs=2), jobs).run(jobs, None)
    assert sorted(one.place for one in outcomes) == list(range(FILES))
    assert started


class Clock:
    """The time as these modules see it; it passes only if it is told to."""

    def __init__(self, now=0.0):
        self.now = now

    def monotonic(self):
        return self.now

    def pass_by(self, seconds):
        self.now += seconds


@pytest.mark.parametrize(
    ("planned", "number", "faster"), [(False, 2, True), (True, 2, False), (True, 3, True), (True, 8, True)]
)
def test_processes_that_read_headers_again_are_started_only_if_they_are_faster(
    cohort, monkeypatch, planned, number, faster
):
    clock = Clock()
    job = jobs_of(cohort)[0]
    if planned:
        job = replace(job, planned=plan_case(job.case, job.axis, job.batch_axis))
    monkeypatch.setattr(processes, "time", clock)
    monkeypatch.setattr(processes, "plan_case", lambda *_: clock.pass_by(0.001))
    assert processes._are_faster(job, 0.001, number) == faster


@pytest.mark.parametrize(
    ("sizes", "number", "messages"),
    [
        ([100] * 64, 2, [8] * 5 + [6, 4, 3, 2, 2] + [1] * 7),
        ([1 << 20] * 5, 2, [1] * 5),
        ([1 << 16] * 40, 1, [4] * 9 + [2, 1, 1]),
        ([100, 1 << 20, 100, 100, 100, 100, 100, 100], 1, [1, 1, 3, 1, 1, 1]),
    ],
)
def test_small_files_are_sent_several_in_a_message_and_few_at_the_end(sizes, number, messages):
    jobs = [SimpleNamespace(nbytes_on_disk=size) for size in sizes]
    left, found = list(reversed(range(len(sizes)))), []
    while left:
        together = pool._together(left, jobs, number)
        assert together == left[: -len(together) - 1 : -1]
        del left[-len(together) :]
        found.append(len(together))
    assert found == messages


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, each a process of its own; the address, and the workers."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    file = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = []

    def start(*command):
        log = (folder / f"{len(started)}.log").open("wb")
        started.append(subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log, env=environment))
        return started[-1]

    start("distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0", "--no-dashboard")

    def worker():
        return start(
            *("distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny"),
            *("--no-dashboard", "--local-directory", str(folder)),
        )

    workers = [worker(), worker()]
    deadline = time.monotonic() + LONGEST
    while not (file.exists() and file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    import json

    address = json.loads(file.read_text())["address"]
    yield address, workers, worker
    for process in started:
        process.kill()
        process.wait()


def test_a_cluster_one_of_whose_workers_is_killed_gives_the_bits_of_one_process(cluster, cohort, tmp_path):
    address, workers, _ = cluster
    alone, _ = texts(cohort, tmp_path, Reading())

    class Killer:
        """Kills a worker once some files are done."""

        files = 0

        def begin(self, *_):
            pass

        def advance(self, *_):
            pass

        def done(self, files):
            self.files += files
            if self.files == 5:
                workers[0].kill()
                workers[0].wait()

    file = tmp_path / "dask.jsonl"
    killer = Killer()
    found = bnstat.collect(cohort, file, reading=Reading(dask=address), progress=killer)
    assert found.errors == ()
    assert workers[0].poll() is not None
    assert killer.files == FILES
    assert sorted(file.read_text().splitlines()) == alone


def test_a_file_that_no_worker_can_read_is_reported_by_a_cluster(cluster, cohort, tmp_path):
    address, _, _ = cluster
    folder = tmp_path / "cohort"
    folder.mkdir()
    for path in sorted(cohort.iterdir())[:4]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "02.npy").write_bytes(b"\x93NUMPY")
    report = bnstat.diagnose(folder, reading=Reading(dask=address))
    (failure,) = report.errors
    assert failure.source == str(folder / "02.npy")
    assert len(report.samples) == 6


@pytest.mark.parametrize("address", ["nowhere", "nonsense://x"])
def test_what_is_no_address_of_a_cluster_is_one_line_to_the_end_of_the_process(cohort, address):
    pytest.importorskip("distributed")
    command = [sys.executable, "-m", "bnstat", "inspect", str(cohort), "--dask", address]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert f"no Dask scheduler answers at {address}" in ran.stderr
