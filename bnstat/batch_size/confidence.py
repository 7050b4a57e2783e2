"""How well the samples of a cohort tell which batch size is needed: a range for it, from the spread between samples.

The noise and the shortfall of batches follow from ρ = τ²/(w + τ²), that is from λ = τ²/w alone, and the train/eval gap
of larger batches from γ = ρ + κ/4 (see `Spread`). Both λ and γ are estimates, θ. The standard error SE of log θ is that
of a delete-one jackknife (Miller 1974, "The jackknife: a review", Biometrika 61: 1-15): the estimate is computed again
without each sample. With Student's t, exceeded with a probability of 5 %, the range is

    from θ·exp(−t·SE) to c·θ·exp(c·t·SE),  c = K/(K − 1.645).

Cohorts of few samples often lack the rare large ones, and then both θ and SE are too small. So the upper end has the
factor c that Bonett 2006 ("Approximate confidence interval for standard deviation of nonnormal distributions",
Computational Statistics & Data Analysis 50: 775-782) gives a variance for that reason. κ is a fourth moment, whose
error a jackknife does not show well. So for γ, SE is the root of the sum of the squared errors of log γ and of log ρ.
docs/calibration.md shows how often the ranges hold the true values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bnstat.batch_size import closed_form
from bnstat.batch_size.fewest import FEWEST_OF_THESE, FEWEST_SAMPLES
from bnstat.batch_size.patches import Patches
from bnstat.batch_size.pools import Pool
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import PopulationKind
from bnstat.moments.moments import Doubles

# The confidence of the range, with a tail on either side. Its upper end alone is enough for more than that where sample
# means are normally distributed, and for about as much where they are skewed (docs/calibration.md).
CONFIDENCE = 0.9
_TAIL = (1 - CONFIDENCE) / 2

# The parts that the samples are cut into at most, each of which is left out once.
_MOST_PARTS = 40

# With forced slots the share of foreground depends on the size of a batch: this many volumes have nearly the asked one.
_VOLUMES_OF_FORCED = 100


def fewest_of(kind: PopulationKind) -> int:
    """Return how many samples, or volumes, a channel needs to be judged."""
    return FEWEST_SAMPLES if kind == "infinite" else FEWEST_OF_THESE


@dataclass(frozen=True)
class Spread:
    """How samples differ, for each channel; shape (c,) each.

    Attributes:
        rho: the variance of the mean of one sample, or of the M patches of one volume, as a share of σ².
        gap: γ, the square of the train/eval gap of large batches times their number of samples, or volumes:
            γ = s·ρ + s³·κ/4 with s = σ²/(σ² + ε), and κ the variance of vᵢ + (mᵢ − μ)² between samples over σ⁴.
    """

    rho: Doubles
    gap: Doubles


@dataclass(frozen=True)
class Range:
    """The range of a figure at a confidence, as factors of its estimate; shape (c,) each.

    Attributes:
        least: the factor of the lower end.
        most: the factor of the upper end.
    """

    least: Doubles
    most: Doubles


def spread_of(cohort: Cohort, epsilon: float) -> Spread:
    """Return how the samples of a cohort differ, as those of a larger set.

    Args:
        cohort: two samples or more, or volumes that patches are of.
        epsilon: ε of the layer, 0 for none.
    """
    if cohort.patches is not None:
        return _spread_of_patches(cohort.patches, epsilon)
    whole = closed_form.population(cohort.means, cohort.variances, "infinite")
    known = _known_variance(whole.variance)
    squares = (whole.variances + (whole.means - whole.mean) ** 2) / known
    return _spread(whole.rho, squares.var(axis=0), known, epsilon)


def _spread_of_patches(patches: Patches, epsilon: float) -> Spread:
    """Return how volumes differ of which batches take patches; κ/4 without the covariance of two kinds of patches."""
    # a batch of all patches that one volume gives, or of so many volumes
    taking = patches.taking
    volumes = 1 if taking.forced is None else _VOLUMES_OF_FORCED
    whole = patches.batches("infinite", taking.per_volume * volumes)
    between = whole.lost(taking.per_volume * volumes) * volumes

    # the variance of mean squares about μ, between volumes and within them, in units of σ² so that no float overflows
    known = _known_variance(whole.variance)
    squares = [
        Pool((one.variances + (one.means - whole.mean) ** 2) / known, one.variances, one.numbers) for one in whole.pools
    ]
    apart = [one.centres.var(axis=0) + one.spreads.mean(axis=0) / taking.per_volume for one in squares]
    weights = whole.slots.weights(len(whole.pools)).sum(axis=0)
    return _spread(between / known, np.tensordot(weights, np.array(apart), axes=1), known, epsilon)


def _known_variance(variance: Doubles) -> Doubles:
    """Return σ², NaN where it is 0."""
    return np.asarray(np.where(variance > 0, variance, np.nan))


def _spread(rho: Doubles, kappa: Doubles, variance: Doubles, epsilon: float) -> Spread:
    """Return ρ and γ from ρ, κ and σ²."""
    shrunk = variance / (variance + epsilon)
    return Spread(np.asarray(rho), np.asarray(shrunk * rho + shrunk**3 * kappa / 4))


def ranges(cohort: Cohort, epsilon: float, seed: int, channels: int = 1) -> tuple[Spread, Range, Range]:
    """Return how samples differ, and the ranges of ρ and γ.

    Args:
        cohort: three samples or more, or volumes that patches are of.
        epsilon: ε of the layer, 0 for none.
        seed: seed of the parts that many samples are cut into.
        channels: the channels of which the largest size decides. The upper end of the worst of them holds with the
            confidence of each. The lower end does if each has 1/channels of the error (Bonferroni).
    """
    # the estimates without each part of the samples
    whole, number = spread_of(cohort, epsilon), cohort.independent
    parts = min(number, _MOST_PARTS)
    part_of = np.random.default_rng(seed).permutation(number) % parts
    without = [spread_of(cohort.members(part_of != part), epsilon) for part in range(parts)]

    # how far the ends are from the estimate
    below, above = (student(_TAIL / count, parts - 1) for count in (channels, 1))
    small = number / (number - NormalDist().inv_cdf(1 - _TAIL))

    def ends(estimate: Doubles, error: Doubles) -> tuple[Doubles, Doubles]:
        return np.exp(-below * error), np.where(estimate > 0, small, 1.0) * np.exp(small * above * error)

    # λ = ρ/(1 − ρ) may be any positive number, so it has the range; ρ follows from it
    odds = _odds(whole)
    error = _error(odds, np.array([_odds(one) for one in without]))
    shares = [_share_of(odds * end) for end in ends(odds, error)]
    known = np.where(whole.rho > 0, whole.rho, np.nan)

    # γ has a fourth moment, whose error is larger than the samples show: it has the error of log ρ besides
    own = _error(whole.gap, np.array([one.gap for one in without]))
    gaps = ends(whole.gap, np.hypot(own, (1 - whole.rho) * error))
    return whole, Range(*(_known(share / known) for share in shares)), Range(*map(_known, gaps))


def _odds(spread: Spread) -> Doubles:
    """Return λ = ρ/(1 − ρ), NaN where it is infinite."""
    return np.asarray(spread.rho / np.where(spread.rho < 1, 1 - spread.rho, np.nan))


def _known(factors: Doubles) -> Doubles:
    return np.asarray(np.where(np.isnan(factors), 1.0, factors))


def _share_of(odds: Doubles) -> Doubles:
    """Return ρ = λ/(1 + λ), 1 for an infinite λ."""
    return np.asarray(np.where(np.isinf(odds), 1.0, odds / (1 + np.where(np.isinf(odds), 0, odds))))


def _error(whole: Doubles, without: Doubles) -> Doubles:
    """Return the standard error of the logarithm of an estimate by the jackknife.

    SE² = (g − 1)/g · Σ(log θ₍ⱼ₎ − their mean)². It is infinite if an estimate is 0 or undefined without some.

    Args:
        whole: the estimate from all samples, shape (c,); an estimate of 0, or one that is undefined, has no error.
        without: estimates without each of g parts, shape (g, c).
    """
    parts = len(without)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(without)
        square = ((logs - logs.mean(axis=0)) ** 2).mean(axis=0) * (parts - 1)
    error = np.where(((without == 0) | np.isnan(without)).any(axis=0), np.inf, np.sqrt(square))
    return np.asarray(np.where((whole == 0) | np.isnan(whole), 0.0, error))


def student(tail: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution that is exceeded with this probability.

    By the expansion of Abramowitz & Stegun 1964 (26.7.5), to 3 digits from 7 degrees of freedom on.
    """
    z = -NormalDist().inv_cdf(tail)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
