"""The story, from paths to a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Literal, Protocol

from bnstat.answer import answer
from bnstat.axes import Arrangement, AxisError, arrange
from bnstat.batches import make_batches, require
from bnstat.errors import InputError, UsageError
from bnstat.frameworks import framework_named
from bnstat.moments import Moments
from bnstat.normalizers import batch as batch_norm
from bnstat.report import Batch, Failure, Report, Sample, Settings
from bnstat.rules import findings_of
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
    """A sample in the table: who it is, its moments of shape (channels,), and its tensor."""

    sample: Sample
    moments: Moments
    arrangement: Arrangement


def diagnose(
    paths: Path | Iterable[Path],
    *,
    batch_size: int = 1,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    framework: str = "keras",
    epsilon: float | None = None,
    momentum: float | None = None,
    drop_last: bool = False,
    shuffle: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """What a batch-norm layer would compute on these volumes.

    Args:
        paths: files that nibabel reads, `.npy`, `.npz` or `.npz[key]`, or directories of such; each voxel is read once.
        batch_size: samples in a batch; the last may have fewer.
        axis: the axis of the batched tensor that is kept, as Keras means it; all others are reduced.
        batch_axis: the axis of each file whose entries are samples; "none" makes an array one sample. Left out, a
            volume is one sample, and an array is a batch along its axis 0.
        framework: "keras" or "torch".
        epsilon: instead of the framework's default.
        momentum: likewise, in the framework's own convention.
        drop_last: leave a last batch of fewer samples out.
        shuffle: permute the samples before they are grouped.
        seed: of the permutation.
        progress: whom to tell how far reading has come.

    Returns:
        The report. Inputs that could not be read are in its `errors`; the others are answered.

    Raises:
        UsageError: a setting that cannot be, or that these data do not admit.
    """
    settings = _settings(framework, epsilon, momentum, axis, batch_axis, batch_size, drop_last, shuffle, seed)
    failures: list[InputError] = []
    try:
        planned = _plan(_listed(paths), settings, batch_axis, failures)
        rows = [row for plan in planned for row in _rows(plan, progress, failures)]
        groups = make_batches(len(rows), batch_size, drop_last=drop_last, shuffle=shuffle, seed=seed) if rows else ()
        batches = tuple(_batch(index, rows, group, settings) for index, group in enumerate(groups))
    except UsageError as error:
        error.failures = tuple(failures)
        raise
    report = Report(
        settings=settings,
        samples=tuple(row.sample for row in rows),
        batches=batches,
        errors=tuple(Failure(failure.source, failure.message) for failure in failures),
        notes=(*_notes(planned, len(rows), failures, settings), *_overflows(batches)),
    )
    return replace(report, findings=findings_of(report), answer=answer(report))


def _settings(
    framework: str,
    epsilon: float | None,
    momentum: float | None,
    axis: int,
    batch_axis: BatchAxis,
    batch_size: int,
    drop_last: bool,
    shuffle: bool,
    seed: int,
) -> Settings:
    preset = framework_named(framework)
    settings = Settings(
        framework=preset,
        epsilon=preset.epsilon if epsilon is None else float(epsilon),
        momentum=preset.momentum if momentum is None else float(momentum),
        axis=axis,
        batch_axis=None if batch_axis == "none" else batch_axis,
        batch_size=batch_size,
        drop_last=drop_last,
        shuffle=shuffle,
        seed=seed,
    )
    if batch_size < 1:
        raise UsageError(f"batch size {batch_size} cannot be: a batch has at least 1 sample")
    if axis == 0:
        raise UsageError("axis 0 is the batch axis, which is always reduced; keep another, as -1 for the last")
    if not (settings.epsilon >= 0 and math.isfinite(settings.epsilon)):
        raise UsageError(f"epsilon {settings.epsilon:g} cannot be: give a number that is 0 or more")
    if not 0 <= settings.momentum <= 1:
        raise UsageError(f"momentum {settings.momentum:g} cannot be: give a number from 0 to 1")
    if seed < 0:
        raise UsageError(f"seed {seed} cannot be: give a whole number that is 0 or more")
    return settings


def _listed(paths: Path | Iterable[Path]) -> list[str]:
    listed = [fspath(paths)] if isinstance(paths, (str, PathLike)) else [fspath(path) for path in paths]
    if not listed:
        raise UsageError("no input: give at least one volume")
    return listed


def _plan(paths: Sequence[str], settings: Settings, batch_axis: BatchAxis, failures: list[InputError]) -> list[Planned]:
    """The headers of all files, before any voxel is read; files that cannot be read join the failures."""
    planned: list[Planned] = []
    misuse: UsageError | None = None  # said after all headers were read, so that it hides no file that failed
    for path in paths:
        sources, missed = files_of(path)
        failures += missed
        for source in sources:
            try:
                volume = open_volume(source)
                planned.append(Planned(volume, _arrange(volume, settings, batch_axis)))
            except InputError as error:
                failures.append(error)
            except UsageError as error:
                misuse = misuse or error
    if misuse is not None:
        raise misuse
    if planned:  # too few samples is better said before an hour of reading than after
        require(sum(plan.arrangement.samples for plan in planned), settings.batch_size)
    return planned


def _arrange(volume: Volume, settings: Settings, batch_axis: BatchAxis) -> Arrangement:
    chosen = 0 if batch_axis is None and volume.batched else None if batch_axis == "none" else batch_axis
    try:
        return arrange(
            volume.shape,
            order=volume.order,
            axis=settings.axis,
            batch_axis=chosen,
            dtype_channels=volume.dtype_channels,
            batched=volume.batched and chosen is not None,
        )
    except AxisError as error:
        raise UsageError(f"{volume.source}: {error}") from error


def _rows(plan: Planned, progress: Progress | None, failures: list[InputError]) -> list[Row]:
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
        )
        for index in indices
    ]


def _batch(index: int, table: Sequence[Row], places: tuple[int, ...], settings: Settings) -> Batch:
    rows = [table[place] for place in places]
    arrangement = rows[0].arrangement
    for row in rows:
        if row.arrangement.sample_shape != arrangement.sample_shape:
            raise UsageError(_mixed_shapes(rows[0], row))
    return Batch(
        index=index,
        samples=places,
        input_shape=(len(rows), *arrangement.sample_shape),
        axis=arrangement.axis,
        reduction_axes=arrangement.reduction_axes,
        channels=batch_norm.normalize(Moments.stack([row.moments for row in rows]), settings),
    )


def _mixed_shapes(one: Row, other: Row) -> str:
    shapes = [f"{row.sample.title} is {row.arrangement.sample_shape}" for row in (one, other)]
    return (
        f"samples of one batch need one shape, and {shapes[0]} while {shapes[1]}; "
        "use --batch-size 1, or crop them to one shape first, as training does"
    )


def _overflows(batches: Sequence[Batch]) -> tuple[str, ...]:
    """Where statistics of finite values are undefined all the same: their squares leave the range of float64."""
    found = {
        channel.channel
        for batch in batches
        for channel in batch.channels
        if channel.variance is None and channel.finite is None
    }
    if not found:
        return ()
    named = ", ".join(str(channel) for channel in sorted(found)[:5]) + (", …" if len(found) > 5 else "")
    return (
        f"the values of channel {named} are too large to square in float64, so there is no variance; scale them down",
    )


def _notes(
    planned: Sequence[Planned], samples: int, failures: Sequence[InputError], settings: Settings
) -> tuple[str, ...]:
    """What a user should know about how the inputs were taken."""
    notes = []
    if failures and samples:
        some = "1 input" if len(failures) == 1 else f"{len(failures)} inputs"
        notes.append(f"{some} could not be read and left the order before batches were made")
    channels_first = settings.framework.channels_axis == 1
    for plan in planned:
        volume, array = plan.volume, plan.volume.batched
        if array and len(volume.shape) == 3 and plan.arrangement.samples_axis == 0:
            notes.append(
                f"{volume.source} was read as a batch of {volume.shape[0]} samples along its axis 0; "
                "if it is one volume, use --batch-axis none"
            )
        if array and channels_first and settings.axis == -1 and plan.arrangement.axis != 1:
            notes.append(
                f"{volume.source} was read with channels last, and {settings.framework.title} has channels first; "
                "if axis 1 holds its channels, use --axis 1"
            )
        if not array and channels_first and plan.arrangement.axis == 1 and len(plan.arrangement.sample_shape) > 1:
            notes.append(
                f"--axis 1 keeps the first spatial axis of {volume.source} ({plan.arrangement.channels} entries); "
                f"channels are last in an image file, whatever layout {settings.framework.title} has"
            )
    return tuple(notes)
