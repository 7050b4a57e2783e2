"""A plot as SVG. Its colours are classes, so that one picture is right on a light page, a dark one, and paper."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from bnstat.renderers.report.drawing.frame import NARROW, WIDTH, Frame, axes, frame_of
from bnstat.renderers.report.drawing.labels import above, beside, labels
from bnstat.renderers.report.drawing.legend import legend
from bnstat.renderers.report.drawing.marks import Drawing, drawn
from bnstat.renderers.report.drawing.shapes import at, written
from bnstat.renderers.report.plots import Dots, Line, Mark, Plot


def svg(plot: Plot, prefix: str, known: Set[str]) -> str:
    """Return the picture of a plot. The heading of the plot, with the `id` ANCHOR-title, names it.

    Args:
        plot: the plot.
        prefix: what the identifiers of this page begin with.
        known: the identifiers of places that marks may link to, without the prefix.
    """
    name = written(prefix + plot.anchor)
    linked = any(anchor in known for mark in plot.marks if isinstance(mark, Dots) for anchor in mark.anchors)
    described = f'<desc id="{name}-desc">{written(plot.description)}</desc>'
    return _picture(plot, WIDTH, name, f'class="wide" role="{"group" if linked else "img"}"', described, prefix, known)


def narrow_svg(plot: Plot, prefix: str) -> str:
    """Return the picture of a plot for a narrow screen, beside that of `svg`, which has its description.

    Such screens have no pointer, so nothing is shown on hover, and dots are too small to be links.
    """
    plain = replace(plot, marks=tuple(map(_untitled, plot.marks)))
    return _picture(plain, NARROW, written(prefix + plot.anchor), 'class="narrow" role="img"', "", prefix, frozenset())


def _untitled(mark: Mark) -> Mark:
    match mark:
        case Line():
            return replace(mark, title=None, titles=())
        case Dots():
            return replace(mark, titles=(), anchors=())
        case _:
            return mark


def _picture(plot: Plot, width: float, name: str, attributes: str, described: str, prefix: str, known: Set[str]) -> str:
    key, legend_height = legend(plot, width)
    right = beside(plot, width)
    over = above(plot, frame_of(plot, width, legend_height, 0.0, right))
    frame = frame_of(plot, width, legend_height, over, right)
    clip_name = f"{name}-clip" if width == WIDTH else f"{name}-narrow-clip"
    marks = drawn(plot.marks, Drawing(frame, clip_name, prefix, known))
    clip = _clip(frame, clip_name) if "clip-path=" in marks else ""
    words = f'<g aria-hidden="true">{labels(plot, frame)}</g>'
    return (
        f'<svg viewBox="0 0 {at(width)} {at(frame.height)}" {attributes} '
        f'aria-labelledby="{name}-title {name}-desc">{described}'
        f"{clip}{key}{axes(plot, frame)}{marks}{words}</svg>"
    )


def _clip(frame: Frame, name: str) -> str:
    """Return what cuts lines at the edges of the frame."""
    wide, high = frame.right - frame.left, frame.bottom - frame.top
    rectangle = f'x="{at(frame.left)}" y="{at(frame.top - 1)}" width="{at(wide)}" height="{at(high + 2)}"'
    return f'<clipPath id="{name}"><rect {rectangle}/></clipPath>'
