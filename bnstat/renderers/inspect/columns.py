"""The columns that a person reads, in the table and in Markdown: which there are depends on the normalizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnstat.layers.batch_columns import any_clipped
from bnstat.layers.columns import Doubles, Flags
from bnstat.layers.normalizers.renorm import MOST_D, MOST_R
from bnstat.layers.parts import Parts
from bnstat.layers.results import Channel, Group, RmsGroup
from bnstat.layers.settings import Settings
from bnstat.renderers.numbers import NAN, UNDEFINED, mean_of, number, share
from bnstat.reports.inspect import Report
from bnstat.text import printable

Part = Channel | Group

# The layer's own variance where it is within 1 % of the exact one.
_AS_EXACT = "as exact"


@dataclass(frozen=True)
class Column:
    """A column of the table and of Markdown: where width is short, those of the highest rank are hidden first.

    Attributes:
        header: its title, in which a line break may be a space.
        cell: function that returns the number of a channel or group.
        finite: function that returns the same over the finite values, where others are there.
        rank: how soon it is hidden, 0 for never.
        meaning: what the title means, where that is more than the title says.
    """

    header: str
    cell: Callable[[Part], str]
    finite: Callable[[Part], str] = lambda _: ""
    rank: int = 0
    meaning: str = ""

    @property
    def title(self) -> str:
        """The header in one line."""
        return self.header.replace("\n", " ")


def legend(columns: Sequence[Column]) -> list[str]:
    """Return what the titles of columns mean, a line each; a meaning that several columns share is said once."""
    titles: dict[str, list[str]] = {}
    for column in columns:
        if column.meaning:
            titles.setdefault(column.meaning, []).append(column.title)
    return [f"{' and '.join(shared)}: {meaning}" for meaning, shared in titles.items()]


# What the second row of a channel with NaN or Inf holds.
FINITE_ROW = "finite: the same without NaN and infinite values"


def _of_finite(name: str) -> Callable[[Part], str]:
    return lambda part: number(getattr(part.finite, name))


def _running_mean(part: Part) -> str:
    return mean_of(part.running_mean, part.running_variance) if isinstance(part, Channel) else UNDEFINED


def _running_variance(part: Part) -> str:
    return number(part.running_variance if isinstance(part, Channel) else None)


def _correction(name: str) -> Callable[[Part], str]:
    def cell(part: Part) -> str:
        found = part.correction if isinstance(part, Channel) else None
        beyond = getattr(found, f"{name}_clipped") is True
        return number(getattr(found, name)) + (" !" if beyond else "")

    return cell


def _start(name: str) -> Callable[[Part], str]:
    return lambda part: number(getattr(part.start, name) if isinstance(part, Channel) else None)


def _mean_square(part: Part) -> str:
    return number(part.mean_square if isinstance(part, RmsGroup) else None)


def _own(part: Part) -> str:
    found = part.prediction
    if found is None or (found.kind != "emulated" and found.judged is None):
        return UNDEFINED
    if found.kind == "emulated":
        return number(found.variance)
    low, high = found.judged or (0.0, 0.0)
    return _AS_EXACT if _is_close(low, high) else _range(low, high)


def own_variances(parts: Parts) -> tuple[str, ...]:
    """Return the texts of the layer's own variances, as their column has them, without making channels of columns."""
    low, high, emulated = parts.number("judged_low"), parts.number("judged_high"), parts.flag("emulated")
    found = np.full(len(parts), UNDEFINED, object)
    judged = ~np.isnan(low) & ~emulated
    with np.errstate(invalid="ignore"):
        close = judged & _is_close(low, high)
    found[close] = _AS_EXACT
    wide = judged & ~close
    found[wide] = [_range(*ends) for ends in zip(low[wide].tolist(), high[wide].tolist(), strict=True)]
    found[emulated] = [_own(part) for _, part in parts.where(emulated)]
    return tuple(found.tolist())


def _range(low: float, high: float) -> str:
    return f"{number(low)} … {number(high)}"


def _is_close(low: Doubles | float, high: Doubles | float) -> Flags | bool:
    """Return True where a range is so narrow that the variance is as exact, of numbers or of arrays."""
    return (low > 0) & (high - low <= 0.01 * high)


_AFTER_STEPS = "the layer's running statistics after the training steps up to this batch"
_OF_RENORM = (
    "batch renorm's corrections, where ! marks those beyond the paper's limits "
    f"(r in [1/{MOST_R:g}, {MOST_R:g}], |d| ≤ {MOST_D:g})"
)
_OF_START = "initial scale and bias of weight norm"

_VALUES = (
    Column("mean", lambda part: mean_of(part.mean, part.variance), _of_finite("mean")),
    Column("variance", lambda part: number(part.variance), _of_finite("variance")),
)
_OWN = Column(
    "layer's own\nvariance",
    _own,
    rank=1,
    meaning="what the framework's float32 arithmetic computes, or the range in which it lies",
)
_SPREAD = (
    Column("std", lambda part: number(part.std), rank=6),
    Column("min", lambda part: number(part.minimum), rank=5),
    Column("max", lambda part: number(part.maximum), rank=5),
)
_CLIPPED = Column(
    "clipped",
    lambda part: share(part.clipped_share),
    rank=3,
    meaning="the share of values that --intensity clips to an end of its range",
)
_OUTPUT = Column(
    "output\nvariance",
    lambda part: NAN if part.output_nan else number(part.output_variance),
    rank=1,
    meaning="the variance after normalization, 1 at best",
)
_SHARE = Column(
    "ε\nshare",
    lambda part: share(part.epsilon_share),
    rank=4,
    meaning="epsilon's part, ε/(variance + ε), which the output variance lacks",
)
_RMS_SHARE = replace(_SHARE, meaning="epsilon's part, ε/(mean square + ε), which the output mean square lacks")
_RUNNING = (
    Column("running\nmean", _running_mean, rank=3),
    Column("running\nvariance", _running_variance, rank=3),
)
_CORRECTION = (
    Column("r", _correction("r"), rank=1, meaning=_OF_RENORM),
    Column("d", _correction("d"), rank=1, meaning=_OF_RENORM),
)
_START = (Column("g", _start("g"), meaning=_OF_START), Column("b", _start("b"), meaning=_OF_START))
_MEAN_SQUARE = Column("mean\nsquare", _mean_square)
_OUTPUT_MEAN_SQUARE = Column(
    "output\nmean square",
    lambda part: NAN if part.output_nan else number(part.output),
    rank=1,
    meaning="the mean square after normalization, 1 at best",
)


def columns_of(report: Report) -> tuple[Column, ...]:
    """Return the columns of a normalizer, in order.

    The layer's own variance is there where it is not simply the variance, and what is clipped where a step clips.
    """
    known = _columns(report.settings)
    if any_clipped(report.batches):
        place = known.index(_SPREAD[-1]) + 1
        known = (*known[:place], _CLIPPED, *known[place:])
    if not _are_own(report.parts).any():
        return known
    meaning = ", on ".join([_OWN.meaning, *report.parts.processors])
    place = known.index(_VALUES[1]) + 1
    return (*known[:place], replace(_OWN, meaning=meaning), *known[place:])


def gain_of(settings: Settings) -> Column:
    """Return the column of the factor by which a layer multiplies, for comparisons; JSON and CSV always have it."""
    divisor = "mean square" if settings.kind == "rms" else "variance"
    meaning = f"1/√({divisor} + ε), which the layer multiplies by"
    return Column("gain", lambda part: number(part.gain), rank=6, meaning=meaning)


def _are_own(parts: Parts) -> Flags:
    """Return True where the layer's own number is known, or rules judge a range that is wider than 1 %."""
    wide = parts.number("judged_high") - parts.number("judged_low") > 0.01 * parts.number("variance")
    return parts.flag("emulated") | (wide & ~parts.flag("accurate"))


def _columns(settings: Settings) -> tuple[Column, ...]:
    if settings.kind == "weight-init":
        return (*_VALUES, *_SPREAD, *_START)
    if settings.kind == "rms":
        return (*_VALUES, _MEAN_SQUARE, *_SPREAD, _OUTPUT_MEAN_SQUARE, _RMS_SHARE)
    if settings.by_sample:
        return (*_VALUES, *_SPREAD, _OUTPUT, _SHARE)
    meaning = _AFTER_STEPS if settings.kind == "renorm" else after_one_step(settings)
    running = (replace(column, meaning=meaning) for column in _RUNNING)
    correction = _CORRECTION if settings.kind == "renorm" else ()
    return (*_VALUES, *_SPREAD, *correction, _OUTPUT, _SHARE, *running)


def after_one_step(settings: Settings, *, compared: bool = False) -> str:
    """Return what running statistics are after one step: from which numbers they start, and what a batch weighs.

    Args:
        settings: the layer.
        compared: True if others stand beside it, which may start elsewhere and have other weights.
    """
    said = "the layer's running statistics after one training step"
    weight = settings.framework.weight_at(1, settings.momentum)
    if compared or weight is None:
        return said
    if weight == 1.0:
        return f"{said}, which are those of the batch alone"
    mean, variance = settings.framework.running_start
    return f"{said} from mean {mean:g} and variance {variance:g}, in which the batch weighs {weight:.4g}"


def names_of(part: Part) -> list[str]:
    """Return what names it in its batch: the channel, with its name if it has one, or the sample and its channels."""
    named = f" {printable(part.name)}" if part.name else ""
    return [f"{part.channel}{named}"] if isinstance(part, Channel) else [str(part.sample), f"{part.span}{named}"]


def headers_of(settings: Settings) -> list[str]:
    """Return the headers above those names."""
    if not settings.by_sample:
        return ["channel"]
    return ["sample", "channel" if settings.kind == "instance" else "channels"]
