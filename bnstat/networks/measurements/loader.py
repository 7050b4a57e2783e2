"""Batches as a data loader draws them: different samples, or patches of different volumes."""

from __future__ import annotations

from itertools import chain, combinations
from math import comb

import numpy as np

from bnstat.batch_size.draws import Indices
from bnstat.batch_size.samples import Nesting


def drawn_batches(samples: int, nesting: Nesting | None, batch_size: int, draws: int, seed: int) -> Indices:
    """Return batches as rows of places of samples, shape (batches, batch size); no rows if there are too few samples.

    Batches of whole volumes are of different samples. If there are at most `draws` such batches, each is drawn once; a
    batch size of 1 takes each sample at most once. Batches of patches take some patches of each of several volumes, as
    the patching says.

    Args:
        samples: The number of samples.
        nesting: Which volume each sample is a patch of; None if samples are volumes.
        batch_size: The number of samples in a batch.
        draws: The number of batches at most.
        seed: The seed. Every batch size has draws of its own.
    """
    random = np.random.default_rng((seed, batch_size))
    if nesting is not None:
        rows = _of_patches(nesting, batch_size, draws, random)
    elif comb(samples, batch_size) <= draws:
        every = combinations(range(samples), batch_size)
        return np.fromiter(chain.from_iterable(every), np.intp).reshape(-1, batch_size)
    elif batch_size == 1:
        rows = [[int(place)] for place in random.permutation(samples)[:draws]]
    else:
        rows = [random.choice(samples, batch_size, replace=False).tolist() for _ in range(draws)]
    return np.array(rows, np.intp).reshape(-1, batch_size)


def overlap(samples: int, nesting: Nesting | None, batch_size: int) -> float:
    """Return the share of all samples, or of all volumes of patches, that one batch takes."""
    if nesting is None:
        return batch_size / samples
    return nesting.taking.volumes(batch_size) / nesting.number


def _of_patches(nesting: Nesting, batch_size: int, draws: int, random: np.random.Generator) -> list[list[int]]:
    slots = nesting.taking.slots(batch_size)
    if slots.distinct > nesting.number:
        return []
    forced = nesting.taking.forced is not None
    pools = [_pools(nesting, volume, forced=forced) for volume in range(nesting.number)]
    if batch_size == 1:
        return _one_each([pool[int(slots.kinds[0])] for pool in pools], draws, random)
    rows = []
    for _ in range(draws):
        chosen = random.permutation(nesting.number)[: slots.distinct]
        row = np.empty(batch_size, np.intp)
        for place, volume in enumerate(chosen):
            for kind in (0, 1):
                mine = np.flatnonzero((slots.volumes == place) & (slots.kinds == kind))
                pool = pools[volume][kind]
                row[mine] = random.choice(pool, len(mine), replace=len(mine) > len(pool))
        rows.append(row.tolist())
    return rows


def _pools(nesting: Nesting, volume: int, *, forced: bool) -> tuple[Indices, Indices]:
    """Return the patches of a volume for slots that are not forced to be foreground, and for those that are.

    A volume without a patch of the kind that is asked for gives one of the other kind, as in nnU-Net.
    """
    every = np.flatnonzero(nesting.volumes == volume)
    if not forced:
        return every, every
    inside = nesting.foreground[every]
    kinds = [every[~inside], every[inside]]
    return (kinds[0] if kinds[0].size else every), (kinds[1] if kinds[1].size else every)


def _one_each(pools: list[Indices], draws: int, random: np.random.Generator) -> list[list[int]]:
    """Return single patches, each at most once: first one of every volume, then a second one, and so on."""
    orders = [random.permutation(pool).tolist() for pool in pools]
    rows: list[list[int]] = []
    for turn in range(max(map(len, orders))):
        rows += [[orders[volume][turn]] for volume in random.permutation(len(orders)) if turn < len(orders[volume])]
        if len(rows) >= draws:
            break
    return rows[:draws]
