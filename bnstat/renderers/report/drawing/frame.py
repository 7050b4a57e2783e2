"""The frame of a plot: where its parts stand, its axes, and its grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnstat.renderers.report.drawing.lettering import LINE, cut
from bnstat.renderers.report.drawing.scales import Scale, scale_of
from bnstat.renderers.report.drawing.shapes import at, label, title, written
from bnstat.renderers.report.drawing.ticks import Tick, ticks_of
from bnstat.renderers.report.plots import Area, Axis, Dots, Line, Plot, Rule

# The pixels across of a plot, and of one on a narrow screen.
WIDTH, NARROW = 720.0, 360.0
# Pixels that are free at the right of a plot without labels there, and between labels and the axis.
_EDGE, _GAP = 16.0, 8.0
_LEAST_AREA = 90.0
# The part of the width that the longest name of a category gets.
_NAMES = 0.31


@dataclass(frozen=True)
class Frame:
    """Where the marks of a plot are drawn.

    Attributes:
        x: The horizontal scale.
        y: The vertical scale; its start is at the bottom, and at the top for categories.
        across: The ticks of the horizontal scale.
        along: The ticks of the vertical scale.
        named: The pixel on which the name of the vertical axis stands.
        width: The width of the whole picture.
        height: The height of the whole picture.
    """

    x: Scale
    y: Scale
    across: tuple[Tick, ...]
    along: tuple[Tick, ...]
    named: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The pixel of the left edge."""
        return self.x.start

    @property
    def right(self) -> float:
        """The pixel of the right edge."""
        return self.x.end

    @property
    def top(self) -> float:
        """The pixel of the upper edge."""
        return min(self.y.start, self.y.end)

    @property
    def bottom(self) -> float:
        """The pixel of the lower edge."""
        return max(self.y.start, self.y.end)


def frame_of(plot: Plot, width: float, key: float, above: float, beside: float) -> Frame:
    """Return the frame of a plot.

    Args:
        plot: the plot.
        width: the pixels of the whole picture across.
        key: the pixels that its legend takes.
        above: the pixels that labels need between the name of the vertical axis and the upper edge.
        beside: the pixels that labels need at its right.
    """
    top = key + above + (LINE + _GAP if plot.y.label else _GAP)
    below = LINE + _GAP + (LINE + 4 if plot.x.label else 0)
    bottom = max(plot.height + key + above - below, top + _LEAST_AREA)
    down = plot.y.scale == "category"
    start, end = (top, bottom) if down else (bottom, top)
    y = scale_of(plot.y, _values(plot, "y"), start, end)
    along = tuple(ticks_of(y, across=False, longest=width * _NAMES))
    left = max(max((tick.width for tick in along), default=0.0) + _GAP + 2, 24.0)
    right = width - max(beside, _EDGE)
    values = list(_values(plot, "x"))
    x = scale_of(plot.x, values, left, right)
    # the first and the last label below the axis may be wider than what is free beside it
    first = ticks_of(x, across=True, longest=width * _NAMES)
    halves = [(x.at(tick.value) or 0.0, tick.width / 2) for tick in first if tick.text]
    before = max((half - place for place, half in halves), default=0.0)
    after = max((place + half - width for place, half in halves), default=0.0)
    x = scale_of(plot.x, values, left + max(before, 0.0), right - max(after, 0.0))
    across = tuple(ticks_of(x, across=True, longest=width * _NAMES))
    return Frame(x, y, across, along, key + LINE - 4.0, width, bottom + below)


def _values(plot: Plot, name: str) -> Iterator[float]:
    """Yield all values of the marks on one axis."""
    place = "xy".index(name)
    for mark in plot.marks:
        match mark:
            case Line(points=points) | Dots(points=points):
                yield from (point[place] for point in points)
            case Area(lows=lows, highs=highs):
                yield from (point[place] for point in (*lows, *highs))
            case Rule(along=along, at=value) if along == name:
                yield value
        if isinstance(mark, Dots) and place == 0:
            yield from (end for both in mark.ranges for end in both if end is not None)


def axes(plot: Plot, frame: Frame) -> str:
    """Return the grid, the axes, their ticks and their labels."""
    grid = "".join(f"M{at(_at(frame.x, tick))} {at(frame.top)}V{at(frame.bottom)}" for tick in frame.across)
    grid += "".join(f"M{at(frame.left)} {at(_at(frame.y, tick))}H{at(frame.right)}" for tick in frame.along)
    lines = [f'<path class="grid" d="{grid}"/>' if grid else ""]
    lines.append(f'<path class="frame" d="M{at(frame.left)} {at(frame.bottom)}H{at(frame.right)}"/>')
    if plot.y.scale == "linear" and frame.y.low < 0 < frame.y.high:
        lines.append(f'<path class="frame" d="M{at(frame.left)} {at(frame.y.at(0.0) or 0.0)}H{at(frame.right)}"/>')
    below = frame.bottom + LINE + 1
    lines += [_tick(tick, (_at(frame.x, tick), below), "middle") for tick in frame.across if tick.text]
    left = frame.left - _GAP
    lines += [_tick(tick, (left, _at(frame.y, tick) + 4.5), "end") for tick in frame.along if tick.text]
    middle = ((frame.left + frame.right) / 2, below + LINE + 3)
    lines.append(_named(plot.x, middle, "middle", frame) + _named(plot.y, (0.0, frame.named), "start", frame))
    return f'<g aria-hidden="true">{"".join(lines)}</g>'


def _at(scale: Scale, tick: Tick) -> float:
    return scale.at(tick.value) or 0.0


def _named(axis: Axis, place: tuple[float, float], anchor: str, frame: Frame) -> str:
    return label(place, cut(axis.label, frame.width - 16), "axis-label", anchor) if axis.label else ""


def _tick(tick: Tick, place: tuple[float, float], anchor: str) -> str:
    raised = f'<tspan class="sup" dy="-5">{tick.exponent}</tspan>' if tick.exponent else ""
    words = f"{title(tick.full)}{written(tick.text)}{raised}"
    return f'<text x="{at(place[0])}" y="{at(place[1])}" text-anchor="{anchor}">{words}</text>'
