"""How far apart means are in the larger set that samples stand for: in all, between groups, and within groups.

K samples are in G groups, with K_g samples in group g. SSB is the sum over samples of the squared distance of their
group's mean from the mean of all, and SSW that of each sample's mean from its group's mean. Then

    τ² = (SSB + SSW)/(K − 1),  τ_e² = SSW/(K − G),  τ_a² = τ² − τ_e² = (SSB − (G − 1)·τ_e²)/(K − 1),

are unbiased for the variance of all sample means, its part within groups, and its part between groups. The means of
groups differ by chance too, by τ_e²/K_g, which is why SSB/K alone is too large. τ_a² is the estimate of a one-way
analysis of variance with random effects, (MSB − MSW)/n₀, times (G − 1)n₀/(K − 1), where (G − 1)n₀ = K − ΣK_g²/K: that
is the variance between groups drawn at random, and τ_a² its part in these groups with these shares. If τ_a² is
negative it counts as 0, and all of τ² as within groups (Searle, Casella & McCulloch 1992, "Variance Components",
3.6 and 4.4; τ_a²/τ² is the ε² of Kelley 1935). docs/patch-noise.md has the derivation.
"""

from __future__ import annotations

import numpy as np

from bnstat.batch_size.averages import average, variance
from bnstat.batch_size.draws import Indices
from bnstat.moments.moments import Doubles


def spread(means: Doubles, noise: Doubles | float = 0.0, groups: Indices | None = None) -> Doubles:
    """Return the means moved so that their biased variances are those of the larger set.

    Args:
        means: mean of each sample, shape (K, …), K > 1.
        noise: the part of the variance of means that is chance, as of means of few patches; shape (…).
        groups: the number 0 … G − 1 of the group of each sample, G < K, shape (K,); None without groups.
    """
    middle = average(means)
    observed = ((means - middle) ** 2).mean(axis=0)
    between = _between(means, noise)
    if groups is None:
        return np.asarray(middle + _factor(between, observed) * (means - middle))

    # Distances of groups have the variance τ_a², and those within groups what is left of τ².
    own = _group_means(means, groups)
    apart = between_groups(means, noise, groups)
    distances = _factor(apart, ((own - middle) ** 2).mean(axis=0)) * (own - middle)
    deviations = _factor(between - apart, ((means - own) ** 2).mean(axis=0)) * (means - own)
    return np.asarray(middle + distances + deviations)


def between_groups(means: Doubles, noise: Doubles | float, groups: Indices) -> Doubles:
    """Return τ_a², the part of the variance of the larger set that lies between groups; arguments as of `spread`."""
    number, several = len(means), int(groups.max()) + 1
    own = _group_means(means, groups)
    squares = ((own - average(means)) ** 2).sum(axis=0)  # SSB
    within = ((means - own) ** 2).sum(axis=0) / (number - several)  # MSW
    apart = (squares - (several - 1) * within) / (number - 1)
    return np.asarray(np.minimum(np.maximum(apart, 0), _between(means, noise)))


def _between(means: Doubles, noise: Doubles | float) -> Doubles:
    """Return τ², without the part that is chance, and 0 where nothing is left."""
    return np.asarray(np.maximum(variance(means) * len(means) / (len(means) - 1) - noise, 0))


def _group_means(means: Doubles, groups: Indices) -> Doubles:
    """Return for each sample the mean of its group, shape (K, …)."""
    return np.stack([average(means[places]) for places in places_of(groups)])[groups]


def places_of(groups: Indices) -> list[Indices]:
    """Return the places of the members of each group 0, 1, …, in ascending order."""
    return np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])


def _factor(wanted: Doubles, observed: Doubles) -> Doubles:
    """Return the factor of deviations that gives them another variance; 0 where all are 0."""
    return np.sqrt(np.divide(wanted, observed, out=np.zeros_like(observed), where=observed > 0))
