"""What a batch size does to batch statistics: closed form, and resampled batches beside it. One channel at a time.

Samples count equally, as samplers draw them, whatever their number of values. With sample means mᵢ and biased variances
vᵢ: within w = mean of vᵢ, between τ² = variance of mᵢ, σ² = w + τ², ρ = τ²/σ². A batch is B different samples of the K
(finite), or B of a larger set that the K stand for (infinite).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from math import comb, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Kind = Literal["finite", "infinite"]

# Random numbers that are held at once while batches are drawn.
_RANDOM_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Population:
    """The samples of one channel: their means and variances, and how the variance splits.

    Attributes:
        means: mean of each sample; for an infinite population spread about `mean` by √(K/(K − 1)).
        variances: biased variance of each sample.
        kind: whether the samples are all there are, or stand for a larger set.
        mean: μ, the mean of the sample means.
        within: w.
        between: τ².
    """

    means: Doubles
    variances: Doubles
    kind: Kind
    mean: float
    within: float
    between: float

    @property
    def samples(self) -> int:
        """K."""
        return len(self.means)

    @property
    def variance(self) -> float:
        """σ² = w + τ²."""
        return self.within + self.between

    @property
    def rho(self) -> float | None:
        """ρ = τ²/σ²: the share of the variance that lies between samples; None where all values are equal."""
        return self.between / self.variance if self.variance else None


def population(means: Doubles, variances: Doubles, kind: Kind = "finite") -> Population:
    """Split the variance of these samples into within and between.

    Args:
        means: shape (K,), K > 0; for an infinite population K > 1.
        variances: shape (K,), biased.
        kind: "infinite" takes the samples for some of a larger set: τ² → τ²·K/(K − 1).
    """
    mean = float(np.mean(means))
    spread = np.asarray(means, np.float64)
    if kind == "infinite":
        spread = mean + (spread - mean) * sqrt(len(means) / (len(means) - 1))
    between = float(np.mean((spread - mean) ** 2))
    return Population(spread, np.asarray(variances, np.float64), kind, mean, float(np.mean(variances)), between)


@dataclass(frozen=True)
class Expected:
    """What batches of one size have, in closed form.

    Attributes:
        mean_sd: standard deviation of the batch mean, √(τ²f/B).
        mean_noise: the same in standard deviations σ of the values.
        variance: expected batch variance, σ² − τ²f/B.
        shortfall: what it lacks of σ², as a share: ρf/B.
    """

    mean_sd: float
    mean_noise: float | None
    variance: float
    shortfall: float | None


def expected(whole: Population, batch_size: int) -> Expected:
    """Batch statistics in closed form, with f = (K − B)/(K − 1) for a finite population and 1 for an infinite one."""
    factor = 1.0
    if whole.kind == "finite":
        factor = (whole.samples - batch_size) / (whole.samples - 1) if whole.samples > 1 else 0.0
    lost = whole.between * factor / batch_size
    return Expected(
        mean_sd=sqrt(lost),
        mean_noise=sqrt(lost / whole.variance) if whole.variance else None,
        variance=whole.variance - lost,
        shortfall=lost / whole.variance if whole.variance else None,
    )


@dataclass(frozen=True)
class Drawn:
    """Statistics of drawn batches, shape (batches,) each; `complete` where they are all that there are."""

    means: Doubles
    variances: Doubles
    complete: bool


def draw(whole: Population, batch_size: int, draws: int, seed: int) -> Drawn:
    """Mean and biased variance of batches: all of them where that is at most `draws`, else so many at random.

    Args:
        whole: of whose samples batches are made: different ones if it is finite, with replacement if infinite.
        batch_size: B, for a finite population at most K.
        draws: how many batches at most.
        seed: of the random choice; equal seeds give equal batches for every channel.
    """
    replaced = whole.kind == "infinite"
    number = whole.samples**batch_size if replaced else comb(whole.samples, batch_size)
    means, variances = [], []
    for indices in _batches(whole.samples, batch_size, number, draws, seed, replaced):
        chosen = whole.means[indices]
        means.append(chosen.mean(axis=1))
        variances.append(whole.variances[indices].mean(axis=1) + chosen.var(axis=1))
    return Drawn(np.concatenate(means), np.concatenate(variances), number <= draws)


def _batches(
    samples: int, batch_size: int, number: int, draws: int, seed: int, replaced: bool
) -> Iterator[NDArray[np.intp]]:
    """Batches as rows of sample indices, in parts that fit into memory."""
    if number <= draws:
        every = product(range(samples), repeat=batch_size) if replaced else combinations(range(samples), batch_size)
        yield np.array(list(every), np.intp)
        return
    random = np.random.default_rng(seed)
    part = max(_RANDOM_AT_ONCE // max(samples, batch_size), 1)
    for done in range(0, draws, part):
        rows = min(part, draws - done)
        if replaced:
            yield random.integers(0, samples, (rows, batch_size))
        else:  # the places of the least B of K random numbers are B different samples
            yield np.argpartition(random.random((rows, samples)), batch_size - 1, axis=1)[:, :batch_size]


@dataclass(frozen=True)
class Gap:
    """How training and evaluation differ once the running statistics have settled.

    Attributes:
        running_variance: v_R, what the running variance converges to.
        eval_output_variance: variance of the output over all samples when the running statistics normalize.
        rms: root of the mean square of (training output − evaluation output), over batches.
        r: batch renorm's r of each batch, shape (batches,).
        d: batch renorm's d of each batch.
    """

    running_variance: float
    eval_output_variance: float | None
    rms: float | None
    r: Doubles
    d: Doubles


def gap(whole: Population, drawn: Drawn, epsilon: float, bessel: float = 1.0) -> Gap:
    """The train/eval gap of converged running statistics.

    Args:
        whole: the population; its μ is what the running mean converges to.
        drawn: batches of the size that is asked about.
        epsilon: of the layer.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1.

    For one batch the mean square of the difference is v(1/√(v_R+ε) − 1/√(v+ε))² + (μ_B − μ)²/(v_R+ε); batch renorm has
    r = √(v+ε)/√(v_R+ε) and d = (μ_B − μ)/√(v_R+ε) (Ioffe 2017).
    """
    running = float(drawn.variances.mean()) * bessel
    if running + epsilon == 0:
        undefined = np.full(len(drawn.means), np.nan)
        return Gap(running, None, None, undefined, undefined)
    evaluated = 1.0 / sqrt(running + epsilon)
    deviations = np.sqrt(drawn.variances + epsilon)
    d = (drawn.means - whole.mean) * evaluated
    with np.errstate(divide="ignore", invalid="ignore"):
        trained = np.where(deviations > 0, 1.0 / deviations, 0.0)
    square = drawn.variances * (evaluated - trained) ** 2 + d**2
    return Gap(
        running_variance=running,
        eval_output_variance=whole.variance / (running + epsilon),
        rms=sqrt(float(square.mean())),
        r=deviations * evaluated,
        d=d,
    )
