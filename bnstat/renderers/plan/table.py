"""A plan for a person at a terminal."""

from __future__ import annotations

from typing import Literal

from bnstat.renderers.plan import rows
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.plan import Plan

# From this width on headers stand in one line.
_WIDE = 88
# For each column how soon it is hidden where width is short: 0 for never.
_RANKS = (0, 0, 2, 1, 3, 0)
# Columns that the last column takes at least; longer lists of layers are broken into lines.
_LEAST_LAST = 14


def render(plan: Plan, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False) -> str:
    """Return the plan as text; every level is always shown."""
    return printed(lambda screen: _print(plan, screen), width=width, color=color, quiet=quiet)


def _print(plan: Plan, screen: Screen) -> None:
    screen.opening(plan.opening)
    screen.say(rows.title(plan))
    screen.blank()
    shown = _print_table(plan, screen)
    screen.blank()
    for line in rows.legend(shown):
        screen.remark(line)


def _print_table(plan: Plan, screen: Screen) -> list[str]:
    """Print a row for each level, and return the headers of the columns that are shown."""
    headers = rows.HEADERS if screen.width >= _WIDE else [header.replace(" ", "\n", 1) for header in rows.HEADERS]
    cells = rows.all_cells(plan)
    refused = [level.raises for level in plan.levels] + ([] if plan.head is None else [plan.head.raises])
    shortened = [[*one[:-1], one[-1][:_LEAST_LAST]] for one in cells]
    shown, gap = fitting(headers, shortened, _RANKS, screen.width)
    table = empty_table([(headers[place], _side(rows.HEADERS[place])) for place in shown], gap=gap)
    table.columns[-1].no_wrap = False
    for raises, one in zip(refused, cells, strict=True):
        table.add_row(*(one[place] for place in shown), style="red" if raises else None)
    screen.table(table)
    screen.hidden([header for place, header in enumerate(rows.HEADERS) if place not in shown])
    return [rows.HEADERS[place] for place in shown]


def _side(header: str) -> Literal["left", "right"]:
    return "left" if header in ("shape", "refuses to train") else "right"
