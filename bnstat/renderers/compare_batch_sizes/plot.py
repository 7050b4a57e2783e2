"""The comparison as a picture: a panel for each channel, with closed forms as lines and drawn batches as points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import log2, sqrt
from typing import TYPE_CHECKING

from bnstat.renderers.compare_batch_sizes import rows, sentences
from bnstat.renderers.numbers import ratio
from bnstat.renderers.pictures import BLUE, GRAY, VERMILION, picture
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.text import samples_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOISE, _LOST, _TOLERANCE = BLUE, VERMILION, GRAY

_PANEL_INCHES = (6.4, 4.4)
# The most sizes that an axis names; more of them would touch.
_MOST_TICKS = 15


def channels(comparison: Comparison) -> list[int]:
    """Return the channels that are drawn: those of the table that have noise and shortfall."""
    return [
        channel
        for channel in rows.chosen(comparison)
        if any(point.channels[channel].mean_noise is not None for point in comparison.batch_sizes)
    ]


def render(comparison: Comparison, ending: str) -> bytes:
    """Return the picture as the content of a file.

    Args:
        comparison: the comparison to draw, with at least one of `channels`.
        ending: one of ENDINGS.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    return picture(partial(_draw, comparison=comparison), ending)


def _draw(figure: Figure, comparison: Comparison) -> None:
    """Draw the panels, and around them the title and the legend that they share."""
    drawn = channels(comparison)
    across = min(len(drawn), 2)
    down = -(-len(drawn) // across)
    figure.set_size_inches(max(_PANEL_INCHES[0] * across, 8), _PANEL_INCHES[1] * down + 1)
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for channel, panel in zip(drawn, panels, strict=False):
        _panel(panel, comparison, channel)
    for panel in panels[len(drawn) :]:
        panel.remove()
    figure.suptitle(sentences.title(comparison))
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3, frameon=False)


def _panel(panel: Axes, comparison: Comparison, channel: int) -> None:
    """Draw noise, shortfall and tolerance of one channel."""
    population = comparison.population[channel]
    points = sorted(comparison.batch_sizes, key=lambda point: point.batch_size)
    curve = [(point.batch_size, point.channels[channel]) for point in points]
    curve = [(size, one) for size, one in curve if one.mean_noise is not None]
    sizes = [size for size, _ in curve]
    # the variance σ² of all values in batches of a size; without variance there is no noise, and no size here
    variances = {size: (one.expected_variance or 0.0) + (one.mean_sd or 0.0) ** 2 for size, one in curve}
    drawn = [(size, one.observed, variances[size]) for size, one in curve if one.observed is not None]
    noise = [one.mean_noise for _, one in curve if one.mean_noise is not None]
    panel.plot(sizes, noise, "-", color=_NOISE, label="mean noise, closed form")
    _points(
        panel,
        [(size, one.mean_sd / sqrt(variance)) for size, one, variance in drawn],
        "o",
        _NOISE,
        "mean noise, drawn batches",
    )
    panel.plot(
        sizes,
        [one.variance_shortfall or 0.0 for _, one in curve],
        "--",
        color=_LOST,
        label="variance shortfall, closed form",
    )
    lost = [(size, 1 - one.variance_mean / variance) for size, one, variance in drawn]
    _points(panel, lost, "s", _LOST, "variance shortfall, drawn batches")
    tolerance = comparison.settings.tolerances.noise
    panel.axhline(tolerance, color=_TOLERANCE, linestyle=":", label=f"noise tolerance {tolerance:.3g}")
    counted = samples_of(population.samples, population.volumes)
    panel.set_title(f"{comparison.title_of(channel)}: {counted}, ρ {ratio(population.rho)}")
    _axes(panel, sizes)


def _points(panel: Axes, points: Sequence[tuple[int, float]], marker: str, color: str, label: str) -> None:
    """Draw the drawn batches as hollow points, so that a line behind them is still seen."""
    sizes, values = [size for size, _ in points], [value for _, value in points]
    panel.plot(sizes, values, marker, color=color, markerfacecolor="white", markersize=7, label=label)


def _axes(panel: Axes, sizes: Sequence[int]) -> None:
    """Draw the axes: units in words, and the sizes as ticks."""
    panel.set_xscale("log", base=2)
    ticks = _ticks(sizes)
    panel.set_xticks(ticks, [str(size) for size in ticks])
    panel.set_xticks([], minor=True)
    panel.set_xlabel("batch size (samples in a batch)")
    panel.set_ylabel("mean noise (standard deviations of the values),\nvariance shortfall (share of the variance)")
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)


def _ticks(sizes: Sequence[int]) -> list[int]:
    """Return the sizes that are named: those that are not too near to the one before."""
    apart = log2(sizes[-1] / sizes[0]) / _MOST_TICKS
    named = [sizes[0]]
    for size in sizes[1:]:
        if log2(size / named[-1]) >= apart:
            named.append(size)
    return named
