"""Presets for a person at a terminal."""

from __future__ import annotations

from typing import Literal

from rich.table import Table
from rich.text import Text

from bnstat.renderers.frameworks import rows
from bnstat.renderers.screen import Screen, empty_table, hidden_columns, printed
from bnstat.report.frameworks import Presets

# From this width on there is room for two spaces between columns, and below the other not for every column.
_WIDE, _NARROW = 88, 80
_HIDDEN = ("arithmetic", "axis")


def render(presets: Presets, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """Return the presets as text: one in full, or a table with a section for each normalizer."""
    show = _print_one if presets.in_full else _print_all
    return printed(lambda screen: show(presets, screen), width=width, color=color)


def _print_all(presets: Presets, screen: Screen) -> None:
    hidden = _HIDDEN if screen.width < _NARROW else ()
    screen.say(rows.title(presets), style="bold")
    screen.blank()
    screen.table(_table(presets, hidden, 2 if screen.width >= _WIDE else 1))
    screen.blank()
    if hidden:
        screen.remark(hidden_columns(hidden))
    for note in rows.footnotes():
        screen.remark(note)
    for line in rows.arithmetics(presets):
        screen.say(line, style="dim", indent=2)


def _table(presets: Presets, hidden: tuple[str, ...], gap: int) -> Table:
    shown = [place for place, header in enumerate(rows.HEADERS) if header not in hidden]
    headers = [rows.HEADERS[place] for place in shown]
    sides: list[Literal["left", "right"]] = [
        "right" if header in ("ε", "least values", "axis") else "left" for header in headers
    ]
    table = empty_table(zip(map(_two_lines, headers), sides, strict=True), gap=gap)
    for column in table.columns[1:]:
        column.no_wrap = False
    for place, (heading, members) in enumerate(rows.sections(presets).items()):
        if place:
            table.add_row()
        table.add_row(Text(heading, style="bold"))
        for row in members:
            cells = rows.cells(row)
            table.add_row(*(cells[place] for place in shown))
    return table


def _two_lines(header: str) -> str:
    """Return a header of several words over two lines."""
    first, _, last = header.rpartition(" ")
    return f"{first}\n{last}" if first else header


def _print_one(presets: Presets, screen: Screen) -> None:
    for row in presets.rows:
        screen.say(row.name, style="bold")
        details = rows.details(row)
        column = max(len(name) for name, _ in details) + 2
        for name, value in details:
            screen.definition(name, value, column)
