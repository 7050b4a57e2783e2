"""A plot as SVG."""

from __future__ import annotations

from collections.abc import Set
from html import escape

from bnstat.renderers.report.plots import Plot


def svg(plot: Plot, prefix: str, known: Set[str]) -> str:
    """Return the picture of a plot."""
    name = escape(prefix + plot.anchor)
    title = f'<title id="{name}-picture">{escape(plot.title)}</title>'
    role = "group" if plot.anchor in known and prefix else "img"
    return f'<svg viewBox="0 0 720 {plot.height}" role="{role}" aria-labelledby="{name}-picture">{title}</svg>'
