"""The story of `check`: rules judge what a layer computes on these data at this batch size, and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Unpack

from bnstat.errors import UsageError, texts, whole
from bnstat.layers.frameworks import framework_named
from bnstat.layers.settings import LayerKeywords, Settings
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.workers.job import Progress
from bnstat.reports.check import Check, CheckSettings, FailOn
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.rules import baseline as baselines
from bnstat.rules.overrides import Override, dropping
from bnstat.rules.selection import codes_of
from bnstat.sources.formats.memory import Input
from bnstat.workflows.failures import require_some
from bnstat.workflows.judged_volumes import judge_volumes
from bnstat.workflows.told_apart import told_apart


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
    settings = Settings.of(**layer)
    # what holds for the batch norm in checkpoints
    own: dict[str, Any] = {name: layer[name] for name in ("framework", "epsilon", "momentum") if name in layer}
    if own.get("framework") is not None:
        named = framework_named(own["framework"])
        own["framework"] = named.name if named.normalizer == "batch" else named.maker
    if own.get("momentum") is not None:
        own.setdefault("framework", "keras")  # the default, in whose convention it is
    return CheckSettings(
        layer=settings,
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
    drops = dropping(overrides)

    # the volumes, then the checkpoints, each by rules of their own
    result, codes = Check(asked, (), ()), set[str]()
    if volumes or not checkpoints:
        judged = judge_volumes(volumes, asked, reading, progress, drops)
        result, codes = judged.check, set(judged.codes)
    if checkpoints:
        from bnstat.workflows.checked_checkpoints import with_checkpoints

        before = {rule.code for rule in result.rules}
        result = with_checkpoints(result, checkpoints, asked, drops)
        codes |= {rule.code for rule in result.rules} - before
    if known is None:
        return result
    return against_baseline(result, known, codes, {*result.sources}, update=update_baseline)


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
