"""What a batch size does to batch statistics: closed form, and resampled batches beside it.

Samples count equally, as samplers draw them, whatever their number of values. With sample means mᵢ and biased variances
vᵢ: within w = mean of vᵢ, between τ² = variance of mᵢ, σ² = w + τ², ρ = τ²/σ². A batch is B different samples of the K
(finite), or B of a larger set that the K stand for (infinite).

Samples lie along axis 0, of shape (K,) for one channel or (K, …) for several at once, which are each answered alone;
what is undefined is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations, product
from math import comb
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Kind = Literal["finite", "infinite"]

# Numbers that are held at once while batches are drawn.
_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Population:
    """The samples: their means and variances, and how the variance splits.

    Attributes:
        means: mean of each sample, shape (K, …); for an infinite population spread about `mean` by √(K/(K − 1)).
        variances: biased variance of each sample, same shape.
        kind: whether the samples are all there are, or stand for a larger set.
        mean: μ, the mean of the sample means, shape (…).
        within: w.
        between: τ².
    """

    means: Doubles
    variances: Doubles
    kind: Kind
    mean: Doubles
    within: Doubles
    between: Doubles

    @property
    def samples(self) -> int:
        """K."""
        return len(self.means)

    @property
    def variance(self) -> Doubles:
        """σ² = w + τ²."""
        return np.asarray(self.within + self.between)

    @property
    def rho(self) -> Doubles:
        """ρ = τ²/σ²: the share of the variance that lies between samples; NaN where all values are equal."""
        return share(self.between, self.variance)

    def lost(self, batch_size: int) -> Doubles:
        """The variance of the batch mean, τ²f/B, which is what the batch variance lacks."""
        return np.asarray(self.between * _correction(self, batch_size) / batch_size)

    def expected(self, batch_size: int) -> Expected:
        """As `expected`."""
        return expected(self, batch_size)

    def draw(self, batch_size: int, draws: int, seed: int, *, enumerated: bool = True) -> Drawn:
        """As `draw`."""
        return draw(self, batch_size, draws, seed, enumerated=enumerated)


class Cells(Protocol):
    """Samples whose batches are made by their places, along axis 0 of `means` and `variances`."""

    @property
    def means(self) -> Doubles:
        """Of each sample, shape (places, …)."""

    @property
    def variances(self) -> Doubles:
        """Biased, same shape."""

    @property
    def mean(self) -> Doubles:
        """μ, shape (…)."""


class Part(Protocol):
    """What a group is: samples, or volumes that patches are drawn of."""

    @property
    def samples(self) -> int:
        """How often a batch is of it."""

    @property
    def mean(self) -> Doubles:
        """μ, shape (…)."""

    @property
    def variance(self) -> Doubles:
        """σ², shape (…)."""

    def lost(self, batch_size: int) -> Doubles:
        """The variance of the mean of its batches."""

    def draw(self, batch_size: int, draws: int, seed: int, *, enumerated: bool = True) -> Drawn:
        """Its batches."""


def share(part: Doubles | float, whole: Doubles | float) -> Doubles:
    """part/whole, NaN where the whole is 0."""
    divisor = np.asarray(whole, np.float64)
    return np.asarray(part / np.where(divisor == 0, np.nan, divisor))


def population(means: Doubles, variances: Doubles, kind: Kind = "finite") -> Population:
    """Split the variance of these samples into within and between.

    Args:
        means: shape (K, …), K > 0; for an infinite population K > 1.
        variances: same shape, biased.
        kind: "infinite" takes the samples for some of a larger set: τ² → τ²·K/(K − 1).
    """
    spread = np.asarray(means, np.float64)
    mean = spread.mean(axis=0)
    if kind == "infinite":
        spread = mean + (spread - mean) * np.sqrt(len(means) / (len(means) - 1))
    between = ((spread - mean) ** 2).mean(axis=0)
    return Population(spread, np.asarray(variances, np.float64), kind, mean, np.mean(variances, axis=0), between)


@dataclass(frozen=True)
class Expected:
    """What batches of one size have, in closed form; shape (…).

    Attributes:
        mean_sd: standard deviation of the batch mean, √(τ²f/B).
        mean_noise: the same in standard deviations σ of the values.
        variance: expected batch variance, σ² − τ²f/B.
        shortfall: what it lacks of σ², as a share: ρf/B.
    """

    mean_sd: Doubles
    mean_noise: Doubles
    variance: Doubles
    shortfall: Doubles


def expected(whole: Population, batch_size: int) -> Expected:
    """Batch statistics in closed form, with f = (K − B)/(K − 1) for a finite population and 1 for an infinite one."""
    return expected_from(whole.lost(batch_size), whole.variance)


def _correction(whole: Population, batch_size: int) -> float:
    """f, which is 0 where a batch takes every sample."""
    if whole.kind == "infinite":
        return 1.0
    return (whole.samples - batch_size) / (whole.samples - 1) if whole.samples > 1 else 0.0


def expected_from(lost: Doubles, variance: Doubles) -> Expected:
    """From the variance of the batch mean, which is what the expected batch variance lacks of that of all values."""
    lacking = share(lost, variance)
    return Expected(np.sqrt(lost), np.sqrt(lacking), np.asarray(variance - lost), lacking)


@dataclass(frozen=True)
class Drawn:
    """Statistics of drawn batches, shape (batches, …) each; `complete` where they are all that there are."""

    means: Doubles
    variances: Doubles
    complete: bool

    @cached_property
    def ordered(self) -> tuple[Doubles, Doubles]:
        """Means and variances, each ascending by itself."""
        return np.sort(self.means, axis=0), np.sort(self.variances, axis=0)


def draw(whole: Population, batch_size: int, draws: int, seed: int, *, enumerated: bool = True) -> Drawn:
    """Mean and biased variance of batches: all of them where that is at most `draws`, else so many at random.

    Args:
        whole: of whose samples batches are made: different ones if it is finite, with replacement if infinite.
        batch_size: B, for a finite population at most K.
        draws: how many batches at most.
        seed: of the random choice; equal seeds give equal batches for every channel.
        enumerated: whether all batches are taken where they are so few; otherwise always `draws` at random.
    """
    replaced = whole.kind == "infinite"
    number = whole.samples**batch_size if replaced else comb(whole.samples, batch_size)
    complete = enumerated and number <= draws
    if complete:
        parts: Iterable[NDArray[np.intp]] = [_every(whole.samples, batch_size, replaced)]
    else:
        parts = _batches(whole.samples, batch_size, draws, seed, replaced)
    found = [statistics(whole, part) for part in parts]
    return Drawn(np.concatenate([means for means, _ in found]), np.concatenate([one for _, one in found]), complete)


def statistics(whole: Cells, batches: NDArray[np.intp]) -> tuple[Doubles, Doubles]:
    """Mean and biased variance of these batches, shape (batches, …) each.

    Args:
        whole: of whose samples they are made.
        batches: indices of samples, shape (batches, batch size), or (batches, batch size, c) where each of the c
            columns has batches of its own.
    """
    means, variances = (np.empty((len(batches), *whole.mean.shape)) for _ in range(2))
    rows = max(_AT_ONCE // max(batches.shape[1] * whole.mean.size, 1), 1)
    for done in range(0, len(batches), rows):
        part = batches[done : done + rows].swapaxes(0, 1)  # samples of a batch along axis 0, where sums are fastest
        chosen = _taken(whole.means, part)
        means[done : done + rows] = mean = chosen.mean(axis=0)
        chosen -= mean
        chosen *= chosen
        chosen += _taken(whole.variances, part)
        variances[done : done + rows] = chosen.mean(axis=0)
    return means, variances


def _taken(values: Doubles, places: NDArray[np.intp]) -> Doubles:
    """Rows of values, or for each column other ones."""
    if places.ndim == 2:
        return np.asarray(values[places])
    return np.take_along_axis(values, places.reshape(-1, places.shape[-1]), axis=0).reshape(places.shape)


def _every(samples: int, batch_size: int, replaced: bool) -> NDArray[np.intp]:
    """All batches as rows of sample indices."""
    every = product(range(samples), repeat=batch_size) if replaced else combinations(range(samples), batch_size)
    return np.fromiter(chain.from_iterable(every), np.intp).reshape(-1, batch_size)


def _batches(samples: int, batch_size: int, draws: int, seed: int, replaced: bool) -> Iterator[NDArray[np.intp]]:
    """Random batches as rows of sample indices, in parts that fit into memory."""
    random = np.random.default_rng(seed)
    part = max(_AT_ONCE // max(samples, batch_size), 1)
    for done in range(0, draws, part):
        rows = min(part, draws - done)
        if replaced:
            yield random.integers(0, samples, (rows, batch_size))
        else:  # the places of the least B of K random numbers are B different samples
            yield np.argpartition(random.random((rows, samples)), batch_size - 1, axis=1)[:, :batch_size]


@dataclass(frozen=True)
class Groups:
    """Populations of which a batch takes one: sites or scanners, each as often as it has samples, or volumes."""

    parts: Sequence[Part]

    @cached_property
    def weights(self) -> Doubles:
        """How often a batch comes from each, sums up to 1."""
        numbers = np.array([part.samples for part in self.parts], np.float64)
        return np.asarray(numbers / numbers.sum())

    def _averaged(self, values: Sequence[Doubles]) -> Doubles:
        return np.asarray(np.tensordot(self.weights, np.array(values), axes=1))

    @property
    def mean(self) -> Doubles:
        """μ of all samples, shape (…)."""
        return self._averaged([part.mean for part in self.parts])

    @property
    def apart(self) -> Doubles:
        """The variance between groups: of their means, weighted by their samples."""
        return self._averaged([(part.mean - self.mean) ** 2 for part in self.parts])

    @property
    def variance(self) -> Doubles:
        """σ²: that within groups and that between them."""
        return np.asarray(self._averaged([part.variance for part in self.parts]) + self.apart)

    def expected(self, batch_size: int) -> Expected:
        """Batch statistics in closed form: the batch mean varies with the group and within it.

        With p the weights: Σp((μ_g − μ)² + τ_g² f_g/B), which is also what the batch variance lacks.
        """
        noise = [part.lost(batch_size) for part in self.parts]
        return expected_from(np.asarray(self.apart + self._averaged(noise)), self.variance)

    def draw(self, batch_size: int, draws: int, seed: int) -> Drawn:
        """So many random batches, each of one group."""
        numbers = np.random.default_rng(seed).multinomial(draws, self.weights)
        found = [
            part.draw(batch_size, int(number), seed + place, enumerated=False)
            for place, (part, number) in enumerate(zip(self.parts, numbers, strict=True))
            if number
        ]
        means, variances = ([getattr(one, name) for one in found] for name in ("means", "variances"))
        return Drawn(np.concatenate(means), np.concatenate(variances), complete=False)


class Whole(Protocol):
    """What batches are drawn of, whichever way."""

    @property
    def mean(self) -> Doubles:
        """μ, shape (…)."""

    @property
    def variance(self) -> Doubles:
        """σ², shape (…)."""


@dataclass(frozen=True)
class Gap:
    """How training and evaluation differ, shape (…); NaN where a layer divides by 0.

    Attributes:
        eval_output_variance: variance of the output over all samples when the running statistics normalize.
        rms: root of the mean square of (training output − evaluation output), over batches.
    """

    eval_output_variance: Doubles
    rms: Doubles


def settled(whole: Whole, drawn: Drawn, bessel: float | Doubles = 1.0) -> tuple[Doubles, Doubles]:
    """What the running mean and variance converge to over these batches.

    Args:
        whole: the population; its μ is what the running mean converges to.
        drawn: batches of the size that is asked about.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1.
    """
    return whole.mean, np.asarray(drawn.variances.mean(axis=0) * bessel)


def gap(whole: Whole, drawn: Drawn, epsilon: float | Doubles, running: tuple[Doubles, Doubles]) -> Gap:
    """The train/eval gap of running statistics. Layers side by side are a further axis that all shapes broadcast to.

    Args:
        whole: the population.
        drawn: batches of the size that is asked about.
        epsilon: of the layer, or of each.
        running: mean and variance that evaluation normalizes with, as of `settled`.

    For one batch the mean square of the difference is v(1/√(v_R+ε) − 1/√(v+ε))² + (μ_B − μ_R)²/(v_R+ε).
    """
    evaluated = _gain(running[1], epsilon)
    deviations = np.sqrt(drawn.variances + epsilon)
    with np.errstate(divide="ignore"):
        trained = np.where(deviations > 0, 1.0 / deviations, 0.0)
    square = drawn.variances * (evaluated - trained) ** 2 + ((drawn.means - running[0]) * evaluated) ** 2
    return Gap(np.asarray(whole.variance * evaluated**2), np.sqrt(square.mean(axis=0)))


def _gain(variance: Doubles, epsilon: float | Doubles) -> Doubles:
    kept = np.asarray(variance + epsilon)
    return np.asarray(1.0 / np.sqrt(np.where(kept == 0, np.nan, kept)))


@dataclass(frozen=True)
class Renorm:
    """Batch renorm's r = √(v+ε)/√(v_R+ε) and d = (μ_B − μ_R)/√(v_R+ε) over batches (Ioffe 2017).

    Attributes:
        r: quantiles of r, shape (quantiles, …).
        d: quantiles of d.
        r_clipped: share of the batches whose r lies outside [1/most, most].
        d_clipped: likewise of d, outside [−most, most].
    """

    r: Doubles
    d: Doubles
    r_clipped: Doubles
    d_clipped: Doubles


def renorm(
    drawn: Drawn,
    epsilon: float | Doubles,
    running: tuple[Doubles, Doubles],
    quantiles: Sequence[float],
    most: tuple[float, float],
) -> Renorm:
    """Batch renorm's corrections. Both rise with what they are made of, so that they are ordered as it is.

    Args:
        drawn: batches of the size that is asked about.
        epsilon: of the layer, or of each.
        running: running mean and variance, as of `settled`.
        quantiles: from 0 to 1, between order statistics as `numpy.quantile` takes them.
        most: where r and d are clipped.
    """
    means, variances = drawn.ordered
    gain = _gain(running[1], epsilon)
    r, d = np.sqrt(variances + epsilon) * gain, (means - running[0]) * gain
    clipped = [
        np.count_nonzero(beyond, axis=0) / len(means)
        for beyond in ((r > most[0]) | (r < 1 / most[0]), np.abs(d) > most[1])
    ]
    return Renorm(_quantiles(r, quantiles), _quantiles(d, quantiles), *clipped)


def _quantiles(ascending: Doubles, quantiles: Sequence[float]) -> Doubles:
    """Along axis 0 of ascending values, shape (quantiles, …)."""
    places = np.asarray(quantiles) * (len(ascending) - 1)
    low = places.astype(np.intp)
    part = (places - low).reshape(-1, *[1] * (ascending.ndim - 1))
    below = ascending[low]
    return np.asarray(below + (ascending[np.minimum(low + 1, len(ascending) - 1)] - below) * part)
