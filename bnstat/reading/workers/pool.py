"""Processes that read cases beside this one, and what becomes of those that die.

Nothing of it is imported before it is needed: that alone takes as long as reading a dozen small files.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from pathlib import Path

from bnstat.errors import InputError, UsageError
from bnstat.moments.processors import share
from bnstat.preprocessing.samples import Row
from bnstat.reading.workers.job import Job, Outcome, Progress, outcome_of, run_apart, tell

# Jobs for each process that wait to be read, so that none is idle, and memory does not grow with the number of files.
_AHEAD = 4
# How often a worker looks whether whoever started it is still there.
_LOOK_S = 1.0

_Found = tuple[Row, ...] | InputError | UsageError


def shared(places: Sequence[int], jobs: Sequence[Job], number: int, progress: Progress | None) -> Iterator[Outcome]:
    """Read in processes. Where one dies, all cases that it may have died of are read one at a time."""
    left = list(reversed(places))
    while left:
        suspects: list[int] = []
        for place, found in _in_pool(left, jobs, number, suspects):
            tell(jobs[place], progress)
            yield outcome_of(place, jobs[place], found)
        for place in suspects:
            found = _by_itself(jobs[place])
            tell(jobs[place], progress)
            yield outcome_of(place, jobs[place], found)


def _in_pool(left: list[int], jobs: Sequence[Job], number: int, suspects: list[int]) -> Iterator[tuple[int, _Found]]:
    """Read from the end of `left` until there is none, or a process died: then what was begun is among the suspects."""
    with _pool(min(number, len(left))) as pool:
        running: dict[Future[_Found], int] = {}
        while (left or running) and not suspects:
            try:
                while left and len(running) < number * _AHEAD:
                    running[pool.submit(run_apart, jobs[left[-1]].sent)] = left[-1]
                    left.pop()
            except BrokenProcessPool:
                suspects += running.values()
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future, place in [(future, running.pop(future)) for future in finished]:
                if isinstance(error := future.exception(), BrokenProcessPool):
                    suspects.append(place)
                elif error is not None:
                    raise error
                else:
                    yield place, future.result()
        suspects += running.values()


def _by_itself(job: Job) -> _Found:
    """Read one case in a process of its own, after one that read it among others died."""
    with _pool(1) as pool:
        try:
            return pool.submit(run_apart, job.sent).result()
        except BrokenProcessPool:
            return InputError(
                job.case.name,
                "the process that read it died, twice; is there enough memory, or is the file damaged? "
                "--jobs 1 reads it in this one",
            )


@contextlib.contextmanager
def _pool(number: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with whoever started them, also where that is killed or interrupted."""
    pool = ProcessPoolExecutor(number, _context(), _begin, (os.getpid(), number))
    before = set(multiprocessing.active_children())
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """Forking is fast, and safe only in a process of one thread; anything else is started anew."""
    if sys.platform == "linux" and _threads() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def _threads() -> int:
    """Threads of this process, also those that Python does not know of."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    return threading.active_count() + 1


def _begin(parent: int, processes: int) -> None:
    """What a worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them, and the one that asked answers it
    share(processes)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End where the process that waits for results has gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
