"""The report as Markdown, for an issue, a pull request or a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.layers.results import Batch
from bnstat.renderers import text
from bnstat.renderers.inspect.columns import EXPECTED_RANK, Column, Part, columns_of, headers_of, names_of
from bnstat.report.finding import SEVERITIES
from bnstat.report.inspect import Report

# Digits of numbers: more than in a terminal, since nothing limits the width.
_DIGITS = 7


def render(report: Report) -> str:
    """The report as Markdown, every batch and channel or group in it."""
    if not report.batches:
        return ""
    settings = [text.settings_line(report.settings), *text.preparation_lines(report.settings.preparation)]
    lines = [
        f"**{escaped(text.inputs_line(report))}**",
        "",
        *(f"{line}  " for line in (*map(escaped, settings), *text.tensor_lines(report))),
        "",
        *_table(report, report.batches),
    ]
    if report.synchronized:
        lines += ["", text.synchronized_line(report), "", *_table(report, report.synchronized)]
    for line in text.running_lines(report):
        lines += ["", line]
    for group in text.grouped(report.findings, SEVERITIES):
        first, others = group[0], group[1:]
        also = f" Likewise {text.places(others, report)}." if others else ""
        lines += [
            *([] if lines[-1].startswith("- ") else [""]),
            f"- **{first.severity} {first.rule} {first.name}**: {escaped(first.message)}{also}",
        ]
    if report.answer:
        lines += ["", escaped(report.answer)]
    return "\n".join(lines) + "\n"


def _table(report: Report, batches: Sequence[Batch]) -> list[str]:
    """A row for each channel or group; its batch where there are several, and it is not named by its sample."""
    several = len(batches) > 1 and not report.settings.by_sample
    columns = [column for column in columns_of(report) if column.rank <= EXPECTED_RANK]
    headers = [*(["batch"] if several else []), *headers_of(report.settings), *(_header(column) for column in columns)]
    rows = [
        [
            *([str(batch.index)] if several else []),
            *map(escaped, names_of(part)),
            *(_cell(column, part) for column in columns),
        ]
        for batch in batches
        for part in batch.parts
    ]
    rule = ["---:"] * len(headers)
    return [f"| {' | '.join(cells)} |" for cells in (headers, rule, *rows)]


def _header(column: Column) -> str:
    return column.header.replace("\n", " ")


def _cell(column: Column, part: Part) -> str:
    """Columns that are short in a terminal have a digit less here too."""
    return column.cell(part, _DIGITS if column.most >= _DIGITS else _DIGITS - 1)


def escaped(line: str) -> str:
    """Text that Markdown leaves as it is."""
    line = text.printable(line)
    return "".join(f"\\{c}" if c in "\\`*_|<>" else c for c in line)
