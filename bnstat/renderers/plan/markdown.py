"""The plan as Markdown."""

from __future__ import annotations

from bnstat.renderers.plan import rows
from bnstat.report.plan import Plan


def render(plan: Plan) -> str:
    """The plan as Markdown."""
    table = [list(rows.HEADERS), ["---:"] * len(rows.HEADERS), *(rows.cells(level) for level in plan.levels)]
    lines = [f"**{rows.title(plan)}**", "", *(f"| {' | '.join(row)} |" for row in table), "", rows.answer(plan)]
    return "\n".join(lines) + "\n"
