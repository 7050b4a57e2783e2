"""A network's layers as Markdown, every layer and finding in it."""

from __future__ import annotations

from bnstat.renderers.findings import by_rule, title
from bnstat.renderers.layers import rows
from bnstat.renderers.layers.columns import DIGITS, columns_of, legend
from bnstat.renderers.markdown import escaped, finding, opening, table
from bnstat.reports.layers import Layers
from bnstat.reports.layers_words import full


def render(report: Layers) -> str:
    """Return the layers as Markdown."""
    lines = opening(report.opening[:1])
    for text in report.opening[1:]:
        lines += [escaped(text), ""]
    lines += [f"{escaped(line)}  " for line in rows.title(report)]
    if report.layers:
        columns = columns_of(report)
        cells = [[escaped(column.cell(layer, DIGITS[0])) for column in columns] for layer in report.layers]
        lines += ["", *table([column.header for column in columns], cells, left=1)]
        lines += ["", *(f"{escaped(line)}  " for line in legend(columns))]
    for line in report.measured.missed if report.layers else ():
        lines += ["", escaped(full(line))]
    if report.findings:
        lines += ["", *(finding(title(one), one.message) for group in by_rule(report.findings) for one in group)]
    return "\n".join(lines) + "\n"
