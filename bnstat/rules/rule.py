"""What a rule is: a name, a severity, and a function from the report to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bnstat.report import Batch, Channel, Finding, Report, Severity


@dataclass(frozen=True)
class Rule:
    """A named check. The docstring of its module says what it does, why it matters and what to do.

    Attributes:
        code: stable, BN1xx data, BN2xx batch, BN3xx arithmetic, BN4xx layout.
        name: names the problem, not the cure.
        severity: of its findings.
        check: its findings in a report.
        spread: whether it speaks of a channel's small spread; of such rules only the first that holds speaks.
    """

    code: str
    name: str
    severity: Severity
    check: Callable[[Rule, Report], Iterator[Finding]]
    spread: bool = False

    def finding(
        self,
        report: Report,
        batch: Batch,
        channel: Channel | None,
        message: str,
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """A finding of this rule in one batch."""
        return Finding(
            rule=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            source=report.source_of(batch),
            batch=batch.index,
            channel=None if channel is None else channel.channel,
            value=value,
            threshold=threshold,
        )


def each_channel(report: Report) -> Iterator[tuple[Batch, Channel]]:
    """Every channel of every batch, in order."""
    for batch in report.batches:
        for channel in batch.channels:
            yield batch, channel
