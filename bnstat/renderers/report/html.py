"""The report as one page of HTML that needs nothing else."""

from __future__ import annotations

from html import escape

from bnstat.renderers.report.contents import sections_of
from bnstat.reports.full.full_report import FullReport


def render(report: FullReport) -> str:
    """Return the page."""
    return "".join(f"<pre>{escape(repr(section))}</pre>" for section in sections_of(report))
