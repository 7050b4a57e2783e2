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
from bnstat.batch_size.closed_form import Doubles, Kind

Places = NDArray[np.intp]

# Given slots, shape (b,), and how many patches they choose from, (batches, b) or (batches, b, c): which they take.
_Within = Callable[[Places, Places], Places]

# Random numbers that are held at once while batches are drawn.
_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Slots:
    """The slots of a batch, B of them.

    Attributes:
        volumes: from which volume of the batch each takes a patch, 0 … V − 1; shape (B,).
        kinds: 1 where it has to be a patch around foreground, 0 where not; shape (B,).
    """

    volumes: Places
    kinds: Places

    @property
    def batch_size(self) -> int:
        """B."""
        return len(self.volumes)

    @property
    def distinct(self) -> int:
        """V: the volumes that a batch takes."""
        return int(self.volumes[-1]) + 1

    def weights(self, kinds: int) -> Doubles:
        """wⱼₜ: the share of the batch that each of its volumes gives in each kind, shape (V, kinds)."""
        columns = self.kinds if kinds > 1 else np.zeros_like(self.kinds)
        found = np.bincount(self.volumes * kinds + columns, minlength=self.distinct * kinds)
        return np.asarray(found.reshape(-1, kinds) / self.batch_size)


@dataclass(frozen=True)
class Taking:
    """How batches take patches.

    Attributes:
        per_volume: M, patches that a batch takes of one volume.
        forced: the share F of slots at the end of a batch that nnU-Net forces to be foreground; None for none.
    """

    per_volume: int = 1
    forced: float | None = None

    def volumes(self, batch_size: int, ranks: int = 1) -> int:
        """V: volumes that batches of so many ranks take together."""
        return ranks * -(-batch_size // self.per_volume)

    def full(self, batch_size: int, ranks: int = 1) -> int:
        """The size M·V that a batch of so many volumes may have.

        Of a larger set the variance of the batch mean is at most (M·τ_v² + τ_p²)/B, which it is at B = M·V; with fewer
        patches of as many volumes it is no less. So what would be enough is reckoned from here by 1/B.
        """
        return self.volumes(batch_size, ranks) * self.per_volume

    def slots(self, batch_size: int, ranks: int = 1) -> Slots:
        """The slots of a batch, those of a rank after the other.

        Slot s of a rank's B is forced unless s < round(B·(1 − F)), as in nnU-Net v2's data loader.
        """
        place = np.arange(batch_size)
        own = place // self.per_volume
        volumes = np.concatenate([own + rank * (own[-1] + 1) for rank in range(ranks)])
        free = batch_size if self.forced is None else round(batch_size * (1 - self.forced))
        return Slots(volumes, np.tile((place >= free).astype(np.intp), ranks))


@dataclass(frozen=True)
class Pool:
    """The patches of each volume that a slot may take, padded to as many as the volume with the most has.

    Attributes:
        means: shape (K, N, …).
        variances: biased, same shape.
        numbers: how many patches each volume has, the first ones along N; shape (K,), or (K, c) where columns are of
            different volumes.
    """

    means: Doubles
    variances: Doubles
    numbers: Places

    @property
    def most(self) -> int:
        """N."""
        return int(self.means.shape[1])

    @cached_property
    def _counts(self) -> Doubles:
        """The numbers as a divisor of (K, …)."""
        apart = self.means.ndim - 1 - self.numbers.ndim
        return self.numbers.astype(np.float64).reshape(self.numbers.shape + (1,) * apart)

    @cached_property
    def _there(self) -> NDArray[np.bool_]:
        """What is no padding, of a shape that broadcasts to that of the means."""
        place = np.arange(self.most).reshape(-1, *[1] * (self.means.ndim - 2))
        return np.asarray(place < self._counts[:, np.newaxis])

    def _averaged(self, values: Doubles) -> Doubles:
        """Over the patches of each volume, shape (K, …)."""
        return np.asarray(values.sum(axis=1, where=self._there) / self._counts)

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

    def of_volumes(self, places: Places | NDArray[np.bool_]) -> Pool:
        """That of some of the volumes, or of some more than once."""
        return Pool(self.means[places], self.variances[places], self.numbers[places])

    def redrawn(self, places: Places) -> Pool:
        """Other volumes in each column: from a pool of one channel, places of shape (K, c)."""
        means, variances = (values[places, :, 0].swapaxes(1, 2) for values in (self.means, self.variances))
        return Pool(means, variances, self.numbers[places])

    def only(self, columns: Places) -> Pool:
        """Some of the columns."""
        numbers = self.numbers if self.numbers.ndim == 1 else self.numbers[:, columns]
        return Pool(self.means[..., columns], self.variances[..., columns], numbers)

    def of_a_larger_set(self) -> Pool:
        """The same with means that are spread as those of the larger set that these volumes and patches stand for.

        Within volumes: τ_p² is the mean of the unbiased variances, over the volumes that have two patches or more.
        Between them (analysis of variance, method of moments): the unbiased variance of K means of N patches each is on
        average τ_v² + τ_p²/N, so that τ_v² is that less the mean of τ_p²/N, and 0 where nothing is left. Deviations
        from the mean of a volume, and those of volumes from that of all, are scaled to have just these variances.
        """
        counts, volumes = self._counts, len(self.means)
        several = np.broadcast_to(counts > 1, self.centres.shape)
        unbiased = self.spreads * counts / np.maximum(counts - 1, 1)
        known = several.sum(axis=0)
        apart = np.where(several, unbiased, 0).sum(axis=0) / np.maximum(known, 1)
        noisy = (np.where(several, unbiased, apart) / counts).mean(axis=0)
        middle = self.centres.mean(axis=0)
        observed = ((self.centres - middle) ** 2).mean(axis=0)
        between = np.maximum(observed * volumes / (volumes - 1) - noisy, 0)
        shrunk = np.sqrt(np.nan_to_num(closed_form.share(between, observed)))
        grown = np.sqrt(counts / np.maximum(counts - 1, 1) * volumes / np.maximum(known, 1))
        deviations = (self.means - self.centres[:, np.newaxis]) * grown[:, np.newaxis]
        return replace(self, means=(middle + shrunk * (self.centres - middle))[:, np.newaxis] + deviations)


def pool(means: Doubles, variances: Doubles, volumes: Places) -> Pool:
    """The patches of each volume together.

    Args:
        means: of patches, shape (P, …).
        variances: biased, same shape.
        volumes: which volume each patch is of, 0 … K − 1; shape (P,).
    """
    order = np.argsort(volumes, kind="stable")
    numbers = np.bincount(volumes)
    of, place = volumes[order], np.arange(len(order)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    padded = [np.zeros((len(numbers), numbers.max(), *means.shape[1:])) for _ in range(2)]
    for values, there in zip((means, variances), padded, strict=True):
        there[of, place] = values[order]
    return Pool(padded[0], padded[1], numbers)


@dataclass(frozen=True)
class Nested:
    """Batches of one size, of patches within volumes. Its `means` and `variances` are those of all patches in a row.

    Attributes:
        pools: of patches for slots that are not forced, and for those that are; one for all where none ever is.
        kind: whether the volumes are all there are, or stand for a larger set.
        slots: of a batch.
    """

    pools: tuple[Pool, ...]
    kind: Kind
    slots: Slots

    @property
    def samples(self) -> int:
        """K: volumes, which are what is drawn independently."""
        return len(self.pools[0].means)

    @cached_property
    def means(self) -> Doubles:
        """Of patches of all pools, padding among them; shape (places, …)."""
        return np.concatenate([one.means.reshape(-1, *one.means.shape[2:]) for one in self.pools])

    @cached_property
    def variances(self) -> Doubles:
        """Biased, same shape."""
        return np.concatenate([one.variances.reshape(-1, *one.variances.shape[2:]) for one in self.pools])

    @cached_property
    def _weights(self) -> Doubles:
        return self.slots.weights(len(self.pools))

    def _mixed(self, values: Sequence[Doubles]) -> Doubles:
        """The mean over slots, of a value for each pool."""
        return np.asarray(np.tensordot(self._weights.sum(axis=0), np.array(values), axes=1))

    @cached_property
    def mean(self) -> Doubles:
        """μ of the mixture of patches, shape (…)."""
        return self._mixed([one.centres.mean(axis=0) for one in self.pools])

    @cached_property
    def within(self) -> Doubles:
        """w: the mean variance of a patch."""
        return self._mixed([one.withins.mean(axis=0) for one in self.pools])

    @cached_property
    def between_patches(self) -> Doubles:
        """τ_p²: the variance of patch means of one kind within a volume."""
        return self._mixed([one.spreads.mean(axis=0) for one in self.pools])

    @cached_property
    def between_volumes(self) -> Doubles:
        """τ_v²: that of the means of volumes; where there are two kinds of patches also that between kinds."""
        return self._mixed([((one.centres - self.mean) ** 2).mean(axis=0) for one in self.pools])

    @property
    def between(self) -> Doubles:
        """τ_v² + τ_p²."""
        return np.asarray(self.between_volumes + self.between_patches)

    @cached_property
    def variance(self) -> Doubles:
        """σ² of the mixture."""
        return np.asarray(self.within + self.between)

    @property
    def rho(self) -> Doubles:
        """The share of the variance that lies between patches, of one volume or of several."""
        return closed_form.share(self.between, self.variance)

    def lost(self, batch_size: int) -> Doubles:
        """The variance of the batch mean, by the formulas above; `batch_size` is that of the slots."""
        weights, volumes = self._weights, self.samples
        deviations = np.array([one.centres - one.centres.mean(axis=0) for one in self.pools])
        covariances = np.einsum("tk...,uk...->tu...", deviations, deviations) / volumes
        shared = weights.T @ weights
        if self.kind == "finite":
            total = weights.sum(axis=0)
            shared = (volumes * shared - np.outer(total, total)) / (volumes - 1) if volumes > 1 else 0 * shared
        between = np.tensordot(shared, covariances, axes=2)
        return np.asarray(np.maximum(between, 0) + self.between_patches / batch_size)

    def expected(self, batch_size: int) -> closed_form.Expected:
        """Batch statistics in closed form; `batch_size` is that of the slots."""
        return closed_form.expected_from(self.lost(batch_size), self.variance)

    def draw(self, batch_size: int, draws: int, seed: int, *, enumerated: bool = True) -> closed_form.Drawn:
        """Mean and biased variance of batches: all of them, in every order of volumes, where these are at most `draws`.

        Args:
            batch_size: that of the slots.
            draws: how many batches at most.
            seed: of the random choice; equal seeds give equal batches for every channel.
            enumerated: whether all batches are taken where they are so few, and volumes have equally many patches;
                otherwise always `draws` at random.
        """
        ways = self._ways(batch_size) if enumerated else None
        complete = ways is not None and ways <= draws
        parts = [self._every()] if complete else self._random(draws, seed)
        found = [closed_form.statistics(self, part) for part in parts]
        return closed_form.Drawn(
            np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found]), complete
        )

    def _ways(self, batch_size: int) -> int | None:
        """How many batches there are; None where these are not equally likely."""
        if any(one.numbers.ndim > 1 or np.ptp(one.numbers) for one in self.pools):
            return None
        volumes, distinct = self.samples, self.slots.distinct
        orders = perm(volumes, distinct) if self.kind == "finite" else volumes**distinct
        return orders * prod(self._pool_of(slot).most for slot in range(batch_size))

    def _pool_of(self, slot: int) -> Pool:
        return self.pools[self.slots.kinds[slot] if len(self.pools) > 1 else 0]

    def _every(self) -> Places:
        """All batches as rows of places."""
        volumes, distinct = range(self.samples), self.slots.distinct
        orders = permutations(volumes, distinct) if self.kind == "finite" else product(volumes, repeat=distinct)
        chosen = np.array(list(orders), np.intp)
        patches = np.array(list(product(*(range(self._pool_of(slot).most) for slot in range(self.slots.batch_size)))))
        rows = np.repeat(chosen, len(patches), axis=0)
        return self._places(rows, lambda slots, _: np.tile(patches[:, slots], (len(chosen), 1)))

    def _random(self, draws: int, seed: int) -> Iterator[Places]:
        """Random batches as rows of places, in parts that fit into memory."""
        random, volumes, distinct = np.random.default_rng(seed), self.samples, self.slots.distinct
        patches = _patches_of(seed)
        step = max(_AT_ONCE // max(volumes, self.slots.batch_size * (self.means.shape[1:] or (1,))[-1]), 1)
        for done in range(0, draws, step):
            rows = min(step, draws - done)
            if self.kind == "infinite":
                chosen = random.integers(0, volumes, (rows, distinct))
            else:
                chosen = np.argsort(random.random((rows, volumes)), axis=1)[:, :distinct]
            yield self._drawn(chosen, patches)

    def filled(self, volumes: Places, seed: int) -> Places:
        """Batches of these volumes, shape (batches, V), in order, as rows of places of patches drawn within them."""
        return self._drawn(volumes, _patches_of(seed))

    def _drawn(self, volumes: Places, random: np.random.Generator) -> Places:
        where = random.random((len(volumes), self.slots.batch_size))

        def within(slots: Places, numbers: Places) -> Places:
            """Which of so many patches, each as likely; less than the number, since random numbers are less than 1."""
            part = where[:, slots].reshape(len(where), -1, *[1] * (numbers.ndim - 2))
            return np.asarray((part * numbers).astype(np.intp))

        return self._places(volumes, within)

    def _places(self, volumes: Places, within: _Within) -> Places:
        """Rows of places in `means`: shape (batches, B), or (batches, B, c) where columns are of different volumes."""
        chosen = volumes[:, self.slots.volumes]
        found = np.empty((*chosen.shape, *self.pools[0].numbers.shape[1:]), np.intp)
        start = 0
        for kind, one in enumerate(self.pools):
            slots = np.flatnonzero(self.slots.kinds == kind) if len(self.pools) > 1 else np.arange(chosen.shape[1])
            mine = chosen[:, slots]
            patches = within(slots, one.numbers[mine])
            found[:, slots] = start + patches + (mine * one.most).reshape(mine.shape + (1,) * (patches.ndim - 2))
            start += len(one.means) * one.most
        return found


def _patches_of(seed: int) -> np.random.Generator:
    """For patches within volumes, beside the one that draws volumes, so that neither depends on how rows are parted."""
    return np.random.default_rng((seed, 1))


@dataclass(frozen=True)
class Patches:
    """Patches of volumes as they were drawn.

    Attributes:
        every: all of them.
        kinds: where slots are forced, those for slots that are not and those for slots that are; else empty.
        taking: how batches take them.
    """

    every: Pool
    kinds: tuple[Pool, ...]
    taking: Taking

    @property
    def volumes(self) -> int:
        """K."""
        return len(self.every.means)

    @cached_property
    def _spread(self) -> tuple[Pool, ...]:
        """What slots draw from, of a larger set."""
        return tuple(one.of_a_larger_set() for one in self._pools)

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self.kinds or (self.every,)

    def batches(self, kind: Kind, batch_size: int, ranks: int = 1) -> Nested:
        """Batches of so many patches on each rank; of a larger set only where there are two volumes or more."""
        pools = self._pools if kind == "finite" else self._spread
        return Nested(pools, kind, self.taking.slots(batch_size, ranks))

    def as_drawn(self, kind: Kind) -> Nested:
        """All patches, each of a volume as often as any other: what the population is, whatever batches take of it."""
        return Nested((self.every if kind == "finite" else self.every.of_a_larger_set(),), kind, Taking().slots(1))

    def _each(self, change: Callable[[Pool], Pool]) -> Patches:
        return Patches(change(self.every), tuple(change(one) for one in self.kinds), self.taking)

    def of_volumes(self, chosen: NDArray[np.bool_]) -> Patches:
        """Those of some of the volumes; `chosen` has the shape (K,)."""
        return self._each(lambda one: one.of_volumes(chosen))

    def redrawn(self, places: Places) -> Patches:
        """Of one channel, other volumes in each column: places of shape (K, c)."""
        return self._each(lambda one: one.redrawn(places))

    def only(self, columns: Places) -> Patches:
        """Some of the columns."""
        return self._each(lambda one: one.only(columns))


def patches(
    means: Doubles, variances: Doubles, volumes: Places, foreground: NDArray[np.bool_], taking: Taking
) -> Patches:
    """The patches of volumes.

    Args:
        means: of patches, shape (P, …).
        variances: biased, same shape.
        volumes: which volume each is of, 0 … K − 1, each of which has one or more; shape (P,).
        foreground: whether it is around foreground, shape (P,).
        taking: how batches take them. Where slots are forced, a volume without a patch of the kind that is asked for
            gives one of the other kind, as in nnU-Net.
    """
    kinds = []
    for kind in () if taking.forced is None else (~foreground, foreground):
        usable = kind | (np.bincount(volumes, kind)[volumes] == 0)
        kinds.append(pool(means[usable], variances[usable], volumes[usable]))
    return Patches(pool(means, variances, volumes), tuple(kinds), taking)
