"""The result of `bnstat check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, get_args

from bnstat.errors import UsageError, require_least
from bnstat.layers.settings import Settings
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.findings import finding_fields
from bnstat.reports.documents.inputs import failure_fields, sample_fields
from bnstat.reports.documents.layers import settings_fields
from bnstat.reports.finding import SEVERITIES, Failure, Finding, Severity, counted
from bnstat.reports.limits import DEFAULT_LIMITS, Limits
from bnstat.sources.sample import Sample
from bnstat.text import plural

if TYPE_CHECKING:  # as in `evidence`
    from bnstat.batch_size.needed import Needs

FailOn = Literal["error", "warning", "note", "never"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)
# Far more than any training takes, and few enough for a float.
MOST_STEPS = 10**18

# The columns of a finding.
_COLUMNS = (
    *("status", "rule", "name", "severity", "source", "batch", "channel", "group"),
    *("value", "threshold", "message", "layer"),
)


@dataclass(frozen=True)
class CheckSettings:
    """The settings of a check.

    Attributes:
        layer: The layer, how batches are made, and so on, as for `inspect`.
        select: Codes, names or prefixes of the rules that judge; empty for all.
        ignore: Codes, names or prefixes of the rules that do not judge.
        fail_on: The least severity of a new finding that fails the check.
        limits: The thresholds of the rules.
        steps: The number of training steps, None if unknown.
        baseline: The file of known findings, as the user named it.
        reference: The moments file that the data are compared with, as the user named it.
        audit: What is known of the training of checkpoints; None for nothing but `steps`.

    Raises:
        UsageError: if there is no such severity, or no training has as many steps.
    """

    layer: Settings
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    limits: Limits = DEFAULT_LIMITS
    steps: int | None = None
    baseline: str | None = None
    reference: str | None = None
    audit: AuditSettings | None = None

    def __post_init__(self) -> None:
        if self.fail_on not in FAIL_ON:
            raise UsageError(f"`fail_on` must be one of {', '.join(FAIL_ON)}, and is {self.fail_on!r}")
        if self.steps is not None:
            require_least("steps", self.steps, 1)
            if self.steps > MOST_STEPS:
                raise UsageError(f"`steps` must be at most {MOST_STEPS:.0e}: no training takes longer")


@dataclass(frozen=True)
class Stale:
    """An entry of the baseline that no finding matches any more. Its path is relative to the baseline file."""

    rule: str
    name: str
    path: str | None
    channel: int | None
    layer: str | None = None


@dataclass(frozen=True)
class Subject:
    """A network, whose layers were judged in place of a layer at the input.

    Attributes:
        source: The model or the file, as the user named it.
        title: The same in a sentence, as in "mynet:build with the weights last.ckpt".
        layers: The number of normalization layers that were judged.
    """

    source: str
    title: str
    layers: int


@dataclass(frozen=True)
class CheckedCheckpoint:
    """A checkpoint that was judged.

    Attributes:
        file: The file, as the user named it.
        format: What it is, as "torch".
        layers: The number of its normalization layers.
        channels: The number of their channels.
    """

    file: str
    format: str
    layers: int
    channels: int


@dataclass(frozen=True)
class RuleInfo:
    """A rule as output formats describe it, whether or not it found anything.

    Attributes:
        code: Its code.
        name: Its name.
        severity: The severity of its findings.
        summary: The problem in a sentence.
        why: Why that matters, where a format says so; empty elsewhere.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    why: str = ""


@dataclass(frozen=True, repr=False)
class Check(Document):
    """The verdict.

    Attributes:
        settings: The settings of the check.
        samples: The samples that were read.
        findings: The new findings, which are not in the baseline.
        known: The findings that are in the baseline.
        stale: The entries of the baseline that are fixed.
        errors: The inputs that could not be read.
        notes: Notes on how inputs and settings were understood.
        rules: The rules that judged, in their order.
        apart: True if samples of different shapes were judged one by one, whatever the batch size.
        needs: The batch sizes that channels need for which this one is too small.
        subject: The network or the file of weights that was judged; None if it was the layer of the settings.
        checkpoints: The checkpoints that were read.
    """

    settings: CheckSettings
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]
    known: tuple[Finding, ...] = ()
    stale: tuple[Stale, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    apart: bool = False
    needs: tuple[Needs, ...] = ()
    subject: Subject | None = None
    checkpoints: tuple[CheckedCheckpoint, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The inputs that were read, each once, in order: samples, then checkpoints."""
        return tuple(dict.fromkeys([*(one.source for one in self.samples), *(one.file for one in self.checkpoints)]))

    @property
    def grave(self) -> tuple[Severity, ...]:
        """The severities that fail the check, the worst first."""
        if self.settings.fail_on == "never":
            return ()
        return SEVERITIES[: SEVERITIES.index(self.settings.fail_on) + 1]

    @property
    def failed(self) -> bool:
        """True if a new finding is at least as severe as asked for."""
        return any(finding.severity in self.grave for finding in self.findings)

    @property
    def judged_batch_size(self) -> int:
        """The samples in each batch that was judged: the batch size, or 1 if samples cannot share a batch."""
        return 1 if self.apart else self.settings.layer.batch_size

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        verdict = "failed" if self.failed else "passed"
        files = f", {plural(len(self.checkpoints), 'checkpoint')}" if self.checkpoints else ""
        return f"{verdict}{files}, {self.counts}"

    @property
    def counts(self) -> str:
        """The numbers of samples and findings, and of inputs that cannot be read."""
        known = f", {len(self.known):,} known" if self.known else ""
        return f"{counted(self.samples, self.errors, self.findings)}{known}"

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
        checkpoints = {"checkpoints": [asdict(one) for one in self.checkpoints]} if self.checkpoints else {}
        return {
            "settings": _settings(self.settings),
            "judged_batch_size": self.judged_batch_size,
            "failed": self.failed,
            **({} if self.subject is None else {"subject": _subject(self.subject)}),
            "counts": self._counts(),
            "samples": [sample_fields(sample) for sample in self.samples],
            **checkpoints,
            "findings": [finding_fields(finding) for finding in self.findings],
            "known": [finding_fields(finding) for finding in self.known],
            "stale": [_stale(entry) for entry in self.stale],
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


def _subject(subject: Subject) -> Fields:
    return {"source": subject.source, "layers": subject.layers}


def _stale(entry: Stale) -> Fields:
    """Return the fields of a stale entry; `layer` only where it is about one."""
    fields = asdict(entry)
    return fields if entry.layer is not None else {name: fields[name] for name in fields if name != "layer"}


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
    said = {"layer": entry.layer, "status": "stale", "message": "in the baseline, and no longer found"}
    return {**dict.fromkeys(_COLUMNS), **known, **said}
