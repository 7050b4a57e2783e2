"""Averages that are exact where all values are equal, so that a rounding error is not taken for a variance."""

from __future__ import annotations

import numpy as np

from bnstat.moments.moments import Doubles


def average(values: Doubles, weights: Doubles | None = None) -> Doubles:
    """Return the mean along axis 0, of distances from the first value and then from that mean.

    A plain sum of equal numbers is rounded: three times 0.1 has the mean 0.10000000000000002. The distances from that
    are not 0, and of constant samples nothing else is left: then all of their variance would lie between them. If the
    first value is far from the others, the distances from it are large and rounded; those from their mean repair this.

    Args:
        values: shape (n, …), n > 0.
        weights: shares of the values, with the sum 1, shape (n,); None for equal ones.
    """
    middle = values[0]
    for _ in range(2):
        apart = values - middle
        middle = middle + (apart.mean(axis=0) if weights is None else np.tensordot(weights, apart, axes=1))
    return np.asarray(middle)


def variance(values: Doubles) -> Doubles:
    """Return the biased variance along axis 0, shape (…)."""
    return np.asarray(((values - average(values)) ** 2).mean(axis=0))
