"""The story, from paths to a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bnstat.answer import answer
from bnstat.batches import make_batches, require
from bnstat.errors import InputError, UsageError
from bnstat.frameworks import framework_named, layer_of
from bnstat.moments import Moments
from bnstat.normalizers import normalize, parse, require_shape, require_steps
from bnstat.report import Batch, Failure, Report, Settings
from bnstat.rules import findings_of
from bnstat.table import BatchAxis, Path, Planned, Progress, Row, plan_files, read_rows


def diagnose(
    paths: Path | Iterable[Path],
    *,
    batch_size: int = 1,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    framework: str = "keras",
    normalizer: str | None = None,
    ranks: int = 1,
    epsilon: float | None = None,
    momentum: float | str | None = None,
    drop_last: bool = False,
    shuffle: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """What a batch-norm layer, or one of another normalizer, would compute on these volumes.

    Args:
        paths: files that nibabel reads, `.npy`, `.npz` or `.npz[key]`, or directories of such; each voxel is read once.
        batch_size: samples in a batch; the last may have fewer.
        axis: the axis of the batched tensor that is kept, as Keras means it; all others are reduced.
        batch_axis: the axis of each file whose entries are samples; "none" makes an array one sample. Left out, a
            volume is one sample, and an array is a batch along its axis 0.
        framework: the name of a preset, as "keras" or "torch"; `bnstat frameworks` lists them.
        normalizer: "batch", "instance", "layer", "group:G", "rms", "renorm" or "weight-init". Left out, that of the
            framework's layer where its name is one of a layer, as "torch-instance", else "batch".
        ranks: computers that share a training step of batch norm: each gets a batch of its own, a step takes
            ranks · batch size samples, and the merged batches are in the report's `synchronized`.
        epsilon: instead of the framework's default. Where neither is there, what depends on it is None.
        momentum: likewise, in the framework's own convention; "none" for PyTorch's cumulative mean.
        drop_last: leave a last batch of fewer samples out.
        shuffle: permute the samples before they are grouped.
        seed: of the permutation.
        progress: whom to tell how far reading has come.

    Returns:
        The report. Inputs that could not be read are in its `errors`; the others are answered.

    Raises:
        UsageError: a setting that cannot be, or that these data do not admit.
    """
    settings = _settings(
        framework, normalizer, ranks, epsilon, momentum, axis, batch_axis, batch_size, drop_last, shuffle, seed
    )
    failures: list[InputError] = []
    try:
        planned = plan_files(paths, axis, batch_axis, failures)
        if planned:  # what cannot be is better said before an hour of reading than after
            _require(sum(plan.arrangement.samples for plan in planned), settings)
        for plan in planned:
            require_shape(plan.arrangement.channels, settings)
        rows = [row for plan in planned for row in read_rows(plan, progress, failures)]
        steps = _steps(len(rows), settings) if rows else ()
        batches = _batches([part for step in steps for part in _of_ranks(step, settings)], rows, settings)
        synchronized = _batches(steps, rows, settings) if ranks > 1 else ()
    except UsageError as error:
        error.failures = tuple(failures)
        raise
    report = Report(
        settings=settings,
        samples=tuple(row.sample for row in rows),
        batches=batches,
        errors=tuple(Failure(failure.source, failure.message) for failure in failures),
        notes=(*_notes(planned, len(rows), failures, settings), *_reach(batches, settings), *_overflows(batches)),
        synchronized=synchronized,
    )
    return replace(report, findings=findings_of(report), answer=answer(report))


def _settings(
    framework: str,
    normalizer: str | None,
    ranks: int,
    epsilon: float | None,
    momentum: float | str | None,
    axis: int,
    batch_axis: BatchAxis,
    batch_size: int,
    drop_last: bool,
    shuffle: bool,
    seed: int,
) -> Settings:
    own_normalizer = _normalizer(framework, normalizer)
    preset, own_epsilon, own_momentum = layer_of(framework, epsilon, momentum, own_normalizer.split(":")[0])
    if own_normalizer == "weight-init":
        if momentum is not None:
            raise UsageError("weight-init keeps no running statistics, so it has no momentum; leave it out")
        own_momentum = None
    settings = Settings(
        framework=preset,
        epsilon=own_epsilon,
        momentum=own_momentum,
        axis=axis,
        batch_axis=None if batch_axis == "none" else batch_axis,
        batch_size=batch_size,
        drop_last=drop_last,
        shuffle=shuffle,
        seed=seed,
        normalizer=own_normalizer,
        ranks=ranks,
    )
    if ranks < 1:
        raise UsageError(f"{ranks} ranks cannot be: a step is taken by at least 1")
    if ranks > 1 and settings.kind != "batch":
        raise UsageError(
            f"--ranks merges the batches of batch norm, and {settings.normalizer} has nothing to synchronize; "
            "leave --ranks or --normalizer out"
        )
    if batch_size < 1:
        raise UsageError(f"batch size {batch_size} cannot be: a batch has at least 1 sample")
    if axis == 0:
        raise UsageError("axis 0 is the batch axis, which is always reduced; keep another, as -1 for the last")
    if seed < 0:
        raise UsageError(f"seed {seed} cannot be: give a whole number that is 0 or more")
    return settings


def _normalizer(framework: str, given: str | None) -> str:
    """The normalizer that was given, or that of the layer which the framework's name stands for."""
    return parse(framework_named(framework).normalizer if given is None else given)


def _steps(samples: int, settings: Settings) -> tuple[tuple[int, ...], ...]:
    """The samples of each training step: a batch, or one for each rank.

    Raises:
        UsageError: there are too few samples.
    """
    _require(samples, settings)
    return make_batches(
        samples,
        settings.batch_size * settings.ranks,
        drop_last=settings.drop_last,
        shuffle=settings.shuffle,
        seed=settings.seed,
    )


def _require(samples: int, settings: Settings) -> None:
    """Refuse fewer samples than one step takes, or fewer steps than the normalizer needs, however many are claimed.

    Raises:
        UsageError: there are fewer.
    """
    require(samples, settings.batch_size, settings.ranks)
    size = settings.batch_size * settings.ranks
    require_steps(samples // size if settings.drop_last else -(-samples // size), settings)


def _of_ranks(step: tuple[int, ...], settings: Settings) -> list[tuple[int, ...]]:
    """The batch of each rank: as many samples as one takes, in order."""
    size = settings.batch_size
    return [step[start : start + size] for start in range(0, len(step), size)]


def _batches(places: Sequence[tuple[int, ...]], table: Sequence[Row], settings: Settings) -> tuple[Batch, ...]:
    """Batches of these samples, in the order of training, with what the layer computes for each."""
    found = []
    for index, samples in enumerate(places):
        rows = [table[place] for place in samples]
        found.append((_tensor(index, samples, rows), Moments.stack([row.moments for row in rows])))
    return normalize(found, settings)


def _tensor(index: int, samples: tuple[int, ...], rows: Sequence[Row]) -> Batch:
    """A batch without its numbers."""
    arrangement = rows[0].arrangement
    for row in rows:
        if row.arrangement.sample_shape != arrangement.sample_shape:
            raise UsageError(_mixed_shapes(rows[0], row))
    return Batch(
        index=index,
        samples=samples,
        input_shape=(len(rows), *arrangement.sample_shape),
        axis=arrangement.axis,
        reduction_axes=arrangement.reduction_axes,
    )


def _mixed_shapes(one: Row, other: Row) -> str:
    shapes = [f"{row.sample.title} is {row.arrangement.sample_shape}" for row in (one, other)]
    return (
        f"samples of one batch need one shape, and {shapes[0]} while {shapes[1]}; "
        "use --batch-size 1, crop them to one shape first, as training does, or see `bnstat compare`, which takes them"
    )


def _overflows(batches: Sequence[Batch]) -> tuple[str, ...]:
    """Where statistics of finite values are undefined all the same: their squares leave the range of float64."""
    found = dict.fromkeys(
        part.title for batch in batches for part in batch.parts if part.variance is None and part.finite is None
    )
    if not found:
        return ()
    named = ", ".join([*found][:5]) + (", …" if len(found) > 5 else "")
    return (f"the values of {named} are too large to square in float64, so there is no variance; scale them down",)


def _reach(batches: Sequence[Batch], settings: Settings) -> tuple[str, ...]:
    """Where the layer's own default reduces less than is shown, and how to call it so that it does not."""
    how = settings.framework.whole_sample
    if how is None:
        return ()
    axes = dict.fromkeys(batch.reduction_axes for batch in batches)
    called = " or ".join(how.format(axes=shown) for shown in axes)
    return tuple(
        f"{settings.framework.title} without arguments normalizes over the last axis only, at each voxel by itself; "
        f"what is shown is over channels and space: {called}"
        for _ in batches[:1]
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
