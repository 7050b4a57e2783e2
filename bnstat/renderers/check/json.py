"""The verdict as JSON, schema `bnstat.check/1`: field names are a contract, undefined is null."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from bnstat.renderers.inspect.json import failure_fields, finding_fields, sample_fields, settings_fields
from bnstat.report.check import Check, CheckSettings
from bnstat.report.finding import SEVERITIES
from bnstat.version import __version__

SCHEMA = "bnstat.check/1"


def render(check: Check) -> str:
    """The verdict as a JSON document, always complete."""
    return json.dumps(document(check), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(check: Check) -> dict[str, Any]:
    """The verdict as plain values, named as in the contract."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": _settings(check.settings),
        "failed": check.failed,
        "counts": _counts(check),
        "samples": [sample_fields(sample) for sample in check.samples],
        "findings": [finding_fields(finding) for finding in check.findings],
        "known": [finding_fields(finding) for finding in check.known],
        "stale": [asdict(entry) for entry in check.stale],
        "errors": [failure_fields(failure) for failure in check.errors],
        "notes": list(check.notes),
    }


def _settings(settings: CheckSettings) -> dict[str, Any]:
    return {
        **settings_fields(settings.layer),
        "select": list(settings.select),
        "ignore": list(settings.ignore),
        "fail_on": settings.fail_on,
        "limits": asdict(settings.limits),
        "steps": settings.steps,
        "baseline": settings.baseline,
        "reference": settings.reference,
    }


def _counts(check: Check) -> dict[str, int]:
    """How many new findings of each severity, and how many known ones and stale entries."""
    found = Counter(finding.severity for finding in check.findings)
    counts: dict[str, int] = {severity: found[severity] for severity in SEVERITIES}
    return {**counts, "known": len(check.known), "stale": len(check.stale)}
