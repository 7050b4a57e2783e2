"""Findings as CSV: a row for each. What is undefined is an empty field."""

from __future__ import annotations

from bnstat.renderers import sheet
from bnstat.renderers.check.rows import NAMES, rows
from bnstat.report.check import Check


def render(check: Check) -> str:
    """The findings as CSV, their `status` new, known or stale; the header line is always there."""
    return sheet.written(list(rows(check)), NAMES)
