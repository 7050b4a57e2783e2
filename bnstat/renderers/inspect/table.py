"""A report for a person at a terminal: what was read, a table, findings, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.table import Table

from bnstat.layers.results import Batch
from bnstat.renderers.findings import also, by_rule
from bnstat.renderers.headings import inputs_line, preparation_lines, settings_line, tensor_lines
from bnstat.renderers.inspect import lines
from bnstat.renderers.inspect.columns import Column, Part, columns_of, headers_of, legend, names_of
from bnstat.renderers.numbers import least_median_greatest, number
from bnstat.renderers.screen import MOST_ROWS, Screen, empty_table, hidden_columns, printed
from bnstat.report.finding import Finding
from bnstat.report.inspect import Report
from bnstat.text import plural, printable

# Characters of a file's name in a row.
MOST_NAME = 20

# A row of the table: a channel or a group, and the batch that it is of.
PlacedPart = tuple[Batch, Part]


@dataclass(frozen=True)
class Spacing:
    """The columns that are shown, how many digits their numbers have, and the spaces between two columns."""

    columns: tuple[Column, ...]
    digits: int
    gap: int


# Ways to lay the table out, the most spacious first: columns up to which rank, digits of numbers, gap between columns.
# Columns that a reader expects are hidden only where numbers of 4 digits leave no room for them.
_SPACINGS = (
    *((rank, digits, 2) for rank in (7, 6) for digits in (7, 6, 5, 4)),
    *((rank, digits, gap) for rank in (5, 4) for gap, most in ((2, 7), (1, 5)) for digits in range(most, 3, -1)),
    *((rank, 4, 1) for rank in (3, 2, 1, 0)),
)


def render(report: Report, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """Return the report as text.

    Args:
        report: the report to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every batch and channel.
    """
    if not report.batches:
        return ""
    return printed(lambda screen: print_report(report, screen, every_row=every_row), width=width, color=color)


def print_report(report: Report, screen: Screen, *, every_row: bool = False) -> None:
    """Print a report of at least one batch."""
    screen.say(inputs_line(report), style="bold")
    screen.say(settings_line(report.settings))
    for line in (*preparation_lines(report.settings.preparation), *tensor_lines(report)):
        screen.say(line)
    screen.blank()
    spacing = _print_rows(report, report.batches, screen, every_row)
    if report.synchronized:
        screen.blank()
        screen.say(lines.synchronized_line(report))
        _print_rows(replace(report, findings=()), report.synchronized, screen, every_row)
    screen.blank()
    missing = hidden_columns([column.title for column in columns_of(report) if column not in spacing.columns])
    for line in (missing, *legend(spacing.columns)):
        if line:
            screen.remark(line)
    for line in lines.running_lines(report):
        screen.say(line)
    if report.findings:
        screen.blank()
    for group in by_rule(report.findings):
        _print_group(report, group, screen)
    if report.answer:
        screen.blank()
        screen.say(report.answer)


def _print_rows(report: Report, batches: Sequence[Batch], screen: Screen, every_row: bool) -> Spacing:
    """Print a row for each channel or group of these batches, as far as they are shown; return the spacing."""
    rows, hidden = _chosen_rows(report, batches, every_row)
    headers, labels = _labels(report, rows, len(batches) > 1)
    spacing = _fitting(columns_of(report), rows, screen.width, [*labels, headers])
    screen.table(_table(report, rows, headers, labels, spacing))
    if hidden:
        screen.remark(_summary(batches, hidden))
    return spacing


def _chosen_rows(report: Report, batches: Sequence[Batch], every_row: bool) -> tuple[list[PlacedPart], int]:
    """Return the rows to show, in order, and how many are not: those with findings come first when not all fit."""
    rows = [(batch, part) for batch in batches for part in batch.parts]
    if every_row or len(rows) <= MOST_ROWS:
        return rows, 0
    marked = {finding.place for finding in report.findings}
    found = [row for row in rows if _place(row) in marked]
    others = [row for row in rows if _place(row) not in marked]
    chosen = [*found, *others][:MOST_ROWS]
    return sorted(chosen, key=_place), len(rows) - MOST_ROWS


def _place(row: PlacedPart) -> tuple[int, int]:
    return row[0].index, row[1].place


def _table(
    report: Report,
    rows: Sequence[PlacedPart],
    headers: Sequence[str],
    labels: Sequence[Sequence[str]],
    spacing: Spacing,
) -> Table:
    """Return the table: a row of labels and numbers for each part.

    Where a part has NaN or Inf, a second row has the numbers of its finite values.
    """
    sides: list[Literal["left", "right"]] = ["left" if header == "file" else "right" for header in headers]
    named = [*zip(headers, sides, strict=True), *((column.header, "right") for column in spacing.columns)]
    table = empty_table(named, gap=spacing.gap)
    styles = _row_styles(report)
    for label, row in zip(labels, rows, strict=True):
        part = row[1]
        cells = [column.shown(part, spacing.digits) for column in spacing.columns]
        table.add_row(*label, *cells, style=styles.get(_place(row)))
        if part.finite is not None and part.finite.count:
            blank = [""] * (len(label) - 1)
            table.add_row(*blank, "finite", *(column.finite(part) for column in spacing.columns), style="dim")
    return table


def _labels(report: Report, rows: Sequence[PlacedPart], several: bool) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the labels of rows: channel or group, and batch and file if there are several.

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
    """Return the last part of a path, only the end of it where it is long."""
    name = printable(source.replace("\\", "/").rsplit("/", 1)[-1])
    return name if len(name) <= MOST_NAME else f"…{name[1 - MOST_NAME :]}"


def _fitting(
    known: Sequence[Column], rows: Sequence[PlacedPart], width: int, labels: Sequence[Sequence[str]]
) -> Spacing:
    """Return the first spacing that fits, the last one where none does."""
    taken = [max(map(len, column)) for column in zip(*labels, strict=True)]
    for rank, digits, gap in _SPACINGS:
        columns = tuple(column for column in known if column.rank <= rank)
        widths = [*taken, *(_needed(column, rows, digits) for column in columns)]
        if sum(widths) + gap * (len(widths) - 1) <= width:
            break
    return Spacing(columns, digits, gap)


def _needed(column: Column, rows: Sequence[PlacedPart], digits: int) -> int:
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
    """Return a line on all rows, the hidden ones too: the least, the median and the greatest of their numbers."""
    shown = [part for batch in batches for part in batch.parts]
    parts = []
    for name in ("mean", "variance"):
        three = least_median_greatest([getattr(part, name) for part in shown])
        if three is not None:
            parts.append(f"{name} {' … '.join(number(value, 5) for value in three)}")
    return f"{plural(hidden, 'more row')} (--all shows all); least … median … greatest of all rows: {'; '.join(parts)}"


def _print_group(report: Report, group: Sequence[Finding], screen: Screen) -> None:
    """Print the findings of one rule."""
    first, *others = group
    beside = ""
    if len(report.batches) > 1 and first.batch is not None:
        beside = f"batch {first.batch}" + (f", {printable(first.source)}" if first.source else "")
    message = first.message + also(lines.places(others, report))
    screen.finding(first.severity, f"{first.rule} {first.name}", message, beside=beside)
