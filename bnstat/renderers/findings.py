"""Findings of one rule together, for every format that a person reads."""

from __future__ import annotations

from collections.abc import Iterable

from bnstat.report.finding import SEVERITIES, Finding


def by_rule(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings of each rule, the gravest rules first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return sorted(groups.values(), key=lambda group: SEVERITIES.index(group[0].severity))


def title(finding: Finding) -> str:
    """Return severity, code and name, as in "error BN101 zero-variance"."""
    return f"{finding.severity} {finding.rule} {finding.name}"


def also(places: str) -> str:
    """Return the sentence that names the other places of a finding; empty where there are none."""
    return f" Also found in {places}." if places else ""
