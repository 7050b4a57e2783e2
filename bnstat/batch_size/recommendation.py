"""Which batch size is enough: the least compared one within the limits, for the population that is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bnstat.batch_size.confidence import CONFIDENCE, fewest_of
from bnstat.batch_size.needed import Needs, gap_of, gaps_of, largest, needs
from bnstat.batch_size.results import ChannelFigures, NeededSize, Recommendation, Unjudged
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.batch_size.verdict import ALL_EQUAL, Verdict
from bnstat.text import plural

# What the layer is applied to: volumes, saved activations, or what enters a layer of a network, whose training batches
# are a merge of its samples unless a batch norm runs before it.
AppliesTo = Literal["input", "array", "layer", "below-batch-norm"]


def recommend(
    cohorts: Sequence[Cohort],
    sizes: Sequence[int],
    settings: CompareSettings,
    applies_to: AppliesTo,
    names: Sequence[str] = (),
    files: int | None = None,
) -> Recommendation:
    """Return the least of these batch sizes whose noise, shortfall and gap are within the limits in every channel.

    Of a larger set, that is the least that is enough with the stated confidence. Where samples are patches, volumes are
    what is drawn from it. For exactly these samples nothing is estimated, and a batch of all of them is not enough for
    that reason alone. Without an ε the gap is left out.

    Args:
        cohorts: the samples of all channels.
        sizes: the batch sizes that are compared, of one rank.
        settings: layer, population, tolerances, ranks, number of draws and seed.
        applies_to: what the layer is applied to.
        names: the names of the channels, if they have any.
        files: where samples are entries of too few files to tell how volumes differ, the number of these files.
    """
    ordered, fewest = sorted(sizes), fewest_of(settings.population)
    judged = [part for cohort in cohorts for part in _judged(cohort, fewest)]
    found = Recommendation(
        batch_size=None,
        least=None,
        most=None,
        applies_to=applies_to,
        headline="",
        reason="",
        synchronized=None,
        population=settings.population,
        samples=min((cohort.independent for cohort in judged), default=0),
        confidence=CONFIDENCE if judged and settings.population == "infinite" else None,
        estimate=None,
        mean_and_variance=None,
        gap=None,
        channel=None,
        smallest=None,
        recommended=None,
        limits=settings.tolerances,
        unjudged=tuple(sorted(_unjudged(cohorts, judged, fewest), key=lambda one: one.channel)),
    )
    channels = sum(len(cohort.channels) for cohort in cohorts)
    if judged:
        found = (_of_a_larger_set if settings.population == "infinite" else _of_these)(found, judged, ordered, settings)
    verdict = Verdict(found, ordered, channels, settings, names, files, *_compared(found, judged, ordered, settings))
    return replace(found, headline=verdict.headline, reason=verdict.text)


def _compared(
    found: Recommendation, cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings
) -> tuple[ChannelFigures | None, int | None]:
    """Return the figures of the largest size if no size is enough, and a size that holds every sample and is within."""
    if found.batch_size is not None or found.channel is None:
        return None, None
    whole = None
    if settings.population == "finite":
        taking = [size for size in sizes if all(cohort.taken(size) <= cohort.independent for cohort in cohorts)]
        within = (
            size
            for size in taking
            if all(
                _still(cohort, size, settings) and (settings.layer.added is None or _same(cohort, size, settings))
                for cohort in cohorts
            )
        )
        whole = next((size for size in within if not _part(cohorts, size)), None)
    cohort = next(cohort for cohort in cohorts if found.channel in cohort.channels)
    return _figures(cohort, found.channel, sizes[-1], settings), whole


def _judged(cohort: Cohort, fewest: int) -> list[Cohort]:
    """Return the cohort without channels whose values are all equal; nothing if it has too few samples."""
    if cohort.independent < fewest:
        return []
    varies = cohort.variances.any(axis=0) | (np.ptp(cohort.means, axis=0) > 0)
    return [cohort.only(np.flatnonzero(varies))] if varies.any() else []


def _unjudged(cohorts: Sequence[Cohort], judged: Sequence[Cohort], fewest: int) -> list[Unjudged]:
    """Return the channels that nothing is said of, with the reason."""
    known = {channel for cohort in judged for channel in cohort.channels}
    patched = any(cohort.patches is not None for cohort in cohorts)
    found = []
    for cohort in cohorts:
        number = cohort.independent
        few = f"{plural(number, 'usable volume' if patched else 'usable sample')}, of {fewest} that are needed"
        reason = ALL_EQUAL if number >= fewest else few
        found += [Unjudged(channel, number, reason) for channel in cohort.channels if channel not in known]
    return found


def _of_a_larger_set(
    found: Recommendation, cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings
) -> Recommendation:
    """Fill in what is known of the larger set that these samples are drawn from."""
    number = sum(len(cohort.channels) for cohort in cohorts)
    every = [(one, cohort) for cohort in cohorts for one in needs(cohort, settings, number)]
    mean_and_variance = largest([one.mean_and_variance for one, _ in every])
    gaps = [one.gap for one, _ in every if one.gap is not None]
    gap = largest(gaps) if gaps else None
    needed = largest([one.all for one, _ in every])
    worst, cohort = max(every, key=lambda pair: _order(pair[0]))
    most = needed.most
    best = None if most is None else next((size for size in sizes if size >= most), None)
    ranks, together = settings.ranks, None
    if ranks > 1 and most is not None:
        together = next((size for size in sizes if size * ranks >= most), None)
    return replace(
        found,
        batch_size=best,
        least=needed.least,
        most=most,
        synchronized=together,
        estimate=needed.estimate,
        mean_and_variance=mean_and_variance,
        gap=gap,
        channel=worst.channel,
        smallest=_figures(cohort, worst.channel, sizes[0], settings),
        recommended=None if best is None else _figures(cohort, worst.channel, best, settings),
    )


def _order(one: Needs) -> tuple[float, float]:
    """Return what puts the channel that needs the largest size last."""
    ends = (one.all.estimate, one.all.most)
    first, second = (float("inf") if end is None else float(end) for end in ends)
    return first, second


def _of_these(
    found: Recommendation, cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings
) -> Recommendation:
    """Fill in what holds for exactly these samples."""
    whole = largest([_least(cohort, lambda one, size: _still(one, size, settings)) for cohort in cohorts])
    gap = None
    if settings.layer.added is not None:
        gap = largest([_least(cohort, lambda one, size: _same(one, size, settings)) for cohort in cohorts])
    needed = whole if gap is None else largest([whole, gap])
    most = needed.most
    best = None if most is None else next((size for size in sizes if size >= most and _part(cohorts, size)), None)
    ranks, together = settings.ranks, None
    if ranks > 1 and most is not None:
        together = next((size for size in sizes if size * ranks >= most and _part(cohorts, size * ranks, ranks)), None)
    channels = [(cohort, channel) for cohort in cohorts for channel in cohort.channels]
    figures = [(cohort, _figures(cohort, channel, sizes[0], settings)) for cohort, channel in channels]
    known = [(cohort, one) for cohort, one in figures if one is not None]
    cohort, worst = max(known, key=lambda pair: _beyond(pair[1], settings.tolerances), default=(cohorts[0], None))
    return replace(
        found,
        batch_size=best,
        least=needed.least,
        most=most,
        synchronized=together,
        estimate=needed.estimate,
        mean_and_variance=whole,
        gap=gap,
        channel=None if worst is None else worst.channel,
        smallest=worst,
        recommended=None if best is None or worst is None else _figures(cohort, worst.channel, best, settings),
    )


def _part(cohorts: Sequence[Cohort], size: int, ranks: int = 1) -> bool:
    """Return True if every channel has batches of this size, and in some channel they are not all of its samples.

    Channels may have different numbers of usable samples. A size that each of them needs a part of its samples for is
    enough, also where a larger one takes all that one of them has.
    """
    taken = [(cohort.taken(size, ranks), cohort.independent) for cohort in cohorts]
    return all(number <= most for number, most in taken) and any(number < most for number, most in taken)


def _least(cohort: Cohort, within: Callable[[Cohort, int], bool]) -> NeededSize:
    """Return the least size that is enough and takes only a part of the samples, by bisection."""
    each = 1 if cohort.patches is None else cohort.patches.taking.per_volume
    low, high = 0, cohort.independent - 1  # not enough, and the most that is tried
    if not within(cohort, high * each):
        return NeededSize(None, None, None)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if within(cohort, middle * each) else (middle, high)
    return NeededSize(high * each, high * each, high * each)


def _still(cohort: Cohort, size: int, settings: CompareSettings) -> bool:
    """Return True if noise and shortfall are within their limits in all channels."""
    form, limits = cohort.batches(settings.population, size).expected(size), settings.tolerances
    return bool(((form.mean_noise <= limits.noise) & (form.shortfall <= limits.shortfall)).all())


def _same(cohort: Cohort, size: int, settings: CompareSettings) -> bool:
    """Return True if the train/eval gap is within its limit in all channels."""
    return bool((gaps_of(cohort, size, settings) <= settings.tolerances.gap).all())


def _figures(cohort: Cohort, channel: int, size: int, settings: CompareSettings) -> ChannelFigures | None:
    """Return the figures of one channel; None if there are too few samples for such a batch."""
    if settings.population == "finite" and cohort.taken(size) > cohort.independent:
        return None
    one = cohort.only(np.array([cohort.channels.index(channel)]))
    form = one.batches(settings.population, size).expected(size)
    gap = None if settings.layer.added is None else gap_of(one, size, settings)
    return ChannelFigures(size, channel, float(form.mean_noise[0]), float(form.shortfall[0]), gap)


def _beyond(figures: ChannelFigures, limits: Tolerances) -> float:
    """Return how many times larger a batch the worst figure asks for, about."""
    pairs = ((figures.noise**2, limits.noise**2), (figures.shortfall, limits.shortfall))
    gap = ((figures.gap or 0.0) ** 2, limits.gap**2)
    return max(value / limit if limit else float("inf") for value, limit in (*pairs, gap))
