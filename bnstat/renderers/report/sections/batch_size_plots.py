"""The plots of the section "Batch size": noise, missing variance and train/eval gap over the batch size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnstat.batch_size.results import CurveChannel, CurvePoint
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers.numbers import ratio
from bnstat.renderers.report.plots import SERIES, Area, Axis, Dots, Line, Mark, Path, Plot, Role, Rule
from bnstat.renderers.report.words import share
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.full.curves import FARTHEST, SizeFigures
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.verdict.on_batch_size import sizes_without
from bnstat.text import printable

# Channels that have a line each; of more, the worst, the one in the middle and a band are drawn.
MOST_LINES = 4

Name = Literal["mean_noise", "variance_shortfall", "train_eval_rms"]


@dataclass(frozen=True)
class _Figure:
    """A figure that is drawn over the batch size.

    Attributes:
        name: Its field in a channel of the curve.
        anchor: The `id` of its plot.
        title: Its heading.
        label: What its axis measures.
        caption: What to look at.
        limit: Its limit, by name.
        drawn: Its field among the drawn batches; None if it comes from drawn batches anyway.
    """

    name: Name
    anchor: str
    title: str
    label: str
    caption: str
    limit: Literal["noise", "shortfall", "gap"]
    drawn: Literal["noise", "shortfall"] | None


_FIGURES = (
    _Figure(
        "mean_noise",
        "plot-noise",
        "How far the mean of a batch is off",
        "noise of the batch mean (SD)",
        "Batch norm subtracts the mean of the batch. The plot shows how far that mean typically is from the mean of "
        "all volumes, in standard deviations (SD) of all values. So much of the output depends on which volumes "
        "happen to share a batch.",
        "noise",
        "noise",
    ),
    _Figure(
        "variance_shortfall",
        "plot-shortfall",
        "What the variance of a batch lacks",
        "missing variance (share)",
        "Batch norm divides by the root of the variance of the batch. A batch of few volumes contains few of the "
        "differences between volumes, so its variance is too low on average, by this share.",
        "shortfall",
        "shortfall",
    ),
    _Figure(
        "train_eval_rms",
        "plot-gap",
        "How far training and evaluation are apart",
        "train/eval gap (SD of the output)",
        "In training the layer uses the statistics of the batch, and in evaluation averages of them. The plot shows "
        "how far its outputs for one batch are apart, over batches that were drawn; 1 is the standard deviation of the "
        "output. The next layers were not trained on what they get in evaluation.",
        "gap",
        None,
    ),
)


def figures_of(comparison: Comparison, document: str = "compare") -> list[tuple[CurvePoint, Path]]:
    """Return the points of the curve from the least size up, each with its place in the document of a comparison."""
    found: list[tuple[CurvePoint, Path]] = [
        (point, (document, "batch_sizes", place)) for place, point in enumerate(comparison.batch_sizes)
    ]
    return sorted(found, key=lambda pair: pair[0].batch_size)


def one_group(points: Sequence[tuple[CurvePoint, Path]]) -> list[tuple[CurvePoint, Path]]:
    """Return the points of batches from one group each, which are none without groups."""
    return [(point.one_group, (*path, "one_group")) for point, path in points if point.one_group is not None]


def plots(report: FullReport, comparison: Comparison) -> list[Plot]:
    """Return a plot of each figure that is known at some size."""
    points = figures_of(comparison)
    known = [one for one in _FIGURES if any(_values(point, one.name) for point, _ in points)]
    return [_plot(one, report, comparison, points) for one in known]


def _values(point: CurvePoint, name: Name) -> list[float]:
    """Return what is known of a figure at one size."""
    return [value for one in point.channels if (value := getattr(one, name)) is not None]


def _plot(
    figure: _Figure, report: FullReport, comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]]
) -> Plot:
    marks: list[Mark] = list(_curves(figure, report, comparison, points))
    limit = getattr(comparison.settings.tolerances, figure.limit)
    path: Path = ("compare", "settings", "tolerances", figure.limit)
    marks.append(Rule("y", limit, f"limit {limit:g}", role="warning", path=path))
    needed = _needed(comparison, points)
    without = _without(figure, report)
    if without:
        needed = [replace(rule, label=f"with: {_size_of(rule)}", role="muted") for rule in needed]
    marks += [*needed, *without]
    further = [*report.continued, *(report.continued_without_odd if without else ())]
    ticks = [*(float(point.batch_size) for point, _ in points), *(float(one.batch_size) for one in further)]
    ends = [*ticks, *(mark.at for mark in marks if isinstance(mark, Rule) and mark.along == "x")]
    return Plot(
        figure.anchor,
        figure.title,
        _description(figure, comparison, points, limit) + _described_without(figure, report),
        figure.caption,
        Axis("batch size", scale="log", low=min(ends), high=max(ends), ticks=tuple(sorted(set(ticks)))),
        Axis(figure.label, low=0.0),
        tuple(marks),
    )


def _description(
    figure: _Figure, comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]], limit: float
) -> str:
    """Return what the plot says, for a reader who does not see it."""
    found = comparison.recommendation
    channel = 0 if found is None or found.channel is None else found.channel
    where = printable(comparison.title_of(channel))
    most = f"{100 * limit:g}%" if figure.name == "variance_shortfall" else f"{limit:g}"
    said = f"{figure.title}, {where}: {_told(figure, points, channel)}; the limit is {most}."
    of_a_group = _told(figure, one_group(points), channel)
    return f"{said} With each batch from one group: {of_a_group}." if of_a_group else said


def _told(figure: _Figure, points: Sequence[tuple[CurvePoint, Path]], channel: int) -> str:
    """Return what a figure of a channel is at each size, in words."""
    shown = share if figure.name == "variance_shortfall" else ratio
    known = [(point.batch_size, _value(point.channels[channel], figure.name)) for point, _ in points]
    return ", ".join(f"{shown(value)} at batch size {size:,}" for size, value in known if value is not None)


def _described_without(figure: _Figure, report: FullReport) -> str:
    """Return what the line without the volumes that are odd or broken says; empty without one."""
    others = sizes_without(report.answers)
    if others is None or others.comparison is None:
        return ""
    points = figures_of(others.comparison)
    return f" Without {report.answers.left_out_in_short}: {_told(figure, points, _decides(others.comparison))}."


# --- Marks ---------------------------------------------------------------------------------------------------------


def _curves(
    figure: _Figure, report: FullReport, comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]]
) -> Iterator[Mark]:
    """Yield the lines of channels, and the drawn batches."""
    channels = len(comparison.population)
    if channels > MOST_LINES:
        yield from _many(figure, comparison, points)
        deciding: Role = "accent"
    else:
        for channel in range(channels):
            role: Role = "accent" if channels == 1 else SERIES[channel]
            name = "by the formula" if channels == 1 else printable(comparison.title_of(channel))
            if figure.drawn is None:
                name = "drawn batches" if channels == 1 else name
            yield from _line(figure, name, role, [(point, path, channel) for point, path in points])
            yield from _drawn(figure, report, channel, role, named=channels == 1)
        found = comparison.recommendation
        decides = 0 if found is None or found.channel is None else found.channel
        deciding = "accent" if channels == 1 else SERIES[decides]
    yield from _continued(figure, report, points, deciding)
    yield from _variants(figure, comparison, points)


def _line(
    figure: _Figure, name: str, role: Role, places: Sequence[tuple[CurvePoint, Path, int]], *, dashed: bool = False
) -> Iterator[Line]:
    """Yield a line through the points of channels; nothing if none is known."""
    known = [(point, path, point.channels[channel]) for point, path, channel in places]
    shown = [(point, path, one, value) for point, path, one in known if (value := _value(one, figure.name)) is not None]
    if shown:
        yield Line(
            name,
            tuple((float(point.batch_size), value) for point, _, _, value in shown),
            role,
            dashed=dashed,
            dots=figure.drawn is None or len(shown) == 1,
            titles=tuple(_at(name, point.batch_size, value) for point, _, _, value in shown),
            paths=tuple((*path, "channels", one.channel, figure.name) for _, path, one, _ in shown),
        )


def _value(one: CurveChannel, name: Name) -> float | None:
    value: float | None = getattr(one, name)
    return value


def _drawn(figure: _Figure, report: FullReport, channel: int, role: Role, *, named: bool) -> Iterator[Dots]:
    """Yield the batches that were drawn, as dots."""
    if figure.drawn is None:
        return
    shown: list[tuple[SizeFigures, float, Path]] = [
        (one, getattr(one, figure.drawn), ("drawn", place, figure.drawn))
        for place, one in enumerate(report.drawn)
        if one.channel == channel
    ]
    if shown:
        yield Dots(
            "drawn batches" if named else None,
            tuple((float(one.batch_size), value) for one, value, _ in shown),
            role,
            titles=tuple(f"drawn batches of {one.batch_size:,}: {ratio(value)}" for one, value, _ in shown),
            paths=tuple(path for _, _, path in shown),
        )


def _continued(
    figure: _Figure, report: FullReport, points: Sequence[tuple[CurvePoint, Path]], role: Role
) -> Iterator[Line]:
    """Yield the formula beyond the sizes that were compared, from the last of them on."""
    name, further = figure.drawn, report.continued
    if name is None or not further:
        return
    channel = further[0].channel
    before = [(point, path) for point, path in points if point.batch_size < further[0].batch_size]
    known = [
        (point, path, value)
        for point, path in before
        if (value := _value(point.channels[channel], figure.name)) is not None
    ]
    start = [
        ((float(point.batch_size), value), (*path, "channels", channel, figure.name)) for point, path, value in known
    ]
    rest = [((float(one.batch_size), getattr(one, name)), ("continued", at, name)) for at, one in enumerate(further)]
    line = [*start[-1:], *rest]
    yield Line(
        "the formula beyond the compared sizes",
        tuple(at for at, _ in line),
        role,
        dashed=True,
        paths=tuple(path for _, path in line),
    )


def _many(figure: _Figure, comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]]) -> Iterator[Mark]:
    """Yield the worst channel at each size, the one in the middle, and the band of all."""
    lows, highs, worst, middle = [], [], [], []
    for point, path in points:
        ordered = sorted(
            (one for one in point.channels if _value(one, figure.name) is not None),
            key=lambda one: _value(one, figure.name) or 0.0,
        )
        if ordered:
            size = float(point.batch_size)
            lows.append((size, _value(ordered[0], figure.name) or 0.0))
            highs.append((size, _value(ordered[-1], figure.name) or 0.0))
            worst.append((point, path, ordered[-1].channel))
            middle.append((point, path, ordered[(len(ordered) - 1) // 2].channel))
    number = len(comparison.population)
    yield Area(f"all {number:,} channels", tuple(lows), tuple(highs), "muted")
    yield from _line(figure, "channel in the middle", "series-2", middle)
    yield from _line(figure, "worst channel", "accent", worst)


def _variants(figure: _Figure, comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]]) -> Iterator[Mark]:
    """Yield batches of one group each, and synchronized ranks, for the channel that decides."""
    found = comparison.recommendation
    channel = 0 if found is None or found.channel is None else found.channel
    ranks = comparison.settings.ranks
    kinds: tuple[tuple[Literal["one_group", "synchronized"], str, Role], ...] = (
        ("one_group", "each batch from one group", "muted"),
        ("synchronized", f"{ranks} synchronized ranks together", "note"),
    )
    for kind, name, role in kinds:
        places = [
            (variant, (*path, kind), channel) for point, path in points if (variant := getattr(point, kind)) is not None
        ]
        yield from _line(figure, name, role, places, dashed=True)


def _decides(comparison: Comparison) -> int:
    """Return the channel that needs the largest batch."""
    found = comparison.recommendation
    return 0 if found is None or found.channel is None else found.channel


def _without(figure: _Figure, report: FullReport) -> list[Mark]:
    """Return the line without the volumes that are odd or broken, and the sizes that are enough then."""
    others = sizes_without(report.answers)
    if others is None or others.comparison is None:
        return []
    comparison, channels = others.comparison, len(others.comparison.population)
    channel, points = _decides(comparison), figures_of(comparison, "compare_without_odd")
    role: Role = "series-2" if channels == 1 else SERIES[channel] if channels <= MOST_LINES else "series-4"
    title = "" if channels == 1 else f", {printable(comparison.title_of(channel))}"
    name = f"without {report.answers.left_out_in_short}{title}"
    lines = list(_line(figure, name, role, [(point, path, channel) for point, path in points], dashed=True))
    further = report.continued_without_odd if figure.drawn is not None else ()
    values = [getattr(one, figure.drawn or "") for one in further]
    lines = [
        replace(
            line,
            points=(
                *line.points,
                *((float(one.batch_size), value) for one, value in zip(further, values, strict=True)),
            ),
            titles=(
                *line.titles,
                *(_at(name, one.batch_size, value) for one, value in zip(further, values, strict=True)),
            ),
            paths=(*line.paths, *(("continued_without_odd", at, figure.drawn or "") for at in range(len(further)))),
        )
        for line in lines
    ]
    rules = _needed(comparison, points, "compare_without_odd")
    return [
        *lines,
        *(replace(rule, label=f"without: {_size_of(rule)}") for rule in rules),
    ]


def _size_of(rule: Rule) -> str:
    """Return the size at which a line stands, as its label says it."""
    return (rule.label or "").removeprefix("enough: ")


def _at(name: str, size: int, value: float) -> str:
    return f"{name}, batch size {size:,}: {ratio(value)}"


def _needed(comparison: Comparison, points: Sequence[tuple[CurvePoint, Path]], document: str = "compare") -> list[Rule]:
    """Return lines at the size that is needed by the estimate, and with confidence."""
    found = comparison.recommendation
    if found is None or found.channel is None:
        return []
    farthest = FARTHEST * max(point.batch_size for point, _ in points)
    rules = []
    if found.estimate is not None and found.estimate <= farthest:
        rules.append(_rule(document, "estimate", f"enough: {found.estimate:,}", found.estimate))
    if found.most is not None and found.most <= farthest and found.most != found.estimate:
        sure = "" if found.confidence is None else f" ({100 * found.confidence:g}{NO_BREAK_SPACE}%)"
        rules.append(_rule(document, "most", f"{found.most:,}{sure}", found.most))
    return rules


def _rule(document: str, name: str, label: str, at: int) -> Rule:
    return Rule("x", float(at), label, role="good", dashed=name == "most", path=(document, "recommendation", name))
