"""A Dask cluster that goes while it reads: a line, an end, and what was read is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from patience import LONGEST

import bnstat
from bnstat.errors import InputError
from bnstat.reading.settings import Reading
from bnstat.reading.workers import dask

pytest.importorskip("distributed")

FILES, BEFORE = 24, 5


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and a worker of its own, and the address."""
    file = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = []

    def start(*command):
        log = (tmp_path / f"{len(started)}.log").open("wb")
        started.append(subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log, env=environment))

    start("distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0", "--no-dashboard")
    start(
        *("distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny"),
        *("--no-dashboard", "--local-directory", str(tmp_path)),
    )
    deadline = time.monotonic() + LONGEST
    while not (file.exists() and file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield json.loads(file.read_text())["address"], *started
    for process in started:
        process.kill()
        process.wait()


class After:
    """Does something to the cluster once some files are done."""

    def __init__(self, act):
        self.files, self._act = 0, act

    def begin(self, *_):
        pass

    def advance(self, *_):
        pass

    def done(self, files):
        self.files += files
        if self.files == BEFORE:
            self._act()


@pytest.mark.parametrize(
    ("what", "how", "said"),
    [
        ("scheduler", signal.SIGKILL, "connection to the Dask scheduler was lost"),
        ("worker", signal.SIGKILL, "all Dask workers are gone"),
        ("scheduler", signal.SIGSTOP, "gone|lost"),
    ],
)
def test_a_cluster_that_goes_is_one_line_and_what_was_read_is_kept(
    cluster, tmp_path, monkeypatch, capfd, what, how, said
):
    address, scheduler, worker = cluster
    # as long as the cluster is there, it may be slow
    for limit in ("_GONE_S", "_ANSWER_S", "_WORKER_S"):
        monkeypatch.setattr(dask, limit, LONGEST)
    monkeypatch.setattr(dask, "_LOOK_S", 0.2)
    monkeypatch.setattr(dask, "_TELL_S", 0.0)
    folder, kept = tmp_path / "cohort", tmp_path / "m.jsonl"
    folder.mkdir()
    for case in range(FILES):
        np.save(folder / f"{case:02}.npy", np.random.default_rng(case).normal(size=(2, 5, 6, 7, 3)))
    victim = scheduler if what == "scheduler" else worker

    def harm():
        os.kill(victim.pid, how)
        monkeypatch.setattr(dask, "_GONE_S", 3.0)
        monkeypatch.setattr(dask, "_ANSWER_S", 1)

    with pytest.raises(InputError, match=said) as raised:
        bnstat.collect(folder, kept, reading=Reading(dask=address), progress=After(harm))
    assert raised.value.source == address
    assert len(kept.read_text().splitlines()) >= 2 * (BEFORE - 1)
    assert "Traceback" not in capfd.readouterr().err
    found = bnstat.collect(folder, kept, resume=True)
    assert (found.samples, found.errors) == (2 * FILES, ())
