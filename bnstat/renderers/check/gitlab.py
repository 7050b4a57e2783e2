"""New findings as a GitLab code quality report, which is always a valid document."""

from __future__ import annotations

from bnstat.renderers import json
from bnstat.renderers.check import alike
from bnstat.renderers.check.fingerprint import fingerprints
from bnstat.renderers.check.paths import located, readable
from bnstat.reports.check import Check
from bnstat.reports.documents.document import Fields
from bnstat.reports.finding import Failure, Finding

_SEVERITIES = {"error": "critical", "warning": "major", "note": "info"}
# The name of the check that fails for an input that cannot be read, which is graver than any finding.
_UNREADABLE = "unreadable-input"


def render(check: Check) -> str:
    """Return the report as a JSON array in ASCII; inputs that cannot be read come first."""
    paths = located(check)
    found = [*map(_unreadable, check.errors), *check.findings]
    marks = fingerprints(found, paths)
    issues = [_issue(one, paths[one.source], mark) for one, mark in zip(found, marks, strict=True)]
    return json.written(issues, ascii_only=True)


def _unreadable(failure: Failure) -> Finding:
    return Finding(_UNREADABLE, "cannot be read", "error", failure.message, failure.source)


def _issue(finding: Finding, path: str, fingerprint: str) -> Fields:
    return {
        "description": f"{finding.name}: {alike.one_line(finding.message)}",
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": "blocker" if finding.rule == _UNREADABLE else _SEVERITIES[finding.severity],
        "location": _location(path),
    }


def _location(path: str) -> Fields:
    """Return a location with a line, which GitLab requires and a volume has not."""
    return {"path": readable(path), "lines": {"begin": 1}}
