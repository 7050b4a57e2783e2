"""Volumes that are far from their cohort: which, how far, and what to say of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from statistics import quantiles

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size.kinds import FEWEST_VOLUMES, LEAST, kinds_of, median_of, robust
from bnstat.layers.columns import Doubles
from bnstat.reports.sample_channels import ChannelColumn
from bnstat.rules.volumes import Volumes, VolumeStatistics
from bnstat.text import beyond, short

# How many times as far out as the next volume on its side a volume must be. With 3, cohorts whose tails are those of
# Student's t with 5 degrees of freedom seldom have a false finding, and a fault at 12 is found among 1,000 normal
# volumes, of which the farthest is at 3.2 on average.
GAP = 3.0
# The share of volumes, and their number, up to which each is odd by itself.
MOST_ODD, ALWAYS_NAMED = 0.1, 3
# The factor from which on a message names it, and how much that of the mean and of the deviation may differ.
LEAST_FACTOR, ALIKE = 2.0, 1.3
# How a message says that logarithms are compared.
LOGARITHMIC = " on a log scale"


@dataclass(frozen=True)
class OddVolume:
    """A volume that is far out, its robust z-score, and a sentence about it."""

    volume: VolumeStatistics
    z: float
    words: str


@dataclass(frozen=True)
class FarVolumes:
    """The volumes of which one channel is far out.

    Attributes:
        found: The volumes, in their order.
        volumes: The number of volumes that were judged.
    """

    found: Sequence[OddVolume]
    volumes: int

    @property
    def are_many(self) -> bool:
        """True if they are so many that they are a second kind of volumes."""
        return len(self.found) > _most_odd(self.volumes)


def far_from_cohort(volumes: Volumes, limit: float) -> Iterator[tuple[int, FarVolumes]]:
    """Yield each channel that enough volumes have, with the volumes that are beyond the limit of robust z-scores."""
    for channel in range(volumes.columns.most):
        column = volumes.columns.column(channel)
        # those with a spread to take a logarithm of: other rules report constants
        judged = column.taken(column.varies & (column.variance != 0))
        if len(judged.places) >= FEWEST_VOLUMES:
            yield channel, FarVolumes(_odd(judged, volumes, limit), len(judged.places))


@dataclass(frozen=True, eq=False)
class _Scale:
    """A figure of all volumes on one scale.

    Attributes:
        values: The figure of each volume, or its logarithm.
        least: The least robust deviation.
        words: How a sentence says on which scale.
    """

    values: Doubles
    least: float
    words: str = ""


@dataclass(frozen=True, eq=False)
class _Column:
    """A figure of all volumes.

    Attributes:
        name: Its name in a sentence.
        values: The figure of each volume.
        scores: The robust z-score of each.
        scales: How a sentence says on which scale the score of each is.
        far: The places of the volumes that are far out, and the score of the next volume on their side.
        kinds: The medians of the figure in the two kinds of volumes from the nearer of which scores are; None if they
            are from the median of all.
    """

    name: str
    values: Doubles
    scores: Doubles
    scales: NDArray[np.object_]
    far: dict[int, float]
    kinds: tuple[float, float] | None = None

    @classmethod
    def of(cls, name: str, values: Doubles, scales: Sequence[_Scale], limit: float) -> _Column:
        """Return the column with the volumes that are far from all others, or else from both of two kinds of them."""
        column = cls._scored(name, values, [(_scores(one.values, one.least), one.words) for one in scales], limit)
        cuts = [] if column.far else [(one, kinds_of(one.values, one.least)) for one in scales]
        kinds = [(found.scores(one.values), one.words) for one, found in cuts if found is not None]
        if not kinds or len(kinds) < len(scales):
            return column
        beside = cls._scored(name, values, kinds, limit)
        first = next(found for _, found in cuts if found is not None)
        medians = first.medians(values, left_out=beside.far)
        if medians is None or len(beside.far) > _most_odd(len(values)):
            return column
        return replace(beside, kinds=medians)

    @classmethod
    def _scored(cls, name: str, values: Doubles, scales: Sequence[tuple[Doubles, str]], limit: float) -> _Column:
        """Return the column with the least of the scores of each volume on several scales, the first of equal ones."""
        each = np.array([scores for scores, _ in scales])
        words = np.array([words for _, words in scales], object)[each.argmin(axis=0)]
        least = each.min(axis=0)
        return cls(name, values, least, words, _far(values, least, limit))

    def words(self, place: int, limit: float) -> str:
        """Say where a volume is, and where the others are."""
        low, _, high = quantiles(self.values.tolist(), n=4, method="inclusive")
        own, z, scale = float(self.values[place]), float(self.scores[place]), self.scales[place]
        beside = f"; the next volume there is at {self.far[place]:.2g}" if self.far[place] else ""
        others = f"the middle half of the cohort is between {short(low)} and {short(high)}"
        middle = f"the median{scale}"
        if self.kinds is not None:
            others = f"the cohort has two kinds of volumes, about {short(self.kinds[0])} and {short(self.kinds[1])}"
            middle = f"the nearer kind{scale}"
        return (
            f"its {self.name} is {short(own)}, and {others} ({beyond(z, limit, 3)} robust standard "
            f"deviations from {middle}, limit {limit:g}{beside})"
        )


def _odd(judged: ChannelColumn, volumes: Volumes, limit: float) -> list[OddVolume]:
    """Return the volumes whose mean or deviation is far out."""
    means, deviations = judged.mean, np.sqrt(judged.variance)
    logarithms = _Scale(_logarithms(deviations), LEAST, LOGARITHMIC)
    columns = (
        _Column.of("mean", means, _of_means(means, median_of(deviations)), limit),
        _Column.of("standard deviation", deviations, [logarithms], limit),
    )
    found = []
    for place in sorted({place for column in columns for place in column.far}):
        out = [column for column in columns if place in column.far]
        factor = _factor(means, deviations, place)
        if any(column.kinds is not None for column in out):
            factor = _factor_of_a_kind(*columns, place)
        words = "; ".join(column.words(place, limit) for column in out) + factor
        volume = volumes[int(judged.places[place])]
        found.append(OddVolume(volume, max(float(column.scores[place]) for column in out), words))
    return found


def _far(values: Doubles, scores: Doubles, limit: float) -> dict[int, float]:
    """Return the places of the volumes that are beyond the limit, with a gap between them and the others.

    On each side of the median they are the farthest ones, as many as leave the next one `GAP` times nearer. The value
    is the score of that next volume, 0 if there is none.
    """
    found: dict[int, float] = {}
    if not (scores > limit).any():
        return found
    middle = median_of(values)
    for side in (1, -1):
        places = (side * (values - middle) > 0).nonzero()[0]
        places = places[(-scores[places]).argsort(kind="stable")]
        ordered = [*scores[places].tolist(), 0.0]
        gaps = [
            number
            for number, (score, following) in enumerate(pairwise(ordered), start=1)
            if score > limit and score >= GAP * following
        ]
        number = max(gaps, default=0)
        found.update(dict.fromkeys(places[:number].tolist(), ordered[number]))
    return found


def _factor(means: Doubles, deviations: Doubles, place: int) -> str:
    """Say by which factor mean and standard deviation are both too small or too large, where it is about the same."""
    own = float(means[place]), float(deviations[place])
    by = _ratios(own, (median_of(means), median_of(deviations)))
    return "" if by is None else _times(by[1], "in the middle of the cohort")


def _factor_of_a_kind(means: _Column, deviations: _Column, place: int) -> str:
    """Say the same of one of two kinds: the one with which mean and standard deviation agree best on a factor."""
    if means.kinds is None or deviations.kinds is None:
        return ""
    own = float(means.values[place]), float(deviations.values[place])
    kinds = zip(("lower", "upper"), zip(means.kinds, deviations.kinds, strict=True), strict=True)
    found = [(by, name) for name, middles in kinds if (by := _ratios(own, middles)) is not None]
    if not found:
        return ""
    by, name = min(found, key=lambda one: max(one[0]) / min(one[0]))
    return _times(by[1], f"in the {name} kind")


def _ratios(own: tuple[float, float], middles: tuple[float, float]) -> tuple[float, float] | None:
    """Return mean and deviation over those in the middle; None if they disagree, or are no factor to speak of."""
    if not own[0] * middles[0] > 0:
        return None
    by_mean, by_deviation = own[0] / middles[0], own[1] / middles[1]
    apart = max(by_mean, by_deviation) > ALIKE * min(by_mean, by_deviation)
    return None if apart or 1 / LEAST_FACTOR < by_deviation < LEAST_FACTOR else (by_mean, by_deviation)


def _times(factor: float, where: str) -> str:
    times, size = max(factor, 1 / factor), "larger" if factor > 1 else "smaller"
    about = f"{float(f'{times:.2g}'):,.15g}"
    return (
        f". Its mean and its standard deviation are about {about} times {size} than {where}: probably a unit or a "
        "scale factor"
    )


def _of_means(means: Doubles, typical: float) -> list[_Scale]:
    """Return the scales of means: that of the values, and that of their logarithms too if all have one sign."""
    plain = _Scale(means, LEAST * typical)
    if means.min() <= 0 <= means.max():
        return [plain]
    return [plain, _Scale(_logarithms(means), LEAST * typical / abs(median_of(means)), LOGARITHMIC)]


def _logarithms(values: Doubles) -> Doubles:
    """Return logarithms as the system's library has them, to the last bit; numpy's depend on the processor."""
    return np.array([log(value) for value in abs(values).tolist()])


def _scores(values: Doubles, least: float) -> Doubles:
    """Return the robust z-score of each value; the robust deviation is at least `least`."""
    return robust(abs(values - median_of(values)), least)


def _most_odd(volumes: int) -> float:
    """Return how many volumes are each odd by itself; more are a kind of their own."""
    return max(ALWAYS_NAMED, MOST_ODD * volumes)
