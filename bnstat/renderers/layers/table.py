"""A network's layers for a person at a terminal: the verdict, a row for each layer, and ρ by depth."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.networks.results import LayerResult
from bnstat.renderers import layer_names
from bnstat.renderers.findings import say_of_layers
from bnstat.renderers.layers import curve, rows
from bnstat.renderers.layers.columns import DIGITS, REFUSES, Column, columns_of, legend
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.layers import Layers
from bnstat.reports.layers_words import full, payers


def render(
    report: Layers, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the layers as text.

    Args:
        report: the report to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every layer, and every finding.
        quiet: True to leave out which columns are hidden.
    """
    return printed(lambda screen: _print(report, screen, every_row), width=width, color=color, quiet=quiet)


def _print(report: Layers, screen: Screen, every_row: bool) -> None:
    for place, text in enumerate(report.opening):
        screen.say(text, style="" if place else "bold")
        screen.blank()
    for line in rows.title(report):
        screen.say(line)
    if report.layers:
        screen.blank()
        _print_layers(report, screen, every_row)
        _print_curve(report, screen)
    for line in report.measured.missed if report.layers else ():
        screen.blank()
        screen.say(full(line))
    say_of_layers(report.findings, screen, every_row=every_row)


def _print_layers(report: Layers, screen: Screen, every_row: bool) -> None:
    """Print a row for each layer that is shown, and what the columns mean."""
    layers = rows.chosen(report, every=every_row)
    columns = columns_of(report)
    every = [layer.layer for layer in report.layers]
    names = layer_names.in_table(every, [layer.layer for layer in layers], screen.width)
    shown, gap, cells = _fitted(columns, layers, names.shown, screen.width)
    table = empty_table([(columns[place].split, columns[place].side) for place in shown], gap=gap)
    paying = {layer.layer for layer, _ in payers(report.layers)}
    for layer, row in zip(layers, cells, strict=True):
        style = "red" if REFUSES in row else "yellow" if layer.layer in paying else None
        table.add_row(*(row[place] for place in shown), style=style)
    screen.table(table)
    if line := rows.hidden_line(report, layers):
        screen.remark(line)
    screen.blank()
    screen.hidden([column.header for place, column in enumerate(columns) if place not in shown])
    if names.remark:
        screen.remark(names.remark)
    for line in legend([columns[place] for place in shown]):
        screen.remark(line)


def _fitted(
    columns: Sequence[Column], layers: Sequence[LayerResult], names: Sequence[str], width: int
) -> tuple[list[int], int, list[list[str]]]:
    """Return the columns that fit, the gap between them, and the cells, in fewer digits if more columns fit so."""
    headers, ranks = [column.split for column in columns], [column.rank for column in columns]
    found = []
    for digits in DIGITS:
        cells = [
            [name, *(column.cell(layer, digits) for column in columns[1:])]
            for name, layer in zip(names, layers, strict=True)
        ]
        found.append((*fitting(headers, cells, ranks, width), cells))
    return max(found, key=lambda one: len(one[0]))


def _print_curve(report: Layers, screen: Screen) -> None:
    lines = curve.draw(report.layers, screen.width)
    if lines:
        screen.blank()
    for line in lines:
        screen.row(line)
