"""One case to read, as it is sent to a worker, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.samples import Row, rows_of
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned, plan_case
from bnstat.sources.sample import BatchAxis


class Progress(Protocol):
    """Whom to tell how far reading has come."""

    def begin(self, source: str, files: int, nbytes: int) -> None:
        """So many files are about to be read, this the first of them, of so many bytes together."""

    def advance(self, nbytes: int) -> None:
        """So many bytes more were read; called from any thread."""

    def done(self, files: int) -> None:
        """So many files of a case were read, or could not be."""


@dataclass(frozen=True)
class Job:
    """One case to read.

    Attributes:
        case: its files.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        preparation: what voxels go through first.
        planned: its headers where they were read already; they stay in the process that read them.
    """

    case: Case
    axis: int
    batch_axis: BatchAxis
    preparation: Preparation
    planned: Planned | None = None

    @property
    def sent(self) -> Job:
        """What another process is sent."""
        return replace(self, planned=None)

    @property
    def nbytes(self) -> int:
        """Bytes to read: uncompressed where the headers are known, else on disk; 0 where neither is."""
        if self.planned is None:
            return self.nbytes_on_disk
        if self.preparation.plain:
            return self.planned.nbytes
        from bnstat.preprocessing.intensity import passes  # noqa: PLC0415  (only where it is asked for)

        return self.planned.nbytes * passes(self.preparation)

    @property
    def nbytes_on_disk(self) -> int:
        """Bytes that the files take, 0 where that is not known."""
        try:
            return sum(os.stat(file).st_size for file in self.case.files)  # noqa: PTH116  (one call, no Path)
        except (OSError, ValueError):
            return 0


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        place: which of the jobs it was.
        rows: its samples; none where it failed.
        failure: why it did.
    """

    place: int
    rows: tuple[Row, ...]
    failure: InputError | UsageError | None = None


def run(job: Job, told: Callable[[int], None] | None = None) -> tuple[Row, ...]:
    """Read a case.

    Raises:
        InputError: a file of it cannot be read.
        UsageError: it does not have the axis.
    """
    planned = job.planned or plan_case(job.case, job.axis, job.batch_axis)
    return rows_of(planned, job.preparation, told)


def run_apart(job: Job) -> tuple[Row, ...] | InputError | UsageError:
    """Read a case in a worker: what fails is sent back as a value, and rows without the way to their voxels."""
    try:
        return tuple(replace(row, parts=()) for row in run(job))
    except (InputError, UsageError) as error:
        return error


def outcome_of(place: int, job: Job, found: tuple[Row, ...] | InputError | UsageError) -> Outcome:
    """What a worker sent, with the way to the voxels where it is known here."""
    if isinstance(found, (InputError, UsageError)):
        return Outcome(place, (), found)
    if job.planned is None or not job.preparation.plain:
        return Outcome(place, found)
    return Outcome(place, tuple(replace(row, parts=job.planned.parts) for row in found))


def announce(jobs: Sequence[Job], progress: Progress | None) -> None:
    """Say what is about to be read."""
    if progress is not None and jobs:
        files = sum(len(job.case.files) for job in jobs)
        progress.begin(jobs[0].case.files[0], files, sum(job.nbytes for job in jobs))


def read_here(place: int, job: Job, progress: Progress | None) -> Outcome:
    """Read one case in this process."""
    by_the_way = progress is not None and job.planned is not None  # else bytes read are not those that were announced
    try:
        outcome = Outcome(place, run(job, progress.advance if progress is not None and by_the_way else None))
    except (InputError, UsageError) as error:
        outcome = Outcome(place, (), error)
    if progress is not None:
        if not by_the_way:
            progress.advance(job.nbytes)
        progress.done(len(job.case.files))
    return outcome


def tell(job: Job, progress: Progress | None) -> None:
    """Say that a worker is done with a case."""
    if progress is not None:
        progress.advance(job.nbytes)
        progress.done(len(job.case.files))
