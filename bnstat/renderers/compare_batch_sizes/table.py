"""A comparison for a person at a terminal: for each channel how its variance splits, and a curve over batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnstat.batch_size.results import CurvePoint
from bnstat.renderers import text
from bnstat.renderers.compare_batch_sizes import curve, rows
from bnstat.renderers.screen import printed
from bnstat.report.compare_batch_sizes import Comparison
from bnstat.report.finding import SEVERITIES
from bnstat.text import plural


def render(comparison: Comparison, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """The comparison as text.

    Args:
        comparison: what to say.
        width: columns of the terminal.
        color: whether to use ANSI colours.
        every_row: show every channel.
    """
    if not comparison.population:
        return ""
    return printed(lambda console: print_comparison(comparison, console, every_row), width=width, color=color)


def print_comparison(comparison: Comparison, console: Console, every_row: bool = False) -> None:
    """Print a comparison to a terminal, or to whatever the console writes to."""
    console.print(Text(rows.title(comparison), style="bold"))
    for line in text.preparation_lines(comparison.settings.preparation):
        console.print(Text(line))
    channels = rows.chosen(comparison, every=every_row)
    drawn = False
    for channel in channels:
        console.print()
        console.print(Text(rows.split(comparison, comparison.population[channel])))
        if comparison.population[channel].between is not None:
            _print_channel(comparison, channel, console)
            if every_row or not drawn:
                drawn = _print_curve(curve.draw(comparison, channel, console.width), console)
    _print_rest(comparison, len(comparison.population) - len(channels), console)


def _print_channel(comparison: Comparison, channel: int, console: Console) -> None:
    """Its statistics, the curve as a table, and the curves and runs that were asked for beside it."""
    console.print(Text(rows.merged(comparison, channel), style="dim"))
    if comparison.groups:
        console.print(Text(text.printable(rows.grouped(comparison, comparison.population[channel]))))
    console.print(_sizes(comparison.batch_sizes, channel, console.width))
    for heading, points in rows.variants(comparison):
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(_sizes(points, channel, console.width))
    runs = rows.runs(comparison, channel)
    if runs:
        console.print()
        console.print(Text(rows.runs_title(comparison), style="bold"))
        console.print(_runs(runs, console.width))


def _empty_table(width: int) -> Table:
    return Table(box=None, padding=(0, 2 if width >= 68 else 1, 0, 0), pad_edge=False, header_style="bold")


def _sizes(points: Sequence[CurvePoint], channel: int, width: int) -> Table:
    table = _empty_table(width)
    barred = width >= 76
    for number, header in enumerate(rows.HEADERS):
        table.add_column(header.replace(" ", "\n", 1), justify="right", no_wrap=True, vertical="bottom")
        if number == 2 and barred:
            table.add_column("", no_wrap=True)
    found = [point.channels[channel] for point in points]
    bars = rows.bars([one.mean_noise for one in found])
    for point, one, bar in zip(points, found, bars, strict=True):
        cells = rows.cells(point, one)
        table.add_row(*cells[:3], *([bar] if barred else []), *cells[3:])
    return table


def _runs(runs: Sequence[Sequence[str]], width: int) -> Table:
    table = _empty_table(width)
    for number, header in enumerate(rows.RUN_HEADERS):
        justify: Literal["left", "right"] = "left" if number == 1 else "right"
        table.add_column(header.replace(" ", "\n", 1), justify=justify, no_wrap=True, vertical="bottom")
    for cells in runs:
        table.add_row(*cells)
    return table


def _print_curve(lines: list[str], console: Console) -> bool:
    """Whether there was one."""
    if lines:
        console.print()
    for line in lines:
        console.print(Text(line, no_wrap=True))
    return bool(lines)


def _print_rest(comparison: Comparison, hidden: int, console: Console) -> None:
    if hidden or any(channel.between is not None for channel in comparison.population):
        console.print()
    if hidden:
        console.print(
            Text(f"{plural(hidden, 'more channel')} with less of it between samples (--all shows all)", style="dim")
        )
    if any(channel.between is not None for channel in comparison.population):
        for line in rows.footnotes(comparison):
            console.print(Text(line, style="dim"))
    for group in text.grouped(comparison.findings, SEVERITIES):
        console.print(Text(f"{group[0].severity} {group[0].rule} {group[0].name}", style="bold"))
        more = f" And {len(group) - 1} more." if len(group) > 1 else ""
        console.print(Padding(Text(text.printable(group[0].message) + more), (0, 0, 0, 2)))
    if comparison.recommendation is not None:
        console.print()
        console.print(Text(rows.forgetting(comparison)))
        console.print(Text(rows.advice(comparison)))
        if len(comparison.samples) > 1:
            console.print(Text(rows.CONTEXT, style="dim"))
