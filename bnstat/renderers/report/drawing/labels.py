"""Labels beside dots and limits, which are never over each other and never leave the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from math import isfinite

from bnstat.renderers.report.drawing.frame import Frame
from bnstat.renderers.report.drawing.lettering import LINE, cut, width, wrapped
from bnstat.renderers.report.drawing.shapes import at, label
from bnstat.renderers.report.plots import Dots, Plot, Role, Rule

# The parts of the width that the widest label gets at the right of a limit, above one, and beside a dot.
_BESIDE, _AT_LIMIT, _AT_DOT = 0.195, 0.75, 0.305
# Pixels between labels, and between the label of a vertical limit and its line.
_GAP, _POLE = 8.0, 4.0
# Limits of which all ways to set their labels are tried.
_FEW = 6

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Flag:
    """The label of a vertical limit, which stands at the limit as a flag at its pole.

    Attributes:
        role: Its colour.
        words: Its text.
        place: The pixel of the limit.
        left: The pixel at which the text begins.
        right: The pixel at which it ends.
        row: Its row, counted from the lowest.
    """

    role: Role
    words: str
    place: float
    left: float
    right: float
    row: int

    def meets(self, other: _Flag) -> bool:
        """Return True if another flag is over this one, or the pole of one goes through the other."""
        over = self.row == other.row and self.left < other.right + _GAP and other.left < self.right + _GAP
        return over or self._crosses(other) or other._crosses(self)

    def _crosses(self, other: _Flag) -> bool:
        return self.row >= other.row and other.left - 2 < self.place < other.right + 2


def above(plot: Plot, frame: Frame) -> float:
    """Return the pixels that labels of vertical limits need above a plot."""
    return LINE * max((flag.row + 1 for flag in _flags(plot, frame)), default=0)


def _flags(plot: Plot, frame: Frame) -> list[_Flag]:
    """Return the labels of vertical limits, each at the left or at the right of its line.

    Of all ways to choose the sides, that one is taken that leaves no label outside of the picture, crosses no line, and
    needs the fewest rows.
    """
    rules = sorted((rule for rule in _rules(plot, "x") if frame.x.inside(rule.at)), key=lambda rule: rule.at)
    if len(rules) <= _FEW:
        sides: Iterator[tuple[bool, ...]] = product((False, True), repeat=len(rules))
    else:
        sides = ((True,) * left + (False,) * (len(rules) - left) for left in range(len(rules) + 1))
    return min((_set(rules, frame, side) for side in sides), key=partial(_cost, frame))


def _cost(frame: Frame, flags: list[_Flag]) -> tuple[float, int, int, int]:
    """Return what is wrong with labels, the worst first: pixels outside, crossings, names cut short, and rows."""
    outside = sum(max(-flag.left, 0.0) + max(flag.right - frame.width, 0.0) for flag in flags)
    return (
        outside,
        sum(one.meets(other) for one, other in combinations(flags, 2)),
        sum("…" in flag.words for flag in flags),
        max((flag.row for flag in flags), default=0),
    )


def _set(rules: list[Rule], frame: Frame, to_left: Sequence[bool]) -> list[_Flag]:
    """Return labels, each in the lowest row that has room: those that point to the left first, from the left on."""
    found: list[_Flag] = []
    sided = list(zip(rules, to_left, strict=True))
    for rule, left_of in (*(one for one in sided if one[1]), *(one for one in reversed(sided) if not one[1])):
        place = frame.x.at(rule.at) or 0.0
        room = (place if left_of else frame.width - place) - _POLE
        words = cut(rule.label or "", min(max(room, frame.width / 3), frame.width * _AT_LIMIT))
        wide = width(words)
        left = place - _POLE - wide if left_of else place + _POLE
        ways = [_Flag(rule.role, words, place, left, left + wide, row) for row in range(len(found) + 1)]
        found.append(next((way for way in ways if not any(map(way.meets, found))), ways[-1]))
    return found


def beside(plot: Plot, width_of_plot: float) -> float:
    """Return the pixels that labels of horizontal limits need at the right of a plot."""
    lines = [line for rule in _rules(plot, "y") for line in wrapped(rule.label or "", width_of_plot * _BESIDE)]
    return max(map(width, lines), default=0.0) + (12.0 if lines else 0.0)


def _rules(plot: Plot, along: str) -> list[Rule]:
    rules = (mark for mark in plot.marks if isinstance(mark, Rule))
    return [rule for rule in rules if rule.along == along and rule.label and isfinite(rule.at)]


def labels(plot: Plot, frame: Frame) -> str:
    """Return the labels of the limits and the dots of a plot."""
    return "".join((*_over(plot, frame), *_right(plot, frame), *_at_dots(plot, frame)))


def _over(plot: Plot, frame: Frame) -> Iterator[str]:
    """Yield the labels above vertical limits, each with its limit drawn on up to it."""
    for flag in _flags(plot, frame):
        base = frame.top - 7 - flag.row * LINE
        pole = f'<path class="rule" d="M{at(flag.place)} {at(base - LINE + 6)}V{at(frame.top - 4)}"/>'
        text = (
            label((flag.left, base), flag.words, "at halo")
            if flag.left > flag.place
            else label((flag.right, base), flag.words, "at halo", "end")
        )
        yield f'<g class="{flag.role}">{pole}{text}</g>'


def _right(plot: Plot, frame: Frame) -> Iterator[str]:
    """Yield labels at the right of horizontal limits, from the top down, each below the one before."""
    known = [rule for rule in _rules(plot, "y") if frame.y.inside(rule.at)]
    placed = sorted(((frame.y.at(rule.at) or 0.0, rule) for rule in known), key=lambda pair: pair[0])
    blocks = [(place, rule, wrapped(rule.label or "", frame.width * _BESIDE)) for place, rule in placed]
    tops: list[float] = []
    for place, _, lines in blocks:
        wanted = place - len(lines) * LINE / 2
        tops.append(max(wanted, tops[-1] + len(blocks[len(tops) - 1][2]) * LINE if tops else 0.0))
    # what is below the picture moves up, and what is above it with it
    floor = frame.bottom + LINE / 2
    for index in reversed(range(len(tops))):
        tops[index] = max(min(tops[index], floor - len(blocks[index][2]) * LINE), 0.0)
        floor = tops[index]
    for top, (_, rule, lines) in zip(tops, blocks, strict=True):
        texts = (label((frame.right + 8, top + (row + 1) * LINE - 4.5), line, "at") for row, line in enumerate(lines))
        yield f'<g class="{rule.role}">{"".join(texts)}</g>'


def _at_dots(plot: Plot, frame: Frame) -> Iterator[str]:
    """Yield labels beside dots where there is room; others are seen on hover only."""
    taken: list[Box] = []
    for mark in plot.marks:
        if not isinstance(mark, Dots):
            continue
        for index, words in enumerate(mark.labels[: len(mark.points)]):
            x, y = frame.x.pixel(mark.points[index][0]), frame.y.pixel(mark.points[index][1])
            if not words or x is None or y is None:
                continue
            short = cut(words, frame.width * _AT_DOT)
            ends = [frame.x.pixel(end) for end in (mark.ranges[index] if index < len(mark.ranges) else ())]
            known = [x, *(end for end in ends if end is not None)]
            for left, base in _places(min(known), x, max(known), y, width(short)):
                box = (left, base - LINE + 4, left + width(short), base + 4)
                if _inside(box, frame) and not any(_over_each_other(box, other) for other in taken):
                    taken.append(box)
                    yield f'<g class="{mark.role}">{label((left, base), short, "at halo")}</g>'
                    break


def _places(low: float, x: float, high: float, y: float, wide: float) -> Iterator[tuple[float, float]]:
    """Yield where the label of a dot may start: at its right, at its left, above, and below."""
    yield high + _GAP, y + 4.5
    yield low - _GAP - wide, y + 4.5
    for base in (y - 9, y + 18):
        yield x - wide / 2, base
        yield x - wide, base
        yield x, base


def _inside(box: Box, frame: Frame) -> bool:
    return (
        box[0] >= frame.left and box[2] <= frame.right + 4 and box[1] >= frame.top - LINE and box[3] <= frame.bottom + 2
    )


def _over_each_other(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
