"""Several checkpoints for a person at a terminal: how each differs from the one before, and what is wrong in each."""

from __future__ import annotations

from bnstat.renderers import layer_names
from bnstat.renderers.checkpoint.rows import hidden_line
from bnstat.renderers.checkpoint_comparison import rows
from bnstat.renderers.findings import say_of_layers
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.checkpoint_comparison import CheckpointComparison, Difference
from bnstat.text import printable


def render(
    comparison: CheckpointComparison,
    *,
    width: int = 80,
    color: bool = False,
    every_row: bool = False,
    quiet: bool = False,
) -> str:
    """Return the comparison as text.

    Args:
        comparison: the comparison to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every layer and every finding.
        quiet: True to leave out which columns are hidden.
    """
    if not comparison.reports:
        return ""
    return printed(lambda screen: _print(comparison, screen, every_row), width=width, color=color, quiet=quiet)


def _print(comparison: CheckpointComparison, screen: Screen, every_row: bool) -> None:
    screen.opening(comparison.opening)
    for line in rows.file_lines(comparison):
        screen.say(line)
    several = len(comparison.reports) > 2
    for one in comparison.differences:
        screen.blank()
        if several:
            screen.say(f"{printable(one.before)} → {printable(one.after)}", style="bold")
            for sentence in one.sentences:
                screen.say(sentence, indent=2)
        if not several or every_row:
            _print_layers(one, screen, every_row)
    if several and not every_row:
        screen.blank()
        screen.remark("--all shows every layer; two files alone are compared layer by layer")
    for report in comparison.reports:
        if report.findings:
            screen.blank()
            screen.say(printable(report.file), style="bold")
            for sentence in report.opening:
                screen.say(sentence, indent=2)
            say_of_layers(report.findings, screen, every_row=every_row)


def _print_layers(one: Difference, screen: Screen, every_row: bool) -> None:
    """Print a row for each layer that both files have."""
    layers = rows.chosen(one.moved.layers, every=every_row)
    if not layers:
        return
    every = [layer.name for layer in one.moved.layers]
    names = layer_names.in_table(every, [layer.name for layer in layers], screen.width)
    cells = [[name, *rows.cells(layer)[1:]] for name, layer in zip(names.shown, layers, strict=True)]
    headers = ["\n".join(header.rsplit(" ", 1)) for header in rows.HEADERS]
    shown, gap = fitting(headers, cells, rows.RANKS, screen.width)
    table = empty_table([(headers[place], "right" if place else "left") for place in shown], gap=gap)
    for layer, row in zip(layers, cells, strict=True):
        table.add_row(*(row[place] for place in shown), style="dim" if layer.same else None)
    screen.table(table)
    if line := hidden_line(one.moved.layers, layers):
        screen.remark(line)
    screen.blank()
    screen.hidden([header for place, header in enumerate(rows.HEADERS) if place not in shown])
    if names.remark:
        screen.remark(names.remark)
    for line in rows.LEGEND:
        screen.remark(line)
