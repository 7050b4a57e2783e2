"""The comparison as Markdown, every channel in it."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.batch_size.results import PopulationChannel
from bnstat.renderers import text
from bnstat.renderers.compare_batch_sizes import rows
from bnstat.renderers.inspect.markdown import escaped
from bnstat.report.compare_batch_sizes import Comparison


def render(comparison: Comparison) -> str:
    """The comparison as Markdown."""
    if not comparison.population:
        return ""
    lines = [f"**{rows.title(comparison)}**"]
    for line in text.preparation_lines(comparison.settings.preparation):
        lines += ["", escaped(line)]
    for channel in comparison.population:
        lines += ["", rows.split(comparison, channel)]
        if channel.between is not None:
            lines += _channel(comparison, channel)
    lines += ["", *(f"{line.replace('*', chr(92) + '*')}  " for line in rows.footnotes(comparison))]
    lines += [
        f"- **{one.severity} {one.rule} {one.name}**: {text.printable(one.message)}" for one in comparison.findings
    ]
    if comparison.recommendation is not None:
        lines += ["", rows.forgetting(comparison), "", rows.advice(comparison), "", rows.CONTEXT]
    return "\n".join(lines) + "\n"


def _channel(comparison: Comparison, channel: PopulationChannel) -> list[str]:
    """Its statistics, the curve, and the curves and runs that were asked for beside it."""
    lines = ["", rows.merged(comparison, channel.channel)]
    if comparison.groups:
        lines += ["", text.printable(rows.grouped(comparison, channel))]
    for heading, points in (("", comparison.batch_sizes), *rows.variants(comparison)):
        cells = [rows.cells(point, point.channels[channel.channel]) for point in points]
        lines += [*(["", heading] if heading else []), *_table(rows.HEADERS, cells)]
    runs = rows.runs(comparison, channel.channel)
    return [*lines, "", rows.runs_title(comparison), *_table(rows.RUN_HEADERS, runs)] if runs else lines


def _table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    listed = [headers, ["---:"] * len(headers), *cells]
    return ["", *(f"| {' | '.join(row)} |".replace("*", r"\*") for row in listed)]
