"""The part of `check` that judges checkpoints, beside volumes or alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bnstat.errors import InputError
from bnstat.networks.checkpoints.audit import Audit
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.reports.check import Check, CheckedCheckpoint, CheckSettings, RuleInfo
from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules import judged
from bnstat.rules.checkpoint_rules import CHECKPOINT_RULES
from bnstat.rules.explanation import explained
from bnstat.rules.selection import selected_of
from bnstat.workflows.checkpoint import assumed, read
from bnstat.workflows.failures import failures_of


def with_checkpoints(
    result: Check, files: Sequence[str], asked: CheckSettings, drops: Callable[[Finding], bool]
) -> Check:
    """Return a verdict that judges checkpoints too.

    Args:
        result: The verdict on volumes; one without samples if there are none.
        files: The checkpoints.
        asked: What is asked of the check.
        drops: Returns True for a finding that is left out.

    Raises:
        UsageError: if no rule of checkpoints is selected.
    """
    settings = AuditSettings(steps=asked.steps) if asked.audit is None else asked.audit
    rules = selected_of(CHECKPOINT_RULES, asked.select, asked.ignore)
    audits: list[Audit] = []
    errors: list[InputError] = []
    for file in files:
        try:
            audits.append(read(file, settings))
        except InputError as error:
            errors.append(error)
    found = [one for each in audits for one in judged(CheckpointEvidence(each, asked.limits), rules, drops)]
    notes = dict.fromkeys(note for each in audits for note in (*each.checkpoint.notes, *assumed(each)))
    return replace(
        result,
        findings=(*result.findings, *found),
        errors=(*result.errors, *failures_of(errors)),
        notes=(*result.notes, *notes),
        rules=(
            *result.rules,
            *(RuleInfo(rule.code, rule.name, rule.severity, explained(rule).summary) for rule in rules),
        ),
        checkpoints=tuple(
            CheckedCheckpoint(
                each.file, each.checkpoint.format, len(each.layers), sum(layer.channels for layer in each.layers)
            )
            for each in audits
        ),
    )
