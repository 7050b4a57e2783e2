"""A pool of processes that read cases, and what happens to the cases of a process that dies.

This module is imported only when it is needed, because the import takes as long as reading a dozen small files.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from multiprocessing.context import BaseContext
from pathlib import Path

from bnstat.errors import InputError, UsageError
from bnstat.moments.processors import share
from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, outcome_of, run_apart, tell
from bnstat.stopping import leave_to_others

# Messages that wait for each process: enough that none is idle, few enough that memory does not grow with the files.
_AHEAD = 4
# Small files are sent several in a message: so many, up to these bytes on disk. If the process dies, each of them is
# read again by itself.
_TOGETHER, _TOGETHER_BYTES = 8, 1 << 18
# How often a worker looks if the process that started it is still there, in seconds.
_LOOK_S = 1.0


def shared(
    places: Sequence[int], jobs: Sequence[CaseJob[Found]], number: int, progress: Progress | None
) -> Iterator[Outcome[Found]]:
    """Read in processes. If one dies, each case that may have killed it is read again in a process of its own."""
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


def _in_pool(
    left: list[int], jobs: Sequence[CaseJob[Found]], number: int, suspects: list[int]
) -> Iterator[tuple[int, Found | InputError | UsageError]]:
    """Read from the end of `left` until it is empty or a process dies. Then all jobs that were begun are suspects."""
    with _pool(min(number, len(left))) as pool:
        running: dict[Future[list[Found | InputError | UsageError]], list[int]] = {}
        while (left or running) and not suspects:
            # a few messages wait for each process, so that none is idle
            try:
                while left and len(running) < number * _AHEAD:
                    together = _together(left, jobs, number)
                    running[pool.submit(_read_several, [jobs[place].sent for place in together])] = together
                    del left[-len(together) :]
            except BrokenProcessPool:
                suspects += chain.from_iterable(running.values())
                return
            # what is done is handed on; a process that died takes all others of the pool with it
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future, together in [(future, running.pop(future)) for future in finished]:
                if isinstance(error := future.exception(), BrokenProcessPool):
                    suspects += together
                elif error is not None:
                    raise error
                else:
                    yield from zip(together, future.result(), strict=True)
        suspects += chain.from_iterable(running.values())


def _together(left: Sequence[int], jobs: Sequence[CaseJob[Found]], number: int) -> list[int]:
    """Return the next jobs, at the end of `left`, that are sent in one message: one, or several with small files.

    Towards the end there are fewer in a message, so that no process waits for another one.
    """
    most = min(_TOGETHER, max(1, len(left) // (2 * number)))
    taken, nbytes = [left[-1]], jobs[left[-1]].nbytes_on_disk
    while len(taken) < most:
        place = left[-1 - len(taken)]
        nbytes += jobs[place].nbytes_on_disk
        if nbytes > _TOGETHER_BYTES:
            break
        taken.append(place)
    return taken


def _read_several(jobs: Sequence[CaseJob[Found]]) -> list[Found | InputError | UsageError]:
    """Read the cases of one message in a worker, one after the other. A failure is returned as a value."""
    return list(map(run_apart, jobs))


def _by_itself(job: CaseJob[Found]) -> Found | InputError | UsageError:
    """Read one case in a process of its own, after a process that may have read it died."""
    with _pool(1) as pool:
        try:
            return pool.submit(run_apart, job.sent).result()
        except BrokenProcessPool:
            return InputError(
                job.case.name,
                "the process that read it died twice: there is too little memory, or the file is damaged; "
                "`jobs=1` reads it in this process",
            )


@contextlib.contextmanager
def _pool(number: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes that end with this one, also if this one is killed or interrupted."""
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
    """Return the way to start processes: forking is fast, and safe only in a process of one thread."""
    if sys.platform == "linux" and _threads() == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")


def _threads() -> int:
    """Return the number of threads of this process, also of those that Python did not start."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    return threading.active_count() + 1


def _begin(parent: int, processes: int) -> None:
    """Prepare a worker."""
    leave_to_others()  # Ctrl-C reaches all processes, and the one that asked answers it
    share(processes)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker once the process that waits for its results is gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
