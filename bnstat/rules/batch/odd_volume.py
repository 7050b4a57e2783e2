"""The values of a volume are far from those of its cohort.

What it does: with 12 volumes or more, compares the mean and the standard deviation of each volume, channel by channel,
with the middle of the cohort, and reports the volumes that are far from it and from all others. Patches of one volume
are judged together.

Why it matters: a CT without its offset of 1024, an image in other units, one that was normalized twice or one that is
half empty is hard to see in a folder of hundreds. It changes the statistics of every batch that it is in: it moves the
batch mean by its own distance, and the batch variance by the square of it.

Example:
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> means = draw.normal(165, 20, (40, 1, 1, 1, 1))
    >>> values = draw.normal(means, 40, (40, 8, 8, 8, 1))
    >>> values[7] *= 5
    >>> np.save("forty.npy", values)
    $ bnstat check forty.npy --batch-size 8
    warning BN207 odd-volume
      channel 0 of forty.npy[7] is far from the other volumes: its mean is
      926.8, and the middle half of the cohort is between 153.1 and 174.1
      (18.4 robust standard deviations from the median on a log scale, limit
      8; the next volume there is at 1.9); its standard deviation is 197.5,
      and the middle half of the cohort is between 39.21 and 40.53 (32.1
      robust standard deviations from the median on a log scale, limit 8;
      the next volume there is at 1.1). Its mean and its standard
      deviation are about 5 times larger than in the middle of the cohort:
      probably a unit or a scale factor. The mean and variance of a batch
      with this volume fit neither this volume nor the others. Compare its
      units, scale factors and intensity normalization with those of
      another volume; correct the volume, or leave the volume out of the
      training.

What to do: compare the volume with another one: units, offset, scale factors of the header, scanner, a normalization
that was already done. Repair it or leave it out. If such volumes are right, bring all volumes to one scale first.

Threshold: a robust z-score |x − median|/(1.4826·MAD) over 8, `--limit odd-volume=8`, where MAD is the median absolute
deviation. It is computed for the mean and for the logarithm of the standard deviation. If all means have one sign, the
logarithm of the mean has to be as far out too, so that cohorts on skewed scales are not reported. The robust deviation
counts as at least 0.05 standard deviations of the values (0.05 for a logarithm). Among volumes that are all alike, one
is therefore reported only if it is 0.4 standard deviations away, or if its spread differs by half. A score alone says
little of large cohorts: of 1,000 volumes, some are far out without a fault if their means have heavy tails. So a volume
must also be 3 times as far out as the next one on its side of the median, or be one of several that are. If the tail
falls as x^−a, this happens by chance with probability 3^−a on each side, however many volumes there are: 0.4 % for
Student's t with 5 degrees of freedom. Tails that fall faster make it rarer in larger cohorts. docs/faults.md has the
rates of false findings and of detection by simulation. If more than a tenth of the volumes (and more than 3) are out,
they are a second kind of volume, and are reported together. In a cohort of two scanners the MAD is about half of the
distance between the two, and hides a volume that is far from both. So where nothing is out, the widest gap that leaves
at least 4 volumes on each side divides the volumes into two kinds, if their medians are 12 robust deviations of the
distances from the own median apart. Then each volume is scored by its distance from the nearer median, with the same
limits.

Sources: the probability of the gap is that of the ratio of the two largest values (Rényi 1953, "On the theory of order
statistics"): logarithms of values with such a tail are exponential, and the distance of the largest from the next is
too. Iglewicz & Hoaglin 1993, "How to detect and handle outliers", and Leys et al. 2013, "Detecting outliers", on
median and MAD. Their usual limit of 3.5 is for a look at single values, not for each of hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

from bnstat.batch_size.kinds import FEWEST_VOLUMES, LEAST, kinds_of, median_of, robust
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence, SampleChannel
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import VolumeStatistics, named, volumes_of
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
# Volumes that a message names.
MOST_NAMED = 3


@dataclass(frozen=True)
class _Odd:
    """A volume that is far out, its robust z-score, and a sentence about it."""

    volume: VolumeStatistics
    z: float
    words: str


@dataclass(frozen=True)
class _Scale:
    """A figure of all volumes on one scale.

    Attributes:
        values: The figure of each volume, or its logarithm.
        least: The least robust deviation.
        words: How a sentence says on which scale.
    """

    values: Sequence[float]
    least: float
    words: str = ""


@dataclass(frozen=True)
class _Column:
    """A figure of all volumes.

    Attributes:
        name: Its name in a sentence.
        values: The figure of each volume.
        scores: The robust z-score of each, and how a sentence says on which scale.
        far: The places of the volumes that are far out, and the score of the next volume on their side.
        kinds: The medians of the figure in the two kinds of volumes from the nearer of which scores are; None if they
            are from the median of all.
    """

    name: str
    values: Sequence[float]
    scores: Sequence[tuple[float, str]]
    far: dict[int, float]
    kinds: tuple[float, float] | None = None

    @classmethod
    def of(cls, name: str, values: Sequence[float], scales: Sequence[_Scale], limit: float) -> _Column:
        """Return the column with the volumes that are far from all others, or else from both of two kinds of them."""
        column = cls._scored(name, values, [(_scores(one.values, one.least), one.words) for one in scales], limit)
        cuts = [] if column.far else [(one, kinds_of(one.values, one.least)) for one in scales]
        kinds = [(found.scores(one.values), one.words) for one, found in cuts if found is not None]
        if not kinds or len(kinds) < len(scales):
            return column
        beside = cls._scored(name, values, kinds, limit)
        first = next(found for _, found in cuts if found is not None)
        medians = first.medians(values, left_out=beside.far)
        if medians is None or len(beside.far) > _most_odd(values):
            return column
        return replace(beside, kinds=medians)

    @classmethod
    def _scored(
        cls, name: str, values: Sequence[float], scales: Sequence[tuple[Sequence[float], str]], limit: float
    ) -> _Column:
        """Return the column with the least of the scores of each volume on several scales."""
        each = [[(z, words) for z in scores] for scores, words in scales]
        least = [min(several) for several in zip(*each, strict=True)]
        return cls(name, values, least, _far(values, [z for z, _ in least], limit))

    def words(self, place: int, limit: float) -> str:
        """Say where a volume is, and where the others are."""
        from statistics import quantiles  # noqa: PLC0415  (as in median_of)

        low, _, high = quantiles(self.values, n=4, method="inclusive")
        z, scale = self.scores[place]
        beside = f"; the next volume there is at {self.far[place]:.2g}" if self.far[place] else ""
        others = f"the middle half of the cohort is between {short(low)} and {short(high)}"
        middle = f"the median{scale}"
        if self.kinds is not None:
            others = f"the cohort has two kinds of volumes, about {short(self.kinds[0])} and {short(self.kinds[1])}"
            middle = f"the nearer kind{scale}"
        return (
            f"its {self.name} is {short(self.values[place])}, and {others} ({beyond(z, limit, 3)} robust standard "
            f"deviations from {middle}, limit {limit:g}{beside})"
        )


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    volumes, limit = volumes_of(evidence), evidence.limits.odd_volume
    for channel in range(max((len(volume.channels) for volume in volumes), default=0)):
        judged = [one for one in volumes if channel < len(one.channels) and _varies(one.channels[channel])]
        if len(judged) >= FEWEST_VOLUMES:
            found = _odd([one.channels[channel] for one in judged], judged, limit)
            yield from _said(rule, named(evidence, channel), channel, found, len(judged), limit, evidence.settings)


def _consequence(settings: Settings) -> str:
    """Say what such a volume does to the statistics at the batch size that the user asked about."""
    if _shares(settings):
        return "The mean and variance of a batch with this volume fit neither this volume nor the others."
    if settings.keeps_running:
        return "Its statistics enter the running statistics, with which evaluation mode normalizes all volumes."
    return "A network learns from the other volumes to expect other values."


def _shares(settings: Settings) -> bool:
    """Return True if several samples share batch statistics at the batch size that the user asked about."""
    return not settings.by_sample and settings.batch_size * settings.ranks > 1


def _mixed(settings: Settings) -> str:
    """Say what two kinds of data do to a batch of them."""
    return ", and batch statistics depend on which kinds share a batch" if _shares(settings) else ""


def _said(
    rule: Rule[Evidence],
    title: str,
    channel: int,
    found: Sequence[_Odd],
    volumes: int,
    limit: float,
    settings: Settings,
) -> Iterator[Finding]:
    """Yield a finding for each odd volume, or one for all if they are many."""
    if len(found) > _most_odd(range(volumes)):
        names = ", ".join(one.volume.title for one in found[:MOST_NAMED])
        message = (
            f"{title} is far from the middle of the cohort in {len(found):,} of {volumes:,} volumes ({names}, …). "
            f"So many are a second kind of data{_mixed(settings)}. If there are two sites, units or preprocessing "
            "pipelines, bring them to one scale, for example with z-scores."
        )
        yield rule.of_all(message, channel, value=max(one.z for one in found), threshold=limit)
        return
    for one in found:
        message = (
            f"{title} of {one.volume.title} is far from the other volumes: {one.words}. {_consequence(settings)} "
            "Compare its units, scale factors and intensity normalization with those of another volume; correct the "
            "volume, or leave the volume out of the training."
        )
        yield rule.of_source(one.volume.sample.source, message, channel, one.volume.batch, one.z, limit)


def _most_odd(volumes: Sized) -> float:
    """Return how many volumes are each odd by itself; more are a kind of their own."""
    return max(ALWAYS_NAMED, MOST_ODD * len(volumes))


def _varies(one: SampleChannel) -> bool:
    """Return True if the channel has a spread to take a logarithm of: other rules report constants."""
    return one.varies and bool(one.variance)


def _odd(channels: Sequence[SampleChannel], volumes: Sequence[VolumeStatistics], limit: float) -> list[_Odd]:
    """Return the volumes whose mean or deviation is far out."""
    means = [one.mean or 0.0 for one in channels]
    deviations = [one.deviation or 0.0 for one in channels]
    logarithms = _Scale(_logarithms(deviations), LEAST, LOGARITHMIC)
    columns = (
        _Column.of("mean", means, _of_means(means, median_of(deviations)), limit),
        _Column.of("standard deviation", deviations, [logarithms], limit),
    )
    found = []
    for place, volume in enumerate(volumes):
        out = [column for column in columns if place in column.far]
        if out:
            factor = _factor(means, deviations, place)
            if any(column.kinds is not None for column in out):
                factor = _factor_of_a_kind(*columns, place)
            words = "; ".join(column.words(place, limit) for column in out) + factor
            found.append(_Odd(volume, max(column.scores[place][0] for column in out), words))
    return found


def _far(values: Sequence[float], scores: Sequence[float], limit: float) -> dict[int, float]:
    """Return the places of the volumes that are beyond the limit, with a gap between them and the others.

    On each side of the median they are the farthest ones, as many as leave the next one `GAP` times nearer. The value
    is the score of that next volume, 0 if there is none.
    """
    middle, found = median_of(values), {}
    for side in (1, -1):
        places = [place for place, value in enumerate(values) if side * (value - middle) > 0]
        places.sort(key=lambda place: scores[place], reverse=True)
        ordered = [*(scores[place] for place in places), 0.0]
        gaps = [
            number
            for number, (score, following) in enumerate(pairwise(ordered), start=1)
            if score > limit and score >= GAP * following
        ]
        number = max(gaps, default=0)
        found.update(dict.fromkeys(places[:number], ordered[number]))
    return found


def _factor(means: Sequence[float], deviations: Sequence[float], place: int) -> str:
    """Say by which factor mean and standard deviation are both too small or too large, where it is about the same."""
    by = _ratios((means[place], deviations[place]), (median_of(means), median_of(deviations)))
    return "" if by is None else _times(by[1], "in the middle of the cohort")


def _factor_of_a_kind(means: _Column, deviations: _Column, place: int) -> str:
    """Say the same of one of two kinds: the one with which mean and standard deviation agree best on a factor."""
    if means.kinds is None or deviations.kinds is None:
        return ""
    own = (means.values[place], deviations.values[place])
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


def _of_means(means: Sequence[float], typical: float) -> list[_Scale]:
    """Return the scales of means: that of the values, and that of their logarithms too if all have one sign."""
    plain = _Scale(means, LEAST * typical)
    if min(means) <= 0 <= max(means):
        return [plain]
    return [plain, _Scale(_logarithms(means), LEAST * typical / abs(median_of(means)), LOGARITHMIC)]


def _logarithms(values: Sequence[float]) -> list[float]:
    return [log(abs(value)) for value in values]


def _scores(values: Sequence[float], least: float) -> list[float]:
    """Return the robust z-score of each value; the robust deviation is at least `least`."""
    middle = median_of(values)
    return robust([abs(value - middle) for value in values], least)


RULE = Rule("BN207", "odd-volume", "warning", _check)
