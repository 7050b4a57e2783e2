"""Reading in this process, and in others beside it if there is enough to share.

Reading begins in this process. Others are started at once if the files are large, and after a while if many small files
are left. So few small files are read as fast as by one process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from bnstat.errors import InputError, UsageError
from bnstat.moments.processors import processors
from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, announce, read_here
from bnstat.sources.opened import plan_case

# The bytes on disk from which processes are started at once: inflating them takes some tens of milliseconds. Of smaller
# files than these on average it is measured first.
_WORTH_BYTES, _SMALL_BYTES = 16 << 20, 1 << 17
# Otherwise: the seconds that this process reads alone, and the seconds of work that must be left for others to start.
_ALONE_S, _LEFT_S = 0.3, 0.6
# The seconds that it takes to send a small file to another process, and to take what it found.
_SENT_S = 0.0002
# The share of this process's time in which others must be done, so that it is worth starting them.
_GAIN = 0.8


class Processes:
    """Up to `number` processes, or this one alone if one is enough.

    Args:
        number: the most processes; None for as many as there are processors.
    """

    def __init__(self, number: int | None) -> None:
        self._number = processors() if number is None else number

    def run(self, jobs: Sequence[CaseJob[Found]], progress: Progress | None) -> Iterator[Outcome[Found]]:
        """Read every case, as `Executor` describes it."""
        announce(jobs, progress)
        number = min(self._number, len(jobs))
        done = 0
        if number == 1 or not _is_worth(jobs):
            for outcome in _alone(jobs, progress, number):
                yield outcome
                done += 1
        if done < len(jobs):
            from bnstat.reading.workers.pool import shared  # noqa: PLC0415  (it imports multiprocessing, which costs milliseconds)

            yield from shared(range(done, len(jobs)), jobs, number, progress)


def _is_worth(jobs: Sequence[CaseJob[Any]]) -> bool:
    """Return True if the files are so large that processes are started at once."""
    total = 0
    for number, job in enumerate(jobs, 1):
        total += job.nbytes_on_disk
        if total >= _WORTH_BYTES:
            return total >= _SMALL_BYTES * number
    return False


def _alone(jobs: Sequence[CaseJob[Found]], progress: Progress | None, number: int) -> Iterator[Outcome[Found]]:
    """Read in this process: all cases, or, if so many processes may be started, until they would be done sooner."""
    started = time.monotonic()
    asked_at = 0
    for place, job in enumerate(jobs):
        passed = time.monotonic() - started
        if number > 1 and place > 2 * asked_at and passed > _ALONE_S and passed / place * (len(jobs) - place) > _LEFT_S:
            asked_at = place
            if _are_faster(job, passed / place, number):
                return
        yield read_here(place, job, progress)


def _are_faster(job: CaseJob[Any], here_s: float, number: int) -> bool:
    """Return True if so many processes read cases clearly faster than this one, which takes some seconds for each.

    They read the headers again that this process has read, which takes most of the time of a tiny file.
    """
    again_s = 0.0
    if job.planned is not None:
        started = time.monotonic()
        with suppress(InputError, UsageError):
            plan_case(job.case, job.axis, job.batch_axis)
        again_s = time.monotonic() - started
    return (here_s + again_s + _SENT_S) / number < _GAIN * here_s
