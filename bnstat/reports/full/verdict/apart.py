"""Volumes that do not fit the others: those that `check` calls odd, and one that lies apart where it cannot judge.

That a volume lies apart is no finding, and the page says so: it is a look at the ends of the means and of the standard
deviations, without a bound on how often such a volume is found among volumes that are all in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bnstat.reports.full.left_out import ODD
from bnstat.reports.full.verdict.answers import Answers

# The fewest volumes among which one may lie apart, and how many times as far from the nearest other volume it is as the
# others are from each other.
FEWEST, TIMES = 6, 2.0
# The least distance that is worth a look, as in the rule on odd volumes: of a mean in standard deviations of the values
# of the volume, and of an SD as a factor.
LEAST_DISTANCE, LEAST_FACTOR = 0.4, 1.5


@dataclass(frozen=True)
class Apart:
    """A volume that is at one end of a figure of all volumes.

    Attributes:
        place: The place of the volume.
        channel: The channel in which it is.
        figure: Its mean or its SD.
        value: The figure of the volume.
        low: The least figure of the others.
        high: The greatest one.
    """

    place: int
    channel: int
    figure: Literal["mean", "std"]
    value: float
    low: float
    high: float

    @property
    def times(self) -> float:
        """The distance to the nearest other volume, over the range of the others."""
        distance = self.low - self.value if self.value < self.low else self.value - self.high
        return distance / (self.high - self.low)


def odd_volumes(answers: Answers) -> tuple[int, ...]:
    """Return the places of the volumes that `check` finds far from the others, each once."""
    found = [one for one in answers.check.findings if one.rule == ODD and one.source is not None]
    return tuple(dict.fromkeys(volume.place for one in found for volume in answers.about(one)))


def apart_of(answers: Answers) -> Apart | None:
    """Return the volume that lies apart the farthest, where volumes are too few for the rule on odd ones; else None."""
    if len(answers.volumes) < FEWEST or ODD not in answers.silent:
        return None
    found = [one for channel in range(answers.channels) for one in _of_channel(answers, channel)]
    worth = (one for one in found if one.times > TIMES and _matters(one, answers))
    return max(worth, key=lambda one: one.times, default=None)


def _matters(one: Apart, answers: Answers) -> bool:
    """Return True if a volume is so far from the others that a layer notices."""
    nearest = one.low if one.value < one.low else one.high
    if one.figure == "mean":
        deviation = answers.volumes[one.place].channels[one.channel].std or 0.0
        return abs(one.value - nearest) > LEAST_DISTANCE * deviation
    return max(one.value, nearest) > LEAST_FACTOR * min(one.value, nearest)


def _of_channel(answers: Answers, channel: int) -> Iterator[Apart]:
    """Yield the volumes at both ends of the means and of the SDs of a channel."""
    figures: tuple[Literal["mean", "std"], ...] = ("mean", "std")
    for figure in figures:
        known: list[tuple[float, int]] = []
        for volume in answers.volumes:
            value = getattr(volume.channels[channel], figure) if channel < len(volume.channels) else None
            if value is not None:
                known.append((value, volume.place))
        if len(known) >= FEWEST:
            known.sort()
            yield from _ends(known, channel, figure)


def _ends(known: Sequence[tuple[float, int]], channel: int, figure: Literal["mean", "std"]) -> Iterator[Apart]:
    for (value, place), others in ((known[0], known[1:]), (known[-1], known[:-1])):
        low, high = others[0][0], others[-1][0]
        if high > low:
            yield Apart(place, channel, figure, value, low, high)
