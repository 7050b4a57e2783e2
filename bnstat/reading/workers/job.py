"""One case to read, as it is sent to a worker, and the outcome that comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.samples import Row, rows_of, rows_of_several
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned, plan_case
from bnstat.sources.sample import BatchAxis
from bnstat.sources.volume import OnBytes

# What a job makes of its case.
Found = TypeVar("Found")


class Progress(Protocol):
    """Callbacks that are called with the files and the bytes read so far: any object with these three methods."""

    def begin(self, source: str, files: int, nbytes: int) -> None:
        """Begin to count: `source` is the first of the files, `nbytes` are the bytes of all of them."""

    def advance(self, nbytes: int) -> None:
        """Count the bytes that were read since the last call. Any thread may call it."""

    def done(self, files: int) -> None:
        """Count the files of a case, which were read or cannot be read."""


@dataclass(frozen=True)
class CaseJob(Generic[Found]):
    """One case to read. Each kind of job says what it makes of the voxels.

    Attributes:
        case: the name and the files.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        preparation: the preprocessing of the voxels.
        planned: the headers, if they were read already. They stay in the process that read them.
    """

    case: Case
    axis: int
    batch_axis: BatchAxis
    preparation: Preparation
    planned: Planned | None = None

    @property
    def sent(self) -> Self:
        """The job as it is sent to another process."""
        return replace(self, planned=None)

    @property
    def nbytes(self) -> int:
        """The bytes to read: uncompressed if the headers are known, else those on disk; 0 if neither is known."""
        return self.nbytes_on_disk if self.planned is None else self.nbytes_of(self.planned)

    @property
    def nbytes_on_disk(self) -> int:
        """The bytes that the files take on disk; 0 if unknown."""
        try:
            return sum(Path(file).stat().st_size for file in self.case.files)
        except (OSError, ValueError):
            return 0

    def nbytes_of(self, planned: Planned) -> int:
        """Return the bytes to read, uncompressed."""
        raise NotImplementedError

    def read(self, planned: Planned, on_bytes: OnBytes | None) -> Found:
        """Read the voxels.

        Raises:
            InputError: if one of the files cannot be read.
            UsageError: if the settings do not fit the case.
        """
        raise NotImplementedError

    def bare(self, found: Found) -> Found:
        """Return what was found as it is sent from a worker."""
        return found

    def restored(self, found: Found) -> Found:
        """Return what a worker sent, with what is known here."""
        return found


@dataclass(frozen=True)
class Job(CaseJob["tuple[Row, ...]"]):
    """One case whose samples are reduced to moments.

    Attributes:
        others: further preparations, which differ in their steps; their rows follow those of the first.
    """

    others: tuple[Preparation, ...] = ()

    def nbytes_of(self, planned: Planned) -> int:
        """Return the bytes to read, uncompressed."""
        if self.preparation.plain and not self.others:
            return planned.nbytes
        from bnstat.preprocessing.channel_steps import bytes_read

        return bytes_read(planned, self.preparation, *self.others)

    def read(self, planned: Planned, on_bytes: OnBytes | None) -> tuple[Row, ...]:
        """Return the samples, as `CaseJob` describes it."""
        if self.others:
            rows = rows_of_several(planned, (self.preparation, *self.others), on_bytes)
        else:
            rows = rows_of(planned, self.preparation, on_bytes)
        if self.planned is None and planned.notes and rows:
            return (replace(rows[0], notes=planned.notes), *rows[1:])
        return rows

    def bare(self, found: tuple[Row, ...]) -> tuple[Row, ...]:
        """Return the samples without the way to their voxels."""
        return tuple(replace(row, parts=()) for row in found)

    def restored(self, found: tuple[Row, ...]) -> tuple[Row, ...]:
        """Return what a worker sent, with the way to the voxels if it is known here."""
        each = len(found) // (1 + len(self.others))
        plain = [preparation.plain for preparation in (self.preparation, *self.others)]
        if self.planned is None or not any(plain):
            return found
        parts = self.planned.parts
        return tuple(replace(row, parts=parts) if plain[at // each] else row for at, row in enumerate(found))


@dataclass(frozen=True)
class Outcome(Generic[Found]):
    """The result of a job.

    Attributes:
        place: the number of the job.
        found: what the job was for; None if it failed.
        failure: the reason if it failed.
    """

    place: int
    found: Found | None
    failure: InputError | UsageError | None = None


def run(job: CaseJob[Found], on_bytes: OnBytes | None = None) -> Found:
    """Read a case.

    Raises:
        InputError: if one of its files cannot be read.
        UsageError: if it does not have the axis.
    """
    return job.read(job.planned or plan_case(job.case, job.axis, job.batch_axis), on_bytes)


def run_apart(job: CaseJob[Found]) -> Found | InputError | UsageError:
    """Read a case in a worker. A failure is returned as a value."""
    try:
        return job.bare(run(job))
    except (InputError, UsageError) as error:
        return error


def outcome_of(place: int, job: CaseJob[Found], found: Found | InputError | UsageError) -> Outcome[Found]:
    """Return what a worker sent."""
    if isinstance(found, (InputError, UsageError)):
        return Outcome(place, None, found)
    return Outcome(place, job.restored(found))


def announce(jobs: Sequence[CaseJob[Any]], progress: Progress | None) -> None:
    """Tell the callbacks what is about to be read."""
    if progress is not None and jobs:
        files = sum(len(job.case.files) for job in jobs)
        progress.begin(jobs[0].case.files[0], files, sum(job.nbytes for job in jobs))


def read_here(place: int, job: CaseJob[Found], progress: Progress | None) -> Outcome[Found]:
    """Read one case in this process."""
    # Without the headers the announced bytes are those on disk, which the bytes that are read do not add up to.
    as_read = progress is not None and job.planned is not None
    try:
        outcome = Outcome(place, run(job, progress.advance if progress is not None and as_read else None))
    except (InputError, UsageError) as error:
        outcome = Outcome(place, None, error)
    if progress is not None:
        if not as_read:
            progress.advance(job.nbytes)
        progress.done(len(job.case.files))
    return outcome


def tell(job: CaseJob[Any], progress: Progress | None) -> None:
    """Tell the callbacks that a worker is done with a case."""
    if progress is not None:
        progress.advance(job.nbytes)
        progress.done(len(job.case.files))
