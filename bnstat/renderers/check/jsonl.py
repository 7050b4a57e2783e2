"""Findings as JSON lines: an object on each line."""

from __future__ import annotations

from bnstat.renderers import json
from bnstat.reports.check import Check


def render(check: Check) -> str:
    """Return a line for each finding, its `status` new, known or stale; an empty text where nothing was found."""
    return "".join(map(json.line, check.to_rows()))
