"""Findings of rules."""

from __future__ import annotations

from bnstat.reports.documents.document import Fields
from bnstat.reports.finding import Finding


def finding_fields(finding: Finding) -> Fields:
    """Return the fields of a finding; `group` and `layer` only where it is about one."""
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
    if finding.group is not None:
        fields["group"] = finding.group
    if finding.layer is not None:
        fields["layer"] = finding.layer
    return fields
