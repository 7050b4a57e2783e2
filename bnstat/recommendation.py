"""Which batch size is enough: the least within the tolerances, for a larger set than the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bnstat import noise
from bnstat.cohort import Cohort, Doubles
from bnstat.report import CompareSettings, Recommendation, Tolerances
from bnstat.wording import plural

# Below so few samples the spread between samples is not known well enough to recommend anything.
FEWEST_SAMPLES = 8

# For the range: cohorts that are drawn from the samples, and batches that are drawn of each.
_COHORTS, _COHORT_DRAWS = 100, 200


@dataclass(frozen=True)
class _Figures:
    """Noise, shortfall and train/eval gap at one batch size, shape (…): of channels, or of cohorts of one channel."""

    noise: Doubles
    shortfall: Doubles
    gap: Doubles

    def within(self, tolerances: Tolerances) -> NDArray[np.bool_]:
        """Which of them are within the tolerances."""
        quiet, whole = self.noise <= tolerances.noise, self.shortfall <= tolerances.shortfall
        return np.asarray(quiet & whole & (self.gap <= tolerances.gap))

    def said(self, with_gap: bool) -> str:
        """The worst of each."""
        gap = f", train/eval gap {self.gap.max():.3g}" if with_gap else ""
        return f"noise {self.noise.max():.3g}, shortfall {self.shortfall.max():.3g}{gap}"


def recommend(
    cohorts: Sequence[Cohort],
    sizes: Sequence[int],
    settings: CompareSettings,
    applies_to: Literal["input", "array"],
) -> Recommendation:
    """The least of these batch sizes whose noise, shortfall and gap are within the tolerances in every channel.

    The samples are taken for some of a larger set, whatever population is displayed. The range is that of cohorts drawn
    from the samples with replacement (bootstrap), from the 5th to the 95th percentile, at the channels that are the
    worst of all in some figure at some size. Without an ε the gap is left out.
    """
    usable = [part for cohort in cohorts if cohort.samples >= FEWEST_SAMPLES for part in _varying(cohort)]
    fewest = min((cohort.samples for cohort in cohorts), default=0)
    if not usable:
        reason = "every channel is constant, so no batch size is better than another"
        if fewest < FEWEST_SAMPLES:
            few = plural(fewest, "sample")
            reason = f"{few} cannot tell how statistics differ between samples: give at least {FEWEST_SAMPLES}"
        return Recommendation(None, None, None, applies_to, reason)
    ordered = sorted(sizes)
    figures = {size: _figures(usable, size, settings) for size in sorted({*ordered, *(_ranked(ordered, settings))})}
    figures[ordered[-1]] = _figures(usable, ordered[-1], settings, drawn=True)  # which the reason may quote
    enough = {size: bool(found.within(settings.tolerances).all()) for size, found in figures.items()}
    best = next((size for size in ordered if enough[size]), None)
    least, most = _range(_worst(usable, [figures[size] for size in ordered]), ordered, settings)
    together = None
    if settings.ranks > 1:
        together = next((size for size in ordered if enough[size * settings.ranks]), None)
    reason = _reason(best, figures, ordered, fewest, settings)
    return Recommendation(best, least, most, applies_to, reason, together)


def _ranked(sizes: Sequence[int], settings: CompareSettings) -> list[int]:
    """The sizes of the batches that synchronized ranks have together."""
    return [size * settings.ranks for size in sizes] if settings.ranks > 1 else []


def _varying(cohort: Cohort) -> list[Cohort]:
    """The cohort without channels that are constant; nothing where all are."""
    varies = cohort.variances.any(axis=0) | (np.ptp(cohort.means, axis=0) > 0)
    return [cohort.only(np.flatnonzero(varies))] if varies.any() else []


def _figures(cohorts: Sequence[Cohort], size: int, settings: CompareSettings, *, drawn: bool = False) -> _Figures:
    """Those of all channels, in the order of the cohorts; unless `drawn`, the gap is 0 where noise is too much."""
    found = [_of(cohort, size, settings, 0) for cohort in cohorts]
    if drawn or all(one.within(settings.tolerances).all() for one in found):
        found = [_of(cohort, size, settings, settings.draws) for cohort in cohorts]
    return _Figures(*(np.concatenate([getattr(one, name) for one in found]) for name in ("noise", "shortfall", "gap")))


def _of(cohort: Cohort, size: int, settings: CompareSettings, draws: int) -> _Figures:
    """Those of one cohort; without draws, or without an ε, the gap is 0."""
    whole = noise.population(cohort.means, cohort.variances, "infinite")
    form = noise.expected(whole, size)
    gap = np.zeros_like(form.variance)
    if draws and settings.layer.epsilon is not None:
        drawn = noise.draw(whole, size, draws, settings.seed)
        bessel = cohort.bessel(size, settings.layer.framework.unbiased_running_variance)
        gap = noise.gap(whole, drawn, settings.layer.epsilon, noise.settled(whole, drawn, bessel)).rms
    return _Figures(*(np.where(np.isnan(values), 0.0, values) for values in (form.mean_noise, form.shortfall, gap)))


def _worst(cohorts: Sequence[Cohort], figures: Sequence[_Figures]) -> list[Cohort]:
    """The channels that have the largest of some figure at some size, a cohort each."""
    places = {int(getattr(one, name).argmax()) for one in figures for name in ("noise", "shortfall", "gap")}
    each = [(cohort, column) for cohort in cohorts for column in range(len(cohort.channels))]
    return [each[place][0].only(np.array([each[place][1]])) for place in sorted(places)]


def _range(
    channels: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings
) -> tuple[int | None, int | None]:
    """The 5th and 95th percentile of what other cohorts of as many samples would recommend."""
    redrawn = [_Redrawn(channel, settings.seed) for channel in channels]
    found = np.full(_COHORTS, np.inf)
    for size in sizes:
        open_ = np.flatnonzero(np.isinf(found))
        for cohorts in redrawn:
            open_ = cohorts.enough(open_, size, settings)
        found[open_] = size
    found.sort()
    ends = (found[_COHORTS // 20], found[-1 - _COHORTS // 20])
    least, most = (None if np.isinf(end) else int(end) for end in ends)
    return least, most


class _Redrawn:
    """Other cohorts of one channel side by side; of channels with as many samples the same samples are drawn."""

    def __init__(self, channel: Cohort, seed: int) -> None:
        places = np.random.default_rng(seed).integers(0, channel.samples, (channel.samples, _COHORTS))
        self.cohort = Cohort(
            channels=channel.channels * _COHORTS,
            places=channel.places,
            means=channel.means[places, 0],
            variances=channel.variances[places, 0],
            counts=np.repeat(channel.counts, _COHORTS),
        )
        self._whole = noise.population(self.cohort.means, self.cohort.variances, "infinite")

    def enough(self, columns: NDArray[np.intp], size: int, settings: CompareSettings) -> NDArray[np.intp]:
        """Which of these cohorts are within the tolerances; batches are drawn only of those that are quiet enough."""
        form = noise.expected(self._whole, size)
        tolerances = settings.tolerances
        loud = (form.mean_noise > tolerances.noise) | (form.shortfall > tolerances.shortfall)
        quiet = columns[~loud[columns]]
        if not len(quiet):
            return quiet
        return quiet[_of(self.cohort.only(quiet), size, settings, _COHORT_DRAWS).within(tolerances)]


def _reason(
    best: int | None, figures: dict[int, _Figures], sizes: Sequence[int], samples: int, settings: CompareSettings
) -> str:
    larger = f", for a larger set than these {samples} samples"
    with_gap = settings.layer.epsilon is not None
    if best is not None:
        found = f"{figures[best].said(with_gap)}{larger}"
        return f"batch size {best} is the least of those compared that is within the tolerances ({found})"
    last = sizes[-1]
    return (
        f"none of these sizes is within the tolerances (at {last}: {figures[last].said(with_gap)}{larger})"
        f"{_needed(last, figures[last], settings.tolerances)}; instance or group norm does not depend on the batch size"
    )


def _needed(size: int, found: _Figures, tolerances: Tolerances) -> str:
    """The size that noise and shortfall would need, which fall as 1/√B and 1/B."""
    if not (tolerances.noise and tolerances.shortfall):
        return ""
    times = (
        max(float(found.noise.max()) / tolerances.noise, 0) ** 2,
        float(found.shortfall.max()) / tolerances.shortfall,
    )
    needed = ceil(size * max(times) - 1e-9)
    return f": noise and shortfall would be from batch size {needed:,} on" if needed > size else ""
