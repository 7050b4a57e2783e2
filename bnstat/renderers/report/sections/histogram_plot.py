"""The histograms of one channel as a plot: all values, and each volume or the range of most volumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bnstat.layers.results import Number
from bnstat.reading.voxels.results import Histogram
from bnstat.renderers.numbers import number
from bnstat.renderers.report.plots import Area, Axis, Line, Mark, Path, Plot, Points, Role
from bnstat.renderers.report.sections.flagged import ToldApart
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import channel_title, joined, plural, printable, short

# Volumes up to which each has a line; of more, most are a band.
MOST_LINES = 60
# Lines that the legend names.
_MOST_IN_LEGEND = 6
# The band has the share of most volumes in each bin, from this percentile to that.
_LOW, _HIGH = 5, 95
# How many times as high as the bins away from it a peak must be to hide them.
_HIDES, _BESIDE = 20.0, 2
# The part of the bins in which the other volumes are squeezed by odd ones.
_SQUEEZED = 0.4
# The least share on a logarithmic axis.
_LEAST_SHARE = 1e-6


def only_value(report: FullReport, channel: int) -> Number | None:
    """Return the value that all finite values of a channel have; None if they differ, or there are none."""
    columns = [volume.channels[channel] for volume in report.volumes if channel < len(volume.channels)]
    ends = {end for one in columns for end in (one.minimum, one.maximum) if end is not None}
    return next(iter(ends)) if len(ends) == 1 else None


def histogram_plot(
    report: FullReport,
    place: int,
    names: VolumeNames,
    told: ToldApart,
    different: int | None,
    *,
    explained: bool = True,
) -> Plot:
    """Return the plot of a histogram.

    Args:
        report: The report.
        place: The place of the histogram.
        names: The names of the volumes.
        told: The volumes that are odd or lie apart in its channel.
        different: The volume that is named as the most different one; None to name none.
        explained: True to say how the plot is read; for the first of several.
    """
    histogram = report.voxels.histograms[place]
    title = printable(channel_title(histogram.channel, report.names))
    together = histogram.shares()
    hidden = _is_hidden(together)
    counted = histogram.counted
    quiet = [one for one in counted if one not in told.places and one != different]
    banded = len(counted) > MOST_LINES
    marks: list[Mark] = []
    if len(counted) > 1:
        marks += [_band(report, place, quiet, names)] if banded and quiet else _thin(report, place, quiet, names)
        marks.append(_line(report, place, None, f"all {names.noun}s together", "accent"))
        marks += _told(report, place, names, told, different)
    else:
        marks.append(_line(report, place, None, None, "accent"))
    scale = "on a logarithmic scale, because a few bins have most of the values" if hidden else "on a linear scale"
    edges = histogram.edges
    ends = _range(histogram, told)
    peak = together.index(max(together))
    return Plot(
        anchor=f"histogram-{histogram.channel}",
        title=f"Values of {title}",
        description=(
            f"Histogram of {title} in {plural(len(together), 'bin')} from {short(edges[0])} to {short(edges[-1])}, "
            f"{scale}. The highest bin begins at {short(edges[peak])}."
        ),
        caption=" ".join(
            (
                *(_reading(names, len(counted), banded=banded) if explained else ()),
                *_special(report, histogram, names, told, hidden=hidden, cut=ends != (edges[0], edges[-1])),
            )
        ),
        x=Axis("value", low=ends[0], high=ends[1]) if ends[0] < ends[1] else Axis("value"),
        y=Axis("share of values in each bin (log scale)", "log", low=_floor(together))
        if hidden
        else Axis("share of values in each bin", low=0.0),
        marks=tuple(marks),
    )


def _is_hidden(shares: Sequence[float]) -> bool:
    """Return True if one peak, as of the background, is so high that nothing else would be seen beside it."""
    peak = shares.index(max(shares))
    others = [share for place, share in enumerate(shares) if abs(place - peak) > _BESIDE and share > 0]
    return bool(others) and shares[peak] > _HIDES * max(others)


def _floor(shares: Sequence[float]) -> float:
    """Return the lower end of a logarithmic axis: below the least share of all values."""
    return max(min(share for share in shares if share > 0) / 2, _LEAST_SHARE)


def _range(histogram: Histogram, told: ToldApart) -> tuple[float, float]:
    """Return the ends of the plot: of all bins, or of those of the other volumes where odd ones would hide them."""
    edges = histogram.edges
    others = [counts for place, counts in enumerate(histogram.volumes) if counts and place not in told.places]
    used = [at for at in range(len(histogram.counts)) if any(counts[at] for counts in others)]
    if not told.places or not used or used[-1] + 1 - used[0] > _SQUEEZED * len(histogram.counts):
        return edges[0], edges[-1]
    # a tenth more on each side shows that the others end there
    margin = max((used[-1] + 1 - used[0]) // 10, 1)
    return edges[max(used[0] - margin, 0)], edges[min(used[-1] + 1 + margin, len(edges) - 1)]


def _reading(names: VolumeNames, volumes: int, *, banded: bool) -> Iterator[str]:
    """Yield how the plot is read."""
    noun = names.noun
    if banded:
        yield (
            f"A line has the values of all {noun}s together, and the band most of the {volumes:,} {noun}s: in each bin "
            f"it goes from the {_LOW}th to the {_HIGH}th percentile of their shares."
        )
    elif volumes > 1:
        yield (
            f"One line has the values of all {noun}s together, and each other line those of one {noun}, as a share of "
            f"its own values. Lines that lie on each other mean that the {noun}s have one scale of intensities."
        )
    else:
        yield "Each step of the line is the share of all values that lie in one bin."


def _special(
    report: FullReport, histogram: Histogram, names: VolumeNames, told: ToldApart, *, hidden: bool, cut: bool
) -> Iterator[str]:
    """Yield what is special about this plot: its scale, and what lies beyond its range."""
    if hidden:
        yield "The vertical axis is logarithmic: each step up is ten times as many values."
    if cut:
        columns = [(one, report.volumes[one].channels[histogram.channel]) for one in told.places[:_MOST_IN_LEGEND]]
        ranges = joined([f"{names.short[one]} ({number(of.minimum)} to {number(of.maximum)})" for one, of in columns])
        yield f"The plot has the range of the other {names.noun}s. Values go beyond it in {ranges}."
    outside = [
        f"{plural(count, 'value')} {'lies' if count == 1 else 'lie'} {where}"
        for count, where in ((histogram.below, "below its range"), (histogram.above, "above it"))
        if count
    ]
    if outside:
        yield f"The plot leaves out the tails: {' and '.join(outside)}."


# --- Marks -------------------------------------------------------------------------------------------------------


def _line(
    report: FullReport,
    place: int,
    volume: int | None,
    name: str | None,
    role: Role,
    title: str | None = None,
    *,
    thin: bool = False,
) -> Line:
    """Return the line of all values or of one volume; the last point closes the last bin."""
    histogram = report.voxels.histograms[place]
    edges, shares = histogram.edges, histogram.shares(volume)
    counts: Path = ("counts",) if volume is None else ("volumes", volume)
    paths: list[Path] = [("histograms", place, *counts, at) for at in range(len(shares))]
    return Line(
        name,
        (*zip(edges, shares, strict=False), (edges[-1], shares[-1])),
        role,
        title=title,
        thin=thin,
        paths=(*paths, paths[-1]),
        steps=True,
    )


def _thin(report: FullReport, place: int, volumes: Sequence[int], names: VolumeNames) -> list[Line]:
    """Return a line for each volume, of which the legend has the first."""
    return [
        _line(report, place, one, None if at else f"each {names.noun}", "muted", names.full[one], thin=True)
        for at, one in enumerate(volumes)
    ]


def _told(report: FullReport, place: int, names: VolumeNames, told: ToldApart, different: int | None) -> Iterator[Line]:
    """Yield the lines of the volumes that are named: those that are odd or lie apart, or the most different one."""
    for at, one in enumerate(told.places):
        name = f"{names.short[one]}, {told.name}" if at < _MOST_IN_LEGEND else None
        yield _line(report, place, one, name, told.role, f"{names.full[one]}, {told.name}")
    if different is not None:
        name = f"{names.short[different]}, least like all"
        yield _line(report, place, different, name, "series-2", names.full[different])


def _band(report: FullReport, place: int, volumes: Sequence[int], names: VolumeNames) -> Area:
    """Return the range of the shares of most volumes in each bin."""
    histogram = report.voxels.histograms[place]
    edges, shares = histogram.edges, np.array([histogram.shares(one) for one in volumes])
    low, high = np.percentile(shares, (_LOW, _HIGH), axis=0).tolist()

    def points(values: list[float]) -> Points:
        return (*zip(edges, values, strict=False), (edges[-1], values[-1]))

    return Area(f"most {names.noun}s", points(low), points(high), "muted", steps=True)
