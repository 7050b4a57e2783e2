"""Several checkpoints as Markdown: every difference, and every file."""

from __future__ import annotations

from bnstat.renderers.checkpoint.markdown import lines_of
from bnstat.renderers.checkpoint_comparison import rows
from bnstat.renderers.markdown import escaped, table
from bnstat.reports.checkpoint_comparison import CheckpointComparison


def render(comparison: CheckpointComparison) -> str:
    """Return the comparison as Markdown."""
    lines = [f"{escaped(line)}  " for line in rows.file_lines(comparison)]
    for one in comparison.differences:
        lines += [
            "",
            f"## {escaped(f'{one.before} → {one.after}')}",
            "",
            *(f"{escaped(said)}  " for said in one.sentences),
        ]
        if one.moved.layers:
            found = [[escaped(cell) for cell in rows.cells(layer)] for layer in one.moved.layers]
            lines += ["", *table(rows.HEADERS, found, left=1), "", *(f"{escaped(line)}  " for line in rows.LEGEND)]
    for report in comparison.reports:
        lines += ["", f"## {escaped(report.file)}", "", *lines_of(report)]
    return "\n".join(lines) + "\n"
