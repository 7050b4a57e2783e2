"""A report for a person at a terminal: what was read, a table, findings, and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnstat.renderers import text
from bnstat.renderers.screen import printed
from bnstat.report import SEVERITIES, Batch, Channel, Finding, Report
from bnstat.wording import plural

# Rows of channels that are shown unless all are asked for.
MOST_ROWS = 20
# Characters of a file's name in a row.
MOST_NAME = 20

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}

Row = tuple[Batch, Channel]


@dataclass(frozen=True)
class Column:
    """A column of the table: where width is short, those of the highest rank are left out first."""

    header: str
    cell: Callable[[Channel, int], str]
    finite: Callable[[Channel], str] = lambda _: ""
    rank: int = 0


def _of_finite(name: str) -> Callable[[Channel], str]:
    return lambda channel: text.number(getattr(channel.finite, name), 5)


_COLUMNS = (
    Column("mean", lambda c, digits: text.number(c.mean, digits), _of_finite("mean")),
    Column("variance", lambda c, digits: text.number(c.variance, digits), _of_finite("variance")),
    Column("std", lambda c, _: text.number(c.std, 4), rank=5),
    Column("min", lambda c, _: text.number(c.minimum, 4), rank=4),
    Column("max", lambda c, _: text.number(c.maximum, 4), rank=4),
    Column("output\nvariance", lambda c, _: text.variance_of_one(c.output_variance), rank=1),
    Column("ε share", lambda c, _: text.share(c.epsilon_share), rank=3),
    Column("running\nmean", lambda c, digits: text.number(c.running_mean, digits), rank=2),
    Column("running\nvariance", lambda c, digits: text.number(c.running_variance, digits), rank=2),
    Column("gain", lambda c, _: text.number(c.gain, 4), rank=6),
    Column("condition\nnumber", lambda c, _: text.number(c.condition_number, 4), rank=7),
)

# Ways to lay the table out, the most spacious first: columns up to which rank, digits of numbers, gap between columns.
_SPACINGS = (
    *((rank, digits, 2) for rank in (7, 6, 5, 4) for digits in (7, 6, 5, 4)),
    *((rank, 4, 1) for rank in (4, 3, 2, 1, 0)),
)
# The columns that a reader expects: where one is left out, a line says so.
_EXPECTED_RANK = 5


def render(report: Report, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """The report as text.

    Args:
        report: what to say.
        width: columns of the terminal.
        color: whether to use ANSI colours.
        every_row: show every batch and channel.
    """
    if not report.batches:
        return ""
    return printed(lambda console: print_report(report, console, every_row=every_row), width=width, color=color)


def print_report(report: Report, console: Console, *, every_row: bool = False) -> None:
    """Print a report of at least one batch to a console of any kind."""
    console.print(Text(text.inputs_line(report), style="bold"))
    console.print(Text(text.settings_line(report.settings)))
    for line in text.tensor_lines(report):
        console.print(Text(line))
    console.print()
    rows, hidden = _chosen_rows(report, every_row)
    table, left_out = _table(report, rows, console.width)
    console.print(table)
    for line in (_summary(report, hidden) if hidden else "", left_out):
        if line:
            console.print(Text(line, style="dim"))
    if report.findings:
        console.print()
    for group in text.grouped(report.findings, SEVERITIES):
        _print_group(report, group, console)
    if report.answer:
        console.print()
        console.print(Text(report.answer))


def _chosen_rows(report: Report, every_row: bool) -> tuple[list[Row], int]:
    """The rows to show, in order, and how many are not: those with findings come first when not all fit."""
    rows = [(batch, channel) for batch in report.batches for channel in batch.channels]
    if every_row or len(rows) <= MOST_ROWS:
        return rows, 0
    marked = {(finding.batch, finding.channel) for finding in report.findings}
    found = [row for row in rows if (row[0].index, row[1].channel) in marked]
    others = [row for row in rows if (row[0].index, row[1].channel) not in marked]
    chosen = [*found, *others][:MOST_ROWS]
    return sorted(chosen, key=lambda row: (row[0].index, row[1].channel)), len(rows) - MOST_ROWS


def _table(report: Report, rows: Sequence[Row], width: int) -> tuple[Table, str]:
    """The table, and a line on the columns that are left out for width."""
    headers, labels = _labels(report, rows)
    columns, digits, gap = _fitting(rows, width, [*labels, headers])
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header in headers:
        side: Literal["left", "right"] = "left" if header == "file" else "right"
        table.add_column(header, justify=side, no_wrap=True, vertical="bottom")
    for column in columns:
        table.add_column(column.header, justify="right", no_wrap=True, vertical="bottom")
    styles = _row_styles(report)
    for label, (batch, channel) in zip(labels, rows, strict=True):
        cells = [column.cell(channel, digits) for column in columns]
        table.add_row(*label, *cells, style=styles.get((batch.index, channel.channel)))
        if channel.finite is not None and channel.finite.count:
            blank = [""] * (len(label) - 1)
            table.add_row(*blank, "finite", *(column.finite(channel) for column in columns), style="dim")
    return table, _left_out(columns)


def _left_out(columns: Sequence[Column]) -> str:
    missing = [column for column in _COLUMNS if column.rank <= _EXPECTED_RANK and column not in columns]
    names = ", ".join(column.header.replace("\n", " ") for column in missing)
    return f"left out for width: {names} (a wider terminal, COLUMNS=120 or --format json shows all)" if names else ""


def _labels(report: Report, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """What names a row: its channel, its batch where there are several, and the file where that is one of several."""
    several = len(report.batches) > 1
    files = several and None not in {report.source_of(batch) for batch in report.batches}
    files = files and len({sample.source for sample in report.samples}) > 1
    headers = [*(["batch"] if several else []), *(["file"] if files else []), "channel"]
    labels, last = [], None
    for batch, channel in rows:
        new = batch.index != last  # a batch is named once
        label = [str(batch.index) if new else ""] if several else []
        if files:
            label.append(_short(report.source_of(batch) or "") if new else "")
        labels.append([*label, str(channel.channel)])
        last = batch.index
    return headers, labels


def _short(source: str) -> str:
    """The last part of a path, its end where it is long."""
    name = text.printable(source.replace("\\", "/").rsplit("/", 1)[-1])
    return name if len(name) <= MOST_NAME else f"…{name[1 - MOST_NAME :]}"


def _fitting(rows: Sequence[Row], width: int, labels: Sequence[Sequence[str]]) -> tuple[list[Column], int, int]:
    """The columns that fit, the digits that their numbers can have, and the gap between them."""
    taken = [max(map(len, column)) for column in zip(*labels, strict=True)]
    for rank, digits, gap in _SPACINGS:
        columns = [column for column in _COLUMNS if column.rank <= rank]
        widths = [*taken, *(_needed(column, rows, digits) for column in columns)]
        if sum(widths) + gap * (len(widths) - 1) <= width:
            break
    return columns, digits, gap


def _needed(column: Column, rows: Sequence[Row], digits: int) -> int:
    cells = [column.cell(channel, digits) for _, channel in rows]
    cells += [column.finite(channel) for _, channel in rows if channel.finite is not None]
    return max(len(line) for line in [*column.header.split("\n"), *cells])


def _row_styles(report: Report) -> dict[tuple[int | None, int | None], str]:
    styles: dict[tuple[int | None, int | None], str] = {}
    for finding in reversed(report.findings):
        if finding.severity in ("error", "warning"):
            styles[finding.batch, finding.channel] = "red" if finding.severity == "error" else "yellow"
    return styles


def _summary(report: Report, hidden: int) -> str:
    """What the rows that are not shown are like: the least, the median and the greatest of all."""
    channels = [channel for batch in report.batches for channel in batch.channels]
    parts = []
    for name in ("mean", "variance"):
        values = [value for value in (getattr(channel, name) for channel in channels) if value is not None]
        if values:
            values.sort()
            least, middle, most = (text.number(values[place], 5) for place in (0, len(values) // 2, -1))
            parts.append(f"{name} {least} … {middle} … {most}")
    return f"{plural(hidden, 'more row')} (--all shows all); least … median … greatest of all: {'; '.join(parts)}"


def _print_group(report: Report, group: list[Finding], console: Console) -> None:
    first = group[0]
    several = len(report.batches) > 1
    line = Text.assemble((first.severity, _STYLES[first.severity]), " ", (f"{first.rule} {first.name}", "bold"))
    if several and first.batch is not None:
        line.append(f"   batch {first.batch}" + (f", {text.printable(first.source)}" if first.source else ""))
    console.print(line)
    message = text.printable(first.message)
    if len(group) > 1:
        message += f" Likewise {text.places(group[1:], several)}."
    console.print(Padding(Text(message), (0, 0, 0, 2)))
