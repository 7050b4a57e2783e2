"""One case to read, as it is sent to a worker, and the outcome that comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.samples import Row, rows_of, rows_of_several
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned, plan_case
from bnstat.sources.sample import BatchAxis
from bnstat.sources.volume import OnBytes


class Progress(Protocol):
    """Callbacks that are called with the files and the bytes read so far: any object with these three methods."""

    def begin(self, source: str, files: int, nbytes: int) -> None:
        """Begin to count: `source` is the first of the files, `nbytes` are the bytes of all of them."""

    def advance(self, nbytes: int) -> None:
        """Count the bytes that were read since the last call. Any thread may call it."""

    def done(self, files: int) -> None:
        """Count the files of a case, which were read or cannot be read."""


@dataclass(frozen=True)
class Job:
    """One case to read.

    Attributes:
        case: the name and the files.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        preparation: the preprocessing of the voxels.
        others: further ones, which differ in their steps; their rows follow those of the first.
        planned: the headers, if they were read already. They stay in the process that read them.
    """

    case: Case
    axis: int
    batch_axis: BatchAxis
    preparation: Preparation
    planned: Planned | None = None
    others: tuple[Preparation, ...] = ()

    @property
    def sent(self) -> Job:
        """The job as it is sent to another process."""
        return replace(self, planned=None)

    @property
    def nbytes(self) -> int:
        """The bytes to read: uncompressed if the headers are known, else those on disk; 0 if neither is known."""
        if self.planned is None:
            return self.nbytes_on_disk
        if self.preparation.plain and not self.others:
            return self.planned.nbytes
        if self.preparation.plain and not self.others:
            return self.planned.nbytes
        from bnstat.preprocessing.channel_steps import bytes_read

        return bytes_read(self.planned, self.preparation, *self.others)

    @property
    def nbytes_on_disk(self) -> int:
        """The bytes that the files take on disk; 0 if unknown."""
        try:
            return sum(Path(file).stat().st_size for file in self.case.files)
        except (OSError, ValueError):
            return 0


@dataclass(frozen=True)
class Outcome:
    """The result of a job.

    Attributes:
        place: the number of the job.
        rows: the samples; none if the job failed.
        failure: the reason if it failed.
    """

    place: int
    rows: tuple[Row, ...]
    failure: InputError | UsageError | None = None


def run(job: Job, on_bytes: OnBytes | None = None) -> tuple[Row, ...]:
    """Read a case.

    Raises:
        InputError: if one of its files cannot be read.
        UsageError: if it does not have the axis.
    """
    planned = job.planned or plan_case(job.case, job.axis, job.batch_axis)
    if job.others:
        rows = rows_of_several(planned, (job.preparation, *job.others), on_bytes)
    else:
        rows = rows_of(planned, job.preparation, on_bytes)
    if job.planned is None and planned.notes and rows:
        return (replace(rows[0], notes=planned.notes), *rows[1:])
    return rows


def run_apart(job: Job) -> tuple[Row, ...] | InputError | UsageError:
    """Read a case in a worker. A failure is returned as a value; rows are returned without the way to their voxels."""
    try:
        return tuple(replace(row, parts=()) for row in run(job))
    except (InputError, UsageError) as error:
        return error


def outcome_of(place: int, job: Job, found: tuple[Row, ...] | InputError | UsageError) -> Outcome:
    """Return what a worker sent, with the way to the voxels if it is known here."""
    if isinstance(found, (InputError, UsageError)):
        return Outcome(place, (), found)
    each = len(found) // (1 + len(job.others))
    plain = [preparation.plain for preparation in (job.preparation, *job.others)]
    if job.planned is None or not any(plain):
        return Outcome(place, found)
    parts = job.planned.parts
    rows = (replace(row, parts=parts) if plain[at // each] else row for at, row in enumerate(found))
    return Outcome(place, tuple(rows))


def announce(jobs: Sequence[Job], progress: Progress | None) -> None:
    """Tell the callbacks what is about to be read."""
    if progress is not None and jobs:
        files = sum(len(job.case.files) for job in jobs)
        progress.begin(jobs[0].case.files[0], files, sum(job.nbytes for job in jobs))


def read_here(place: int, job: Job, progress: Progress | None) -> Outcome:
    """Read one case in this process."""
    # Without the headers the announced bytes are those on disk, which the bytes that are read do not add up to.
    as_read = progress is not None and job.planned is not None
    try:
        outcome = Outcome(place, run(job, progress.advance if progress is not None and as_read else None))
    except (InputError, UsageError) as error:
        outcome = Outcome(place, (), error)
    if progress is not None:
        if not as_read:
            progress.advance(job.nbytes)
        progress.done(len(job.case.files))
    return outcome


def tell(job: Job, progress: Progress | None) -> None:
    """Tell the callbacks that a worker is done with a case."""
    if progress is not None:
        progress.advance(job.nbytes)
        progress.done(len(job.case.files))
