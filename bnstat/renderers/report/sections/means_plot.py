"""The mean and the standard deviation of each volume in one channel, as a plot of dots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bnstat.renderers.report.plots import SERIES, Axis, Dots, Mark, Plot, Role, Rule
from bnstat.renderers.report.sections.flagged import ToldApart
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import channel_title, plural, printable, short

# Volumes up to which each has a row with its name, and the height of such a row.
MOST_NAMED, _ROW = 40, 18
# The height of the axes, that of a dot of many, and the greatest height of a plot.
_FRAME, _DOT, _TALLEST = 90, 6, 380
# Odd volumes that are named beside their dots.
_MOST_LABELS = 12
# Groups whose names are written at their first row.
_MOST_GROUPS = 30


@dataclass(frozen=True)
class _Dot:
    """The mean of a volume, how far a standard deviation goes on both sides, its row, and its group."""

    volume: int
    mean: float
    std: float
    group: str | None
    row: int = 0


def means_plot(
    report: FullReport, channel: int, names: VolumeNames, told: ToldApart, *, explained: bool = True
) -> Plot | None:
    """Return the plot of one channel; None if fewer than two volumes have a mean.

    Args:
        report: The report.
        channel: The channel.
        names: The names of the volumes.
        told: The volumes that are odd or lie apart in the channel.
        explained: True to say how the plot is read; for the first of several.
    """
    dots = _ordered(report, channel)
    if len(dots) < 2:
        return None
    title = printable(channel_title(channel, report.names))
    groups = list(dict.fromkeys(dot.group for dot in dots if dot.group is not None))
    few = len(dots) <= MOST_NAMED
    marks: list[Mark] = [*_population(report, channel), *_boundaries(dots, groups, few=few)]
    marks += _by_role(dots, channel, names, told, groups)
    order = _order(report)
    y = (
        Axis(names.noun, "category", names=tuple(names.short[dot.volume] for dot in dots))
        if few
        else _unnamed(dots, f"{names.noun}s, {order}", "first" if _is_series(report) else "least", groups)
    )
    means = sorted(dots, key=lambda dot: dot.mean)
    least, greatest = means[0], means[-1]
    return Plot(
        anchor=f"means-{channel}",
        title=f"Mean ± SD of each {names.noun}, {title}",
        description=(
            f"The means of {plural(len(dots), names.noun)} in {title}: the least is {short(least.mean)} in "
            f"{names.full[least.volume]}, and the greatest is {short(greatest.mean)} in {names.full[greatest.volume]}."
        ),
        caption=" ".join((*(_reading(names, order, groups) if explained else ()), *_special(report, names, dots))),
        x=Axis("value"),
        y=y,
        marks=tuple(marks),
        height=_FRAME + (_ROW * len(dots) if few else min(_DOT * len(dots), _TALLEST)),
    )


def _ordered(report: FullReport, channel: int) -> list[_Dot]:
    """Return the dots in the order of their rows: by group, then by mean, or in time where they are of one series."""
    found = []
    for volume in report.volumes:
        if channel < len(volume.channels):
            of = volume.channels[channel]
            if of.mean is not None:
                found.append(_Dot(volume.place, of.mean, of.std or 0.0, volume.group))
    series = _is_series(report)
    found.sort(key=lambda dot: (dot.group or "", dot.volume if series else dot.mean))
    # categories go down from the top; numbers go up
    few = len(found) <= MOST_NAMED
    highest = len(found) - 1 + _margin(found)
    return [replace(dot, row=row if few else highest - row) for row, dot in enumerate(found)]


def _margin(dots: Sequence[_Dot]) -> int:
    """Return how many rows are free below the rows of many volumes, and above them."""
    return max(1, len(dots) // 40)


def _unnamed(dots: Sequence[_Dot], label: str, first: str, groups: Sequence[str]) -> Axis:
    """Return an axis without the names of volumes: with those of groups, or with what is first and last."""
    ends = 0.0, len(dots) - 1.0 + 2 * _margin(dots)
    if 1 < len(groups) <= _MOST_GROUPS:
        rows = [[dot.row for dot in dots if dot.group == group] for group in groups]
        ticks = tuple(sum(some) / len(some) for some in rows)
        return Axis(label, names=tuple(map(printable, groups)), low=ends[0], high=ends[1], ticks=ticks)
    names = (first, {"first": "last", "least": "greatest"}[first])
    return Axis(label, names=names, low=ends[0], high=ends[1], ticks=(float(dots[0].row), float(dots[-1].row)))


def _is_series(report: FullReport) -> bool:
    """Return True if the volumes are entries of one file, whose order means something."""
    samples = [volume.sample for volume in report.volumes]
    return len({sample.source for sample in samples}) == 1 and samples[0].index is not None


def _order(report: FullReport) -> str:
    grouped = any(volume.group is not None for volume in report.volumes)
    inner = "in the order of the file" if _is_series(report) else "by mean"
    return f"by group, then {inner}" if grouped else inner


def _reading(names: VolumeNames, order: str, groups: Sequence[str]) -> Iterator[str]:
    """Yield how the plot is read."""
    yield (
        f"A dot is the mean of a {names.noun}; its line goes one standard deviation (SD) of the values to each side. "
        f"The rows are ordered {order}."
    )
    if groups:
        yield "If the dots of one group lie apart from those of another, the groups differ."


def _special(report: FullReport, names: VolumeNames, dots: Sequence[_Dot]) -> Iterator[str]:
    """Yield what is special about this plot: which volumes are at its ends, and which are not in it."""
    if ends := _ends(dots, names):
        yield ends
    left = len(report.volumes) - len(dots)
    if left:
        yield f"{plural(left, names.noun)} without a mean in this channel {'is' if left == 1 else 'are'} left out."


def _ends(dots: Sequence[_Dot], names: VolumeNames) -> str:
    """Return which volumes have the least and the greatest mean, and how far the next ones are."""
    ordered = sorted(dots, key=lambda dot: dot.mean)
    if len(ordered) < 4:
        return ""
    (low, lower), (higher, high) = ordered[:2], ordered[-2:]
    return (
        f"The least mean is {short(low.mean)} ({names.full[low.volume]}; the next one is {short(lower.mean)}), and the "
        f"greatest is {short(high.mean)} ({names.full[high.volume]}; the next one is {short(higher.mean)})."
    )


# --- Marks -------------------------------------------------------------------------------------------------------


def _population(report: FullReport, channel: int) -> Iterator[Rule]:
    """Yield the mean of all volumes."""
    population = () if report.comparison is None else report.comparison.population
    for place, one in enumerate(population):
        if one.channel == channel and one.mean is not None:
            path = ("compare", "population", "channels", place, "mean")
            yield Rule("x", one.mean, "mean of all", "muted", path=path)


def _boundaries(dots: Sequence[_Dot], groups: Sequence[str], *, few: bool) -> Iterator[Rule]:
    """Yield a line between each two groups, with the name of the one below it where nothing else tells it."""
    named = few and len(SERIES) < len(groups) <= _MOST_GROUPS
    if named and dots[0].group is not None:
        yield Rule("y", dots[0].row - 0.5, printable(dots[0].group), "muted", dashed=False)
    for before, dot in pairwise(dots):
        if before.group != dot.group:
            label = printable(dot.group) if named and dot.group is not None else None
            yield Rule("y", (before.row + dot.row) / 2, label, "muted", dashed=False)


def _by_role(
    dots: Sequence[_Dot], channel: int, names: VolumeNames, told: ToldApart, groups: Sequence[str]
) -> Iterator[Dots]:
    """Yield the dots of each group, then those that are odd or lie apart on top."""
    quiet = [dot for dot in dots if dot.volume not in told.places]
    # so many links would be as many stops for a keyboard
    linked = len(dots) <= MOST_NAMED
    if 1 < len(groups) <= len(SERIES):
        for role, group in zip(SERIES, groups, strict=False):
            members = [dot for dot in quiet if dot.group == group]
            yield from _dots(members, channel, names, printable(group), role, linked=linked)
        yield from _dots(
            [dot for dot in quiet if dot.group is None], channel, names, "no group", "muted", linked=linked
        )
    else:
        yield from _dots(quiet, channel, names, None, "accent", linked=linked)
    apart = [dot for dot in dots if dot.volume in told.places]
    # where each row has its name, another one at the dot would say the same
    labels = tuple(names.short[dot.volume] if at < _MOST_LABELS and not linked else "" for at, dot in enumerate(apart))
    yield from _dots(apart, channel, names, told.name, told.role, labels)


def _dots(
    dots: Sequence[_Dot],
    channel: int,
    names: VolumeNames,
    name: str | None,
    role: Role,
    labels: tuple[str, ...] = (),
    *,
    linked: bool = True,
) -> Iterator[Dots]:
    if not dots:
        return
    yield Dots(
        name,
        tuple((dot.mean, float(dot.row)) for dot in dots),
        role,
        ranges=tuple((dot.mean - dot.std, dot.mean + dot.std) for dot in dots),
        titles=tuple(_title(dot, names) for dot in dots),
        labels=labels,
        paths=tuple(("volumes", dot.volume, "channels", channel, "mean") for dot in dots),
        anchors=tuple(f"volume-{dot.volume}" for dot in dots) if linked else (),
    )


def _title(dot: _Dot, names: VolumeNames) -> str:
    group = "" if dot.group is None else f", {printable(dot.group)}"
    return f"{names.full[dot.volume]}{group}: mean {short(dot.mean)}, SD {short(dot.std)}"
