"""Findings as rows: new ones, those that the baseline knows, and its stale entries, all with the same fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bnstat.report.check import Check, Stale
from bnstat.report.finding import Finding

NAMES = (
    *("status", "rule", "name", "severity", "source", "batch", "channel", "group"),
    *("value", "threshold", "message"),
)


def rows(check: Check) -> Iterator[dict[str, Any]]:
    """A row for each; of a stale entry `source` is its path as the baseline has it, and severity is undefined."""
    for status, findings in (("new", check.findings), ("known", check.known)):
        yield from ({"status": status, **_fields(finding)} for finding in findings)
    yield from (_stale(entry) for entry in check.stale)


def _fields(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in NAMES[1:]}


def _stale(entry: Stale) -> dict[str, Any]:
    known = {"rule": entry.rule, "name": entry.name, "source": entry.path, "channel": entry.channel}
    return {**dict.fromkeys(NAMES), **known, "status": "stale", "message": "in the baseline, and no longer found"}
