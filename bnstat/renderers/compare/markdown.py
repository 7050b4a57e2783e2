"""The comparison as Markdown, every channel in it."""

from __future__ import annotations

from bnstat.renderers import text
from bnstat.renderers.compare import rows
from bnstat.report import Comparison


def render(comparison: Comparison) -> str:
    """The comparison as Markdown."""
    if not comparison.population:
        return ""
    lines = [f"**{rows.title(comparison)}**"]
    for channel in comparison.population:
        lines += ["", rows.split(channel)]
        if channel.between is not None:
            table = [rows.cells(point, point.channels[channel.channel]) for point in comparison.batch_sizes]
            listed = [list(rows.HEADERS), ["---:"] * len(rows.HEADERS), *table]
            lines += ["", *(f"| {' | '.join(row)} |".replace("*", r"\*") for row in listed)]
    lines += ["", *(f"{line.replace('*', chr(92) + '*')}  " for line in rows.footnotes(comparison))]
    lines += [
        f"- **{one.severity} {one.rule} {one.name}**: {text.printable(one.message)}" for one in comparison.findings
    ]
    if comparison.recommendation is not None:
        lines += ["", rows.forgetting(comparison), "", rows.advice(comparison), "", rows.CONTEXT]
    return "\n".join(lines) + "\n"
