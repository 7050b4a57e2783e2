"""The columns of a network's layers, in the table and in Markdown: which there are depends on what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

from bnstat.networks.results import LayerResult, PerChannel, middle
from bnstat.renderers.numbers import UNDEFINED
from bnstat.reports.layers import Layers
from bnstat.reports.layers_words import LEAST_SHARE, of_size, sizes_of
from bnstat.text import number

# Digits of figures where the terminal is wide enough, and those that are tried then.
DIGITS = (3, 2)
# What a layer that refuses a batch has in place of its noise.
REFUSES = "refuses"


@dataclass(frozen=True)
class Column:
    """A column: where width is short, those of the highest rank are hidden first.

    Attributes:
        header: The title, in which the first space may be a line break.
        cell: Returns the text of a layer, in so many digits.
        rank: How soon it is hidden, 0 for never.
        side: The side at which the cells stand.
        meaning: What the title means, where that is more than the title says.
    """

    header: str
    cell: Callable[[LayerResult, int], str]
    rank: int = 0
    side: Literal["left", "right"] = "right"
    meaning: str = ""

    @property
    def split(self) -> str:
        """The title over two lines, if it has several words."""
        return self.header.replace(" ", "\n", 1)


def columns_of(report: Layers) -> list[Column]:
    """Return the columns, without those that hold nothing for any layer of the report."""
    found = [
        *(_kind() if len({layer.kind for layer in report.layers}) > 1 else ()),
        Column(
            "values",
            lambda layer, _: f"{layer.values:,}",
            5,
            meaning="values of one sample that are averaged together",
        ),
        Column("channels", lambda layer, _: f"{layer.channels:,}", 8),
        *_figure("ρ", lambda layer: layer.rho, _percent, (0, 10), "share of the variance between samples (evaluation)"),
        Column(
            "dead",
            lambda layer, _: f"{len(layer.dead):,}",
            4 if any(layer.dead for layer in report.layers) else 7,
            meaning="channels that are constant over all samples in evaluation mode",
        ),
        *_figure(
            "ε share",
            lambda layer: layer.epsilon_share,
            _percent,
            (9, 13),
            "ε/(variance + ε) in one sample; ε (epsilon) is what the layer adds to the variance",
        ),
        *(column for place, size in enumerate(sizes_of(report.layers)) for column in _noise(size, place)),
        *_figure(
            "mean gap",
            lambda layer: layer.mean_gap,
            _plain,
            (0, 6),
            "distance of the stored mean from that of all samples (standard deviations of all values)",
        ),
        *_figure(
            "variance ratio",
            lambda layer: layer.variance_ratio,
            _plain,
            (0, 6),
            "stored variance over that of all samples",
            furthest=_furthest,
        ),
        Column("moved", lambda layer, digits: _percent(layer.output_moved, digits), 0, meaning=_moved(report)),
    ]
    kept = [one for one in found if any(one.cell(layer, DIGITS[0]) != UNDEFINED for layer in report.layers)]
    return [Column("layer", lambda layer, _: layer.layer, side="left"), *kept]


def legend(columns: Sequence[Column]) -> list[str]:
    """Return what the titles mean, a line each, and that a figure stands for the channels of a layer."""
    lines = [f"{column.header}: {column.meaning}" for column in columns if column.meaning]
    worst = any(column.header.startswith("worst ") for column in columns)
    furthest = "; worst: that of the channel that is furthest off" if worst else ""
    return [*lines, f"The figure of a layer is the median over its channels{furthest}."]


def _kind() -> Iterator[Column]:
    yield Column("kind", lambda layer, _: layer.kind, 3, side="left")


def _figure(
    header: str,
    figure: Callable[[LayerResult], PerChannel],
    shown: Callable[[float | None, int], str],
    ranks: tuple[int, int],
    meaning: str,
    *,
    furthest: Callable[[PerChannel], float | None] | None = None,
) -> Iterator[Column]:
    """Yield a column of medians over channels, and one of the worst channel."""
    worst = furthest or _largest
    yield Column(header, lambda layer, digits: shown(middle(figure(layer)), digits), ranks[0], meaning=meaning)
    yield Column(f"worst {header}", lambda layer, digits: shown(worst(figure(layer)), digits), ranks[1])


def _noise(size: int, place: int) -> Iterator[Column]:
    """Yield the columns of the noise of training batches of a size; the first size is hidden last."""

    def of(layer: LayerResult, chosen: Callable[[PerChannel], float | None], digits: int) -> str:
        found = of_size(layer, size)
        if found is None:
            return UNDEFINED
        return REFUSES if found.raises else _plain(chosen(found.mean_noise), digits)

    meaning = (
        ""
        if place
        else "how much the mean of a training batch of so many samples varies (standard deviations of all values)"
    )
    yield Column(f"noise at {size:,}", lambda layer, digits: of(layer, middle, digits), min(place, 2), meaning=meaning)
    yield Column(f"worst noise at {size:,}", lambda layer, digits: of(layer, _largest, digits), 11 + min(place, 1))


def _moved(report: Layers) -> str:
    """Say what a moved output is."""
    if report.measured.output == "classes":
        return "share of the output that gets another class if this layer uses each sample's own statistics"
    return "relative RMS change of the output if this layer uses each sample's own statistics"


def _largest(figures: PerChannel) -> float | None:
    return max((value for value in figures if value is not None), default=None)


def _furthest(figures: PerChannel) -> float | None:
    """Return the ratio that is furthest from 1, where half is as far as twice."""
    known = [value for value in figures if value is not None]
    return max(known, key=lambda value: abs(log(value)) if value > 0 else float("inf"), default=None)


def _plain(value: float | None, digits: int) -> str:
    return UNDEFINED if value is None else number(value, digits)


def _percent(value: float | None, digits: int) -> str:
    if value is None:
        return UNDEFINED
    return "<0.01%" if 0 < value < LEAST_SHARE else f"{number(100 * value, digits)}%"
