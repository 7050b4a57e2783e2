"""Findings of one rule together, for every format that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.text import first_ones, printable

if TYPE_CHECKING:  # rich, which Markdown does without
    from bnstat.renderers.screen import Screen


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


def also_in_layers(findings: Sequence[Finding]) -> str:
    """Return the sentence that names the other layers in which a rule found the same as in its first finding."""
    here = findings[0].layer
    others = list(dict.fromkeys(printable(one.layer) for one in findings[1:] if one.layer not in (None, here)))
    return also(first_ones("layer" if len(others) == 1 else "layers", others)) if others else ""


def say_of_layers(findings: Iterable[Finding], screen: Screen, *, every_row: bool) -> None:
    """Print findings on layers: of each rule the first with its message and the other layers, or all."""
    for group in by_rule(findings):
        screen.blank()
        for finding in group if every_row else group[:1]:
            message = finding.message if every_row else finding.message + also_in_layers(group)
            screen.finding(finding.severity, f"{finding.rule} {finding.name}", message)
