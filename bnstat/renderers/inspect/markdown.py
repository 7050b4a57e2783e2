"""The report as Markdown, for an issue, a pull request or a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.layers.results import Batch
from bnstat.renderers.findings import also, by_rule, title
from bnstat.renderers.headings import inputs_line, preparation_lines, settings_line, tensor_lines
from bnstat.renderers.inspect import lines as words
from bnstat.renderers.inspect.columns import columns_of, headers_of, legend, names_of
from bnstat.renderers.markdown import escaped, finding, opening, table
from bnstat.reports.inspect import Report


def render(report: Report) -> str:
    """Return the report as Markdown, with every batch and every channel or group."""
    if not report.batches:
        return ""
    settings = [settings_line(report.settings), *preparation_lines(report.settings.preparation)]
    lines = [
        *opening(report.opening),
        f"{escaped(inputs_line(report))}  ",
        *(f"{line}  " for line in (*map(escaped, settings), *tensor_lines(report))),
        "",
        *_table(report, report.batches),
    ]
    if report.synchronized:
        lines += ["", words.synchronized_line(report), "", *_table(report, report.synchronized)]
    lines += ["", *(f"{escaped(line)}  " for line in legend(columns_of(report)))]
    for line in words.running_lines(report):
        lines += ["", line]
    groups = by_rule(report.findings)
    lines += [""] if groups else []
    lines += [finding(title(one), one.message + also(words.places(others, report))) for one, *others in groups]
    if report.answer:
        lines += ["", escaped(report.answer)]
    return "\n".join(lines) + "\n"


def _table(report: Report, batches: Sequence[Batch]) -> list[str]:
    """Return a row for each channel or group; with its batch where there are several and no sample names it."""
    several = len(batches) > 1 and not report.settings.by_sample
    columns = columns_of(report)
    headers = [*(["batch"] if several else []), *headers_of(report.settings), *(column.title for column in columns)]
    rows = [
        [
            *([str(batch.index)] if several else []),
            *map(escaped, names_of(part)),
            *(column.cell(part) for column in columns),
        ]
        for batch in batches
        for part in batch.parts
    ]
    return table(headers, rows)
