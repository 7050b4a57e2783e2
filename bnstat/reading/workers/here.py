"""Reading in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, announce, read_here


class Here:
    """This process, one case after the other. Several threads read a case."""

    def run(self, jobs: Sequence[CaseJob[Found]], progress: Progress | None) -> Iterator[Outcome[Found]]:
        """Read every case, as `Executor` describes it."""
        announce(jobs, progress)
        for place, job in enumerate(jobs):
            yield read_here(place, job, progress)
