"""A network's layers as a picture: ρ, the distance of stored statistics, and what switching changes, by depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from bnstat.networks.results import LayerResult, PerChannel, middle
from bnstat.renderers import layer_names
from bnstat.renderers.layers import rows
from bnstat.renderers.pictures import BLUE, GRAY, VERMILION, picture
from bnstat.reports.layers import Layers
from bnstat.reports.layers_words import between_in_training, percent
from bnstat.reports.limits import NETWORK_LIMITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of the whole width, and of the height of a panel.
_WIDTH, _HEIGHT = 9.0, 2.7
# Layers that are named below the axis; more of them are numbered.
_MOST_NAMES = 24
# Characters of a name below the axis.
_NAME = 24

# A panel: the function that draws it.
_Panel = Callable[["Axes", Sequence[LayerResult]], None]


def panels(report: Layers) -> list[_Panel]:
    """Return what there is to draw: panels whose figure some layer has."""
    layers = report.layers
    found: list[tuple[_Panel, bool]] = [
        (_draw_between, any(middle(layer.rho) is not None for layer in layers)),
        (_draw_gap, any(middle(layer.mean_gap) is not None for layer in layers)),
        (
            partial(_draw_moved, classes=report.measured.output == "classes"),
            any(layer.output_moved is not None for layer in layers),
        ),
    ]
    return [draw for draw, known in found if known]


def render(report: Layers, ending: str) -> bytes:
    """Return the picture as the content of a file.

    Args:
        report: the layers to draw, with at least one of `panels`.
        ending: one of `pictures.ENDINGS`.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    return picture(partial(_draw, report=report), ending)


def _draw(figure: Figure, report: Layers) -> None:
    """Draw a panel below the other, which share the axis of layers."""
    drawn = panels(report)
    figure.set_size_inches(_WIDTH, _HEIGHT * len(drawn) + 1.5)
    axes = list(figure.subplots(len(drawn), 1, squeeze=False, sharex=True).flat)
    for panel, draw in zip(axes, drawn, strict=True):
        draw(panel, report.layers)
        panel.set_ylim(bottom=0)
        panel.grid(axis="y", color="#dddddd", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False)
    _name_layers(axes[-1], report.layers)
    figure.suptitle("\n".join(rows.title(report)[:2]))


def _name_layers(panel: Axes, layers: Sequence[LayerResult]) -> None:
    """Name the layers below the axis, or number them if they are many."""
    left_out = ""
    if len(layers) <= _MOST_NAMES:
        every = [layer.layer for layer in layers]
        names = layer_names.shortened(every, every, _NAME)
        panel.set_xticks(range(1, len(layers) + 1), names.shown, rotation=90)
        left_out = names.remark.removeprefix("layer: ")
    panel.set_xlabel("\n".join(filter(None, ("norm, in the order in which they run", left_out))))


def _draw_between(panel: Axes, layers: Sequence[LayerResult]) -> None:
    """Draw ρ in evaluation mode, and in training at batch size 1."""
    panel.plot(*_known(layers, lambda layer: middle(layer.rho)), "o-", color=BLUE, label="evaluation mode")
    places, shares = _known(layers, between_in_training)
    if places:
        panel.plot(places, shares, "o--", color=VERMILION, markerfacecolor="white", label="training mode, batch size 1")
    panel.set_ylabel("ρ: share of variance\nbetween samples")


def _draw_gap(panel: Axes, layers: Sequence[LayerResult]) -> None:
    """Draw how far stored means are off: the median channel, and a line up to the worst."""
    places, gaps = _known(layers, lambda layer: middle(layer.mean_gap))
    worst = [_largest(layers[place - 1].mean_gap) for place in places]
    panel.vlines(places, gaps, worst, color=GRAY, linewidth=1, label="up to the worst channel")
    panel.plot(places, gaps, "o", color=BLUE, label="median channel")
    panel.set_ylabel("stored mean off by\n(standard deviations)")


def _draw_moved(panel: Axes, layers: Sequence[LayerResult], *, classes: bool) -> None:
    """Draw how much of the output changes if one layer is switched."""
    panel.bar(*_known(layers, lambda layer: layer.output_moved), color=BLUE)
    limit = NETWORK_LIMITS.moved
    panel.axhline(limit, color=GRAY, linestyle=":", label=f"limit {percent(limit)}")
    panel.set_ylabel(
        "share of the output\nthat gets another class" if classes else "relative RMS change\nof the output"
    )
    panel.set_title("one layer alone uses each sample's own statistics", loc="left")


def _known(
    layers: Sequence[LayerResult], figure: Callable[[LayerResult], float | None]
) -> tuple[list[int], list[float]]:
    """Return the places, from 1, of the layers that have a figure, and the figures."""
    found = [(place, value) for place, layer in enumerate(layers, 1) if (value := figure(layer)) is not None]
    return [place for place, _ in found], [value for _, value in found]


def _largest(figures: PerChannel) -> float:
    return max(value for value in figures if value is not None)
