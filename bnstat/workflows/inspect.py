"""The story, from paths to a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bnstat.errors import InputError, UsageError
from bnstat.layers.batches import make_batches, require
from bnstat.layers.normalizers import normalize, require_shape, require_steps
from bnstat.layers.predictions import predict, second_pass
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings, settings_of
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Path, Table, blaming, read_table
from bnstat.reading.workers.job import Progress
from bnstat.report.answer import answer
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Failure
from bnstat.report.inspect import Report
from bnstat.rules import findings_of
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis, channel_names_of
from bnstat.workflows.evidence import sample_channels_of
from bnstat.workflows.notes import notes_of, patch_notes

# The note where voxels are prepared, and the layer's own sums could be done again only without that.
ONLY_BOUNDED = (
    "what a framework computes that adds value after value is bounded and not emulated: its sums are done again only "
    "on values as they are in the files"
)


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
    dtype: str = "float32",
    threads: int | None = None,
    emulate: bool = True,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> Report:
    """What a batch-norm layer, or one of another normalizer, would compute on these volumes.

    Args:
        paths: files that nibabel reads, `.npy`, `.npz` or `.npz[key]`, directories of such, data sets, or URLs; each
            voxel is read once.
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
        dtype: the type of the layer's input: "float32", "float16" or "bfloat16".
        threads: how many the framework computes with, where its sums depend on it; None for a band over 1 to 64.
        emulate: whether sums of a framework that adds in float32 one value after the other are done again, in a second
            pass over the voxels; only for presets that are named for it, never for "keras".
        reading: how inputs are found, prepared and read.
        progress: whom to tell how far reading has come.

    Returns:
        The report. Inputs that could not be read are in its `errors`; the others are answered.

    Raises:
        UsageError: a setting that cannot be, or that these data do not admit.
    """
    settings = settings_of(
        framework=framework,
        normalizer=normalizer,
        epsilon=epsilon,
        momentum=momentum,
        axis=axis,
        batch_axis=batch_axis,
        batch_size=batch_size,
        drop_last=drop_last,
        shuffle=shuffle,
        seed=seed,
        ranks=ranks,
        dtype=dtype,
        threads=threads,
        emulate=emulate,
    )
    table = read_table(paths, axis, batch_axis, reading, progress, lambda planned: refuse(planned, [settings], reading))
    return report_of(table, settings)


def report_of(table: Table, settings: Settings) -> Report:
    """What a layer would compute on what was read, and what is to be said of it.

    Raises:
        UsageError: the samples do not make such batches.
    """
    settings = replace(settings, preparation=table.preparation)
    drawn, table = table, as_loaded(table, settings)
    with blaming(table.failures):
        steps = _steps(len(table.rows), settings) if table.rows else ()
        batches = _batches([part for step in steps for part in _of_ranks(step, settings)], table.rows, settings)
        synchronized = _batches(steps, table.rows, settings) if settings.ranks > 1 else ()
    batches, unread = _predicted(batches, table, settings)
    report = Report(
        settings=settings,
        samples=tuple(row.sample for row in table.rows),
        batches=batches,
        errors=tuple(Failure(failure.source, failure.message, failure.missing) for failure in table.failures),
        notes=(*notes_of(table, batches, settings), *patch_notes(table, drawn), *unread),
        synchronized=predict(synchronized, table, replace(settings, emulate=False)),
    )
    evidence = Evidence(report, sample_channels=sample_channels_of(table.rows) if report.patched else ())
    return replace(report, findings=findings_of(evidence), answer=answer(report))


def as_loaded(table: Table, settings: Settings) -> Table:
    """The patches that batches get, in the order of a loader; volumes stay as they are."""
    patching = settings.preparation.patches
    if patching is None:
        return table
    from bnstat.layers.loader import loader_order  # noqa: PLC0415  (only for patches)

    samples = [row.sample for row in table.rows]
    order = loader_order(samples, patching, settings.batch_size, shuffle=settings.shuffle, seed=settings.seed)
    return replace(table, rows=tuple(table.rows[place] for place in order))


def _predicted(
    batches: tuple[Batch, ...], table: Table, settings: Settings
) -> tuple[tuple[Batch, ...], tuple[str, ...]]:
    """Batches with what the layer itself will report, and a note where their voxels could not be read again for it."""
    try:
        return predict(batches, table, settings), _only_bounded(batches, table, settings)
    except InputError as error:
        note = f"{error}; so what {settings.framework.title} computes is bounded and not emulated"
        return predict(batches, table, replace(settings, emulate=False)), (note,)


def _only_bounded(batches: Sequence[Batch], table: Table, settings: Settings) -> tuple[str, ...]:
    """That sums are not done again where the layer gets other values than the files hold."""
    raw = table.preparation.plain or all(row.parts for row in table.rows)
    if raw or not any(second_pass(batch, settings) for batch in batches):
        return ()
    return (ONLY_BOUNDED,)


def refuse(planned: Sequence[Planned], several: Sequence[Settings], reading: Reading) -> None:
    """Refuse before an hour of reading what cannot be answered after it.

    Raises:
        UsageError: too few samples for a batch, or channels that the groups do not divide.
    """
    patching = reading.preparation.patches
    each = patching.number if patching is not None else 1
    for settings in several:
        if planned:
            _require(sum(plan.samples * (each if plan.parts else 1) for plan in planned), settings)
        for plan in planned:
            require_shape(plan.tensor.channels, settings)


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
    tensor = rows[0].tensor
    for row in rows:
        if row.tensor.sample_shape != tensor.sample_shape:
            raise UsageError(_mixed_shapes(rows[0], row))
    return Batch(
        index=index,
        samples=samples,
        input_shape=(len(rows), *tensor.sample_shape),
        axis=tensor.axis,
        reduction_axes=tensor.reduction_axes,
        names=channel_names_of([row.sample for row in rows]),
    )


def _mixed_shapes(one: Row, other: Row) -> str:
    shapes = [f"{row.sample.title} is {row.tensor.sample_shape}" for row in (one, other)]
    said = f"samples of one batch need one shape, and {shapes[0]} while {shapes[1]}; "
    if one.sample.patch is not None:  # of one size, so that channels differ
        return f"{said}give files of one number of channels, or use --batch-size 1"
    return (
        f"{said}"
        "use --batch-size 1, cut patches of one size out of them with --patch, as training does, "
        "or see `bnstat compare`, which takes them"
    )
