"""A comparison for a person at a terminal: for each channel how its variance splits, and a curve over batch sizes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from bnstat.batch_size.results import CurvePoint
from bnstat.renderers.compare_batch_sizes import curve, rows, sentences
from bnstat.renderers.findings import by_rule
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.screen import Screen, empty_table, fitting, printed
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.text import plural, printable

# For each column how soon it is hidden where width is short, 0 for never: of the sizes, with the bar beside the noise,
# and of the runs.
_RANKS = (0, 4, 0, 6, 1, 5, 3, 2)
_RUN_RANKS = (0, 0, 1, 3, 2, 3, 4)


def render(
    comparison: Comparison, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the comparison as text.

    Args:
        comparison: the comparison to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every channel.
        quiet: True to leave out which columns are hidden.
    """
    if not comparison.population:
        return ""
    return printed(
        lambda screen: print_comparison(comparison, screen, every_row=every_row), width=width, color=color, quiet=quiet
    )


def print_comparison(comparison: Comparison, screen: Screen, *, every_row: bool = False) -> None:
    """Print a comparison of at least one channel."""
    screen.opening(comparison.opening[:1])
    for line in comparison.opening[1:]:
        screen.say(line)
        screen.blank()
    screen.say(sentences.title(comparison))
    for line in preparation_lines(comparison.settings.preparation):
        screen.say(line)
    channels = rows.chosen(comparison, every=every_row)
    drawn = False
    seen: set[str] = set()
    for channel in channels:
        screen.blank()
        screen.say(sentences.split(comparison, comparison.population[channel]))
        if comparison.population[channel].between is not None:
            seen |= _print_channel(comparison, channel, screen)
            if every_row or not drawn:
                drawn = _print_curve(curve.draw(comparison, channel, screen.width), screen)
    _print_legend(comparison, len(comparison.population) - len(channels), seen, screen)
    for group in by_rule(comparison.findings):
        more = f" There are {len(group) - 1} more such findings." if len(group) > 1 else ""
        screen.finding(group[0].severity, f"{group[0].rule} {group[0].name}", group[0].message + more)
    if sentences.tabled(comparison) and comparison.forgetting:
        screen.blank()
        screen.say(sentences.forgetting(comparison))


def _print_channel(comparison: Comparison, channel: int, screen: Screen) -> set[str]:
    """Print its statistics, the curve as a table, and the curves and runs that were asked for beside it.

    Returns:
        The headers of the columns that the curves show.
    """
    if comparison.groups:
        screen.say(printable(sentences.grouped(comparison, comparison.population[channel])))
    seen = _print_sizes(comparison.batch_sizes, channel, screen)
    screen.remark(sentences.merged(comparison, channel))
    for heading, points in rows.variants(comparison):
        screen.blank()
        screen.say(heading, style="bold")
        seen |= _print_sizes(points, channel, screen)
    runs = rows.runs(comparison, channel)
    if runs:
        screen.blank()
        screen.say(sentences.runs_title(comparison), style="bold")
        _print_table(rows.RUN_HEADERS, runs, _RUN_RANKS, screen)
    return seen


def _print_sizes(points: Sequence[CurvePoint], channel: int, screen: Screen) -> set[str]:
    """Print a row for each batch size, with a bar beside the noise where there is room; return the headers shown."""
    found = [point.channels[channel] for point in points]
    bars = rows.bars([one.mean_noise for one in found])
    cells = [rows.cells(point, one) for point, one in zip(points, found, strict=True)]
    barred = [[*one[:3], bar, *one[3:]] for one, bar in zip(cells, bars, strict=True)]
    return _print_table((*rows.HEADERS[:3], "", *rows.HEADERS[3:]), barred, _RANKS, screen)


def _print_table(
    headers: Sequence[str], cells: Sequence[Sequence[str]], ranks: Sequence[int], screen: Screen
) -> set[str]:
    """Print the columns that fit, with headers over two lines, say which ones are hidden, and return the shown ones."""
    split = [header.replace(" ", "\n", 1) for header in headers]
    shown, gap = fitting(split, cells, ranks, screen.width)
    table = empty_table([(split[place], _side(headers[place])) for place in shown], gap=gap)
    for row in cells:
        table.add_row(*(row[place] for place in shown))
    screen.table(table)
    screen.hidden([header for place, header in enumerate(headers) if header and place not in shown])
    return {headers[place] for place in shown}


def _side(header: str) -> Literal["left", "right"]:
    return "left" if header in ("", "order") else "right"


def _print_curve(lines: Sequence[str], screen: Screen) -> bool:
    """Print the curve if there is one, and return whether there is."""
    if lines:
        screen.blank()
    for line in lines:
        screen.row(line)
    return bool(lines)


def _print_legend(comparison: Comparison, hidden: int, seen: Collection[str], screen: Screen) -> None:
    """Print how many channels are not shown, and what the columns that were seen mean."""
    has_table = sentences.tabled(comparison)
    if hidden or has_table:
        screen.blank()
    if hidden:
        channels = plural(hidden, "more channel")
        screen.remark(f"{channels} with a smaller share of variance between samples (--all shows all)")
    for line in sentences.footnotes(comparison, seen) if has_table else ():
        screen.remark(line)
