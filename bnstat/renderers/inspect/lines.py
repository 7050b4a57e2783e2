"""Lines beside the table: synchronized ranks, running statistics of a layer per sample, places of findings."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers.headings import values_of
from bnstat.renderers.numbers import number
from bnstat.reports.finding import Finding
from bnstat.reports.inspect import Report
from bnstat.text import channel_title, plural

# Batches and channels that are named before the rest is counted, and places of a finding.
_MOST_NAMED, _MOST_PLACES = 4, 12


def synchronized_line(report: Report) -> str:
    """Return what the second table holds: the batches of all ranks together."""
    values = values_of(report.synchronized[:1], masked=report.settings.preparation.mask is not None)
    size = report.settings.batch_size * report.settings.ranks
    return f"synchronized over {report.settings.ranks} ranks (SyncBN), batch size {size}: {values} per channel"


def running_lines(report: Report) -> list[str]:
    """Return the running statistics of a layer that normalizes each sample by itself, a line for each first batch."""
    several = len(report.batches) > 1
    lines = []
    for batch in report.batches if report.settings.by_sample else ():
        if batch.running:
            named = [
                f"{batch.title_of(one.channel)} {number(one.mean)}, {number(one.variance)}" for one in batch.running
            ]
            more = f"; … ({len(named) - _MOST_NAMED} more)" if len(named) > _MOST_NAMED else ""
            step = f"batch {batch.index}" if several else "one training step"
            lines.append(f"running mean and variance after {step}: {'; '.join(named[:_MOST_NAMED])}{more}")
    if len(lines) <= _MOST_NAMED:
        return lines
    more = plural(len(lines) - _MOST_NAMED, "more batch", "more batches")
    return [*lines[:_MOST_NAMED], f"… and {more}"]


def places(findings: Sequence[Finding], report: Report) -> str:
    """Return what findings are about: groups, or channels with their batch where there are several batches."""
    named = [_place(finding, report) for finding in findings[:_MOST_PLACES]]
    more = f", … ({len(findings) - _MOST_PLACES} more)" if len(findings) > _MOST_PLACES else ""
    return ", ".join(named) + more


def _place(finding: Finding, report: Report) -> str:
    if finding.group is not None and finding.batch is not None:
        return report.batches[finding.batch].groups[finding.group].title
    parts = []
    if finding.channel is not None:
        names = report.names if finding.batch is None else report.batches[finding.batch].names
        parts.append(channel_title(finding.channel, names))
    if finding.batch is not None and (len(report.batches) > 1 or finding.channel is None):
        parts.append(f"batch {finding.batch}")
    return " of ".join(parts)
