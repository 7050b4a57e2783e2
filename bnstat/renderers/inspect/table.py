"""A report for a person at a terminal: what was read, a table, findings, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnstat.layers.results import Batch
from bnstat.renderers import text
from bnstat.renderers.inspect.columns import EXPECTED_RANK, Column, Part, columns_of, headers_of, names_of
from bnstat.renderers.screen import printed
from bnstat.report.finding import SEVERITIES, Finding
from bnstat.report.inspect import Report
from bnstat.text import plural

# Rows of channels or groups that are shown unless all are asked for.
MOST_ROWS = 20
# Characters of a file's name in a row.
MOST_NAME = 20

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}

Row = tuple[Batch, Part]

# Ways to lay the table out, the most spacious first: columns up to which rank, digits of numbers, gap between columns.
_SPACINGS = (
    *((rank, digits, 2) for rank in (7, 6, 5, 4) for digits in (7, 6, 5, 4)),
    *((rank, 4, 1) for rank in (4, 3, 2, 1, 0)),
)


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
    for line in (*text.preparation_lines(report.settings.preparation), *text.tensor_lines(report)):
        console.print(Text(line))
    console.print()
    _print_rows(report, report.batches, console, every_row)
    if report.synchronized:
        console.print()
        console.print(Text(text.synchronized_line(report)))
        _print_rows(replace(report, findings=()), report.synchronized, console, every_row)
    for line in text.running_lines(report):
        console.print(Text(line))
    if report.findings:
        console.print()
    for group in text.grouped(report.findings, SEVERITIES):
        _print_group(report, group, console)
    if report.answer:
        console.print()
        console.print(Text(report.answer))


def _print_rows(report: Report, batches: Sequence[Batch], console: Console, every_row: bool) -> None:
    """A row for each channel or group of these batches, as far as they are shown."""
    rows, hidden = _chosen_rows(report, batches, every_row)
    table, left_out = _table(report, rows, len(batches) > 1, console.width)
    console.print(table)
    for line in (_summary(batches, hidden) if hidden else "", left_out):
        if line:
            console.print(Text(line, style="dim"))


def _chosen_rows(report: Report, batches: Sequence[Batch], every_row: bool) -> tuple[list[Row], int]:
    """The rows to show, in order, and how many are not: those with findings come first when not all fit."""
    rows = [(batch, part) for batch in batches for part in batch.parts]
    if every_row or len(rows) <= MOST_ROWS:
        return rows, 0
    marked = {finding.place for finding in report.findings}
    found = [row for row in rows if _place(row) in marked]
    others = [row for row in rows if _place(row) not in marked]
    chosen = [*found, *others][:MOST_ROWS]
    return sorted(chosen, key=_place), len(rows) - MOST_ROWS


def _place(row: Row) -> tuple[int, int]:
    return row[0].index, row[1].place


def _table(report: Report, rows: Sequence[Row], several: bool, width: int) -> tuple[Table, str]:
    """The table, and a line on the columns that are left out for width."""
    headers, labels = _labels(report, rows, several)
    known = columns_of(report)
    columns, digits, gap = _fitting(known, rows, width, [*labels, headers])
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header in headers:
        side: Literal["left", "right"] = "left" if header == "file" else "right"
        table.add_column(header, justify=side, no_wrap=True, vertical="bottom")
    for column in columns:
        table.add_column(column.header, justify="right", no_wrap=True, vertical="bottom")
    styles = _row_styles(report)
    for label, row in zip(labels, rows, strict=True):
        part = row[1]
        cells = [column.shown(part, digits) for column in columns]
        table.add_row(*label, *cells, style=styles.get(_place(row)))
        if part.finite is not None and part.finite.count:
            blank = [""] * (len(label) - 1)
            table.add_row(*blank, "finite", *(column.finite(part) for column in columns), style="dim")
    return table, _left_out(known, columns)


def _left_out(known: Sequence[Column], columns: Sequence[Column]) -> str:
    missing = [column for column in known if column.rank <= EXPECTED_RANK and column not in columns]
    names = ", ".join(column.header.replace("\n", " ") for column in missing)
    return f"left out for width: {names} (a wider terminal, COLUMNS=120 or --format json shows all)" if names else ""


def _labels(report: Report, rows: Sequence[Row], several: bool) -> tuple[list[str], list[list[str]]]:
    """What names a row: its channel or group, its batch where there are several, its file where it is one of several.

    A group is named by its sample, so it needs no batch. What a row shares with the one above is named once.
    """
    by_sample = report.settings.by_sample
    sources = [report.source_of(batch, part) for batch, part in rows]
    files = (several or by_sample) and None not in sources and len({sample.source for sample in report.samples}) > 1
    first = [*(["batch"] if several and not by_sample else []), *(["file"] if files else [])]
    labels, last = [], None
    for (batch, part), source in zip(rows, sources, strict=True):
        named = names_of(part)
        whole = (batch.index, *named[:-1])
        new = whole != last
        label = [str(batch.index), _short(source or "")] if files else [str(batch.index)]
        label = [*(label[1:] if by_sample else label if several else []), *named[:-1]]
        labels.append([*(label if new else [""] * len(label)), named[-1]])
        last = whole
    return [*first, *headers_of(report.settings)], labels


def _short(source: str) -> str:
    """The last part of a path, its end where it is long."""
    name = text.printable(source.replace("\\", "/").rsplit("/", 1)[-1])
    return name if len(name) <= MOST_NAME else f"…{name[1 - MOST_NAME :]}"


def _fitting(
    known: Sequence[Column], rows: Sequence[Row], width: int, labels: Sequence[Sequence[str]]
) -> tuple[list[Column], int, int]:
    """The columns that fit, the digits that their numbers can have, and the gap between them."""
    taken = [max(map(len, column)) for column in zip(*labels, strict=True)]
    for rank, digits, gap in _SPACINGS:
        columns = [column for column in known if column.rank <= rank]
        widths = [*taken, *(_needed(column, rows, digits) for column in columns)]
        if sum(widths) + gap * (len(widths) - 1) <= width:
            break
    return columns, digits, gap


def _needed(column: Column, rows: Sequence[Row], digits: int) -> int:
    cells = [column.shown(part, digits) for _, part in rows]
    cells += [column.finite(part) for _, part in rows if part.finite is not None]
    return max(len(line) for line in [*column.header.split("\n"), *cells])


def _row_styles(report: Report) -> dict[tuple[int | None, int | None], str]:
    styles: dict[tuple[int | None, int | None], str] = {}
    for finding in reversed(report.findings):
        if finding.severity in ("error", "warning"):
            styles[finding.place] = "red" if finding.severity == "error" else "yellow"
    return styles


def _summary(batches: Sequence[Batch], hidden: int) -> str:
    """What the rows that are not shown are like: the least, the median and the greatest of all."""
    shown = [part for batch in batches for part in batch.parts]
    parts = []
    for name in ("mean", "variance"):
        values = [value for value in (getattr(part, name) for part in shown) if value is not None]
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
        message += f" Likewise {text.places(group[1:], report)}."
    console.print(Padding(Text(message), (0, 0, 0, 2)))
