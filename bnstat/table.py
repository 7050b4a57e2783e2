"""Files to rows of the table: headers first, then every voxel once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Literal, Protocol

from bnstat.axes import Arrangement, AxisError, arrange
from bnstat.errors import InputError, UsageError
from bnstat.moments import Moments
from bnstat.report import Sample
from bnstat.scan import scan_volume
from bnstat.sources import Volume, files_of, open_volume

Path = str | PathLike[str]
BatchAxis = int | Literal["none"] | None

# The axis of a file that holds time points where its header has a repetition time: the fourth dimension.
TIME_AXIS = 3


class Progress(Protocol):
    """Whom to tell how far reading has come."""

    def begin(self, source: str, nbytes: int) -> None:
        """A file of so many uncompressed bytes is about to be read."""

    def advance(self, nbytes: int) -> None:
        """So many more were read; called from any thread."""


@dataclass(frozen=True)
class Planned:
    """A file whose header was read, and how it becomes samples."""

    volume: Volume
    arrangement: Arrangement


@dataclass(frozen=True)
class Row:
    """A sample in the table: who it is, its moments of shape (channels,), its tensor, and where its voxels are."""

    sample: Sample
    moments: Moments
    arrangement: Arrangement
    volume: Volume


@dataclass(frozen=True)
class Table:
    """All that was read: files whose headers could be, samples whose voxels could be, and what could not.

    `summed` holds what was computed from the voxels a second time, for all reports on the same table.
    """

    planned: tuple[Planned, ...]
    rows: tuple[Row, ...]
    failures: tuple[InputError, ...]
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
    progress: Progress | None,
    check: Callable[[Sequence[Planned]], None],
) -> Table:
    """Headers of all files, then every voxel once.

    Args:
        paths: files or directories.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        progress: whom to tell how far reading has come.
        check: is given the headers before any voxel is read, and raises UsageError where they admit no answer.

    Raises:
        UsageError: there is no path, a file does not have the axis, or what `check` raises.
    """
    failures: list[InputError] = []
    with blaming(failures):
        planned = plan_files(paths, axis, batch_axis, failures)
        check(planned)
        rows = [row for plan in planned for row in read_rows(plan, progress, failures)]
    return Table(tuple(planned), tuple(rows), tuple(failures))


def plan_files(
    paths: Path | Iterable[Path], axis: int, batch_axis: BatchAxis, failures: list[InputError]
) -> list[Planned]:
    """The headers of all files, before any voxel is read; files that cannot be read join the failures.

    Raises:
        UsageError: there is no path, or a file does not have the axis.
    """
    planned: list[Planned] = []
    misuse: UsageError | None = None  # said after all headers were read, so that it hides no file that failed
    for path in _listed(paths):
        sources, missed = files_of(path)
        failures += missed
        for source in sources:
            try:
                volume = open_volume(source)
                planned.append(Planned(volume, _arrange(volume, axis, batch_axis)))
            except InputError as error:
                failures.append(error)
            except UsageError as error:
                misuse = misuse or error
    if misuse is not None:
        raise misuse
    return planned


def _listed(paths: Path | Iterable[Path]) -> list[str]:
    listed = [fspath(paths)] if isinstance(paths, (str, PathLike)) else [fspath(path) for path in paths]
    if not listed:
        raise UsageError("no input: give at least one volume")
    return listed


def _arrange(volume: Volume, axis: int, batch_axis: BatchAxis) -> Arrangement:
    chosen = 0 if batch_axis is None and volume.batched else None if batch_axis == "none" else batch_axis
    try:
        return arrange(
            volume.shape,
            order=volume.order,
            axis=axis,
            batch_axis=chosen,
            dtype_channels=volume.dtype_channels,
            batched=volume.batched and chosen is not None,
        )
    except AxisError as error:
        raise UsageError(f"{volume.source}: {error}") from error


def read_rows(plan: Planned, progress: Progress | None, failures: list[InputError]) -> list[Row]:
    """The samples of one file; none where its voxels cannot be read, which joins the failures."""
    volume, arrangement = plan.volume, plan.arrangement
    if progress is not None:
        progress.begin(volume.source, volume.nbytes)
    try:
        table = scan_volume(volume, arrangement, progress.advance if progress is not None else None)
    except InputError as error:
        failures.append(error)
        return []
    repetition = volume.repetition if arrangement.channels_axis == TIME_AXIS else None
    indices = [None] if arrangement.samples_axis is None else range(arrangement.samples)
    return [
        Row(
            Sample(volume.source, index, volume.shape, volume.dtype_name, repetition),
            table[index or 0],
            arrangement,
            volume,
        )
        for index in indices
    ]
