"""The columns that a person reads, in the table and in Markdown: which there are depends on the normalizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bnstat.layers.results import Channel, Group, RmsGroup
from bnstat.layers.settings import Settings
from bnstat.renderers import text
from bnstat.report.inspect import Report

Part = Channel | Group


@dataclass(frozen=True)
class Column:
    """A column of the table: where width is short, those of the highest rank are left out first.

    Attributes:
        header: a line break in it may be a space.
        cell: the number of a channel or group, to so many digits.
        finite: the same over its finite values, where it holds others.
        rank: Markdown has those up to `EXPECTED_RANK`.
        most: digits at most.
    """

    header: str
    cell: Callable[[Part, int], str]
    finite: Callable[[Part], str] = lambda _: ""
    rank: int = 0
    most: int = 7

    def shown(self, part: Part, digits: int) -> str:
        """Its text for a channel or group."""
        return self.cell(part, min(digits, self.most))


# The columns that a reader expects: where one is left out, a line says so.
EXPECTED_RANK = 5


def _of_finite(name: str) -> Callable[[Part], str]:
    return lambda part: text.number(getattr(part.finite, name), 5)


def _running(name: str) -> Callable[[Part, int], str]:
    return lambda part, digits: text.number(getattr(part, name), digits)


def _correction(name: str) -> Callable[[Part, int], str]:
    def cell(part: Part, digits: int) -> str:
        found = part.correction if isinstance(part, Channel) else None
        beyond = getattr(found, f"{name}_clipped") is True
        return text.number(getattr(found, name), digits) + (" !" if beyond else "")

    return cell


def _start(name: str) -> Callable[[Part, int], str]:
    return lambda part, digits: text.number(getattr(part.start, name) if isinstance(part, Channel) else None, digits)


def _mean_square(part: Part, digits: int) -> str:
    return text.number(part.mean_square if isinstance(part, RmsGroup) else None, digits)


_VALUES = (
    Column("mean", lambda part, digits: text.number(part.mean, digits), _of_finite("mean")),
    Column("variance", lambda part, digits: text.number(part.variance, digits), _of_finite("variance")),
)
_SPREAD = (
    Column("std", lambda part, digits: text.number(part.std, digits), rank=5, most=4),
    Column("min", lambda part, digits: text.number(part.minimum, digits), rank=4, most=4),
    Column("max", lambda part, digits: text.number(part.maximum, digits), rank=4, most=4),
)
_OUTPUT = Column("output\nvariance", lambda part, _: text.variance_of_one(part.output_variance), rank=1)
_SHARE = Column("ε share", lambda part, _: text.share(part.epsilon_share), rank=3)
_RUNNING = (
    Column("running\nmean", _running("running_mean"), rank=2),
    Column("running\nvariance", _running("running_variance"), rank=2),
)
_LAST = (
    Column("gain", lambda part, digits: text.number(part.gain, digits), rank=6, most=4),
    Column("condition\nnumber", lambda part, digits: text.number(part.condition_number, digits), rank=7, most=4),
)
_CORRECTION = (Column("r", _correction("r"), most=4), Column("d", _correction("d"), most=4))
_START = (Column("g", _start("g")), Column("b", _start("b")))
_MEAN_SQUARE = Column("mean\nsquare", _mean_square)
_OUTPUT_MEAN_SQUARE = Column("output\nmean square", lambda part, _: text.variance_of_one(part.output), rank=1)


def columns_of(report: Report) -> tuple[Column, ...]:
    """The columns for a normalizer, in order; the layer's own variance where it is not simply the variance."""
    known = _columns(report.settings)
    if any(_is_own(part) for batch in report.batches for part in batch.parts):
        place = known.index(_VALUES[1]) + 1
        return (*known[:place], _OWN, *known[place:])
    return known


def _is_own(part: Part) -> bool:
    """Whether the layer's own number is known, or findings are judged by a band wider than 1 %."""
    found = part.prediction
    if found is None or found.kind == "accurate":
        return False
    low, high = found.judged or (0.0, 0.0)
    return found.kind == "emulated" or high - low > 0.01 * (part.variance or 0.0)


def _own(part: Part, digits: int) -> str:
    found = part.prediction
    if found is None or (found.kind != "emulated" and found.judged is None):
        return text.UNDEFINED
    if found.kind == "emulated":
        return text.number(found.variance, digits)
    low, high = found.judged or (0.0, 0.0)
    close = low > 0 and high - low <= 0.01 * high
    return "as exact" if close else f"{text.number(low, 3)} … {text.number(high, 3)}"


_OWN = Column("layer's own\nvariance", _own, rank=1)


def _columns(settings: Settings) -> tuple[Column, ...]:
    if settings.kind == "weight-init":
        return (*_VALUES, *_SPREAD, *_START, _LAST[1])
    if settings.kind == "rms":
        return (*_VALUES, _MEAN_SQUARE, *_SPREAD, _OUTPUT_MEAN_SQUARE, _SHARE, *_LAST)
    if settings.by_sample:
        return (*_VALUES, *_SPREAD, _OUTPUT, _SHARE, *_LAST)
    correction = _CORRECTION if settings.kind == "renorm" else ()
    return (*_VALUES, *_SPREAD, *correction, _OUTPUT, _SHARE, *_RUNNING, *_LAST)


def names_of(part: Part) -> list[str]:
    """What names it in its batch: the channel, with its name where it has one, or the sample and its channels."""
    named = f" {text.printable(part.name)}" if part.name else ""
    return [f"{part.channel}{named}"] if isinstance(part, Channel) else [str(part.sample), f"{part.span}{named}"]


def headers_of(settings: Settings) -> list[str]:
    """The headers above those names."""
    if not settings.by_sample:
        return ["channel"]
    return ["sample", "channel" if settings.kind == "instance" else "channels"]
