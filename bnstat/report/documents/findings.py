"""Findings of rules."""

from __future__ import annotations

from bnstat.report.documents.document import Fields
from bnstat.report.finding import Finding


def finding_fields(finding: Finding) -> Fields:
    """Return the fields of a finding; `group` only where it is about one."""
    fields: Fields = {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "message": finding.message,
        "source": finding.source,
        "batch": finding.batch,
        "channel": finding.channel,
        "value": finding.value,
        "threshold": finding.threshold,
    }
    return fields if finding.group is None else {**fields, "group": finding.group}
