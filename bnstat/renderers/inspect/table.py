"""A report for a person at a terminal: what was read, a table, findings, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnstat.layers.parts import NumberName, Parts
from bnstat.layers.results import Batch
from bnstat.renderers.findings import also, by_rule
from bnstat.renderers.headings import inputs_line, preparation_lines, settings_line, tensor_lines
from bnstat.renderers.inspect import lines
from bnstat.renderers.inspect.columns import FINITE_ROW, Column, Part, columns_of, headers_of, legend, names_of
from bnstat.renderers.numbers import least_median_greatest, number
from bnstat.renderers.screen import MOST_ROWS, Screen, empty_table, fitting, printed
from bnstat.reports.finding import Finding
from bnstat.reports.inspect import Report
from bnstat.text import plural, printable

# Characters of a file's name in a row.
MOST_NAME = 20

# How soon the names of files are hidden where width is short: after all that a column of numbers may give way for them.
_FILE_RANK = 2

# A row of the table: a channel or a group, and the batch that it is of.
PlacedPart = tuple[Batch, Part]


@dataclass(frozen=True)
class Label:
    """A column that names rows: its header, a text for each row, and how soon it is hidden, 0 for never."""

    header: str
    texts: Sequence[str]
    rank: int = 0


def render(
    report: Report, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the report as text.

    Args:
        report: the report to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every batch and channel.
        quiet: True to leave out which columns are hidden.
    """
    if not report.batches:
        return ""
    return printed(
        lambda screen: print_report(report, screen, every_row=every_row), width=width, color=color, quiet=quiet
    )


def print_report(report: Report, screen: Screen, *, every_row: bool = False) -> None:
    """Print a report of at least one batch."""
    screen.opening(report.opening)
    screen.say(inputs_line(report))
    screen.say(settings_line(report.settings))
    for line in (*preparation_lines(report.settings.preparation), *tensor_lines(report)):
        screen.say(line)
    screen.blank()
    hidden = _print_rows(report, report.batches, screen, every_row)
    if report.synchronized:
        screen.blank()
        screen.say(lines.synchronized_line(report))
        _print_rows(replace(report, findings=()), report.synchronized, screen, every_row)
    screen.blank()
    shown = [column for column in columns_of(report) if column.title not in hidden]
    screen.hidden(hidden)
    for line in legend(shown):
        screen.remark(line)
    parts = report.parts
    if (~parts.flag("whole") & (parts.number("finite") > 0)).any():
        screen.remark(FINITE_ROW)
    for line in lines.running_lines(report):
        screen.say(line)
    if report.findings:
        screen.blank()
    for group in by_rule(report.findings):
        _print_group(report, group, screen)
    if report.answer:
        screen.blank()
        screen.say(report.answer)


def _print_rows(report: Report, batches: Sequence[Batch], screen: Screen, every_row: bool) -> list[str]:
    """Print a row for each channel or group of these batches, as far as they are shown; return the hidden columns."""
    rows, more = _chosen_rows(report, batches, every_row)
    lines = _labels(report, rows, several=len(batches) > 1)
    columns = columns_of(report)
    headers = [*(label.header for label in lines), *(column.header for column in columns)]
    ranks = [*(label.rank for label in lines), *(column.rank for column in columns)]
    cells = _cells(rows, lines, columns)
    shown, gap = fitting(headers, [texts for _, texts in cells], ranks, screen.width)
    table = empty_table([(headers[place], "left" if headers[place] == "file" else "right") for place in shown], gap=gap)
    styles = _row_styles(report)
    for place_of_row, texts in cells:
        style = "dim" if place_of_row is None else styles.get(place_of_row)
        table.add_row(*(texts[place] for place in shown), style=style)
    screen.table(table)
    if more:
        screen.remark(_summary(batches, more))
    return [header.replace("\n", " ") for place, header in enumerate(headers) if place not in shown]


def _chosen_rows(report: Report, batches: Sequence[Batch], every_row: bool) -> tuple[list[PlacedPart], int]:
    """Return the rows to show, in order, and how many are not: those with findings come first when not all fit."""
    parts = Parts(batches)
    if every_row or len(parts) <= MOST_ROWS:
        return [(batch, part) for batch in batches for part in batch.parts], 0
    places = dict.fromkeys(finding.place for finding in report.findings)
    marked = np.zeros(len(parts), bool)
    marked[parts.places_of([(batch, at) for batch, at in places if batch is not None and at is not None])] = True
    found = np.flatnonzero(marked)[:MOST_ROWS]
    others = np.flatnonzero(~marked)[: MOST_ROWS - len(found)]
    return list(parts.at(np.sort(np.concatenate([found, others])))), len(parts) - MOST_ROWS


def _place(row: PlacedPart) -> tuple[int, int]:
    return row[0].index, row[1].place


def _cells(
    rows: Sequence[PlacedPart], labels: Sequence[Label], columns: Sequence[Column]
) -> list[tuple[tuple[int, int] | None, list[str]]]:
    """Return for each row the place of its part, its labels and its numbers.

    Where a part has NaN or Inf, a second row without a place has the numbers of its finite values.
    """
    found: list[tuple[tuple[int, int] | None, list[str]]] = []
    for number_of_row, row in enumerate(rows):
        part = row[1]
        named = [label.texts[number_of_row] for label in labels]
        found.append((_place(row), [*named, *(column.cell(part) for column in columns)]))
        if part.finite is not None and part.finite.count:
            blank = [""] * (len(labels) - 1)
            found.append((None, [*blank, "finite", *(column.finite(part) for column in columns)]))
    return found


def _labels(report: Report, rows: Sequence[PlacedPart], *, several: bool) -> list[Label]:
    """Return the columns that name rows: channel or group, and batch and file if there are several.

    A group is named by its sample, so it needs no batch; the only channel of several batches needs no number. What a
    row shares with the one above is named once.
    """
    by_sample = report.settings.by_sample
    headers, names = headers_of(report.settings), [names_of(part) for _, part in rows]
    if several and not by_sample:
        headers = ["batch", *headers]
        names = [[str(batch.index), *name] for (batch, _), name in zip(rows, names, strict=True)]
    new = [not place or names[place][:-1] != names[place - 1][:-1] for place in range(len(names))]
    shown = [name if first else [*([""] * (len(name) - 1)), name[-1]] for name, first in zip(names, new, strict=True)]
    found = [Label(header, [name[column] for name in shown]) for column, header in enumerate(headers)]
    files = _files(report, rows) if several or by_sample else []
    if files:
        found.insert(
            1, Label("file", [name if first else "" for name, first in zip(files, new, strict=True)], _FILE_RANK)
        )
    only = all(batch.channel_count == 1 and not part.name for batch, part in rows)
    return found[:-1] if only and len(found) > 1 else found


def _files(report: Report, rows: Sequence[PlacedPart]) -> list[str]:
    """Return the name of each row's file, without an ending that all share; nothing if no row is of a single file."""
    sources = [report.source_of(batch, part) for batch, part in rows]
    if None in sources or len({sample.source for sample in report.samples}) == 1:
        return []
    names = [printable((source or "").replace("\\", "/").rsplit("/", 1)[-1]) for source in sources]
    endings = {name[name.find(".", 1) :] if "." in name[1:] else "" for name in names}
    ending = endings.pop() if len(endings) == 1 else ""
    stems = [name.removesuffix(ending) for name in names]
    return [stem if len(stem) <= MOST_NAME else f"…{stem[1 - MOST_NAME :]}" for stem in stems]


def _row_styles(report: Report) -> dict[tuple[int | None, int | None], str]:
    styles: dict[tuple[int | None, int | None], str] = {}
    for finding in reversed(report.findings):
        if finding.severity in ("error", "warning"):
            styles[finding.place] = "red" if finding.severity == "error" else "yellow"
    return styles


def _summary(batches: Sequence[Batch], hidden: int) -> str:
    """Return a line on all rows, the hidden ones too: the least, the median and the greatest of their numbers."""
    shown = Parts(batches)
    parts = []
    names: tuple[NumberName, ...] = ("mean", "variance")
    for name in names:
        three = least_median_greatest(shown.number(name))
        if three is not None:
            parts.append(f"{name} {' … '.join(map(number, three))}")
    return f"{plural(hidden, 'more row')} (--all shows all); least … median … greatest of all rows: {'; '.join(parts)}"


def _print_group(report: Report, group: Sequence[Finding], screen: Screen) -> None:
    """Print the findings of one rule."""
    first, *others = group
    beside = ""
    if len(report.batches) > 1 and first.batch is not None:
        beside = f"batch {first.batch}" + (f", {printable(first.source)}" if first.source else "")
    message = first.message + also(lines.places(others, report))
    screen.finding(first.severity, f"{first.rule} {first.name}", message, beside=beside)
