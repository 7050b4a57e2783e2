"""A rule: a name, a severity, and a function from evidence to findings. What it judges is its type of evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Generic, TypeVar

from bnstat.layers.results import Batch, Channel, Group
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding, Severity

E = TypeVar("E")


@dataclass(frozen=True)
class Rule(Generic[E]):
    """A named check of one type of evidence. The docstring of its module is its documentation.

    `Rule[Evidence]` judges volumes. `explanation` has the parts of the documentation.

    Attributes:
        code: A stable code: BN1xx for data, BN2xx for batches, BN3xx for arithmetic, BN4xx for layout, BN5xx for
            checkpoints, BN6xx for the layers of a network.
        name: The name, which is that of the problem and not of the cure.
        severity: The severity of its findings.
        check: The function that yields its findings in the evidence.
        family: The name of rules about one thing, as a channel's small "spread" or a framework's "arithmetic". Of these
            only the first that holds reports.
        gives_way: The code of a rule that reports the same more exactly. If that one reports a channel of a file, this
            one does not.
    """

    code: str
    name: str
    severity: Severity
    check: Callable[[Rule[E], E], Iterator[Finding]]
    family: str | None = None
    gives_way: str | None = None

    def finding(
        self: Rule[Evidence],
        evidence: Evidence,
        batch: Batch,
        part: Channel | Group | None,
        message: str,
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """Return a finding in one batch, about one of its channels or groups, or about all of them."""
        return Finding(
            rule=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            source=evidence.report.source_of(batch, part),
            batch=batch.index,
            channel=_only_channel(part),
            value=_finite(value),
            threshold=threshold,
            group=part.group if isinstance(part, Group) else None,
        )

    def of_all(
        self, message: str, channel: int | None = None, value: float | None = None, threshold: float | None = None
    ) -> Finding:
        """Return a finding about no single batch or file, for example about how batches differ from each other.

        An infinite value is left out: JSON has none.
        """
        return Finding(
            rule=self.code,
            name=self.name,
            severity=self.severity,
            message=message,
            channel=channel,
            value=_finite(value),
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
        """Return a finding about one file or case, whatever else is in its batch."""
        return replace(self.of_all(message, channel, value, threshold), source=source, batch=batch)

    def of_layer(
        self,
        source: str,
        layer: str,
        message: str,
        channel: int | None = None,
        value: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        """Return a finding about one layer of a network, or about one of its channels.

        Args:
            source: The model or the checkpoint, as the user named it.
            layer: The name of the layer.
            message: What happened, what that means for the training, and what to do.
            channel: The channel; None for several.
            value: The number that was judged.
            threshold: The limit that it passed.
        """
        return replace(self.of_all(message, channel, value, threshold), source=source, layer=layer)


def _finite(value: float | None) -> float | None:
    """Return a number that JSON has; None for an infinite one."""
    return value if value is not None and isfinite(value) else None


def _only_channel(part: Channel | Group | None) -> int | None:
    """Return the channel that a finding is about; None if there are several."""
    if isinstance(part, Group):
        return part.channels[0] if len(part.channels) == 1 else None
    return None if part is None else part.channel


def each_part(evidence: Evidence) -> Iterator[tuple[Batch, Channel | Group]]:
    """Yield every channel or group of every batch, in order."""
    for batch in evidence.report.batches:
        for part in batch.parts:
            yield batch, part
