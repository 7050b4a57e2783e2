"""The story of `check --model`: rules judge what each normalization inside a network sees and does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnstat.errors import UsageError
from bnstat.networks.measurements.samples import Progress as Passes
from bnstat.networks.results import ModelResult
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.workers.job import Progress
from bnstat.reports.check import Check, CheckSettings, RuleInfo, Subject
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.limits import NetworkLimits
from bnstat.rules import baseline as baselines
from bnstat.rules import judged
from bnstat.rules.explanation import explained
from bnstat.rules.network_rules import NETWORK_RULES
from bnstat.rules.overrides import Override, dropping
from bnstat.rules.selection import selected_of
from bnstat.sources.formats.memory import Input
from bnstat.workflows.check import against_baseline
from bnstat.workflows.layers import LayersSettings, look_inside


def judge_network(
    paths: Input | Iterable[Input],
    asked: CheckSettings,
    network: LayersSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    passes: Passes | None = None,
    *,
    overrides: Sequence[Override] = (),
    update_baseline: bool = False,
) -> Check:
    """Return the verdict on a network that is run on these volumes.

    Args:
        paths: the volumes or arrays.
        asked: which rules judge, by which limits, and which findings are known; the layer in it is not judged.
        network: the network, and what is measured of it.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        passes: a callback that is called after each forward pass.
        overrides: rules that are ignored for some models.
        update_baseline: write what is found into the baseline.

    Raises:
        UsageError: if a setting does not fit these data or the network.
        InputError: if no input can be read, nor the network or the baseline.
        OutputError: if the baseline cannot be written.
    """
    rules = selected_of(NETWORK_RULES, asked.select, asked.ignore)
    if update_baseline and asked.baseline is None:
        raise UsageError("`update_baseline` needs the file to write; name it with `baseline`")
    known = baselines.load(asked.baseline, missing=update_baseline) if asked.baseline is not None else None

    # the network, measured; the rules judge
    report = look_inside(paths, network, reading, progress, passes)
    evidence = NetworkEvidence(report.measured, NetworkLimits.of(asked.limits))
    model = report.measured.model
    result = Check(
        settings=asked,
        samples=report.samples,
        findings=judged(evidence, rules, dropping(overrides)),
        errors=report.errors,
        notes=report.notes,
        rules=tuple(RuleInfo(rule.code, rule.name, rule.severity, explained(rule).summary) for rule in rules),
        subject=Subject(model.source, _title(model), len(report.layers)),
    )
    if known is None:
        return result
    return against_baseline(result, known, {rule.code for rule in rules}, {model.source}, update=update_baseline)


def _title(model: ModelResult) -> str:
    return model.source if model.weights is None else f"{model.source} with the weights {model.weights}"
