"""Pools: the patches of each volume that a slot of a batch may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import larger_set
from bnstat.batch_size.draws import Indices
from bnstat.moments.moments import Doubles


@dataclass(frozen=True)
class Pool:
    """The patches of each of K volumes, padded to as many as the volume with the most has.

    Attributes:
        means: mean of each patch, shape (K, N, …).
        variances: biased variance of each patch, same shape.
        numbers: how many patches each volume has, the first ones along N; shape (K,), or (K, c) where columns are of
            different volumes.
    """

    means: Doubles
    variances: Doubles
    numbers: Indices

    @property
    def most(self) -> int:
        """The number N of patches of the volume that has the most."""
        return int(self.means.shape[1])

    @cached_property
    def _divisors(self) -> Doubles:
        """The numbers of patches, of a shape that divides (K, …)."""
        apart = self.means.ndim - 1 - self.numbers.ndim
        return self.numbers.astype(np.float64).reshape(self.numbers.shape + (1,) * apart)

    @cached_property
    def _present(self) -> NDArray[np.bool_]:
        """True for patches, False for padding; of a shape that broadcasts to that of the means."""
        place = np.arange(self.most).reshape(-1, *[1] * (self.means.ndim - 2))
        return np.asarray(place < self._divisors[:, np.newaxis])

    def _averaged(self, values: Doubles) -> Doubles:
        """Return the averages over the patches of each volume, shape (K, …)."""
        first = values[:, :1]  # from which distances are taken, as in `average`
        return np.asarray(first[:, 0] + (values - first).sum(axis=1, where=self._present) / self._divisors)

    @cached_property
    def centres(self) -> Doubles:
        """The mean of each volume's patch means, shape (K, …)."""
        return self._averaged(self.means)

    @cached_property
    def spreads(self) -> Doubles:
        """The biased variance of each volume's patch means, shape (K, …)."""
        return self._averaged((self.means - self.centres[:, np.newaxis]) ** 2)

    @cached_property
    def withins(self) -> Doubles:
        """The mean of each volume's patch variances, shape (K, …)."""
        return self._averaged(self.variances)

    def of_volumes(self, places: Indices) -> Pool:
        """Return the pool of some of the volumes, or of some more than once."""
        return Pool(self.means[places], self.variances[places], self.numbers[places])

    def redrawn(self, places: Indices) -> Pool:
        """Return other volumes in each column: from a pool of one channel, places of shape (K, c)."""
        means, variances = (values[places, :, 0].swapaxes(1, 2) for values in (self.means, self.variances))
        return Pool(means, variances, self.numbers[places])

    def only(self, columns: Indices) -> Pool:
        """Return the pool with some of the columns."""
        numbers = self.numbers if self.numbers.ndim == 1 else self.numbers[:, columns]
        return Pool(self.means[..., columns], self.variances[..., columns], numbers)

    def of_a_larger_set(self, groups: Indices | None = None) -> Pool:
        """Return the pool with means spread as in the larger set that these volumes and patches stand for.

        Deviations of patches from their volume's mean, and those of volumes from the mean of all, are scaled to have
        the variances τ_p² and τ_v² that are estimated for the larger set (docs/patch-noise.md).

        Args:
            groups: the number 0, 1, … of the group of each volume, shape (K,), to have τ_v² split between and within
                groups as in the larger set; None without groups.
        """
        grown, noise = self._estimates
        centres = larger_set.spread(self.centres, noise, groups)
        deviations = (self.means - self.centres[:, np.newaxis]) * grown[:, np.newaxis]
        return replace(self, means=centres[:, np.newaxis] + deviations)

    def between_groups(self, groups: Indices) -> Doubles:
        """Return the part of τ_v² that lies between groups of volumes, in the larger set; shape (…)."""
        return larger_set.between_groups(self.centres, self._estimates[1], groups)

    @cached_property
    def _estimates(self) -> tuple[Doubles, Doubles]:
        """The factors of deviations within volumes, shape (K, …), and the chance part of τ_v², shape (…)."""
        numbers, volumes = self._divisors, len(self.means)

        # τ_p², within volumes: the mean of the unbiased variances, over the volumes that have two patches or more.
        several = np.broadcast_to(numbers > 1, self.centres.shape)
        unbiased = self.spreads * numbers / np.maximum(numbers - 1, 1)
        known = several.sum(axis=0)
        patch_variance = np.where(several, unbiased, 0).sum(axis=0) / np.maximum(known, 1)

        # τ_v², between volumes (analysis of variance, method of moments): the unbiased variance of K means of N patches
        # each is on average τ_v² + τ_p²/N. So τ_v² is that less the mean of τ_p²/N, and 0 where nothing is left.
        noise = (np.where(several, unbiased, patch_variance) / numbers).mean(axis=0)

        # Deviations within a volume are scaled to have τ_p² on average.
        return np.sqrt(numbers / np.maximum(numbers - 1, 1) * volumes / np.maximum(known, 1)), np.asarray(noise)


def pool(means: Doubles, variances: Doubles, volumes: Indices) -> Pool:
    """Return the pool of all these patches.

    Args:
        means: mean of each patch, shape (P, …).
        variances: biased variance of each patch, same shape.
        volumes: the volume that each patch is of, 0 … K − 1; shape (P,).
    """
    order = np.argsort(volumes, kind="stable")
    numbers = np.bincount(volumes)
    of, place = volumes[order], np.arange(len(order)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    padded = [np.zeros((len(numbers), numbers.max(), *means.shape[1:])) for _ in range(2)]
    for values, rows in zip((means, variances), padded, strict=True):
        rows[of, place] = values[order]
    return Pool(padded[0], padded[1], numbers)
