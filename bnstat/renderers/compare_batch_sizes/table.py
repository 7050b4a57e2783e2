"""A comparison for a person at a terminal: for each channel how its variance splits, and a curve over batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.table import Table

from bnstat.batch_size.results import CurvePoint
from bnstat.renderers.compare_batch_sizes import curve, rows, sentences
from bnstat.renderers.findings import by_rule
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.screen import Screen, empty_table, printed
from bnstat.report.compare_batch_sizes import Comparison
from bnstat.text import plural, printable

# Widths from which on there is room for bars beside the noise, and for two spaces between columns.
_BARRED, _SPACIOUS = 76, 68


def render(comparison: Comparison, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """Return the comparison as text.

    Args:
        comparison: the comparison to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every channel.
    """
    if not comparison.population:
        return ""
    return printed(lambda screen: print_comparison(comparison, screen, every_row=every_row), width=width, color=color)


def print_comparison(comparison: Comparison, screen: Screen, *, every_row: bool = False) -> None:
    """Print a comparison of at least one channel."""
    screen.say(sentences.title(comparison), style="bold")
    for line in preparation_lines(comparison.settings.preparation):
        screen.say(line)
    channels = rows.chosen(comparison, every=every_row)
    drawn = False
    for channel in channels:
        screen.blank()
        screen.say(sentences.split(comparison, comparison.population[channel]))
        if comparison.population[channel].between is not None:
            _print_channel(comparison, channel, screen)
            if every_row or not drawn:
                drawn = _print_curve(curve.draw(comparison, channel, screen.width), screen)
    _print_legend(comparison, len(comparison.population) - len(channels), screen)
    for group in by_rule(comparison.findings):
        more = f" There are {len(group) - 1} more such findings." if len(group) > 1 else ""
        screen.finding(group[0].severity, f"{group[0].rule} {group[0].name}", group[0].message + more)
    _print_advice(comparison, screen)


def _print_channel(comparison: Comparison, channel: int, screen: Screen) -> None:
    """Print its statistics, the curve as a table, and the curves and runs that were asked for beside it."""
    screen.remark(sentences.merged(comparison, channel))
    if comparison.groups:
        screen.say(printable(sentences.grouped(comparison, comparison.population[channel])))
    screen.table(_sizes(comparison.batch_sizes, channel, screen.width))
    for heading, points in rows.variants(comparison):
        screen.blank()
        screen.say(heading, style="bold")
        screen.table(_sizes(points, channel, screen.width))
    runs = rows.runs(comparison, channel)
    if runs:
        screen.blank()
        screen.say(sentences.runs_title(comparison), style="bold")
        screen.table(_runs(runs, screen.width))


def _sizes(points: Sequence[CurvePoint], channel: int, width: int) -> Table:
    """Return a row for each batch size, with a bar beside the noise where there is room."""
    barred = width >= _BARRED
    headers = [*rows.HEADERS[:3], *([""] if barred else []), *rows.HEADERS[3:]]
    sides: list[Literal["left", "right"]] = ["right" if header else "left" for header in headers]
    table = _table(headers, sides, width)
    found = [point.channels[channel] for point in points]
    bars = rows.bars([one.mean_noise for one in found])
    for point, one, bar in zip(points, found, bars, strict=True):
        cells = rows.cells(point, one)
        table.add_row(*cells[:3], *([bar] if barred else []), *cells[3:])
    return table


def _runs(runs: Sequence[Sequence[str]], width: int) -> Table:
    sides: list[Literal["left", "right"]] = ["left" if header == "order" else "right" for header in rows.RUN_HEADERS]
    table = _table(rows.RUN_HEADERS, sides, width)
    for cells in runs:
        table.add_row(*cells)
    return table


def _table(headers: Sequence[str], sides: Sequence[Literal["left", "right"]], width: int) -> Table:
    """Return an empty table with headers over two lines."""
    split = [header.replace(" ", "\n", 1) for header in headers]
    return empty_table(zip(split, sides, strict=True), gap=2 if width >= _SPACIOUS else 1)


def _print_curve(lines: Sequence[str], screen: Screen) -> bool:
    """Print the curve if there is one, and return whether there is."""
    if lines:
        screen.blank()
    for line in lines:
        screen.row(line)
    return bool(lines)


def _print_legend(comparison: Comparison, hidden: int, screen: Screen) -> None:
    """Print how many channels are not shown, and what the columns mean."""
    has_table = any(channel.between is not None for channel in comparison.population)
    if hidden or has_table:
        screen.blank()
    if hidden:
        channels = plural(hidden, "more channel")
        screen.remark(f"{channels} with a smaller share of variance between samples (--all shows all)")
    for line in sentences.footnotes(comparison) if has_table else ():
        screen.remark(line)


def _print_advice(comparison: Comparison, screen: Screen) -> None:
    if comparison.recommendation is not None:
        screen.blank()
        screen.say(sentences.forgetting(comparison))
        screen.say(sentences.advice(comparison))
        if len(comparison.samples) > 1:
            screen.remark(sentences.CONTEXT)
