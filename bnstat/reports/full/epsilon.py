"""What ε does to the output of the checked batches: over all values of ε, and at the default of each framework.

The output variance of a channel is variance/(variance + ε); for RMS norm the mean square takes the place of the
variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, floor, log10
from statistics import median
from typing import Any

from bnstat.layers.frameworks import FRAMEWORKS, Framework, having
from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.documents.document import Fields
from bnstat.reports.inspect import Report
from bnstat.text import numbered, printable

# Up to so many channels have curves of their own.
MOST_CURVES = 4
# Powers of ten over which ε is drawn, unless the data need more, and values of ε in each.
_LOW, _HIGH, _PER_DECADE = -12, 0, 4
# The least power of ten: float32 has no smaller numbers. The most values of ε.
_LEAST, _MOST_POINTS = -45, 120

# The least distance at which two curves are seen apart.
_SEEN = 0.005


@dataclass(frozen=True)
class EpsilonCurve:
    """The output variance over ε of one variance.

    Attributes:
        kind: Which variance it is of those that are not zero: the "least" or the "median" of a channel, or the
            "least", the "median" or the "greatest" of all channels where there are many.
        title: The channel in a sentence; "all channels" where there are many.
        variance: The variance.
        batch: The place of the batch that has it; None for a median.
        part: The place of the channel or the group in it; None for a median.
        outputs: The output variance at each ε.
    """

    kind: str
    title: str
    variance: float
    batch: int | None
    part: int | None
    outputs: tuple[float, ...]


@dataclass(frozen=True)
class EpsilonDefault:
    """One ε: the default of frameworks, or the one in use.

    Attributes:
        epsilon: ε.
        frameworks: The makers whose default it is, by their names in a sentence.
        in_use: True if it is the ε of the report.
        output: The output variance of the worst channel; None if every channel is constant or unknown.
        share: ε/(variance + ε) in the same channel.
        matters: True if the share is beyond the limit; None if it is unknown.
    """

    epsilon: float
    frameworks: tuple[str, ...]
    in_use: bool
    output: float | None
    share: float | None
    matters: bool | None


@dataclass(frozen=True)
class Epsilons:
    """What ε does.

    Attributes:
        divisor: What ε is added to: "variance" or "mean square".
        limit: The largest share of ε that does not matter.
        epsilons: The values of ε that are drawn, ascending.
        curves: The output at each of them.
        defaults: The default ε of frameworks, and the one in use, ascending.
        zero: The number of channels of batches, or of groups, in which the divisor is 0.
        unknown: The number in which it is unknown, as with NaN.
        parts: The number of all of them.
    """

    divisor: str
    limit: float
    epsilons: tuple[float, ...]
    curves: tuple[EpsilonCurve, ...]
    defaults: tuple[EpsilonDefault, ...]
    zero: int
    unknown: int
    parts: int

    @property
    def worst(self) -> EpsilonCurve | None:
        """The curve of the least variance that is not zero; None if there is none."""
        return min((one for one in self.curves if one.kind == "least"), key=lambda one: one.variance, default=None)

    def to_fields(self) -> Fields:
        """Return the fields of the document."""
        fields: dict[str, Any] = asdict(self)
        return {
            **fields,
            "epsilons": list(self.epsilons),
            "curves": [{**asdict(curve), "outputs": list(curve.outputs)} for curve in self.curves],
            "defaults": [{**asdict(one), "frameworks": list(one.frameworks)} for one in self.defaults],
        }


_Placed = tuple[Batch, Channel | Group]


def epsilons_of(report: Report, limit: float) -> Epsilons | None:
    """Return what ε does to these batches; None if there are none, or the layer adds no ε at all.

    Args:
        report: what `inspect` says of the batches.
        limit: the largest share of ε that does not matter.
    """
    settings = report.settings
    every = [(batch, part) for batch in report.batches for part in batch.parts]
    if not every or (settings.kind == "weight-init" and settings.epsilon is None):
        return None
    varying = [one for one in every if one[1].divisor]
    epsilons = _grid([part.divisor or 0.0 for _, part in varying], settings.added)
    return Epsilons(
        divisor="mean square" if settings.kind == "rms" else "variance",
        limit=limit,
        epsilons=epsilons,
        curves=_curves(varying, report, epsilons),
        defaults=_defaults(settings, min((part.divisor or 0.0 for _, part in varying), default=None), limit),
        zero=sum(part.divisor == 0 for _, part in every),
        unknown=sum(part.divisor is None for _, part in every),
        parts=len(every),
    )


def output_at(variance: float, epsilon: float) -> float:
    """Return the output variance of a variance that is not zero."""
    return variance / (variance + epsilon)


# --- Over all values of ε -----------------------------------------------------------------------------------------


def _grid(variances: Sequence[float], used: float | None) -> tuple[float, ...]:
    """Return values of ε: four in each power of ten, as far as the data and the ε in use need; fewer over very many."""
    known = [*variances, *([used] if used else [])]
    low = min([_LOW, *(floor(log10(one)) - 1 for one in known)])
    high = max([_HIGH, *([ceil(log10(used)) + 1] if used else [])])
    low = max(low, _LEAST)
    number = min((high - low) * _PER_DECADE, _MOST_POINTS)
    return tuple(float(f"{10.0 ** (low + (high - low) * place / number):.12g}") for place in range(number + 1))


def _curves(varying: Sequence[_Placed], report: Report, epsilons: Sequence[float]) -> tuple[EpsilonCurve, ...]:
    """Return the curves of each channel, or of all together where there are many."""
    by_channel: dict[tuple[int, ...], list[_Placed]] = {}
    for batch, part in varying:
        channels = part.channels if isinstance(part, Group) else (part.channel,)
        by_channel.setdefault(channels, []).append((batch, part))
    if len(by_channel) > MOST_CURVES:
        by_channel = {(): list(varying)}
    found = []
    for channels, placed in by_channel.items():
        found += _of_one(_title(channels, report), placed, epsilons, greatest=not channels)
    return tuple(found)


def _title(channels: Sequence[int], report: Report) -> str:
    if not channels:
        return "all channels"
    if len(channels) == 1:
        return printable(report.title_of(channels[0]))
    return numbered("channel", "channels", channels)


def _of_one(title: str, placed: Sequence[_Placed], epsilons: Sequence[float], *, greatest: bool) -> list[EpsilonCurve]:
    """Return the curves of some variances: the least, the median if it is seen apart, the greatest if it is wanted."""

    def curve(kind: str, variance: float, at: _Placed | None) -> EpsilonCurve:
        batch, part = (None, None) if at is None else (at[0].index, at[1].place)
        return EpsilonCurve(kind, title, variance, batch, part, tuple(output_at(variance, one) for one in epsilons))

    ordered = sorted(placed, key=lambda one: one[1].divisor or 0.0)
    least, most = (one[1].divisor or 0.0 for one in (ordered[0], ordered[-1]))
    middle = median(part.divisor or 0.0 for _, part in ordered)
    found, half = [curve("least", least, ordered[0])], curve("median", middle, None)
    apart = max(there - here for here, there in zip(found[0].outputs, half.outputs, strict=True))
    found += [half] if apart > _SEEN else []
    found += [curve("greatest", most, ordered[-1])] if greatest else []
    return found


# --- At the default of each framework -----------------------------------------------------------------------------


def _defaults(settings: Settings, worst: float | None, limit: float) -> tuple[EpsilonDefault, ...]:
    """Return each ε that is the default of some framework, and the one in use, with what it does to a variance."""
    makers: dict[float, list[str]] = {}
    for preset in having(settings.kind):
        if preset.epsilon is not None:
            makers.setdefault(preset.epsilon, []).append(_maker(preset))
    if settings.epsilon is not None:
        makers.setdefault(settings.epsilon, [])
    return tuple(
        _default(epsilon, tuple(dict.fromkeys(makers[epsilon])), settings, worst, limit) for epsilon in sorted(makers)
    )


def _maker(preset: Framework) -> str:
    """Return the name of a maker without its layer or its processor: "TensorFlow", "MLX"."""
    return FRAMEWORKS[preset.maker].title.partition("'s ")[0].partition(" on ")[0]


def _default(
    epsilon: float, frameworks: tuple[str, ...], settings: Settings, worst: float | None, limit: float
) -> EpsilonDefault:
    used = epsilon == settings.epsilon
    added = settings.added if used else epsilon
    if worst is None or added is None:
        return EpsilonDefault(epsilon, frameworks, used, None, None, None)
    share = added / (worst + added)
    return EpsilonDefault(epsilon, frameworks, used, output_at(worst, added), share, share > limit)
