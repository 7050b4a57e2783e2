"""A recorded training for a person at a terminal: the verdict, a row for each layer, and a curve over the steps."""

from __future__ import annotations

from typing import Literal

from bnstat.renderers import layer_names
from bnstat.renderers.recording import curve, rows
from bnstat.renderers.screen import MOST_ROWS, Screen, empty_table, fitting, printed
from bnstat.reports.recording import Recording
from bnstat.text import plural

# For each column how soon it is hidden where width is short: 0 for never. First and last say what has changed.
_RANKS = (0, 7, 2, 6, 0, 4, 8, 1, 3, 5, 0, 6, 8, 2)


def render(
    recording: Recording, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the recording as text.

    Args:
        recording: The report to render.
        width: Columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every layer.
        quiet: True to leave out which columns are hidden.
    """
    return printed(lambda screen: _print(recording, screen, every_row), width=width, color=color, quiet=quiet)


def _print(recording: Recording, screen: Screen, every_row: bool) -> None:
    for line in recording.opening:
        screen.say(line, style="bold")
        screen.blank()
    screen.say(rows.title(recording))
    screen.blank()
    shown = _print_table(recording, screen, every_row)
    drawn = curve.chosen(recording)
    if drawn is not None:
        screen.blank()
        for line in curve.draw(drawn, screen.width):
            screen.row(line)
    screen.blank()
    for line in rows.legend(shown):
        screen.remark(line)


def _print_table(recording: Recording, screen: Screen, every_row: bool) -> list[str]:
    """Print a row for each layer, and return the headers of the columns that are shown."""
    layers = recording.layers if every_row else recording.layers[:MOST_ROWS]
    every = [layer.layer for layer in recording.layers]
    names = layer_names.in_table(every, [layer.layer for layer in layers], screen.width)
    cells = [[name, *rows.cells(layer)[1:]] for name, layer in zip(names.shown, layers, strict=True)]
    used = [place for place in range(len(rows.HEADERS)) if place < 2 or any(one[place] != "–" for one in cells)]
    headers = [rows.HEADERS[place].replace(" ", "\n") for place in used]
    told = [[one[place] for place in used] for one in cells]
    shown, gap = fitting(headers, told, [_RANKS[place] for place in used], screen.width)
    table = empty_table([(headers[place], _side(headers[place])) for place in shown], gap=gap)
    for layer, one in zip(layers, told, strict=True):
        table.add_row(*(one[place] for place in shown), style="yellow" if layer.lags else None)
    screen.table(table)
    if len(layers) < len(recording.layers):
        screen.remark(f"… {plural(len(recording.layers) - len(layers), 'more layer')} (--all shows all)")
    screen.blank()
    screen.hidden([headers[place].replace("\n", " ") for place in range(len(used)) if place not in shown])
    if names.remark:
        screen.remark(names.remark)
    return [headers[place].replace("\n", " ") for place in shown]


def _side(header: str) -> Literal["left", "right"]:
    return "left" if header in ("layer", "kind") else "right"
