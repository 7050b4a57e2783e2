"""Marks as SVG: lines, dots, areas, and rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby, pairwise

from bnstat.renderers.report.drawing.frame import Frame
from bnstat.renderers.report.drawing.shapes import Place, at, dashes, dot, path, title, written
from bnstat.renderers.report.plots import Area, Dots, Line, Mark, Points, Role, Rule

# Radii of dots, of those of lines, and of the unseen ones that only catch the pointer.
_RADIUS, _ON_LINE, _CATCHES = 4.5, 3.5, 8.0
# From so many dots on they are drawn smaller, and without a rim, which would hide the dots beside.
_MANY, _SMALL = 150, 2.0


@dataclass(frozen=True)
class Drawing:
    """What marks are drawn into.

    Attributes:
        frame: The frame of the plot.
        clip: The `id` of what cuts lines at the frame.
        prefix: What the identifiers of this page begin with.
        known: The identifiers of places that a mark may link to, without the prefix.
    """

    frame: Frame
    clip: str
    prefix: str
    known: Set[str]


def drawn(marks: Sequence[Mark], into: Drawing) -> str:
    """Return marks as SVG, the last on top. Thin lines that nothing tells apart are one path."""
    parts: list[str] = []
    for key, group in groupby(marks, key=_together):
        found = list(group)
        if key is not None:
            lines = [mark for mark in found if isinstance(mark, Line)]
            parts.append(_lines(lines, into))
        else:
            parts += [_mark(mark, into) for mark in found]
    return "".join(parts)


def _together(mark: Mark) -> tuple[Role, bool, bool] | None:
    """Return what thin lines of one path have in common; None for a mark that is drawn by itself."""
    if isinstance(mark, Line) and mark.thin and mark.title is None and not mark.titles and not mark.dots:
        return mark.role, mark.dashed, mark.steps
    return None


def _mark(mark: Mark, into: Drawing) -> str:
    match mark:
        case Line():
            return _lines([mark], into)
        case Dots():
            return _dots(mark, into)
        case Area():
            return _area(mark, into)
        case Rule():
            return _rule(mark, into.frame)


def _group(role: Role, content: str, extra: str = "") -> str:
    return f'<g class="{role}"{extra}>{content}</g>' if content else ""


def runs(points: Points, frame: Frame, *, gaps: bool = False) -> Iterator[list[Place]]:
    """Yield the points of a line in pixels, cut where one is undefined, and with gaps also where it is not above 0."""
    run: list[Place] = []
    for x, y in points:
        across, along = frame.x.at(x), frame.y.at(y)
        if gaps and along is not None and y <= 0:  # the step before ends here
            if run and across is not None:
                yield [*run, (across, run[-1][1])]
            run = []
            continue
        if across is not None and along is not None:
            run.append((across, along))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _lines(lines: Sequence[Line], into: Drawing) -> str:
    """Return lines of one kind as one path, with the dots of their points."""
    first = lines[0]
    # on a logarithmic axis, steps down to nothing and up again would look like the teeth of a comb
    gaps = first.steps and into.frame.y.axis.scale == "log"
    drawing = path((run for line in lines for run in runs(line.points, into.frame, gaps=gaps)), steps=first.steps)
    if not drawing:
        return ""
    kind = "line thin" if first.thin else "line"
    dashed = dashes(first.role, dashed=first.dashed, dots=first.dots)
    clip = f' clip-path="url(#{into.clip})"' if any(_leaves(line.points, into.frame) for line in lines) else ""
    words = title(first.title)
    end = f">{words}</path>" if words else "/>"
    line_path = f'<path class="{kind}"{dashed}{clip} d="{drawing}"{end}'
    return _group(first.role, line_path + "".join(_on_line(line, into.frame) for line in lines))


def _leaves(points: Points, frame: Frame) -> bool:
    """Return True if a point is beyond the ends of an axis."""
    return any(not (frame.x.shows(x) and frame.y.shows(y)) for x, y in points)


def _on_line(line: Line, frame: Frame) -> str:
    """Return the dots of a line, and what is seen on hover at each of its points."""
    places = [
        (place, line.titles[index] if index < len(line.titles) else "")
        for index, (x, y) in enumerate(line.points)
        if frame.x.shows(x) and frame.y.shows(y) and (place := _place((x, y), frame)) is not None
    ]
    shapes = ""
    if line.dots and places:
        shapes = f'<path class="dot" d="{"".join(dot(place, line.role, _ON_LINE) for place, _ in places)}"/>'
    catching = (
        f'<circle cx="{at(place[0])}" cy="{at(place[1])}" r="{at(_CATCHES)}" fill="none" pointer-events="all">'
        f"{title(words)}</circle>"
        for place, words in places
        if words
    )
    return shapes + "".join(catching)


def _place(point: tuple[float, float], frame: Frame) -> Place | None:
    """Return the place of a point, moved to the edge if it is beyond it; None if it is undefined."""
    x, y = frame.x.pixel(point[0]), frame.y.pixel(point[1])
    return None if x is None or y is None else (x, y)


def _dots(mark: Dots, into: Drawing) -> str:
    many = len(mark.points) > _MANY
    radius, small = (_SMALL, " small") if many else (_RADIUS, "")
    alone = bool(mark.titles or mark.anchors)
    found: list[tuple[str, str, int]] = []
    for index, point in enumerate(mark.points):
        if (place := _place(point, into.frame)) is not None:
            both = mark.ranges[index] if index < len(mark.ranges) else None
            found.append((_range(both, place[1], into.frame), dot(place, mark.role, radius), index))
    if not alone:
        ranges, dots = "".join(one[0] for one in found), "".join(one[1] for one in found)
        lines = f'<path class="range{small}" d="{ranges}"/>' if ranges else ""
        return _group(mark.role, lines + (f'<path class="dot{small}" d="{dots}"/>' if dots else ""))
    if many:  # one path for all ranges: a browser has less to keep
        ranges = "".join(one[0] for one in found)
        shared = f'<path class="range{small}" d="{ranges}"/>' if ranges else ""
        found = [("", shape, index) for _, shape, index in found]
        return _group(mark.role, shared + "".join(_one_dot(mark, into, *one, small) for one in found))
    return _group(mark.role, "".join(_one_dot(mark, into, *one, small) for one in found))


def _range(both: tuple[float, float] | None, y: float, frame: Frame) -> str:
    low, high = (None, None) if both is None else (frame.x.pixel(both[0]), frame.x.pixel(both[1]))
    return "" if low is None or high is None else f"M{at(low)} {at(y)}H{at(high)}"


def _one_dot(mark: Dots, into: Drawing, spread: str, shape: str, index: int, small: str) -> str:
    """Return a dot that has a text on hover, or leads somewhere."""
    words = mark.titles[index] if index < len(mark.titles) else ""
    anchor = mark.anchors[index] if index < len(mark.anchors) else ""
    line = f'<path class="range{small}" d="{spread}"/>' if spread else ""
    if small and not anchor:
        return f'<path class="dot{small}" d="{shape}">{title(words)}</path>'
    content = f'{title(words)}{line}<path class="dot{small}" d="{shape}"/>'
    if anchor and anchor in into.known:
        to = written(f"#{into.prefix}{anchor}")
        return f'<a href="{to}" aria-label="{written(words or "To what this dot is about")}">{content}</a>'
    return f"<g>{content}</g>"


def _area(mark: Area, into: Drawing) -> str:
    frame = into.frame
    pairs = zip(mark.lows, mark.highs, strict=False)
    known = [pair for pair in pairs if all(frame.x.at(x) is not None and frame.y.at(y) is not None for x, y in pair)]
    if len(known) < 2:
        return ""
    lows, highs = tuple(low for low, _ in known), tuple(high for _, high in known)
    upper, lower = _outline(highs, frame, steps=mark.steps), _outline(lows, frame, steps=mark.steps)
    clip = f' clip-path="url(#{into.clip})"' if _leaves((*lows, *highs), frame) else ""
    return _group(mark.role, f'<path class="area"{clip} d="{path([[*upper, *reversed(lower)]])}z"/>')


def _outline(points: Points, frame: Frame, *, steps: bool) -> list[Place]:
    """Return one edge of an area in pixels, with the corners of its steps."""
    (places,) = runs(points, frame)
    if not steps:
        return places
    found = places[:1]
    for before, after in pairwise(places):
        found += [(after[0], before[1]), after]
    return found


def _rule(mark: Rule, frame: Frame) -> str:
    scale = frame.x if mark.along == "x" else frame.y
    place = scale.at(mark.at)
    if place is None or not scale.inside(mark.at):
        return ""
    line = (
        f"M{at(place)} {at(frame.top - 4)}V{at(frame.bottom)}"
        if mark.along == "x"
        else f"M{at(frame.left)} {at(place)}H{at(frame.right + 4)}"
    )
    pattern = ' stroke-dasharray="5 4"' if mark.dashed else ""
    words = title(mark.label)
    end = f">{words}</path>" if words else "/>"
    return _group(mark.role, f'<path class="rule"{pattern} d="{line}"{end}')
