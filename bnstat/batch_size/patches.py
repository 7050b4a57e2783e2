"""What a batch size does where samples are patches: volumes are drawn first, then patches within each of them.

Every volume is drawn as often as any other, whatever the number of its patches, and stands for all of its positions by
the N patches that it has. A batch of B takes M patches of each of V = ⌈B/M⌉ volumes (the last one gives fewer where M
does not divide B): different volumes of the K there are (finite), or any of a larger set (infinite); patches of one
volume with replacement. With wⱼ = mⱼ/B, the share of the batch that its j-th volume gives,

    Var(batch mean) = τ_v²·(K·Σwⱼ² − 1)/(K − 1) + τ_p²/B  (finite),  τ_v²·Σwⱼ² + τ_p²/B  (infinite),

where τ_v² is the variance between volumes of the mean of their patches, and τ_p² the variance of patch means within a
volume, averaged over volumes. It is also what the expected batch variance lacks of σ² = w + τ_v² + τ_p². Where all mⱼ
are equal the first is τ_v²f/V + τ_p²/B with f = (K − V)/(K − 1).

nnU-Net forces the last slots of a batch to be foreground. Then there are two kinds t of patch, a volume i has the means
μ_it, and wⱼₜ is the share of the batch that its j-th volume gives in kind t. With C_tu the covariance of μ_it and μ_iu
over volumes, W_t = Σⱼwⱼₜ and τ_pt² the variance of patch means of that kind, the same steps give

    (K·ΣⱼΣ wⱼₜwⱼᵤC_tu − Σ W_tW_uC_tu)/(K − 1) + Σ W_tτ_pt²/B  (finite),  ΣⱼΣ wⱼₜwⱼᵤC_tu + Σ W_tτ_pt²/B  (infinite),

and σ² is that of the mixture with the shares W of this batch size. docs/patch-noise.md has the derivation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations, product
from math import perm, prod

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import closed_form
from bnstat.batch_size.averages import average
from bnstat.batch_size.draws import DrawnBatches, Indices
from bnstat.batch_size.pools import Pool, pool
from bnstat.batch_size.settings import PopulationKind
from bnstat.batch_size.slots import Slots, Taking
from bnstat.moments.moments import Doubles

# A callable that chooses patches: given slots, shape (b,), and how many patches they choose from, (batches, b) or
# (batches, b, c), it gives the place of the patch within its volume, same shape.
_Choice = Callable[[Indices, Indices], Indices]

# Random numbers that are held at once while batches are drawn.
_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class PatchBatches:
    """Batches of one size, of patches within volumes. `means` and `variances` are those of all patches in a row.

    Attributes:
        pools: the patches for slots that are not forced, and for those that are; one pool if no slot is ever forced.
        kind: "finite" if the volumes are all there are, "infinite" if they stand for a larger set.
        slots: the slots of a batch.
    """

    pools: tuple[Pool, ...]
    kind: PopulationKind
    slots: Slots

    @property
    def samples(self) -> int:
        """The number K of volumes, which are what is drawn independently."""
        return len(self.pools[0].means)

    @cached_property
    def means(self) -> Doubles:
        """The means of the patches of all pools, padding among them; shape (places, …)."""
        return np.concatenate([one.means.reshape(-1, *one.means.shape[2:]) for one in self.pools])

    @cached_property
    def variances(self) -> Doubles:
        """The biased variances of the same patches, same shape."""
        return np.concatenate([one.variances.reshape(-1, *one.variances.shape[2:]) for one in self.pools])

    @cached_property
    def _weights(self) -> Doubles:
        return self.slots.weights(len(self.pools))

    def _mixed(self, values: Sequence[Doubles]) -> Doubles:
        """Return the mean over slots, from a value for each pool."""
        return average(np.array(values), self._weights.sum(axis=0))

    @cached_property
    def mean(self) -> Doubles:
        """The mean μ of the mixture of patches, shape (…)."""
        return self._mixed([average(one.centres) for one in self.pools])

    @cached_property
    def within(self) -> Doubles:
        """The mean variance w of a patch."""
        return self._mixed([one.withins.mean(axis=0) for one in self.pools])

    @cached_property
    def between_patches(self) -> Doubles:
        """The variance τ_p² of patch means of one kind within a volume."""
        return self._mixed([one.spreads.mean(axis=0) for one in self.pools])

    @cached_property
    def between_volumes(self) -> Doubles:
        """The variance τ_v² of the means of volumes; with two kinds of patches that between kinds is part of it."""
        return self._mixed([((one.centres - self.mean) ** 2).mean(axis=0) for one in self.pools])

    @property
    def between(self) -> Doubles:
        """The variance τ_v² + τ_p² of patch means."""
        return np.asarray(self.between_volumes + self.between_patches)

    @cached_property
    def variance(self) -> Doubles:
        """The variance σ² of the mixture."""
        return np.asarray(self.within + self.between)

    @property
    def rho(self) -> Doubles:
        """The share of the variance that lies between patches, of one volume or of several."""
        return closed_form.share(self.between, self.variance)

    def lost(self, batch_size: int) -> Doubles:
        """Return the variance of the batch mean, by the formulas above; `batch_size` is that of the slots."""
        weights, volumes = self._weights, self.samples

        # C_tu, the covariances of the volume means of two kinds.
        deviations = np.array([one.centres - average(one.centres) for one in self.pools])
        covariances = np.einsum("tk...,uk...->tu...", deviations, deviations) / volumes

        # Their factors, Σⱼ wⱼₜwⱼᵤ; volumes that are drawn without replacement make up for each other.
        factors = weights.T @ weights
        if self.kind == "finite":
            total = weights.sum(axis=0)
            factors = (volumes * factors - np.outer(total, total)) / (volumes - 1) if volumes > 1 else 0 * factors

        between = np.tensordot(factors, covariances, axes=2)
        return np.asarray(np.maximum(between, 0) + self.between_patches / batch_size)

    def expected(self, batch_size: int) -> closed_form.Expected:
        """Return batch statistics in closed form; `batch_size` is that of the slots."""
        lost = self.lost(batch_size)
        return closed_form.Expected.of(lost, self.variance, self.within + closed_form.unlost(self.between, lost))

    def draw(self, batch_size: int, number: int, seed: int, *, enumerated: bool = True) -> DrawnBatches:
        """Return mean and biased variance of batches: all of them if these are at most `number`, else so many.

        Args:
            batch_size: the size of the slots.
            number: how many batches at most.
            seed: seed of the random choice; equal seeds give equal batches for every channel.
            enumerated: True to take all batches, in every order of volumes, if they are so few and volumes have
                equally many patches; False always takes `number` at random.
        """
        ways = self._ways(batch_size) if enumerated else None
        if ways is not None and ways <= number:
            return DrawnBatches.of(self, [self._every()], complete=True)
        return DrawnBatches.of(self, self._random(number, seed), complete=False)

    def members(self, chosen: Indices) -> PatchBatches:
        """Return the same batches of some of the volumes by their places, spread as they are here."""
        return replace(self, pools=tuple(one.of_volumes(chosen) for one in self.pools))

    def _ways(self, batch_size: int) -> int | None:
        """Return how many batches there are; None if these are not equally likely."""
        if any(one.numbers.ndim > 1 or np.ptp(one.numbers) for one in self.pools):
            return None
        volumes, distinct = self.samples, self.slots.distinct
        orders = perm(volumes, distinct) if self.kind == "finite" else volumes**distinct
        return orders * prod(self._pool_of(slot).most for slot in range(batch_size))

    def _pool_of(self, slot: int) -> Pool:
        return self.pools[self.slots.kinds[slot] if len(self.pools) > 1 else 0]

    def _every(self) -> Indices:
        """Return all batches as rows of places."""
        volumes, distinct = range(self.samples), self.slots.distinct
        orders = permutations(volumes, distinct) if self.kind == "finite" else product(volumes, repeat=distinct)
        chosen = np.array(list(orders), np.intp)
        patches = np.array(list(product(*(range(self._pool_of(slot).most) for slot in range(self.slots.batch_size)))))
        rows = np.repeat(chosen, len(patches), axis=0)
        return self._places(rows, lambda slots, _: np.tile(patches[:, slots], (len(chosen), 1)))

    def _random(self, number: int, seed: int) -> Iterator[Indices]:
        """Yield random batches as rows of places, in parts that fit into memory."""
        random, volumes, distinct = np.random.default_rng(seed), self.samples, self.slots.distinct
        patches = _patch_generator(seed)
        step = max(_AT_ONCE // max(volumes, self.slots.batch_size * (self.means.shape[1:] or (1,))[-1]), 1)
        for done in range(0, number, step):
            rows = min(step, number - done)
            if self.kind == "infinite":
                chosen = random.integers(0, volumes, (rows, distinct))
            else:
                chosen = np.argsort(random.random((rows, volumes)), axis=1)[:, :distinct]
            yield self._with_patches(chosen, patches)

    def filled(self, volumes: Indices, seed: int) -> Indices:
        """Return batches of these volumes, shape (batches, V), as rows of places of patches drawn within them."""
        return self._with_patches(volumes, _patch_generator(seed))

    def _with_patches(self, volumes: Indices, random: np.random.Generator) -> Indices:
        """Draw a patch for each slot, each patch of a volume as likely as any other."""
        where = random.random((len(volumes), self.slots.batch_size))

        def choice(slots: Indices, numbers: Indices) -> Indices:
            part = where[:, slots].reshape(len(where), -1, *[1] * (numbers.ndim - 2))
            return np.asarray((part * numbers).astype(np.intp))  # less than the number, as `part` is less than 1

        return self._places(volumes, choice)

    def _places(self, volumes: Indices, choice: _Choice) -> Indices:
        """Return rows of places in `means`.

        The shape is (batches, B), or (batches, B, c) where columns are of different volumes.
        """
        chosen = volumes[:, self.slots.volumes]
        places = np.empty((*chosen.shape, *self.pools[0].numbers.shape[1:]), np.intp)
        start = 0
        for kind, one in enumerate(self.pools):
            slots = np.flatnonzero(self.slots.kinds == kind) if len(self.pools) > 1 else np.arange(chosen.shape[1])
            mine = chosen[:, slots]
            patches = choice(slots, one.numbers[mine])
            places[:, slots] = start + patches + (mine * one.most).reshape(mine.shape + (1,) * (patches.ndim - 2))
            start += len(one.means) * one.most
        return places


def _patch_generator(seed: int) -> np.random.Generator:
    """Return the generator that draws patches within volumes.

    It is another than that which draws volumes, so that neither depends on how batches are cut into parts.
    """
    return np.random.default_rng((seed, 1))


@dataclass(frozen=True)
class Patches:
    """The patches of volumes as they were drawn.

    Attributes:
        every: all of them.
        kinds: where slots are forced, the patches for slots that are not and for those that are; else empty.
        taking: how batches take them.
    """

    every: Pool
    kinds: tuple[Pool, ...]
    taking: Taking

    @property
    def volumes(self) -> int:
        """The number K of volumes."""
        return len(self.every.means)

    @property
    def _pools(self) -> tuple[Pool, ...]:
        """The pools that slots draw from."""
        return self.kinds or (self.every,)

    @cached_property
    def _larger_pools(self) -> tuple[Pool, ...]:
        """The pools that slots draw from, of a larger set."""
        return tuple(one.of_a_larger_set() for one in self._pools)

    def batches(
        self, kind: PopulationKind, batch_size: int, ranks: int = 1, groups: Indices | None = None
    ) -> PatchBatches:
        """Return batches of so many patches on each rank; of a larger set only if there are two volumes or more.

        `groups` is the number of the group of each volume, as of `Pool.of_a_larger_set`.
        """
        pools = self._pools
        if kind == "infinite":
            pools = self._larger_pools if groups is None else tuple(one.of_a_larger_set(groups) for one in pools)
        return PatchBatches(pools, kind, self.taking.slots(batch_size, ranks))

    def as_drawn(self, kind: PopulationKind, groups: Indices | None = None) -> PatchBatches:
        """Return batches of one patch, any patch of a volume: the population, whatever batches take of it."""
        every = self.every if kind == "finite" else self.every.of_a_larger_set(groups)
        return PatchBatches((every,), kind, Taking().slots(1))

    def _each(self, change: Callable[[Pool], Pool]) -> Patches:
        return Patches(change(self.every), tuple(change(one) for one in self.kinds), self.taking)

    def redrawn(self, places: Indices) -> Patches:
        """Return the patches of one channel, with other volumes in each column: places of shape (K, c)."""
        return self._each(lambda one: one.redrawn(places))

    def of_volumes(self, chosen: NDArray[np.bool_]) -> Patches:
        """Return the patches of some of the volumes; `chosen` has the shape (K,)."""
        places = np.flatnonzero(chosen)
        return self._each(lambda one: one.of_volumes(places))

    def only(self, columns: Indices) -> Patches:
        """Return some of the columns."""
        return self._each(lambda one: one.only(columns))


def patches(
    means: Doubles, variances: Doubles, volumes: Indices, foreground: NDArray[np.bool_], taking: Taking
) -> Patches:
    """Return the patches by volume.

    Args:
        means: mean of each patch, shape (P, …).
        variances: biased variance of each patch, same shape.
        volumes: the volume that each is of, 0 … K − 1, each of which has one or more; shape (P,).
        foreground: True for patches around foreground, shape (P,).
        taking: how batches take them. Where slots are forced, a volume without a patch of the kind that is asked for
            gives one of the other kind, as in nnU-Net.
    """
    kinds = []
    for kind in () if taking.forced is None else (~foreground, foreground):
        usable = kind | (np.bincount(volumes, kind)[volumes] == 0)
        kinds.append(pool(means[usable], variances[usable], volumes[usable]))
    return Patches(pool(means, variances, volumes), tuple(kinds), taking)
