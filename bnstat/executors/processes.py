"""This process, and others beside it where there is enough to share.

Reading begins in this process. Others are started at once where the files are large, and after a while where many small
ones are left; so that few small files are read as fast as by one process.
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
from bnstat.executors.job import Job, Outcome, Progress, announce, outcome_of, read_here, run_apart, tell
from bnstat.processors import processors
from bnstat.samples import Row

# Bytes on disk from which starting processes is worth it at once: some tens of milliseconds of inflating.
_WORTH_BYTES = 16 << 20
# How long this process reads alone otherwise, and what must be left after that for others to be started.
_ALONE_S, _LEFT_S = 0.3, 0.6
# Jobs for each process that wait to be read, so that none is idle, and memory does not grow with the number of files.
_AHEAD = 4
# How often a worker looks whether whoever started it is still there.
_LOOK_S = 1.0

_Found = tuple[Row, ...] | InputError | UsageError


class Processes:
    """Up to so many processes, this one alone where one is enough.

    Args:
        number: at most; None for one for each processor.
    """

    def __init__(self, number: int | None) -> None:
        self._number = processors() if number is None else number

    def run(self, jobs: Sequence[Job], progress: Progress | None) -> Iterator[Outcome]:
        """Read every case, as `Executor` says."""
        announce(jobs, progress)
        number = min(self._number, len(jobs))
        done = 0
        if number == 1 or not _is_worth(jobs):
            for outcome in _alone(jobs, progress, others=number > 1):
                yield outcome
                done += 1
        if done < len(jobs):
            yield from _shared(range(done, len(jobs)), jobs, number, progress)


def _is_worth(jobs: Sequence[Job]) -> bool:
    """Whether the files are so large that processes are started at once."""
    total = 0
    for job in jobs:
        total += job.nbytes_on_disk
        if total >= _WORTH_BYTES:
            return True
    return False


def _alone(jobs: Sequence[Job], progress: Progress | None, others: bool) -> Iterator[Outcome]:
    """Read in this process: all, or until others, where there may be any, would be done sooner."""
    started = time.monotonic()
    for place, job in enumerate(jobs):
        passed = time.monotonic() - started
        if others and place and passed > _ALONE_S and passed / place * (len(jobs) - place) > _LEFT_S:
            return
        yield read_here(place, job, progress)


def _shared(places: Sequence[int], jobs: Sequence[Job], number: int, progress: Progress | None) -> Iterator[Outcome]:
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
    pool = ProcessPoolExecutor(number, _context(), _begin, (os.getpid(),))
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


def _begin(parent: int) -> None:
    """What a worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them, and the one that asked answers it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End where the process that waits for results has gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
