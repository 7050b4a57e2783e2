"""A plan for a person at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnstat.renderers.plan import rows
from bnstat.renderers.screen import printed
from bnstat.report.plan import Plan


def render(plan: Plan, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:  # noqa: ARG001  (all levels are shown always)
    """The plan as text."""
    return printed(lambda console: _print(plan, console), width=width, color=color)


def _print(plan: Plan, console: Console) -> None:
    console.print(Text(rows.title(plan), style="bold"))
    console.print()
    console.print(_table(plan))
    console.print()
    console.print(Text(rows.answer(plan)))


def _table(plan: Plan) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for header in rows.HEADERS:
        table.add_column(header, justify="left" if header in ("shape", "raises") else "right")
    for level in plan.levels:
        table.add_row(*rows.cells(level), style="red" if level.raises else None)
    return table
