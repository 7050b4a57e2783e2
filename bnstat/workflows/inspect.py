"""The story of `inspect`: from paths to a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from bnstat.errors import InputError, UsageError
from bnstat.layers.batch_columns import of_each_layout
from bnstat.layers.batches import steps_of
from bnstat.layers.frameworks.framework import Framework
from bnstat.layers.loader import loader_order
from bnstat.layers.predictions import predict, second_pass
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, blaming, read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.answer import answer
from bnstat.reports.evidence import Evidence
from bnstat.reports.inspect import Report
from bnstat.reports.verdict import verdict
from bnstat.rules import findings_of
from bnstat.sources.formats.memory import Input
from bnstat.sources.layout import MOST_CHANNELS
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis
from bnstat.text import plural
from bnstat.workflows.batch_noise import batch_noise
from bnstat.workflows.evidence import distinct_of, sample_channels_of
from bnstat.workflows.failures import failures_of, require_some
from bnstat.workflows.layer_batches import batches_of
from bnstat.workflows.notes import notes_of, patch_notes

# The note if voxels are preprocessed: the sums of a framework can be repeated only on the values of the files.
ONLY_BOUNDED = (
    "the framework's own variance is given as bounds, because its sums over single values can be repeated only without "
    "`intensity`, `mask` and `size`"
)


def diagnose(
    paths: Input | Iterable[Input],
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
    """Return what a batch norm, or another normalization layer, would compute on these volumes.

    Args:
        paths: files, folders, data sets, URLs, moments files, numpy arrays or images of nibabel; one or a list.
            An array is read as its `.npy` would be, and an image as its file.
        batch_size: samples in a batch; the last may have fewer.
        axis: the axis of the batched tensor that is kept, as Keras means it; all others are reduced.
        batch_axis: the axis of each file whose entries are samples; "none" makes an array one sample.
        framework: the name of a preset, as "keras" or "torch"; `bnstat frameworks` lists them.
        normalizer: "batch", "instance", "layer", "group:G", "rms", "renorm" or "weight-init"; None for the framework's.
        ranks: processes that share a training step, each with a batch of its own; `synchronized` has them merged.
        epsilon: ε, which is added to the variance; None for the framework's default.
        momentum: in the framework's own convention; None for its default, "none" for PyTorch's cumulative mean.
        drop_last: True to leave out a last batch of fewer samples.
        shuffle: True to permute the samples before they are grouped.
        seed: the seed of the permutation.
        dtype: the type of the layer's input: "float32", "float16" or "bfloat16".
        threads: threads that the framework computes with, where its sums depend on them; None for a band over 1 to 64.
        emulate: True to repeat a framework's sequential float32 sums in a second pass; never for plain "keras".
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.

    Returns:
        The report. Inputs that cannot be read are in its `errors`; the others are answered.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data.
        InputError: if no input can be read.
    """
    layer = (framework, normalizer, epsilon, momentum)
    batches = (axis, batch_axis, batch_size, drop_last, shuffle, seed, ranks)
    given = (*layer, *batches, dtype, threads, emulate)
    report = inspect(paths, Settings.of(*given), reading, progress)
    require_some(report.samples, report.errors)
    return report


def inspect(
    paths: Input | Iterable[Input],
    settings: Settings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> Report:
    """Return what a layer would compute on these volumes; a report without samples if none can be read.

    Raises:
        UsageError: if the settings do not fit these data.
    """

    def admit(planned: Sequence[Planned]) -> None:
        require_admitted(planned, [settings], reading.preparation)

    return report_of(read_table(paths, settings.axis, settings.batch_axis, reading, progress, admit), settings)


def report_of(table: Table, settings: Settings) -> Report:
    """Return what a layer would compute on a table, with findings, notes and an answer.

    Raises:
        UsageError: if the samples do not make such batches.
    """
    return with_findings(computed_report(table, settings), table)


def computed_report(table: Table, settings: Settings) -> Report:
    """Return what a layer would compute on a table, with notes and without what rules say of it.

    Raises:
        UsageError: if the samples do not make such batches.
    """
    settings = replace(settings, preparation=table.preparation)
    drawn, table = table, as_loaded(table, settings)

    # batches, as the layer gets them
    batches: Sequence[Batch] = ()
    synchronized: Sequence[Batch] = ()
    if table.rows:
        with blaming(table.failures):
            settings.require_samples(len(table.rows))
            steps = steps_of(len(table.rows), settings.batching)
            ranked = [batch for step in steps for batch in settings.batching.of_ranks(step)]
            batches = batches_of(ranked, table.rows, settings)
            synchronized = batches_of(steps, table.rows, settings) if settings.ranks > 1 else ()
    batches, unread = _predicted(batches, table, settings)
    return Report(
        settings=settings,
        samples=table.rows.samples,
        batches=batches,
        errors=failures_of(table.failures),
        notes=(*notes_of(table, batches, settings), *patch_notes(table, drawn), *unread),
        synchronized=predict(synchronized, table, replace(settings, emulate=False)),
    )


def with_findings(report: Report, table: Table) -> Report:
    """Return a report with what rules say of it, a verdict and an answer.

    Args:
        report: what a layer would compute on the table.
        table: the samples as they were read.
    """
    settings = report.settings
    rows = as_loaded(table, settings).rows
    evidence = Evidence(
        report,
        sample_channels=sample_channels_of(rows) if report.patched else (),
        distinct=distinct_of(rows.distinct),
    )
    judged = replace(report, findings=findings_of(evidence))
    noise = batch_noise(table, settings) if report.batches else None
    return replace(judged, verdict=verdict(judged, noise), answer=answer(judged, judged=noise is not None))


def as_loaded(table: Table, settings: Settings) -> Table:
    """Return the table with the patches that batches get, in the order of a data loader; volumes stay as they are."""
    patching = settings.preparation.patches
    if patching is None:
        return table
    order = loader_order(table.rows.samples, patching, settings.batching)
    return replace(table, rows=table.rows.taken(order), origins=())


def _predicted(batches: Sequence[Batch], table: Table, settings: Settings) -> tuple[Sequence[Batch], tuple[str, ...]]:
    """Return batches with the values that the layer itself will report, and a note if these are only bounded."""
    try:
        return predict(batches, table, settings), _only_bounded(batches, table, settings)
    except InputError as error:
        note = f"{error}; so the variance of {settings.framework.title} is given as bounds"
        return predict(batches, table, replace(settings, emulate=False)), (note,)


def _only_bounded(batches: Sequence[Batch], table: Table, settings: Settings) -> tuple[str, ...]:
    """Return a note if sums could be repeated, but the layer gets other values than the files have."""
    raw = table.preparation.plain or all(table.rows.parts)
    if raw or not any(second_pass(batch, settings) for batch in of_each_layout(batches)):
        return ()
    return (ONLY_BOUNDED,)


def require_admitted(planned: Sequence[Planned], several: Iterable[Settings], preparation: Preparation) -> None:
    """Refuse what the headers show to be impossible, before an hour of reading.

    Raises:
        UsageError: if there are too few samples for a batch, channels that the groups do not divide, or an array whose
            channels may be on another axis.
    """
    if not planned:
        return
    several = tuple(several)
    require_told_axis(planned, [settings.framework for settings in several], {settings.axis for settings in several})
    each = 1 if preparation.patches is None else preparation.patches.number
    samples = sum(plan.samples * (each if plan.parts else 1) for plan in planned)
    for settings in several:
        settings.require_samples(samples)
        for plan in planned:
            settings.require_channels(plan.tensor.channels)


def require_told_axis(planned: Sequence[Planned], frameworks: Sequence[Framework], axes: Collection[int]) -> None:
    """Refuse an array for layers that have channels first, if it does not tell where its channels are.

    Args:
        planned: what is read.
        frameworks: the presets of the layers.
        axes: the kept axes as they were given; -1 is the default.

    Raises:
        UsageError: if so; the message names both axes.
    """
    if set(axes) != {-1} or not all(framework.channels_axis == 1 for framework in frameworks):
        return
    for plan in planned:
        first, last = plan.tensor.sample_shape[0], plan.tensor.sample_shape[-1]
        told = last <= MOST_CHANNELS and (first > last or first == last == 1)
        if plan.parts and plan.is_array and len(plan.tensor.sample_shape) > 1 and not told:
            shape = (plan.samples, *plan.tensor.sample_shape)
            raise UsageError(
                f"{plan.volume.source}: {frameworks[0].title} has channels first, and the tensor {shape} does not tell "
                f"whether its channels are; type `axis=1` if they are ({plural(first, 'channel')}), or "
                f"`axis={len(shape) - 1}` if they are last ({plural(last, 'channel')})"
            )
