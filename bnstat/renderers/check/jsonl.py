"""Findings as JSON lines: an object a line, so that lines can be searched, cut and joined."""

from __future__ import annotations

import json

from bnstat.renderers.check.rows import rows
from bnstat.report.check import Check


def render(check: Check) -> str:
    """A line for each finding, its `status` new, known or stale; nothing where nothing was found."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows(check))
