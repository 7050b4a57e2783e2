"""What `bnstat check` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bnstat.layers.settings import Settings
from bnstat.report.finding import SEVERITIES, Failure, Finding, Severity
from bnstat.report.limits import DEFAULT_LIMITS, Limits
from bnstat.sources.sample import Sample

FailOn = Literal["error", "warning", "note", "never"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)


@dataclass(frozen=True)
class CheckSettings:
    """What was asked for.

    Attributes:
        layer: whose layer, how batches are made, and so on: as for `inspect`.
        select: codes, names or prefixes of the rules that judge; empty for all.
        ignore: those that do not.
        fail_on: the least severity of a new finding that fails the check.
        limits: thresholds of the rules.
        steps: training steps, for how far running statistics have settled; None where they are not known.
        baseline: the file of known findings, as the user named it.
        reference: that of kept moments which today's are held against, likewise.
    """

    layer: Settings
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    limits: Limits = DEFAULT_LIMITS
    steps: int | None = None
    baseline: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Stale:
    """An entry of the baseline that no finding matches any more: its path is relative to the baseline file."""

    rule: str
    name: str
    path: str | None
    channel: int | None


@dataclass(frozen=True)
class RuleInfo:
    """What a format says of a rule, whether or not it found anything: its name, and what it checks in a sentence."""

    code: str
    name: str
    severity: Severity
    summary: str


@dataclass(frozen=True)
class Check:
    """The verdict.

    Attributes:
        settings: what was asked for.
        samples: what was read.
        findings: those that are new: that the baseline does not know.
        known: those that it does.
        stale: its entries that are fixed.
        errors: inputs that could not be read.
        notes: how the inputs and settings were taken.
        rules: those that judged, in their order.
    """

    settings: CheckSettings
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]
    known: tuple[Finding, ...] = ()
    stale: tuple[Stale, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    rules: tuple[RuleInfo, ...] = ()

    @property
    def grave(self) -> tuple[Severity, ...]:
        """The severities that fail the check, the worst first."""
        if self.settings.fail_on == "never":
            return ()
        return SEVERITIES[: SEVERITIES.index(self.settings.fail_on) + 1]

    @property
    def failed(self) -> bool:
        """Whether a new finding is as severe as asked for, or more."""
        return any(finding.severity in self.grave for finding in self.findings)
