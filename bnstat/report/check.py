"""What `bnstat check` tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from bnstat.layers.settings import Settings
from bnstat.report.documents.document import Document, Fields
from bnstat.report.documents.findings import finding_fields
from bnstat.report.documents.inputs import failure_fields, sample_fields
from bnstat.report.documents.layers import settings_fields
from bnstat.report.finding import SEVERITIES, Failure, Finding, Severity
from bnstat.report.limits import DEFAULT_LIMITS, Limits
from bnstat.sources.sample import Sample

FailOn = Literal["error", "warning", "note", "never"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)

# The columns of a finding.
_COLUMNS = (
    *("status", "rule", "name", "severity", "source", "batch", "channel", "group"),
    *("value", "threshold", "message"),
)


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
class Check(Document):
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

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.check/1"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of the table, which has them without a finding too."""
        return _COLUMNS

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "settings": _settings(self.settings),
            "failed": self.failed,
            "counts": self._counts(),
            "samples": [sample_fields(sample) for sample in self.samples],
            "findings": [finding_fields(finding) for finding in self.findings],
            "known": [finding_fields(finding) for finding in self.known],
            "stale": [asdict(entry) for entry in self.stale],
            "errors": [failure_fields(failure) for failure in self.errors],
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each finding, its `status` new or known, and for each stale entry of the baseline."""
        return [
            *(_row("new", finding) for finding in self.findings),
            *(_row("known", finding) for finding in self.known),
            *map(_stale_row, self.stale),
        ]

    def _counts(self) -> Fields:
        """Return how many new findings of each severity there are, and how many known ones and stale entries."""
        found = Counter(finding.severity for finding in self.findings)
        counts: Fields = {severity: found[severity] for severity in SEVERITIES}
        return {**counts, "known": len(self.known), "stale": len(self.stale)}


def _settings(settings: CheckSettings) -> Fields:
    return {
        **settings_fields(settings.layer),
        "select": list(settings.select),
        "ignore": list(settings.ignore),
        "fail_on": settings.fail_on,
        "limits": asdict(settings.limits),
        "steps": settings.steps,
        "baseline": settings.baseline,
        "reference": settings.reference,
    }


def _row(status: str, finding: Finding) -> Fields:
    return {"status": status, **{name: getattr(finding, name) for name in _COLUMNS[1:]}}


def _stale_row(entry: Stale) -> Fields:
    """Return the row of a stale entry: `source` is its path in the baseline, and the severity is undefined."""
    known = {"rule": entry.rule, "name": entry.name, "source": entry.path, "channel": entry.channel}
    return {**dict.fromkeys(_COLUMNS), **known, "status": "stale", "message": "in the baseline, and no longer found"}
