"""Who reads the cases: one file for each way to run. Results have the same bits in all of them.

A way to run takes jobs and yields an `Outcome` for each, in the order in which they end. It reads each case once.
A case that fails is an outcome like others. If a worker dies, its cases are read again before they count as failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from bnstat.reading.settings import Reading
from bnstat.reading.workers.here import Here
from bnstat.reading.workers.job import CaseJob, Found, Job, Outcome, Progress
from bnstat.reading.workers.processes import Processes

__all__ = ["CaseJob", "Executor", "Job", "Outcome", "Progress", "executor_of"]


class Executor(Protocol):
    """A way to run jobs."""

    def run(self, jobs: Sequence[CaseJob[Found]], progress: Progress | None) -> Iterator[Outcome[Found]]:
        """Read every case, and yield its outcome as soon as it is there.

        Raises:
            UsageError: if nothing can be run this way, as without a scheduler.
        """


def executor_of(reading: Reading, jobs: Sequence[CaseJob[Any]]) -> Executor:
    """Return the way to run that was asked for; what is in memory is read in this process.

    Raises:
        UsageError: if it needs a package that is not installed.
    """
    if any(job.case.held is not None for job in jobs):
        return Here()
    if reading.dask is not None:
        from bnstat.reading.workers.dask import Cluster  # noqa: PLC0415  (2 ms, which only a cluster needs)

        return Cluster(reading.dask)
    if reading.jobs == 1 or len(jobs) < 2:
        return Here()
    return Processes(reading.jobs)
