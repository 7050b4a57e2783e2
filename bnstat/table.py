"""Cases to rows of the table: headers first, then every voxel once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Protocol

from bnstat.errors import InputError, UsageError
from bnstat.planning import BatchAxis, Planned, plan_case
from bnstat.report import UNPREPARED, Preparation, Reading
from bnstat.samples import Row, rows_of
from bnstat.sources import Case, cases_of

__all__ = ["BatchAxis", "Path", "Planned", "Progress", "Row", "Table", "blaming", "read_table"]

Path = str | PathLike[str]


class Progress(Protocol):
    """Whom to tell how far reading has come."""

    def begin(self, source: str, nbytes: int) -> None:
        """A file of so many uncompressed bytes is about to be read."""

    def advance(self, nbytes: int) -> None:
        """So many more were read; called from any thread."""


@dataclass(frozen=True)
class Table:
    """All that was read: files whose headers could be, samples whose voxels could be, and what could not.

    `preparation` is what their voxels went through first, `notes` are on how files were found.
    `summed` holds what was computed from the voxels a second time, for all reports on the same table.
    """

    planned: tuple[Planned, ...]
    rows: tuple[Row, ...]
    failures: tuple[InputError, ...]
    preparation: Preparation = UNPREPARED
    notes: tuple[str, ...] = ()
    summed: dict[Hashable, object] = field(default_factory=dict, compare=False)


@contextmanager
def blaming(failures: Sequence[InputError]) -> Iterator[None]:
    """A refusal carries the inputs that could not be read before it."""
    try:
        yield
    except UsageError as error:
        error.failures = tuple(failures)
        raise


def read_table(
    paths: Path | Iterable[Path],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None,
    check: Callable[[Sequence[Planned]], None],
) -> Table:
    """Headers of all files, then every voxel once.

    Args:
        paths: files or directories.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        reading: how inputs are found, prepared and read.
        progress: whom to tell how far reading has come.
        check: is given the headers before any voxel is read, and raises UsageError where they admit no answer.

    Raises:
        UsageError: there is no path, a file does not have the axis, or what `check` raises.
    """
    failures: list[InputError] = []
    notes: list[str] = []
    with blaming(failures):
        planned = plan_cases(find_cases(paths, reading, failures, notes), axis, batch_axis, failures)
        check(planned)
        rows = [row for plan in planned for row in read_rows(plan, reading.preparation, progress, failures)]
    return Table(tuple(planned), tuple(rows), tuple(failures), reading.preparation, tuple(notes))


def find_cases(
    paths: Path | Iterable[Path], reading: Reading, failures: list[InputError], notes: list[str]
) -> list[Case]:
    """What there is to read; paths without any join the failures, and what is to be said of how they were found.

    Raises:
        UsageError: there is no path, or the pattern of channels cannot be.
    """
    listed = [fspath(paths)] if isinstance(paths, (str, PathLike)) else [fspath(path) for path in paths]
    if not listed:
        raise UsageError("no input: give at least one volume")
    found = cases_of(listed, reading.channels)
    failures += found.failures
    notes += found.notes
    return found.cases


def plan_cases(cases: Iterable[Case], axis: int, batch_axis: BatchAxis, failures: list[InputError]) -> list[Planned]:
    """The headers of all cases, before any voxel is read; what cannot be read joins the failures.

    Raises:
        UsageError: a file does not have the axis.
    """
    planned: list[Planned] = []
    misuse: UsageError | None = None  # said after all headers were read, so that it hides no file that failed
    for case in cases:
        try:
            planned.append(plan_case(case, axis, batch_axis))
        except InputError as error:
            failures.append(error)
        except UsageError as error:
            misuse = misuse or error
    if misuse is not None:
        raise misuse
    return planned


def read_rows(
    planned: Planned, preparation: Preparation, progress: Progress | None, failures: list[InputError]
) -> tuple[Row, ...]:
    """The samples of one case; none where its voxels cannot be read, which joins the failures."""
    if progress is not None:
        progress.begin(planned.case.name, planned.nbytes)
    try:
        return rows_of(planned, preparation, progress.advance if progress is not None else None)
    except InputError as error:
        failures.append(error)
        return ()
