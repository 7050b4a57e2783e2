"""The story of `report`: the volumes are read, check, compare and inspect say what they are, and voxels are shown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Unpack

from bnstat.batch_size.settings import CompareSettings, Drawing, PopulationKind, Tolerances
from bnstat.errors import InputError, UsageError, text, whole, wholes
from bnstat.layers.settings import Layer, LayerKeywords, Settings
from bnstat.networks.checkpoints.recognized import is_checkpoint
from bnstat.networks.recordings.reading import is_recording
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.check import Check, CheckSettings, FailOn
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.full.full_report import TITLE, FullReport
from bnstat.reports.full.left_out import left_out_of
from bnstat.reports.full.made import Made
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.rules import baseline as baselines
from bnstat.rules.overrides import Override, dropping
from bnstat.sources.addresses import is_remote
from bnstat.sources.formats.memory import InMemory, Input, named_inputs
from bnstat.sources.opened import Planned
from bnstat.sources.regular import exists
from bnstat.workflows.check import against_baseline, asked_of
from bnstat.workflows.compare_batch_sizes import comparison_of, named_groups
from bnstat.workflows.frameworks_on_data import frameworks_on_data
from bnstat.workflows.given_layers import given_layers
from bnstat.workflows.inspect import with_findings
from bnstat.workflows.judged_volumes import VolumeRules
from bnstat.workflows.reported_volumes import volumes_of
from bnstat.workflows.reported_voxels import voxels_of, with_zeros
from bnstat.workflows.without_odd import comparison_without


@dataclass(frozen=True)
class ReportSettings:
    """What a report is asked for.

    Attributes:
        check: What its rules judge.
        compare: Which batch sizes it compares, with the limits of the check as tolerances.
        layers: The file that `bnstat layers --format json` wrote; None without one.
        title: The title of the page.
        implied: True if the batch size that rules judge was not given: it is the smallest that is compared.
    """

    check: CheckSettings
    compare: CompareSettings
    layers: str | None = None
    title: str = TITLE
    implied: bool = False

    @property
    def judged(self) -> int:
        """The batch size that rules judge."""
        return self.check.layer.batch_size


def report_asked(
    *,
    batch_sizes: Sequence[int] | None = None,
    population: PopulationKind = "infinite",
    draws: int | None = None,
    group_by: str | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: FailOn = "never",
    limits: Limits = DEFAULT_LIMITS,
    steps: int | None = None,
    baseline: str | None = None,
    reference: str | None = None,
    layers: str | None = None,
    title: str | None = None,
    **layer: Unpack[LayerKeywords],
) -> ReportSettings:
    """Return what is asked of a report; the arguments are those of `bnstat.report`.

    Without `batch_size`, rules judge the smallest of the sizes that are compared. A size that they judge is compared.

    Raises:
        UsageError: if a setting is wrong for any data.
    """
    compared = None if batch_sizes is None else wholes("batch_sizes", batch_sizes)
    implied = bool(compared) and layer.get("batch_size") is None
    if compared and implied:
        layer["batch_size"] = max(1, min(compared))  # a size below 1 is refused below, by its own name
    steps = None if steps is None else whole("steps", steps)
    asked = asked_of(
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        limits=limits,
        steps=steps,
        baseline=baseline,
        reference=reference,
        **layer,
    )
    judged = asked.layer
    if compared and judged.batch_size not in compared:
        compared = tuple(sorted({*compared, judged.batch_size}))
    drawn = Drawing.of(draws)
    settings = CompareSettings(
        layer=Layer(judged.framework, judged.epsilon, judged.momentum),
        others=(),
        axis=judged.axis,
        batch_axis=judged.batch_axis,
        batch_sizes=compared or (),
        population=population,
        draws=drawn.most,
        fewer_above=drawn.fewer_above,
        seed=judged.seed,
        tolerances=Tolerances(limits.noise, limits.shortfall, limits.gap),
        ranks=judged.ranks,
        steps=steps,
        group_by=None if group_by is None else text("group_by", group_by),
    )
    named = TITLE if title is None else text("title", title).strip() or TITLE
    return ReportSettings(asked, settings, layers, named, implied=implied)


def full_report(
    paths: Input | Iterable[Input],
    asked: ReportSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    *,
    overrides: Sequence[Override] = (),
) -> FullReport:
    """Return the answers of check, compare and inspect on the same volumes; one without volumes if none can be read.

    Raises:
        UsageError: if the settings do not fit these data, or an input is no volume.
        InputError: if the baseline, the reference, the table of groups or the file of layers cannot be read.
    """
    started = time.monotonic()
    # what is asked, and what was made before
    known = None if asked.check.baseline is None else _known(asked.check.baseline)
    judging = VolumeRules.of(asked.check)
    network = None if asked.layers is None else given_layers(asked.layers)
    inputs = list(named_inputs(judging.inputs(_volumes_among(paths))))
    folders = [one for one in inputs if isinstance(one, str) and not is_remote(one)]
    named: dict[str, str] = {}

    def admit(planned: Sequence[Planned]) -> None:
        with _naming_batch_size(asked):
            judging.admit(planned, asked.check, reading)
        if asked.compare.group_by is not None and planned:
            named.update(named_groups(planned, asked.compare.group_by, folders))

    # the volumes, read once
    layer = asked.check.layer
    table = read_table(inputs, layer.axis, layer.batch_axis, reading, progress, admit)
    # each command answers from the same table
    judged = judging.judge(table, asked.check, dropping(overrides), inputs, reading, progress)
    check = judged.check if known is None else _beside_known(judged.check, known, judged.codes)
    comparison, not_compared = _compared(table, asked, named)
    volumes = volumes_of(table.rows, check.findings, judged.evidence.report, named)
    left_out = () if comparison is None else left_out_of(volumes, check.findings)
    without_odd = comparison_without(table, left_out, asked.compare, named, asked.judged)
    # the voxels, once more
    voxels = voxels_of(table, volumes, check.findings, layer.axis, layer.batch_axis, reading, progress)
    return FullReport(
        check=check,
        inspected=with_findings(judged.evidence.report, table),
        comparison=comparison,
        not_compared=not_compared,
        without_odd=without_odd,
        left_out=() if without_odd is None else left_out,
        frameworks=frameworks_on_data(table, judged.evidence.report, asked.check.limits.variance_error),
        volumes=with_zeros(volumes, voxels),
        voxels=voxels,
        network=network,
        title=asked.title,
        made=Made(seconds=time.monotonic() - started, date=datetime.now(UTC).astimezone().date().isoformat()),
        silent=judged.silent,
    )


def _volumes_among(paths: Input | Iterable[Input]) -> list[str | InMemory]:
    """Return the inputs, which must be volumes.

    Raises:
        UsageError: if one is a checkpoint, or the recording of a training; the message names the command for it.
    """
    inputs = named_inputs(paths)
    for one in inputs:
        if not isinstance(one, str):
            continue
        if is_recording(one):
            raise UsageError(
                f"{one} is the recording of a training, and a report is about volumes; to see it, type: "
                f"bnstat layers {one}"
            )
        if is_checkpoint(one):
            raise UsageError(
                f"{one} is a file of weights, and a report is about volumes; to judge it, type: bnstat checkpoint {one}"
            )
    return inputs


def _known(file: str) -> baselines.Baseline:
    """Return the known findings in a file.

    Raises:
        InputError: if it cannot be read.
    """
    if not exists(file):
        write = f"bnstat check PATH --baseline {file} --update-baseline"
        raise InputError(file, f"no such file, so no finding is known; leave it out, or write it with: {write}")
    return baselines.load(file, missing=False)


@contextmanager
def _naming_batch_size(asked: ReportSettings) -> Iterator[None]:
    """Say in an error about the batch size where the size is from, if it was not given."""
    try:
        yield
    except UsageError as error:
        if asked.implied and "`batch_size`" in str(error):
            raise UsageError(
                f"{error}; rules judge the smallest of `batch_sizes` unless `batch_size` is given, as `batch_size=1`"
            ) from error
        raise


def _beside_known(check: Check, known: baselines.Baseline, codes: Iterable[str]) -> Check:
    """Return the check with known findings apart from new ones."""
    return against_baseline(check, known, set(codes), {*check.sources}, update=False)


def _compared(table: Table, asked: ReportSettings, named: Mapping[str, str]) -> tuple[Comparison | None, str | None]:
    """Return the comparison of batch sizes, or why there is none."""
    settings = asked.check.layer
    if settings.kind not in ("batch", "renorm"):
        return None, _no_batch_statistics(settings)
    try:
        return comparison_of(table, asked.compare, named, asked.judged), None
    except UsageError as error:
        return None, str(error)


def _no_batch_statistics(settings: Settings) -> str:
    return (
        f"{settings.layer} does not use the statistics of batches, so the batch size does not change what it computes; "
        'to compare batch sizes for batch norm in its place, type `normalizer="batch"`'
    )
