"""This process, and others beside it where there is enough to share.

Reading begins in this process. Others are started at once where the files are large, and after a while where many small
ones are left; so that few small files are read as fast as by one process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bnstat.moments.processors import processors
from bnstat.reading.workers.job import Job, Outcome, Progress, announce, read_here

# Bytes on disk from which starting processes is worth it at once: some tens of milliseconds of inflating.
_WORTH_BYTES = 16 << 20
# How long this process reads alone otherwise, and what must be left after that for others to be started.
_ALONE_S, _LEFT_S = 0.3, 0.6


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
            from bnstat.reading.workers.pool import shared  # noqa: PLC0415  (tens of milliseconds)

            yield from shared(range(done, len(jobs)), jobs, number, progress)


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
