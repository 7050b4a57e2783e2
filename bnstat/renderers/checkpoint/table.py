"""A checkpoint for a person at a terminal: the verdict, a row for each layer, and findings."""

from __future__ import annotations

from bnstat.renderers import layer_names
from bnstat.renderers.checkpoint import rows
from bnstat.renderers.findings import say_of_layers
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.checkpoint import CheckpointReport


def render(
    report: CheckpointReport, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the report as text.

    Args:
        report: the report to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every layer and every finding.
        quiet: True to leave out which columns are hidden.
    """
    return printed(
        lambda screen: print_report(report, screen, every_row=every_row), width=width, color=color, quiet=quiet
    )


def print_report(report: CheckpointReport, screen: Screen, *, every_row: bool) -> None:
    """Print the report on one file."""
    screen.opening(report.opening)
    for line in rows.title(report.audit):
        screen.say(line)
    screen.blank()
    _print_layers(report, screen, every_row)
    say_of_layers(report.findings, screen, every_row=every_row)


def _print_layers(report: CheckpointReport, screen: Screen, every_row: bool) -> None:
    """Print a row for each layer that is shown, and what the columns mean."""
    layers, columns = rows.chosen(report, every=every_row), rows.columns_of(report.audit)
    every = [layer.name for layer in report.layers]
    names = layer_names.in_table(every, [layer.name for layer in layers], screen.width)
    headers, ranks = ["layer", *(column.split for column in columns)], [0, *(column.rank for column in columns)]
    cells = [
        [name, *(column.cell(layer) for column in columns)] for name, layer in zip(names.shown, layers, strict=True)
    ]
    shown, gap = fitting(headers, cells, ranks, screen.width)
    sides = ["left", *(column.side for column in columns)]
    table = empty_table([(headers[place], "left" if sides[place] == "left" else "right") for place in shown], gap=gap)
    for layer, row in zip(layers, cells, strict=True):
        style = "red" if rows.grave(layer) else "yellow" if layer.dead or layer.zero or layer.initial else None
        table.add_row(*(row[place] for place in shown), style=style)
    screen.table(table)
    if line := rows.hidden_line(report.layers, layers):
        screen.remark(line)
    screen.blank()
    screen.hidden([columns[place - 1].header for place in range(len(headers)) if place and place not in shown])
    if names.remark:
        screen.remark(names.remark)
    for line in rows.legend([columns[place - 1] for place in shown if place]):
        screen.remark(line)
