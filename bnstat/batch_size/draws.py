"""Batches that are drawn from samples, all of them or some at random, with their means and variances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, product
from math import comb
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Doubles

# Places of samples: indices along axis 0 of their means and variances.
Indices = NDArray[np.intp]

# Places that are drawn at once.
_AT_ONCE = 1 << 21
# Numbers of batches that are reduced at once: 2 MB, which caches hold while they are passed over several times.
_IN_CACHE = 1 << 18


class SampleMoments(Protocol):
    """Samples whose batches are made by their places, along axis 0 of `means` and `variances`."""

    @property
    def means(self) -> Doubles:
        """The mean of each sample, shape (places, …)."""

    @property
    def variances(self) -> Doubles:
        """The biased variance of each sample, same shape."""

    @property
    def mean(self) -> Doubles:
        """The mean μ of the sample means, shape (…)."""


@dataclass(frozen=True)
class DrawnBatches:
    """Statistics of drawn batches.

    Attributes:
        means: mean of each batch, shape (batches, …).
        variances: biased variance of each batch, same shape.
        complete: True if these are all batches that there are.
    """

    means: Doubles
    variances: Doubles
    complete: bool

    @cached_property
    def ordered(self) -> tuple[Doubles, Doubles]:
        """Means and variances, each in ascending order by itself."""
        return np.sort(self.means, axis=0), np.sort(self.variances, axis=0)

    @classmethod
    def of(cls, samples: SampleMoments, parts: Iterable[Indices], *, complete: bool) -> DrawnBatches:
        """Return the statistics of batches that come in parts, each part with a row of places for every batch."""
        pairs = [statistics(samples, part) for part in parts]
        return cls(np.concatenate([means for means, _ in pairs]), np.concatenate([one for _, one in pairs]), complete)


def draw(
    samples: SampleMoments, batch_size: int, draws: int, seed: int, *, replaced: bool, enumerated: bool = True
) -> DrawnBatches:
    """Return mean and biased variance of batches: all of them if that is at most `draws`, else so many at random.

    Args:
        samples: K samples.
        batch_size: B, at most K unless samples are `replaced`.
        draws: how many batches at most.
        seed: seed of the random choice; equal seeds give equal batches for every channel.
        replaced: True to draw with replacement, False for batches of different samples.
        enumerated: True to take all batches if they are so few; False always takes `draws` at random.
    """
    number = len(samples.means)
    ways = number**batch_size if replaced else comb(number, batch_size)
    if enumerated and ways <= draws:
        return DrawnBatches.of(samples, [_every(number, batch_size, replaced)], complete=True)
    return DrawnBatches.of(samples, _random(number, batch_size, draws, seed, replaced), complete=False)


def statistics(samples: SampleMoments, batches: Indices) -> tuple[Doubles, Doubles]:
    """Return mean and biased variance of these batches, shape (batches, …) each.

    Args:
        samples: the samples that batches are made of.
        batches: indices of samples, shape (batches, batch size), or (batches, batch size, c) where each of the c
            columns has batches of its own.
    """
    means, variances = (np.empty((len(batches), *samples.mean.shape)) for _ in range(2))
    apart = samples.means - samples.mean
    rows = max(_IN_CACHE // max(batches.shape[1] * samples.mean.size, 1), 2)
    for done in range(0, len(batches), rows):
        part = batches[done : done + rows].swapaxes(0, 1)  # samples of a batch along axis 0, where sums are fastest
        chosen = _taken(apart, part)
        first = chosen[0].copy()
        chosen -= first  # as in `average`: a batch of equal means has no variance between them, not even of rounding
        mean = chosen.mean(axis=0)
        means[done : done + rows] = samples.mean + (first + mean)
        chosen -= mean
        chosen *= chosen
        chosen += _taken(samples.variances, part)
        variances[done : done + rows] = chosen.mean(axis=0)
    return means, variances


def _taken(values: Doubles, places: Indices) -> Doubles:
    """Return these rows of values, or for each column other rows."""
    if places.ndim == 2:
        return np.take(values, places, axis=0)
    return np.take_along_axis(values, places.reshape(-1, places.shape[-1]), axis=0).reshape(places.shape)


def _every(samples: int, batch_size: int, replaced: bool) -> Indices:
    """Return all batches as rows of sample indices."""
    every = product(range(samples), repeat=batch_size) if replaced else combinations(range(samples), batch_size)
    return np.fromiter(chain.from_iterable(every), np.intp).reshape(-1, batch_size)


def _random(samples: int, batch_size: int, draws: int, seed: int, replaced: bool) -> Iterator[Indices]:
    """Yield random batches as rows of sample indices, in parts that fit into memory."""
    random = np.random.default_rng(seed)
    part = max(_AT_ONCE // max(samples, batch_size), 1)
    for done in range(0, draws, part):
        rows = min(part, draws - done)
        if replaced:
            yield random.integers(0, samples, (rows, batch_size))
        else:  # the places of the least B of K random numbers are B different samples
            yield np.argpartition(random.random((rows, samples)), batch_size - 1, axis=1)[:, :batch_size]
