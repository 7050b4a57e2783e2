"""The report as Markdown, without pictures, for pull requests."""

from __future__ import annotations

from bnstat.renderers.report.contents import sections_of
from bnstat.reports.full.full_report import FullReport


def render(report: FullReport) -> str:
    """Return the sections as Markdown."""
    return "".join(f"## {section.title}\n" for section in sections_of(report))
