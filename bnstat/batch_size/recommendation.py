"""Which batch size is enough: the least within the tolerances, for a larger set than the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import closed_form, train_eval
from bnstat.batch_size.draws import Indices
from bnstat.batch_size.patches import PatchBatches
from bnstat.batch_size.results import Recommendation
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.moments.moments import Doubles
from bnstat.text import NO_BREAK_SPACE, plural, samples_of

# What the layer is applied to: volumes, or saved activations.
AppliesTo = Literal["input", "array"]

# Below so few samples, or volumes where samples are patches, the spread between them is not known well enough to
# recommend anything.
FEWEST_SAMPLES = 8

# For the range: cohorts that are drawn from the samples, and batches that are drawn from each.
_COHORTS, _COHORT_DRAWS = 100, 200

# The samples that are drawn at most to find the size that the gap needs.
_MOST_DRAWN = 10**7


@dataclass(frozen=True)
class _Figures:
    """Figures of one batch size, shape (…) each: of channels, or of cohorts of one channel.

    Attributes:
        noise: standard deviation of the batch mean, in standard deviations of all values.
        shortfall: what the batch variance lacks, as a share of the variance of all values.
        gap: root mean square difference between training and evaluation output.
    """

    noise: Doubles
    shortfall: Doubles
    gap: Doubles

    def within(self, tolerances: Tolerances) -> NDArray[np.bool_]:
        """Return which of the channels or cohorts are within the tolerances."""
        quiet, whole = self.noise <= tolerances.noise, self.shortfall <= tolerances.shortfall
        return np.asarray(quiet & whole & (self.gap <= tolerances.gap))

    def sentence(self, settings: CompareSettings, values: str) -> str:
        """Return a sentence part with the worst of each figure, its unit and its limit.

        Args:
            settings: the tolerances; the gap is left out if the layer has no ε.
            values: the word for what is normalized, "voxels" or "values".
        """
        limits, lacking = settings.tolerances, f"{100 * self.shortfall.max():.4g}{NO_BREAK_SPACE}%"
        noise = f"{self.noise.max():.4g}{NO_BREAK_SPACE}SD"
        clauses = [
            f"the batch mean varies by {noise} from batch to batch (limit {limits.noise:g}; "
            f"SD is the standard deviation of all {values})",
            f"the variance of a batch is on average {lacking} below that of all {values} "
            f"(limit {100 * limits.shortfall:g}{NO_BREAK_SPACE}%)",
        ]
        if settings.layer.epsilon is not None:
            clauses.append(
                f"the outputs in training and in evaluation mode differ by {self.gap.max():.4g} (root mean square, "
                f"limit {limits.gap:g})"
            )
        return ", ".join(clauses[:-1]) + f", and {clauses[-1]}"


def recommend(
    cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings, applies_to: AppliesTo
) -> Recommendation:
    """Return the least of these batch sizes whose noise, shortfall and gap are within the tolerances in every channel.

    The samples are taken for some of a larger set, whatever population is displayed. The range is that of cohorts drawn
    from the samples with replacement (bootstrap), from the 5th to the 95th percentile, at the channels that are the
    worst of all in some figure at some size. Where samples are patches, whole volumes are drawn, each with the patches
    that it has. Without an ε the gap is left out.

    Args:
        cohorts: the samples of all channels.
        sizes: the batch sizes that are compared, of one rank.
        settings: layer, tolerances, ranks, number of draws and seed.
        applies_to: what the layer is applied to.
    """
    usable = [part for cohort in cohorts if cohort.independent >= FEWEST_SAMPLES for part in _varying(cohort)]
    fewest = min(cohorts, key=lambda cohort: (cohort.independent, cohort.samples), default=None)
    if not usable or fewest is None:
        return Recommendation(None, None, None, applies_to, _no_reason(fewest))

    ordered = sorted(sizes)
    figures = {size: _figures(usable, size, settings) for size in ordered}
    figures[ordered[-1]] = _figures(usable, ordered[-1], settings, drawn=True)  # which the reason may quote
    enough = [size for size in ordered if figures[size].within(settings.tolerances).all()]
    best = enough[0] if enough else None

    least, most = _range(_worst(usable, list(figures.values())), ordered, settings)
    synchronized = _synchronized(usable, ordered, settings) if settings.ranks > 1 else None
    later = "" if best is not None else _needed(usable, fewest, ordered[-1], figures[ordered[-1]], settings)
    reason = _reason(best, figures, fewest, settings, applies_to) + later
    return Recommendation(best, least, most, applies_to, reason, synchronized)


def _synchronized(cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings) -> int | None:
    """Return the least size of one rank that is enough where ranks are synchronized."""
    ranks = settings.ranks
    for size in sizes:
        if _figures(cohorts, size * ranks, settings, ranks=ranks).within(settings.tolerances).all():
            return size
    return None


def _varying(cohort: Cohort) -> list[Cohort]:
    """Return the cohort without channels whose values are all equal; nothing if all channels are so."""
    varies = cohort.variances.any(axis=0) | (np.ptp(cohort.means, axis=0) > 0)
    return [cohort.only(np.flatnonzero(varies))] if varies.any() else []


def _figures(
    cohorts: Sequence[Cohort], size: int, settings: CompareSettings, *, ranks: int = 1, drawn: bool = False
) -> _Figures:
    """Return the figures of all channels, in the order of the cohorts.

    Unless `drawn` is True, the gap is 0 if noise or shortfall are too large already: it takes drawn batches.
    """
    wholes = [cohort.batches("infinite", size, ranks) for cohort in cohorts]
    bessels = [_bessel(cohort, size, settings) for cohort in cohorts]
    figures = [_of(whole, bessel, size, settings, 0) for whole, bessel in zip(wholes, bessels, strict=True)]
    if drawn or all(one.within(settings.tolerances).all() for one in figures):
        figures = [
            _of(whole, bessel, size, settings, settings.draws) for whole, bessel in zip(wholes, bessels, strict=True)
        ]
    return _Figures(
        *(np.concatenate([getattr(one, name) for one in figures]) for name in ("noise", "shortfall", "gap"))
    )


def _bessel(cohort: Cohort, size: int, settings: CompareSettings) -> Doubles:
    return cohort.bessel(size, settings.layer.framework.unbiased_running_variance)


def _of(
    whole: closed_form.Population | PatchBatches, bessel: Doubles, size: int, settings: CompareSettings, draws: int
) -> _Figures:
    """Return the figures of one cohort; without draws, or without an ε, the gap is 0."""
    form = whole.expected(size)
    gap = np.zeros_like(form.variance)
    if draws and settings.layer.epsilon is not None:
        drawn = whole.draw(size, draws, settings.seed)
        gap = train_eval.gap(whole, drawn, settings.layer.epsilon, train_eval.settled(whole, form, bessel)).rms
    return _Figures(*(np.where(np.isnan(values), 0.0, values) for values in (form.mean_noise, form.shortfall, gap)))


def _worst(cohorts: Sequence[Cohort], figures: Sequence[_Figures]) -> list[Cohort]:
    """Return the channels that have the largest of some figure at some size, a cohort each."""
    places = {int(getattr(one, name).argmax()) for one in figures for name in ("noise", "shortfall", "gap")}
    channels = _channels(cohorts)
    return [channels[place] for place in sorted(places)]


def _channels(cohorts: Sequence[Cohort]) -> list[Cohort]:
    """Return the channels in the order of their figures, a cohort each."""
    return [cohort.only(np.array([column])) for cohort in cohorts for column in range(len(cohort.channels))]


def _range(
    channels: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings
) -> tuple[int | None, int | None]:
    """Return the 5th and the 95th percentile of what other cohorts of as many samples would recommend."""
    redrawn = [_BootstrapCohorts(channel, settings.seed) for channel in channels]
    recommended = np.full(_COHORTS, np.inf)
    for size in sizes:
        undecided = np.flatnonzero(np.isinf(recommended))
        for cohorts in redrawn:
            undecided = cohorts.enough(undecided, size, settings)
        recommended[undecided] = size
    recommended.sort()
    ends = (recommended[_COHORTS // 20], recommended[-1 - _COHORTS // 20])
    least, most = (None if np.isinf(end) else int(end) for end in ends)
    return least, most


class _BootstrapCohorts:
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
        self._whole = self.cohort.batches("infinite", 1) if nested is None else None

    def enough(self, columns: Indices, size: int, settings: CompareSettings) -> Indices:
        """Return which of these cohorts are within the tolerances.

        Batches are drawn only of those whose noise and shortfall are.
        """
        form = (self._whole or self.cohort.batches("infinite", size)).expected(size)
        tolerances = settings.tolerances
        loud = (form.mean_noise > tolerances.noise) | (form.shortfall > tolerances.shortfall)
        quiet = columns[~loud[columns]]
        if not len(quiet):
            return quiet
        some = self.cohort.only(quiet)
        whole = some.batches("infinite", size)
        return quiet[_of(whole, _bessel(some, size, settings), size, settings, _COHORT_DRAWS).within(tolerances)]


def _no_reason(fewest: Cohort | None) -> str:
    """Return why there is no recommendation."""
    number = 0 if fewest is None else fewest.independent
    if number >= FEWEST_SAMPLES:
        return "In every channel all values are equal, so no batch size is better than another."
    word = "sample" if fewest is None or fewest.patches is None else "volume"
    verb = "is" if number == 1 else "are"
    return (
        f"{plural(number, word)} {verb} too few to tell how batch statistics differ between {word}s; "
        f"give at least {FEWEST_SAMPLES}."
    )


def _reason(
    best: int | None,
    figures: dict[int, _Figures],
    fewest: Cohort,
    settings: CompareSettings,
    applies_to: AppliesTo,
) -> str:
    """Return why the batch size is enough, or why none is."""
    values = "voxels" if applies_to == "input" else "values"
    volumes = None if fewest.patches is None else fewest.independent
    larger = f"For a larger data set, from which these {samples_of(fewest.samples, volumes)} are drawn"
    if best is not None:
        smaller = "" if best == min(figures) else ", the smallest of the compared sizes that is"
        return f"{larger}, batch size {best} is enough{smaller}: {figures[best].sentence(settings, values)}."
    last = max(figures)
    said = figures[last].sentence(settings, values)
    return f"{larger}, no compared batch size is enough: at batch size {last}, {said}."


def _needed(cohorts: Sequence[Cohort], fewest: Cohort, last: int, figures: _Figures, settings: CompareSettings) -> str:
    """Return, as far as it is known, which size would be enough where the largest compared one is not, and a way out.

    Noise and shortfall fall as 1/√B and 1/B from the last size on, so their size is certain; that of the gap is not.
    """
    full = last if fewest.patches is None else fewest.patches.taking.full(last)
    tolerances = settings.tolerances
    sizes = (
        _grown(full, float(figures.noise.max()), tolerances.noise, 2),
        _grown(full, float(figures.shortfall.max()), tolerances.shortfall, 1),
    )
    mean = None if None in sizes else max(filter(None, sizes))
    gap = _size_for_gap(cohorts, full, figures, settings)
    otherwise = " Instance norm and group norm do not depend on the batch size."
    if mean is None:
        return otherwise
    if gap is not None and mean > full and gap <= mean and settings.layer.epsilon is not None:
        return f" All three would be within their limits from batch size {mean:,} on.{otherwise}"
    first = f" Mean and variance would be within their limits from batch size {mean:,} on." if mean > full else ""
    second = f" The train/eval gap needs a batch size of about {gap:,}." if gap is not None and gap > full else ""
    return f"{first}{second}{otherwise}"


def _grown(size: int, figure: float, limit: float, power: float) -> int | None:
    """Return the size, no less than this one, at which a figure that falls as 1/B^(1/power) meets its limit."""
    try:
        return max(ceil(float(size * (figure / limit) ** power) - 1e-9), size)
    except (ZeroDivisionError, OverflowError):
        return None


def _size_for_gap(cohorts: Sequence[Cohort], size: int, figures: _Figures, settings: CompareSettings) -> int | None:
    """Return about which size brings the gap within its limit; None for a limit of 0.

    The gap falls faster than 1/√B while batches are small. So batches of the size that 1/√B leads to are drawn, and
    the size follows from a power law through both, at the channel with the largest gap.
    """
    place, limit = int(figures.gap.argmax()), settings.tolerances.gap
    worst, gap = _channels(cohorts)[place], float(figures.gap[place])
    if gap <= limit:
        return size
    grown = _grown(size, gap, limit, 2)
    if grown is None or grown * settings.draws > _MOST_DRAWN:
        return grown
    there = float(_figures([worst], grown, settings, drawn=True).gap.max())
    if not 0 < there < gap:
        return grown
    power = log(grown / size) / log(gap / there)
    return _grown(size, gap, limit, power)
