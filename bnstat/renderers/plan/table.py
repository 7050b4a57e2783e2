"""A plan for a person at a terminal."""

from __future__ import annotations

from typing import Literal

from bnstat.renderers.plan import rows
from bnstat.renderers.screen import Screen, empty_table, printed
from bnstat.report.plan import Plan

# Widths from which on headers stand in one line, and two spaces between columns.
_WIDE, _SPACIOUS = 88, 60


def render(plan: Plan, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """Return the plan as text; every level is always shown."""
    return printed(lambda screen: _print(plan, screen), width=width, color=color)


def _print(plan: Plan, screen: Screen) -> None:
    screen.say(rows.title(plan), style="bold")
    screen.blank()
    _print_table(plan, screen)
    screen.blank()
    for line in rows.LEGEND:
        screen.remark(line)
    screen.blank()
    screen.say(rows.answer(plan))


def _print_table(plan: Plan, screen: Screen) -> None:
    wide = screen.width >= _WIDE
    headers = [header if wide else header.replace(" ", "\n", 1) for header in rows.HEADERS]
    sides: list[Literal["left", "right"]] = [
        "left" if header in ("shape", "refuses to train") else "right" for header in rows.HEADERS
    ]
    table = empty_table(zip(headers, sides, strict=True), gap=2 if screen.width >= _SPACIOUS else 1)
    for column in table.columns[-1:]:
        column.no_wrap = False
    for level in plan.levels:
        table.add_row(*rows.cells(level), style="red" if level.raises else None)
    screen.table(table)
