"""The presets as Markdown."""

from __future__ import annotations

from bnstat.renderers.frameworks import rows
from bnstat.renderers.markdown import table
from bnstat.reports.frameworks import Presets


def render(presets: Presets) -> str:
    """Return the presets as Markdown: one in full, or a table for each normalizer."""
    if presets.in_full:
        lines = [line for row in presets.rows for line in (f"**{row.name}**", "", *map(_item, rows.details(row)))]
        return "\n".join(lines) + "\n"
    lines = [f"**{rows.title(presets)}**"]
    for heading, members in rows.sections(presets).items():
        lines += ["", f"### {heading}", "", *table(rows.HEADERS, map(rows.cells, members), left=len(rows.HEADERS))]
    notes = [*(f"- {note}" for note in rows.footnotes()), *(f"  - {one}" for one in rows.arithmetics(presets))]
    return "\n".join([*lines, "", *notes]) + "\n"


def _item(detail: tuple[str, str]) -> str:
    return f"- {detail[0]}: {detail[1]}"
