"""Presets for a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from bnstat.renderers.frameworks import rows
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.frameworks import Presets

# For each column how soon it is hidden where width is short: 0 for never.
_RANKS = (0, 1, 2, 3, 5, 4, 5)


def render(
    presets: Presets, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the presets as text: one in full, or a table with a section for each normalizer."""
    show = _print_one if presets.in_full else _print_all
    return printed(lambda screen: show(presets, screen), width=width, color=color, quiet=quiet)


def _print_all(presets: Presets, screen: Screen) -> None:
    headers = [_two_lines(header) for header in rows.HEADERS]
    shown, gap = fitting(headers, map(rows.cells, presets.rows), _RANKS, screen.width)
    screen.say(rows.title(presets), style="bold")
    screen.blank()
    screen.table(_table(presets, [(headers[place], _side(rows.HEADERS[place])) for place in shown], shown, gap))
    screen.blank()
    seen = [rows.HEADERS[place] for place in shown]
    screen.hidden([header for header in rows.HEADERS if header not in seen])
    for line in rows.footnotes(seen):
        screen.remark(line)
    for line in rows.arithmetics(presets) if "arithmetic" in seen else ():
        screen.say(line, style="dim", indent=2)


def _table(
    presets: Presets, columns: Sequence[tuple[str, Literal["left", "right"]]], shown: Sequence[int], gap: int
) -> Table:
    table = empty_table(columns, gap=gap)
    for place, (heading, members) in enumerate(rows.sections(presets).items()):
        if place:
            table.add_row()
        table.add_row(Text(heading, style="bold"))
        for row in members:
            cells = rows.cells(row)
            table.add_row(*(cells[place] for place in shown))
    return table


def _side(header: str) -> Literal["left", "right"]:
    return "right" if header in ("ε", "least n", "axis") else "left"


def _two_lines(header: str) -> str:
    """Return a header of several words over two lines."""
    return header.replace(" ", "\n", 1)


def _print_one(presets: Presets, screen: Screen) -> None:
    for row in presets.rows:
        screen.say(row.name, style="bold")
        details = rows.details(row)
        column = max(len(name) for name, _ in details) + 2
        for name, value in details:
            screen.definition(name, value, column)
