"""Presets for a person at a terminal."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnstat.renderers.frameworks import rows
from bnstat.renderers.screen import printed
from bnstat.report.frameworks import Presets

# From this width on there is room for two spaces between columns, and below the other not for every column.
_WIDE, _NARROW = 88, 80
_LEFT_OUT = ("arithmetic", "axis")


def render(presets: Presets, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:  # noqa: ARG001  (all presets are shown always)
    """The presets as text: one in full, or a table with a section for each normalizer."""
    show = _print_one if presets.in_full else _print_all
    return printed(lambda console: show(presets, console), width=width, color=color)


def _print_all(presets: Presets, console: Console) -> None:
    narrow = console.width < _NARROW
    console.print(Text(rows.title(presets), style="bold"))
    console.print()
    console.print(_table(presets, _LEFT_OUT if narrow else (), 2 if console.width >= _WIDE else 1))
    console.print()
    if narrow:
        names = ", ".join(_LEFT_OUT)
        console.print(Text(f"left out for width: {names} (COLUMNS=80 or --format json shows all)", style="dim"))
    for note in rows.footnotes(presets):
        console.print(Text(note, style="dim"))


def _table(presets: Presets, left_out: tuple[str, ...], gap: int) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header in rows.HEADERS:
        if header not in left_out:
            side: Literal["left", "right"] = "right" if header in ("ε", "least values", "axis") else "left"
            table.add_column(_two_lines(header), justify=side, vertical="bottom", no_wrap=header == "name")
    for place, (heading, members) in enumerate(rows.sections(presets).items()):
        if place:
            table.add_row()
        table.add_row(Text(heading, style="bold"))
        for row in members:
            cells = zip(rows.HEADERS, rows.cells(row), strict=True)
            table.add_row(*(cell for header, cell in cells if header not in left_out))
    return table


def _two_lines(header: str) -> str:
    """A header of several words over two lines."""
    first, _, last = header.rpartition(" ")
    return f"{first}\n{last}" if first else header


def _print_one(presets: Presets, console: Console) -> None:
    for row in presets.rows:
        console.print(Text(row.name, style="bold"))
        grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in rows.details(row):
            grid.add_row(name, value)
        console.print(grid)
