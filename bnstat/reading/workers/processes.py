"""Reading in this process, and in others beside it if there is enough to share.

Reading begins in this process. Others are started at once if the files are large, and after a while if many small files
are left. So few small files are read as fast as by one process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from bnstat.moments.processors import processors
from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, announce, read_here

# The bytes on disk from which processes are started at once: inflating them takes some tens of milliseconds.
_WORTH_BYTES = 16 << 20
# Otherwise: the seconds that this process reads alone, and the seconds of work that must be left for others to start.
_ALONE_S, _LEFT_S = 0.3, 0.6


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
            for outcome in _alone(jobs, progress, others=number > 1):
                yield outcome
                done += 1
        if done < len(jobs):
            from bnstat.reading.workers.pool import shared  # noqa: PLC0415  (it imports multiprocessing, which costs milliseconds)

            yield from shared(range(done, len(jobs)), jobs, number, progress)


def _is_worth(jobs: Sequence[CaseJob[Any]]) -> bool:
    """Return True if the files are so large that processes are started at once."""
    total = 0
    for job in jobs:
        total += job.nbytes_on_disk
        if total >= _WORTH_BYTES:
            return True
    return False


def _alone(jobs: Sequence[CaseJob[Found]], progress: Progress | None, others: bool) -> Iterator[Outcome[Found]]:
    """Read in this process: all cases, or, if others may be started, until they would be done sooner."""
    started = time.monotonic()
    for place, job in enumerate(jobs):
        passed = time.monotonic() - started
        if others and place and passed > _ALONE_S and passed / place * (len(jobs) - place) > _LEFT_S:
            return
        yield read_here(place, job, progress)
