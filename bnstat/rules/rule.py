"""What a rule is: a name, a severity, and a function from evidence to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bnstat.layers.results import Batch, Channel, Group
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding, Severity


@dataclass(frozen=True)
class Rule:
    """A named check. The docstring of its module is its documentation: `explanation` has its parts.

    Attributes:
        code: stable, BN1xx data, BN2xx batch, BN3xx arithmetic, BN4xx layout.
        name: names the problem, not the cure.
        severity: of its findings.
        check: its findings in the evidence.
        family: of rules that speak of one thing, as a channel's small "spread" or a framework's "arithmetic", only the
            first that holds speaks.
        gives_way: the code of a rule that says the same more exactly: where that speaks of a channel of a file, this
            one does not.
    """

    code: str
    name: str
    severity: Severity
    check: Callable[[Rule, Evidence], Iterator[Finding]]
    family: str | None = None
    gives_way: str | None = None

    def finding(
        self,
        evidence: Evidence,
        batch: Batch,
        part: Channel | Group | None,
        message: str,
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """A finding of this rule in one batch, about a channel or a group of it, or about all."""
        return Finding(
            rule=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            source=evidence.report.source_of(batch, part),
            batch=batch.index,
            channel=_only_channel(part),
            value=value,
            threshold=threshold,
            group=part.group if isinstance(part, Group) else None,
        )

    def of_all(
        self, message: str, channel: int | None = None, value: float | None = None, threshold: float | None = None
    ) -> Finding:
        """A finding of this rule about what no batch and no file has alone, as how batches differ from each other."""
        return Finding(
            rule=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            channel=channel,
            value=value,
            threshold=threshold,
        )

    def of_source(
        self,
        source: str,
        message: str,
        channel: int | None = None,
        batch: int | None = None,
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """A finding of this rule about one file or case, whatever else is in its batch."""
        return replace(self.of_all(message, channel, value, threshold), source=source, batch=batch)


def _only_channel(part: Channel | Group | None) -> int | None:
    """The channel that a finding is about; None where there are several."""
    if isinstance(part, Group):
        return part.channels[0] if len(part.channels) == 1 else None
    return None if part is None else part.channel


def each_part(evidence: Evidence) -> Iterator[tuple[Batch, Channel | Group]]:
    """Every channel or group of every batch, in order."""
    for batch in evidence.report.batches:
        for part in batch.parts:
            yield batch, part
