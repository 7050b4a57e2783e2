"""The plan as Markdown."""

from __future__ import annotations

from bnstat.renderers.markdown import escaped, opening, table
from bnstat.renderers.plan import rows
from bnstat.reports.plan import Plan


def render(plan: Plan) -> str:
    """Return the plan as Markdown."""
    legend = [f"{line}  " for line in rows.legend()]
    levels = table(rows.HEADERS, rows.all_cells(plan))
    lines = [*opening(plan.opening), escaped(rows.title(plan)), "", *levels, "", *legend]
    return "\n".join(lines) + "\n"
