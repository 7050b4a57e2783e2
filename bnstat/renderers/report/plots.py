"""A plot as a value: axes and marks in the units of the data. `drawing` makes SVG of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The colour of a mark by its meaning: the accent, a quiet grey, a severity, or one of several series.
Role = Literal["accent", "muted", "error", "warning", "note", "good", "series-1", "series-2", "series-3", "series-4"]
SERIES: tuple[Role, ...] = ("series-1", "series-2", "series-3", "series-4")
Points = tuple[tuple[float, float], ...]
# Where the document of the report has a number.
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        label: What it measures, with the unit.
        scale: "linear", "log", or "category" for names at 0, 1, 2, … What is not above 0 is drawn at the lower end of a
            logarithmic axis.
        names: The names of categories; or of the ticks, where these are given.
        low: Its lower end; None for that of the marks.
        high: Its upper end; None for that of the marks.
        ticks: Where ticks stand; empty for round numbers.
    """

    label: str
    scale: Literal["linear", "log", "category"] = "linear"
    names: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line through points.

    Attributes:
        name: Its name in the legend; None for a line that is not listed.
        points: Its points, in order of x.
        role: Its colour.
        title: What a reader sees on hover; None for nothing.
        thin: True for one of many.
        dashed: True for a dashed line.
        dots: True for a dot at each point.
        titles: What a reader sees on hover at each point; empty for nothing.
        paths: Where the document has the numbers of the points: a path for each, or none.
        steps: True if each y holds from its x to the next, as in a histogram.
    """

    name: str | None
    points: Points
    role: Role = "accent"
    title: str | None = None
    thin: bool = False
    dashed: bool = False
    dots: bool = False
    titles: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    steps: bool = False


@dataclass(frozen=True)
class Dots:
    """Dots, each with a range if it has one.

    Attributes:
        name: Their name in the legend; None if they are not listed.
        points: Their places.
        role: Their colour.
        ranges: The lower and the upper end of x of each; empty for no ranges.
        titles: What a reader sees on hover at each.
        labels: What is written beside each; an empty text for nothing. Empty for no labels.
        paths: Where the document has the numbers: a path for each, or none.
        anchors: The `id` of the place that each links to; empty for no links.
    """

    name: str | None
    points: Points
    role: Role = "accent"
    ranges: tuple[tuple[float, float], ...] = ()
    titles: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    anchors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Area:
    """An area between two lines, as a range of values.

    Attributes:
        name: Its name in the legend; None if it is not listed.
        lows: Its lower line.
        highs: Its upper line, at the same x.
        role: Its colour.
        steps: True if each y holds from its x to the next.
    """

    name: str | None
    lows: Points
    highs: Points
    role: Role = "accent"
    steps: bool = False


@dataclass(frozen=True)
class Rule:
    """A straight line across the plot, as a limit.

    Attributes:
        along: The axis that it stands on: "x" for a vertical line, "y" for a horizontal one.
        at: Its place.
        label: What is written at it; None for nothing.
        role: Its colour.
        dashed: True for a dashed line.
        path: Where the document has its place; None if it is no number of a document.
    """

    along: Literal["x", "y"]
    at: float
    label: str | None = None
    role: Role = "muted"
    dashed: bool = True
    path: Path | None = None


Mark = Line | Dots | Area | Rule


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes:
        anchor: Its `id`.
        title: Its heading.
        description: What it shows and says, for a reader who does not see it.
        caption: What to look at, in a sentence or two below it.
        x: The horizontal axis.
        y: The vertical axis.
        marks: What is drawn, the last on top.
        height: Its height in pixels at a width of 720.
    """

    anchor: str
    title: str
    description: str
    caption: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    height: int = 300
