"""Batches of patches: volumes are drawn first, and patches within them. The model is that of docs/patch-noise.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import perm

from reference import curve
from reference.balls import NOTHING, ONE, Ball, average, spread, whole
from reference.curve import Batches, Whole
from reference.layers import Fields


@dataclass(frozen=True)
class Volumes:
    """The patches of one channel, by their volumes.

    Attributes:
        means: of each patch of each volume.
        variances: the same.
        per_volume: M, the patches that a batch takes of one volume.
        infinite: True if the volumes stand for a larger set, and their patches for all positions.
    """

    means: Sequence[Sequence[Ball]]
    variances: Sequence[Sequence[Ball]]
    per_volume: int = 1
    infinite: bool = False

    @property
    def number(self) -> int:
        """K."""
        return len(self.means)

    @property
    def centres(self) -> list[Ball]:
        """The mean μ_i of each volume."""
        return [average(one) for one in self.means]

    @property
    def mean(self) -> Ball:
        """μ, in which each volume weighs the same."""
        return average(self.centres)

    @property
    def within(self) -> Ball:
        """w, over the patches of a volume and then over volumes."""
        return average([average(one) for one in self.variances])

    @property
    def _spreads(self) -> list[Ball]:
        """The variance s_i² of the patch means of each volume."""
        return [spread(one, centre).squared() for one, centre in zip(self.means, self.centres, strict=True)]

    @property
    def _unbiased(self) -> list[Ball]:
        """The same divided by N_i − 1, of the volumes with two patches or more."""
        return [
            one * whole(len(means)) / whole(len(means) - 1)
            for one, means in zip(self._spreads, self.means, strict=True)
            if len(means) > 1
        ]

    @property
    def between_patches(self) -> Ball:
        """τ_p²."""
        if not (self.infinite and self.number > 1):
            return average(self._spreads)
        return average(self._unbiased) if self._unbiased else NOTHING

    @property
    def between_volumes(self) -> Ball:
        """τ_v²: of a larger set by the method of moments, and 0 where that is negative."""
        biased = spread(self.centres, self.mean).squared()
        if not (self.infinite and self.number > 1):
            return biased
        own = iter(self._unbiased)
        of_patches = [
            (next(own) if len(means) > 1 else self.between_patches) / whole(len(means)) for means in self.means
        ]
        found = biased * whole(self.number) / whole(self.number - 1) - average(of_patches)
        return found if found.value > 0 else Ball(NOTHING.value, found.radius)

    def shares(self, size: int, ranks: int) -> list[int]:
        """Return how many patches each volume gives to a batch of all ranks."""
        full, rest = divmod(size, self.per_volume)
        return ([self.per_volume] * full + [rest] * (rest > 0)) * ranks

    def whole(self, size: int, ranks: int = 1) -> Whole:
        """Return what batches are drawn from: V volumes, different ones if they are all there are."""
        shares = self.shares(size, ranks)
        total = whole(sum(shares))
        squares = whole(sum(one * one for one in shares)) / (total * total)
        volumes, patches = self.between_volumes, self.between_patches
        if not self.infinite:
            known = whole(self.number)
            squares = (known * squares - ONE) / (known - ONE) if self.number > 1 else NOTHING
        between, lost = volumes + patches, volumes * squares + patches / total
        return Whole(self.mean, self.within + between, lost, self.within + (between - lost))

    def population(self) -> Fields:
        """Return how the variance splits."""
        several = self.number > 1
        volumes, patches = (self.between_volumes if several else NOTHING), self.between_patches
        total = self.within + volumes + patches
        return {
            "mean": self.mean,
            "variance": total,
            "within": self.within,
            "volumes": self.number,
            "between": volumes + patches if several else None,
            "between_volumes": volumes if several else None,
            "between_patches": patches,
            "rho": (volumes + patches) / total if several and total.value > 0 else None,
        }

    def every(self, size: int, most: int, ranks: int = 1) -> Batches | None:
        """Return all batches, volumes in every order; None if they are more than `most` or patches differ in number."""
        patches = {len(one) for one in self.means}
        shares = self.shares(size, ranks)
        number = min(patches)
        ways = (self.number ** len(shares) if self.infinite else perm(self.number, len(shares))) * number ** sum(shares)
        if len(patches) > 1 or ways > most or not ways:
            return None
        means = [one for volume in self._spread_means() for one in volume]
        variances = [one for volume in self.variances for one in volume]
        volumes = range(self.number)
        orders = product(volumes, repeat=len(shares)) if self.infinite else permutations(volumes, len(shares))
        places = (
            [volume * number + patch for volume, patch in zip(slots, chosen, strict=True)]
            for order in orders
            for slots in [[volume for volume, share in zip(order, shares, strict=True) for _ in range(share)]]
            for chosen in product(range(number), repeat=len(slots))
        )
        return curve.batches(means, variances, places)

    def _spread_means(self) -> Sequence[Sequence[Ball]]:
        """Return the means that drawn batches take: of a larger set they are spread by its estimates."""
        if not self.infinite:
            return self.means
        centres, middle = self.centres, self.mean
        biased = spread(centres, middle).squared()
        wider = (self.between_volumes / biased).root() if biased.value > biased.radius else NOTHING
        if all(len(one) < 2 for one in self.means):
            wider = (whole(self.number) / whole(self.number - 1)).root()
        found = []
        for volume, centre in zip(self.means, centres, strict=True):
            inner = (whole(len(volume)) / whole(len(volume) - 1)).root() if len(volume) > 1 else NOTHING
            found.append([middle + (centre - middle) * wider + (one - centre) * inner for one in volume])
        return found
