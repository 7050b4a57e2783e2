"""A checkpoint as Markdown, every layer and finding in it."""

from __future__ import annotations

from bnstat.renderers.checkpoint import rows
from bnstat.renderers.findings import by_rule, title
from bnstat.renderers.markdown import escaped, finding, opening, table
from bnstat.reports.checkpoint import CheckpointReport


def render(report: CheckpointReport) -> str:
    """Return the report as Markdown."""
    return "\n".join(lines_of(report)) + "\n"


def lines_of(report: CheckpointReport) -> list[str]:
    """Return the lines of the report on one file."""
    columns = rows.columns_of(report.audit)
    cells = [[escaped(layer.name), *(escaped(column.cell(layer)) for column in columns)] for layer in report.layers]
    lines = [*opening(report.opening), *(f"{escaped(line)}  " for line in rows.title(report.audit)), ""]
    lines += table(["layer", *(column.header for column in columns)], cells, left=1)
    lines += ["", *(f"{escaped(line)}  " for line in rows.legend(columns))]
    if report.findings:
        lines += ["", *(finding(title(one), one.message) for group in by_rule(report.findings) for one in group)]
    return lines
