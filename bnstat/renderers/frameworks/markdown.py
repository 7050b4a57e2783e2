"""The presets as Markdown."""

from __future__ import annotations

from bnstat.renderers.frameworks import rows
from bnstat.report.frameworks import Presets


def render(presets: Presets) -> str:
    """The presets as Markdown: one in full, or a table for each normalizer."""
    if presets.in_full:
        lines = [line for row in presets.rows for line in (f"**{row.name}**", "", *map(_item, rows.details(row)))]
        return "\n".join(lines) + "\n"
    lines = [f"**{rows.title(presets)}**"]
    for heading, members in rows.sections(presets).items():
        table = [list(rows.HEADERS), ["---"] * len(rows.HEADERS), *(rows.cells(row) for row in members)]
        lines += ["", f"### {heading}", "", *(f"| {' | '.join(cells)} |" for cells in table)]
    return "\n".join([*lines, "", *(f"- {note}" for note in rows.footnotes(presets))]) + "\n"


def _item(detail: tuple[str, str]) -> str:
    return f"- {detail[0]}: {detail[1]}"
