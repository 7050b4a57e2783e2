"""A plot as SVG. Its colours are classes, so that one picture is right on a light page, a dark one, and paper."""

from __future__ import annotations

from collections.abc import Set

from bnstat.renderers.report.drawing.frame import WIDTH, Frame, axes, frame_of
from bnstat.renderers.report.drawing.labels import above, beside, labels
from bnstat.renderers.report.drawing.legend import legend
from bnstat.renderers.report.drawing.marks import Drawing, drawn
from bnstat.renderers.report.drawing.shapes import at, written
from bnstat.renderers.report.plots import Dots, Plot


def svg(plot: Plot, prefix: str, known: Set[str]) -> str:
    """Return the picture of a plot. The heading of the plot, with the `id` ANCHOR-title, names it.

    Args:
        plot: the plot.
        prefix: what the identifiers of this page begin with.
        known: the identifiers of places that marks may link to, without the prefix.
    """
    name = written(prefix + plot.anchor)
    key, legend_height = legend(plot)
    right = beside(plot)
    over = above(plot, frame_of(plot, legend_height, 0.0, right))
    frame = frame_of(plot, legend_height, over, right)
    marks = drawn(plot.marks, Drawing(frame, f"{name}-clip", prefix, known))
    clip = _clip(frame, name) if "clip-path=" in marks else ""
    words = f'<g aria-hidden="true">{labels(plot, frame)}</g>'
    linked = any(anchor in known for mark in plot.marks if isinstance(mark, Dots) for anchor in mark.anchors)
    return (
        f'<svg viewBox="0 0 {at(WIDTH)} {at(frame.height)}" role="{"group" if linked else "img"}" '
        f'aria-labelledby="{name}-title {name}-desc"><desc id="{name}-desc">{written(plot.description)}</desc>'
        f"{clip}{key}{axes(plot, frame)}{marks}{words}</svg>"
    )


def _clip(frame: Frame, name: str) -> str:
    """Return what cuts lines at the edges of the frame."""
    wide, high = frame.right - frame.left, frame.bottom - frame.top
    rectangle = f'x="{at(frame.left)}" y="{at(frame.top - 1)}" width="{at(wide)}" height="{at(high + 2)}"'
    return f'<clipPath id="{name}-clip"><rect {rectangle}/></clipPath>'
