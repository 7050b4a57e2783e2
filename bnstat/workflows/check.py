"""The story of `check`: rules judge what a layer computes on these data at this batch size, and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any, Unpack

import numpy as np

from bnstat.batch_size import curve
from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.batch_size.needed import Needs
from bnstat.batch_size.needed import needs as needs_of
from bnstat.batch_size.results import CurveChannel, CurvePoint
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.batch_size.verdict import entries_of_files
from bnstat.errors import UsageError, texts, whole
from bnstat.layers.settings import Layer, LayerKeywords, Settings
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.preprocessing.samples import Row
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, read_table
from bnstat.reading.workers.job import Progress
from bnstat.report.check import Check, CheckSettings, FailOn, RuleInfo
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.report.limits import DEFAULT_LIMITS, Limits
from bnstat.rules import baseline as baselines
from bnstat.rules import findings_of
from bnstat.rules.explanation import explained
from bnstat.rules.overrides import Override
from bnstat.rules.selection import codes_of, selected
from bnstat.sources.formats.memory import InMemory, Input
from bnstat.sources.opened import Planned
from bnstat.workflows.cohorts import telling_cohorts
from bnstat.workflows.evidence import distinct_of, pooled_channels_of, sample_channels_of
from bnstat.workflows.failures import require_some
from bnstat.workflows.fingerprint import FingerprintReference
from bnstat.workflows.inspect import as_loaded, report_of, require_admitted
from bnstat.workflows.notes import few_files
from bnstat.workflows.reference import ReferenceFile
from bnstat.workflows.silence import BESIDE_REFERENCE, BETWEEN_SAMPLES, ODD_VOLUME, independent, silences
from bnstat.workflows.told_apart import told_apart

_DRAWS = 1000


def check(
    paths: Input | Iterable[Input],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: FailOn = "error",
    limits: Limits = DEFAULT_LIMITS,
    overrides: Sequence[Override] = (),
    steps: int | None = None,
    baseline: str | None = None,
    update_baseline: bool = False,
    reference: str | None = None,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    **layer: Unpack[LayerKeywords],
) -> Check:
    """Judge volumes by rules, for one layer and batch size, and checkpoints by rules of their own.

    Args:
        paths: as for `diagnose`; files of weights among them are judged as `audit_checkpoint` reads them, with ε and
            momentum if these are given.
        select: codes, names or prefixes of the rules that judge; empty for all.
        ignore: codes, names or prefixes of the rules that do not.
        fail_on: the least severity of a new finding that fails the check: "error", "warning", "note" or "never".
        limits: the thresholds of the rules, as in `Limits(noise=0.2)`.
        overrides: rules that are ignored for some files, as in `Override(["phantoms/*"], ["BN101"])`.
        steps: training steps, to judge whether the running statistics have settled by then.
        baseline: a file of known findings, which do not fail the check.
        update_baseline: write what is found into the baseline.
        reference: a moments file, or a fingerprint of nnU-Net, that the volumes are compared with.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        layer: `framework`, `normalizer`, `batch_size` and the other settings of `diagnose`.

    Returns:
        The verdict. Inputs that cannot be read are in its `errors`; the others are judged.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data.
        InputError: if no input can be read, nor the baseline or the reference.
        OutputError: if the baseline cannot be written.
    """
    asked = asked_of(
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        limits=limits,
        steps=None if steps is None else whole("steps", steps),
        baseline=baseline,
        reference=reference,
        **layer,
    )
    result = judge(paths, asked, reading, progress, overrides=overrides, update_baseline=update_baseline)
    require_some(result.sources, result.errors)
    return result


def asked_of(
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fail_on: FailOn = "error",
    limits: Limits = DEFAULT_LIMITS,
    steps: int | None = None,
    baseline: str | None = None,
    reference: str | None = None,
    **layer: Unpack[LayerKeywords],
) -> CheckSettings:
    """Return what is asked of a check; the arguments are those of `check`.

    Raises:
        UsageError: if a setting is wrong for any data.
    """
    select, ignore = texts("select", select), texts("ignore", ignore)
    for token in (*select, *ignore):
        codes_of(token)  # refuses what names no rule
    own: dict[str, Any] = {name: layer[name] for name in ("framework", "epsilon", "momentum") if name in layer}
    if own.get("momentum") is not None:
        own.setdefault("framework", "keras")  # the default, in whose convention it is
    return CheckSettings(
        layer=Settings.of(**layer),
        select=select,
        ignore=ignore,
        fail_on=fail_on,
        limits=limits,
        steps=steps,
        baseline=baseline,
        reference=reference,
        audit=AuditSettings(**own, steps=steps),
    )


def judge(
    paths: Input | Iterable[Input],
    asked: CheckSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    *,
    overrides: Sequence[Override] = (),
    update_baseline: bool = False,
) -> Check:
    """Return the verdict on these volumes; one without samples if none can be read.

    Raises:
        UsageError: if the settings do not fit these data.
        InputError: if the baseline or the reference cannot be read.
        OutputError: if the baseline cannot be written.
    """
    if update_baseline and asked.baseline is None:
        raise UsageError("`update_baseline` needs the file to write; name it with `baseline`")
    known = baselines.load(asked.baseline, missing=update_baseline) if asked.baseline is not None else None
    volumes, checkpoints = told_apart(paths)

    def drops(finding: Finding) -> bool:
        return any(override.drops(finding) for override in overrides)

    # the volumes, then the checkpoints, each by rules of their own
    result, codes = Check(asked, (), ()), set[str]()
    if volumes or not checkpoints:
        result, codes = _of_volumes(volumes, asked, reading, progress, drops)
    if checkpoints:
        from bnstat.workflows.checked_checkpoints import with_checkpoints

        before = {rule.code for rule in result.rules}
        result = with_checkpoints(result, checkpoints, asked, drops)
        codes |= {rule.code for rule in result.rules} - before
    if known is None:
        return result
    return against_baseline(result, known, codes, {*result.sources}, update=update_baseline)


def _of_volumes(
    paths: Input | Iterable[Input | InMemory],
    asked: CheckSettings,
    reading: Reading,
    progress: Progress | None,
    drops: Callable[[Finding], bool],
) -> tuple[Check, set[str]]:
    """Return the verdict on volumes, and the codes of the rules that had something to judge.

    Raises:
        UsageError: if the settings do not fit these data.
        InputError: if the reference cannot be read.
    """
    # what is asked: rules, and the data that today's are compared with
    rules = selected(asked.select, asked.ignore)
    reference = _reference(asked.reference)
    if isinstance(reference, FingerprintReference):
        paths = reference.files(paths)  # which are read twice

    def admit(planned: Sequence[Planned]) -> None:
        require_admitted(planned, [asked.layer], reading.preparation)
        if reference is not None:
            reference.require_fit(planned, reading)

    # the volumes, read once
    table = read_table(paths, asked.layer.axis, asked.layer.batch_axis, reading, progress, admit)
    if isinstance(reference, ReferenceFile):
        reference.require_preparation(table.preparation)
        reference.require_network(table.network)
    asked = replace(asked, layer=replace(asked.layer, preparation=table.preparation))
    # the rules judge
    codes = {rule.code for rule in rules}
    used = reference if codes & BESIDE_REFERENCE else None
    evidence, left = _beside_reference(_evidence(table, asked), used, paths, reading, progress)
    report = evidence.report
    result = Check(
        settings=asked,
        samples=report.samples,
        findings=findings_of(evidence, rules, drops),
        errors=report.errors,
        notes=(
            *report.notes,
            *_not_judged(evidence, asked.select, codes),
            *_apart(evidence),
            *_of_few_files(table, evidence, codes),
            *_beside(reference, left, codes),
        ),
        rules=tuple(RuleInfo(rule.code, rule.name, rule.severity, explained(rule).summary) for rule in rules),
        apart=len(evidence.shapes) > 1,
        needs=evidence.needs,
    )
    return result, codes - set(silences(evidence))


def _evidence(table: Table, asked: CheckSettings) -> Evidence:
    """Gather what rules judge: the batches, or each sample by itself if shapes differ, and what the batch size does."""
    layer = asked.layer
    together = layer.batch_size * layer.ranks > 1
    shapes = tuple(dict.fromkeys(row.tensor.sample_shape for row in table.rows)) if together else ()
    apart = replace(layer, batch_size=1, ranks=1, drop_last=False) if len(shapes) > 1 else layer
    point, needs = _batches(table.rows, layer, asked.limits)
    loaded = as_loaded(table, apart).rows  # in the order of the report's samples
    channels = sample_channels_of(loaded)
    return Evidence(
        report=report_of(table, apart),
        asked=layer,
        limits=asked.limits,
        shapes=shapes,
        curve=point,
        needs=needs,
        steps=asked.steps,
        sample_channels=channels,
        distinct=distinct_of(loaded),
        pooled_channels=pooled_channels_of(channels),
    )


def _batches(rows: Sequence[Row], layer: Settings, limits: Limits) -> tuple[CurvePoint | None, tuple[Needs, ...]]:
    """Return what the batch size does to these samples, and the sizes that channels need for which it is too small.

    None and nothing if the samples are too few, or share no batch statistics.
    """
    cohorts = telling_cohorts(rows, layer) if layer.kind in ("batch", "renorm") else None
    if cohorts is None:
        return None, ()
    size = layer.batch_size * layer.ranks
    settings = CompareSettings(
        layer=Layer(layer.framework, layer.epsilon, layer.momentum),
        others=(),
        axis=layer.axis,
        batch_axis=layer.batch_axis,
        batch_sizes=(size,),
        population="infinite",
        draws=_DRAWS,
        seed=layer.seed,
        tolerances=Tolerances(limits.noise, limits.shortfall, limits.gap),
    )
    point = curve.together(cohorts, size, layer.ranks, settings)
    beyond = {one.channel for one in point.channels if not _within(one, settings.tolerances)}
    loud = [cohort.only(np.flatnonzero([one in beyond for one in cohort.channels])) for cohort in cohorts]
    return point, tuple(one for cohort in loud if cohort.channels for one in needs_of(cohort, settings))


def _within(channel: CurveChannel, limits: Tolerances) -> bool:
    """Return True if no figure of a channel is known to be beyond its limit."""
    figures = (channel.mean_noise, channel.variance_shortfall, channel.train_eval_rms)
    return all((figure or 0.0) <= limit for figure, limit in zip(figures, astuple(limits), strict=True))


def _not_judged(evidence: Evidence, select: Sequence[str], codes: set[str]) -> tuple[str, ...]:
    """Return a note for each reason why rules had nothing to judge, where a user may take silence for a verdict.

    A check of batch norm is expected to judge differences between samples, and one of a cohort to judge odd volumes. Of
    other rules a verdict is expected if a token that selects rules selects none that had something to judge.
    """
    if not evidence.report.samples:
        return ()
    silent = silences(evidence)
    expected = [codes_of(token) & codes for token in select]
    told = {code for some in expected if some <= silent.keys() for code in some}
    if evidence.settings.kind == "batch" or select:
        told |= codes & BETWEEN_SAMPLES
    if independent(evidence.report.samples, evidence.settings) >= FEWEST_SAMPLES:
        told |= codes & ODD_VOLUME
    return tuple(dict.fromkeys(silent[code] for code in sorted(told & silent.keys())))


def _apart(evidence: Evidence) -> tuple[str, ...]:
    """Return a note if the samples have different shapes, so that each is a batch by itself."""
    if len(evidence.shapes) < 2:
        return ()
    size = evidence.settings.batch_size * evidence.settings.ranks
    return (
        f"the samples have different shapes and cannot share a batch of {size}, so rules that look at single batches "
        "judge each sample as a batch of 1",
    )


def _of_few_files(table: Table, evidence: Evidence, codes: set[str]) -> tuple[str, ...]:
    """Return a note if differences between entries of a few image files were judged, as no volumes differ."""
    files = few_files(evidence.report.samples)
    images = not all(plan.is_array for plan in table.planned)
    if evidence.curve is None or evidence.settings.kind != "batch" or files is None or not images:
        return ()
    said = entries_of_files(independent(evidence.report.samples, evidence.settings), files)
    return (said.removesuffix("."),) if codes & BETWEEN_SAMPLES else ()


def _reference(file: str | None) -> ReferenceFile | FingerprintReference | None:
    """Read what today's data are compared with."""
    return None if file is None else FingerprintReference.read(file) or ReferenceFile.read(file)


def _beside_reference(
    evidence: Evidence,
    reference: ReferenceFile | FingerprintReference | None,
    paths: Input | Iterable[Input | InMemory],
    reading: Reading,
    progress: Progress | None,
) -> tuple[Evidence, tuple[str, ...]]:
    """Return the evidence beside that of the reference, and notes on cases that are not compared."""
    if reference is None:
        return evidence, ()
    if isinstance(reference, ReferenceFile):
        return replace(evidence, reference=reference.statistics), ()
    today, left = reference.today(paths, evidence.settings, reading, progress)
    return replace(evidence, reference=reference.statistics, pooled_channels=today), left


def _beside(
    reference: ReferenceFile | FingerprintReference | None, left: tuple[str, ...], codes: set[str]
) -> tuple[str, ...]:
    """Return notes on the reference: what was skipped in it and beside it, and whether its rule does not judge."""
    if reference is None:
        return ()
    unused = f"{reference.file} is not used, because its rule, data-drift (BN208), is not selected"
    return (*reference.notes, *left, *(() if codes & BESIDE_REFERENCE else (unused,)))


def against_baseline(
    result: Check, known: baselines.Baseline, codes: set[str], read: set[str], *, update: bool
) -> Check:
    """Return a check with known findings apart from new ones, after updating the baseline if asked.

    Args:
        result: the check, whose findings are all new.
        known: the baseline.
        codes: the rules that judged.
        read: what was read and judged, as findings name it.
        update: True to write all findings into the baseline.

    Raises:
        OutputError: if the baseline cannot be written.
    """
    failed = {failure.source for failure in result.errors}
    stale = known.stale(result.findings, read - failed, codes, several=not failed)
    if update:
        baselines.save(known.updated(result.findings, stale))
        return replace(result, findings=(), known=result.findings, stale=())
    new, old = known.split(result.findings)
    return replace(result, findings=new, known=old, stale=stale)
