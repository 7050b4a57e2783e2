"""The legend above a plot, in as many rows as it needs."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers.report.drawing.lettering import LINE, cut, width
from bnstat.renderers.report.drawing.shapes import at, dashes, dot, label
from bnstat.renderers.report.plots import Area, Dots, Line, Mark, Plot

_SAMPLE, _GAP = 28.0, 20.0
_ROW = LINE + 3

Entry = tuple[str, list[Mark]]


def legend(plot: Plot, width_of_plot: float) -> tuple[str, float]:
    """Return the legend of a plot, and the pixels that it takes; nothing if no mark has a name."""
    named: dict[str, list[Mark]] = {}
    for mark in plot.marks:
        if not hasattr(mark, "name") or mark.name is None:
            continue
        marks = named.setdefault(mark.name, [])
        if not any(type(one) is type(mark) and one.role == mark.role for one in marks):
            marks.append(mark)
    x, row, parts = 0.0, 0, []
    for name, marks in named.items():
        words = cut(name, width_of_plot - _SAMPLE - 8)
        wide = _SAMPLE + 7 + width(words) + _GAP
        if x and x + wide - _GAP > width_of_plot:
            x, row = 0.0, row + 1
        parts.append(_entry(words, marks, x, row * _ROW + 13.0))
        x += wide
    height = (row + 1) * _ROW + 6.0 if parts else 0.0
    return (f'<g aria-hidden="true">{"".join(parts)}</g>' if parts else ""), height


def _entry(words: str, marks: Sequence[Mark], x: float, y: float) -> str:
    """Return the samples of the marks of one name, over each other, and the name."""
    samples = "".join(f'<g class="{mark.role}">{_sample(mark, x, y - 4.5)}</g>' for mark in marks)
    return samples + label((x + _SAMPLE + 7, y), words, "key")


def _sample(mark: Mark, x: float, y: float) -> str:
    middle = (x + _SAMPLE / 2, y)
    match mark:
        case Area():
            return f'<rect class="area" x="{at(x)}" y="{at(y - 6)}" width="{at(_SAMPLE)}" height="12"/>'
        case Line():
            kind = "line thin" if mark.thin else "line"
            dashed = dashes(mark.role, dashed=mark.dashed, dots=mark.dots)
            line = f'<path class="{kind}"{dashed} d="M{at(x)} {at(y)}h{at(_SAMPLE)}"/>'
            return line + (f'<path class="dot" d="{dot(middle, mark.role, 3.5)}"/>' if mark.dots else "")
        case Dots():
            line = f'<path class="range" d="M{at(x + 2)} {at(y)}h{at(_SAMPLE - 4)}"/>' if mark.ranges else ""
            return line + f'<path class="dot" d="{dot(middle, mark.role)}"/>'
    return ""
