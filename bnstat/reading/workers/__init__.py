"""Who reads cases: a way to run is a file. Results have the same bits whichever it was.

A way to run takes jobs and gives an `Outcome` for each, in the order in which they end. It reads each case once; a case
that fails is an outcome like others, and a worker that dies is tried again before it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from bnstat.errors import UsageError
from bnstat.reading.settings import Reading
from bnstat.reading.workers.here import Here
from bnstat.reading.workers.job import Job, Outcome, Progress

__all__ = ["Executor", "Job", "Outcome", "Progress", "executor_of"]


class Executor(Protocol):
    """A way to run jobs."""

    def run(self, jobs: Sequence[Job], progress: Progress | None) -> Iterator[Outcome]:
        """Read every case; outcomes come as they are there.

        Raises:
            UsageError: this way cannot run at all.
        """


def executor_of(reading: Reading, cases: int) -> Executor:
    """The way to run that was asked for, for so many cases.

    Raises:
        UsageError: it cannot be.
    """
    if reading.jobs is not None and reading.jobs < 1:
        raise UsageError(f"{reading.jobs} jobs cannot be: at least 1 process reads")
    if reading.dask is not None:
        from bnstat.reading.workers.dask import Cluster  # noqa: PLC0415  (only where it is asked for)

        return Cluster(reading.dask)
    if reading.jobs == 1 or cases < 2:
        return Here()
    from bnstat.reading.workers.processes import Processes  # noqa: PLC0415  (milliseconds that one file does not need)

    return Processes(reading.jobs)
