"""Which batch size is enough: the least within the tolerances, for a larger set than the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import closed_form
from bnstat.batch_size.curve import batches_of
from bnstat.batch_size.patches import Nested
from bnstat.batch_size.results import Recommendation
from bnstat.batch_size.samples import Cohort, Doubles
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.text import plural, samples_of

# Below so few samples, or volumes where samples are patches, the spread between them is not known well enough to
# recommend anything.
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
    worst of all in some figure at some size. Of patches whole volumes are drawn so, each with the patches that it has.
    Without an ε the gap is left out.
    """
    usable = [part for cohort in cohorts if cohort.independent >= FEWEST_SAMPLES for part in _varying(cohort)]
    fewest = min(cohorts, key=lambda cohort: (cohort.independent, cohort.samples), default=None)
    if not usable or fewest is None:
        return Recommendation(None, None, None, applies_to, _no_reason(fewest))
    ordered = sorted(sizes)
    alone = {size: _figures(usable, size, settings) for size in ordered}
    alone[ordered[-1]] = _figures(usable, ordered[-1], settings, drawn=True)  # which the reason may quote
    enough = [size for size in ordered if alone[size].within(settings.tolerances).all()]
    best = enough[0] if enough else None
    least, most = _range(_worst(usable, list(alone.values())), ordered, settings)
    together = _together(usable, ordered, settings) if settings.ranks > 1 else None
    reason = _reason(best, alone, ordered, fewest, settings)
    return Recommendation(best, least, most, applies_to, reason, together)


def _no_reason(fewest: Cohort | None) -> str:
    """Why there is no recommendation."""
    number = 0 if fewest is None else fewest.independent
    if number >= FEWEST_SAMPLES:
        return "every channel is constant, so no batch size is better than another"
    word = "sample" if fewest is None or fewest.patches is None else "volume"
    return f"{plural(number, word)} cannot tell how statistics differ between {word}s: give at least {FEWEST_SAMPLES}"


def _together(cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings) -> int | None:
    """The least size of one rank that is enough where ranks are synchronized."""
    ranks = settings.ranks
    for size in sizes:
        if _figures(cohorts, size * ranks, settings, ranks=ranks).within(settings.tolerances).all():
            return size
    return None


def _varying(cohort: Cohort) -> list[Cohort]:
    """The cohort without channels that are constant; nothing where all are."""
    varies = cohort.variances.any(axis=0) | (np.ptp(cohort.means, axis=0) > 0)
    return [cohort.only(np.flatnonzero(varies))] if varies.any() else []


def _figures(
    cohorts: Sequence[Cohort], size: int, settings: CompareSettings, *, ranks: int = 1, drawn: bool = False
) -> _Figures:
    """Those of all channels, in the order of the cohorts; unless `drawn`, the gap is 0 where noise is too much."""
    wholes = [batches_of(cohort, "infinite", size, ranks) for cohort in cohorts]
    bessels = [_bessel(cohort, size, settings) for cohort in cohorts]
    found = [_of(whole, bessel, size, settings, 0) for whole, bessel in zip(wholes, bessels, strict=True)]
    if drawn or all(one.within(settings.tolerances).all() for one in found):
        found = [
            _of(whole, bessel, size, settings, settings.draws) for whole, bessel in zip(wholes, bessels, strict=True)
        ]
    return _Figures(*(np.concatenate([getattr(one, name) for one in found]) for name in ("noise", "shortfall", "gap")))


def _bessel(cohort: Cohort, size: int, settings: CompareSettings) -> Doubles:
    return cohort.bessel(size, settings.layer.framework.unbiased_running_variance)


def _of(
    whole: closed_form.Population | Nested, bessel: Doubles, size: int, settings: CompareSettings, draws: int
) -> _Figures:
    """Those of one cohort; without draws, or without an ε, the gap is 0."""
    form = whole.expected(size)
    gap = np.zeros_like(form.variance)
    if draws and settings.layer.epsilon is not None:
        drawn = whole.draw(size, draws, settings.seed)
        gap = closed_form.gap(whole, drawn, settings.layer.epsilon, closed_form.settled(whole, drawn, bessel)).rms
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
    """Other cohorts of one channel side by side; of channels with as many samples the same samples are drawn.

    Where samples are patches, volumes are drawn, and keep their patches: `cohort` has them by volume only.
    """

    def __init__(self, channel: Cohort, seed: int) -> None:
        number, nested = channel.independent, channel.patches
        places = np.random.default_rng(seed).integers(0, number, (number, _COHORTS))
        rows = places if nested is None else np.zeros((0, _COHORTS), np.intp)
        self.cohort = Cohort(
            channels=channel.channels * _COHORTS,
            places=channel.places,
            means=channel.means[rows, 0],
            variances=channel.variances[rows, 0],
            counts=np.repeat(channel.counts, _COHORTS),
            patches=None if nested is None else nested.redrawn(places),
        )
        self._whole = batches_of(self.cohort, "infinite", 1) if nested is None else None

    def enough(self, columns: NDArray[np.intp], size: int, settings: CompareSettings) -> NDArray[np.intp]:
        """Which of these cohorts are within the tolerances; batches are drawn only of those that are quiet enough."""
        form = (self._whole or batches_of(self.cohort, "infinite", size)).expected(size)
        tolerances = settings.tolerances
        loud = (form.mean_noise > tolerances.noise) | (form.shortfall > tolerances.shortfall)
        quiet = columns[~loud[columns]]
        if not len(quiet):
            return quiet
        some = self.cohort.only(quiet)
        whole = batches_of(some, "infinite", size)
        return quiet[_of(whole, _bessel(some, size, settings), size, settings, _COHORT_DRAWS).within(tolerances)]


def _reason(
    best: int | None, figures: dict[int, _Figures], sizes: Sequence[int], fewest: Cohort, settings: CompareSettings
) -> str:
    volumes = None if fewest.patches is None else fewest.independent
    larger = f", for a larger set than these {samples_of(fewest.samples, volumes)}"
    with_gap = settings.layer.epsilon is not None
    if best is not None:
        found = f"{figures[best].said(with_gap)}{larger}"
        return f"batch size {best} is the least of those compared that is within the tolerances ({found})"
    last = sizes[-1]
    full = last if fewest.patches is None else fewest.patches.taking.full(last)
    return (
        f"none of these sizes is within the tolerances (at {last}: {figures[last].said(with_gap)}{larger})"
        f"{_needed(full, figures[last], settings.tolerances)}; instance or group norm does not depend on the batch size"
    )


def _needed(size: int, found: _Figures, tolerances: Tolerances) -> str:
    """The size that noise and shortfall would need, which fall as 1/√B and 1/B from this size on."""
    if not (tolerances.noise and tolerances.shortfall):
        return ""
    times = (
        max(float(found.noise.max()) / tolerances.noise, 0) ** 2,
        float(found.shortfall.max()) / tolerances.shortfall,
    )
    needed = ceil(size * max(times) - 1e-9)
    return f": noise and shortfall would be from batch size {needed:,} on" if needed > size else ""
