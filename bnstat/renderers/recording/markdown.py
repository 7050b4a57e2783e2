"""A recorded training as Markdown."""

from __future__ import annotations

from bnstat.renderers.markdown import escaped, opening, table
from bnstat.renderers.recording import rows
from bnstat.reports.recording import Recording


def render(recording: Recording) -> str:
    """Return the recording as Markdown, with all layers."""
    layers = table(rows.HEADERS, [list(map(escaped, rows.cells(layer))) for layer in recording.layers], left=2)
    legend = [f"{line}  " for line in rows.legend(rows.HEADERS)]
    lines = [*opening(recording.opening), escaped(rows.title(recording)), "", *layers, "", *legend]
    return "\n".join(lines) + "\n"
