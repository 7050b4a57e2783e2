"""New findings as a code quality report of GitLab, always a valid document."""

from __future__ import annotations

import json
from typing import Any

from bnstat.renderers.check import alike
from bnstat.renderers.check.fingerprint import digest, fingerprints
from bnstat.renderers.check.paths import located, readable
from bnstat.report import Check, Failure, Finding

_SEVERITIES = {"error": "critical", "warning": "major", "note": "info"}


def render(check: Check) -> str:
    """The report as a JSON array in ASCII; inputs that could not be read come first."""
    paths = located(check)
    prints = fingerprints(check.findings, paths)
    issues = [
        *(_unreadable(failure, paths[failure.source]) for failure in _once(check.errors)),
        *(_issue(one, paths[one.source], mark) for one, mark in zip(check.findings, prints, strict=True)),
    ]
    return json.dumps(issues, indent=2, allow_nan=False) + "\n"


def _issue(finding: Finding, path: str, fingerprint: str) -> dict[str, Any]:
    return {
        "description": f"{finding.name}: {alike.one_line(finding.message)}",
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": _location(path),
    }


def _unreadable(failure: Failure, path: str) -> dict[str, Any]:
    return {
        "description": f"cannot be read: {alike.one_line(failure.message)}",
        "check_name": "unreadable-input",
        "fingerprint": digest(f"unreadable-input\0{path}\0{failure.source}"),
        "severity": "blocker",
        "location": _location(path),
    }


def _once(failures: tuple[Failure, ...]) -> list[Failure]:
    """The last failure of each input."""
    return list({failure.source: failure for failure in failures}.values())


def _location(path: str) -> dict[str, Any]:
    """A volume has no lines, and GitLab wants one."""
    return {"path": readable(path), "lines": {"begin": 1}}
