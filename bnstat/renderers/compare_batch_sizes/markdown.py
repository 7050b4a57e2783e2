"""The comparison as Markdown, every channel in it."""

from __future__ import annotations

from bnstat.batch_size.results import PopulationChannel
from bnstat.renderers.compare_batch_sizes import rows, sentences
from bnstat.renderers.findings import title
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.markdown import escaped, finding, opening, table
from bnstat.reports.compare_batch_sizes import Comparison


def render(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    if not comparison.population:
        return ""
    lines = opening(comparison.opening[:1])
    for line in (*comparison.opening[1:], sentences.title(comparison)):
        lines += [*([""] if lines and lines[-1] else []), escaped(line)]
    for line in preparation_lines(comparison.settings.preparation):
        lines += ["", escaped(line)]
    for channel in comparison.population:
        lines += ["", escaped(sentences.split(comparison, channel))]
        if channel.between is not None:
            lines += _channel(comparison, channel)
    lines += ["", *(f"{escaped(line)}  " for line in sentences.footnotes(comparison))]
    lines += ["", *(finding(title(one), one.message) for one in comparison.findings)] if comparison.findings else []
    lines += ["", escaped(sentences.forgetting(comparison))] if sentences.tabled(comparison) else []
    return "\n".join(lines) + "\n"


def _channel(comparison: Comparison, channel: PopulationChannel) -> list[str]:
    """Return its statistics, the curve, and the curves and runs that were asked for beside it."""
    lines = ["", escaped(sentences.grouped(comparison, channel))] if comparison.groups else []
    for heading, points in (("", comparison.batch_sizes), *rows.variants(comparison)):
        cells = [rows.cells(point, point.channels[channel.channel]) for point in points]
        starred = [[escaped(size), *others] for size, *others in cells]
        lines += [*(["", heading] if heading else []), "", *table(rows.HEADERS, starred)]
    lines += ["", escaped(sentences.merged(comparison, channel.channel))]
    runs = rows.runs(comparison, channel.channel)
    return [*lines, "", sentences.runs_title(comparison), "", *table(rows.RUN_HEADERS, runs)] if runs else lines
