"""The section "Verdict" of the page."""

from __future__ import annotations

from bnstat.renderers.report.blocks import Section
from bnstat.reports.full.full_report import FullReport


def section(report: FullReport) -> Section | None:
    """Return the section; None if the report has nothing for it."""
    if not report.volumes:
        return None
    return Section("verdict", "Verdict", ())
