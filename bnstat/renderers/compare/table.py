"""A comparison for a person at a terminal: for each channel how its variance splits, and a curve over batch sizes."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnstat.renderers import text
from bnstat.renderers.compare import rows
from bnstat.report import SEVERITIES, Comparison

# Channels that are shown unless all are asked for: those with the greatest share of variance between samples.
MOST_CHANNELS = 4


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
    file = StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(Text(rows.title(comparison), style="bold"))
    channels = _chosen(comparison, every_row)
    for channel in channels:
        console.print()
        console.print(Text(rows.split(comparison.population[channel])))
        if comparison.population[channel].between is not None:
            console.print(_curve(comparison, channel, width))
    _print_rest(comparison, len(comparison.population) - len(channels), console)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _chosen(comparison: Comparison, every_row: bool) -> list[int]:
    everyone = sorted(range(len(comparison.population)), key=lambda one: -(comparison.population[one].rho or 0.0))
    return sorted(everyone if every_row else everyone[:MOST_CHANNELS])


def _curve(comparison: Comparison, channel: int, width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    barred = width >= 76
    for number, header in enumerate(rows.HEADERS):
        table.add_column(header.replace(" ", "\n", 1), justify="right", no_wrap=True, vertical="bottom")
        if number == 2 and barred:
            table.add_column("", no_wrap=True)
    curve = [point.channels[channel] for point in comparison.batch_sizes]
    for point, one, bar in zip(comparison.batch_sizes, curve, rows.bars([c.mean_noise for c in curve]), strict=True):
        found = rows.cells(point, one)
        table.add_row(*found[:3], *([bar] if barred else []), *found[3:])
    return table


def _print_rest(comparison: Comparison, hidden: int, console: Console) -> None:
    if hidden or any(channel.between is not None for channel in comparison.population):
        console.print()
    if hidden:
        console.print(Text(f"{hidden} more channels with less of it between samples (--all shows all)", style="dim"))
    if any(channel.between is not None for channel in comparison.population):
        for line in rows.footnotes(comparison):
            console.print(Text(line, style="dim"))
    for group in text.grouped(comparison.findings, SEVERITIES):
        console.print(Text(f"{group[0].severity} {group[0].rule} {group[0].name}", style="bold"))
        more = f" And {len(group) - 1} more." if len(group) > 1 else ""
        console.print(Padding(Text(text.printable(group[0].message) + more), (0, 0, 0, 2)))
    if comparison.recommendation is not None:
        console.print()
        console.print(Text(rows.advice(comparison)))
        if len(comparison.samples) > 1:
            console.print(Text(rows.CONTEXT, style="dim"))
