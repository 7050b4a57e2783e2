"""Running statistics: how long their start is remembered, how noisy they are, and a simulated run.

One channel at a time. A layer keeps new = (1 − α)·old + α·batch of its mean and of its variance, α being the weight of
a batch (`Framework.batch_weight`): 0.01 in Keras, 0.1 in PyTorch. After t steps a batch that is s steps old weighs
α(1 − α)^s, and what the layer started from (1 − α)^t. The formulas of noise hold for batches that are drawn
independently at each step; for epochs that are shuffled without replacement there are `epochs` and `simulate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnstat.frameworks import RUNNING_START

Doubles = NDArray[np.float64]
Order = Literal["shuffled", "independent"]

# Random numbers that are held at once while samples are put into order.
_RANDOM_AT_ONCE = 1 << 22


def start_weight(batch_weight: float, steps: int) -> float:
    """What the start still weighs in the running statistics: (1 − α)^t, a share from 0 to 1.

    Args:
        batch_weight: α, from 0 to 1.
        steps: t, training steps so far, at least 0.
    """
    return float((1.0 - batch_weight) ** steps)


def steps_to_forget(batch_weight: float, remaining: float = 0.01) -> int | None:
    """The least t with (1 − α)^t ≤ remaining: training steps until the start weighs no more than that.

    Args:
        batch_weight: α, from 0 to 1.
        remaining: the share that may be left of the start, more than 0 and less than 1.

    Returns:
        t, at least 1; None where α is 0, or so small that 1 − α is 1 in float64: such a layer never forgets.
    """
    kept = 1.0 - batch_weight
    if kept >= 1.0:
        return None
    if kept <= 0.0:
        return 1
    steps = max(ceil(log(remaining) / log(kept)), 1)
    # The quotient of logarithms is rounded: (1 − α)^t decides.
    while steps > 1 and start_weight(batch_weight, steps - 1) <= remaining:
        steps -= 1
    while start_weight(batch_weight, steps) > remaining:
        steps += 1
    return steps


def effective_batches(batch_weight: float) -> float:
    """How many independent batches a plain average takes to be as quiet as the running one: (2 − α)/α.

    The squares of the weights α(1 − α)^s sum up to α/(2 − α), those of N equal weights to 1/N. Infinite where α is 0.
    """
    return (2.0 - batch_weight) / batch_weight if batch_weight else inf


@dataclass(frozen=True)
class Noise:
    """Standard deviations of settled running statistics, between one step and another that is long after it.

    Attributes:
        mean_sd: of the running mean, in the unit of the values.
        variance_sd: of the running variance, in that unit squared.
    """

    mean_sd: float
    variance_sd: float


def noise(batch_mean_sd: float, batch_variance_sd: float, batch_weight: float, bessel: float = 1.0) -> Noise:
    """Noise of running statistics in closed form, once the start is forgotten: SD(batch)·√(α/(2 − α)).

    It holds for batches that are drawn independently at each step. In an epoch that is shuffled without replacement the
    batch means make up for each other, so that the running mean has no more noise than this; batch variances need not:
    of samples with means 0, 0, 1, 1 both pairs are equal ones or neither is. Take both from `simulate` there.

    Args:
        batch_mean_sd: standard deviation of the batch mean (`bnstat.noise.expected(…).mean_sd`).
        batch_variance_sd: standard deviation of the biased batch variance.
        batch_weight: α, from 0 to 1; at 0 nothing moves, so there is no noise.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1.
    """
    factor = sqrt(batch_weight / (2.0 - batch_weight))
    return Noise(batch_mean_sd * factor, batch_variance_sd * bessel * factor)


@dataclass(frozen=True)
class Run:
    """The buffers of a layer after each training step, shape (steps,) each, or (steps, runs).

    Attributes:
        means: running mean, in the unit of the values.
        variances: running variance, in that unit squared.
    """

    means: Doubles
    variances: Doubles


def expected(
    mean: float,
    variance: float,
    batch_weight: float,
    steps: int,
    start: tuple[float, float] = RUNNING_START,
) -> Run:
    """The buffers after each step in closed form, averaged over all runs: start·(1 − α)^t + settled·(1 − (1 − α)^t).

    Args:
        mean: expected batch mean, which the running mean converges to.
        variance: expected batch variance, times n/(n − 1) where the framework applies it.
        batch_weight: α, from 0 to 1.
        steps: how many, t = 1 … steps.
        start: running mean and variance before the first step.
    """
    left: Doubles = np.power(1.0 - batch_weight, np.arange(1, steps + 1), dtype=np.float64)
    return Run(mean + (start[0] - mean) * left, variance + (start[1] - variance) * left)


def simulate(
    batch_means: ArrayLike,
    batch_variances: ArrayLike,
    batch_weight: float,
    bessel: ArrayLike = 1.0,
    start: tuple[float, float] = RUNNING_START,
) -> Run:
    """The buffers after each step, as a layer updates them: new = (1 − α)·old + α·batch, in float64.

    So do torch.nn.BatchNorm3d and keras.layers.BatchNormalization (`bnstat.frameworks` has their α and correction).
    A batch whose mean or variance is NaN leaves the buffer NaN for good, as in every framework.

    Args:
        batch_means: mean of the batch of each step, shape (steps,); or (steps, runs) for runs side by side.
        batch_variances: biased variance of each batch, same shape.
        batch_weight: α, from 0 to 1.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1; shape (steps,) where
            batches differ in size, as the last one of an epoch may.
        start: running mean and variance before the first step.
    """
    variances = np.asarray(batch_variances, np.float64)
    correction = np.asarray(bessel, np.float64)
    if correction.ndim:
        correction = correction.reshape(correction.shape + (1,) * (variances.ndim - correction.ndim))
    return Run(
        _averaged(np.asarray(batch_means, np.float64), batch_weight, start[0]),
        _averaged(variances * correction, batch_weight, start[1]),
    )


def _averaged(batches: Doubles, batch_weight: float, start: float) -> Doubles:
    """The running average after each row of `batches`, same shape."""
    after = np.empty_like(batches)
    old = np.full(batches.shape[1:], start)
    with np.errstate(invalid="ignore"):  # Inf − Inf and 0·Inf are NaN in a layer too
        for step, batch in enumerate(batches):
            after[step] = old = (1.0 - batch_weight) * old + batch_weight * batch
    return after


def epochs(samples: int, batch_size: int, steps: int, seed: int, kind: Order) -> NDArray[np.intp]:
    """Which samples make up the batch of each step: indices of different samples, shape (steps, batch_size).

    Args:
        samples: K, how many there are.
        batch_size: B, from 1 to K.
        steps: how many batches.
        seed: of the random order; equal seeds give equal batches for every channel.
        kind: "shuffled" takes the samples in epochs of ⌊K/B⌋ batches without replacement, each in a new random order,
            and drops the last, short batch; "independent" draws each batch anew from all samples.

    Raises:
        ValueError: no batch of that size can be made of so many samples.
    """
    if not 1 <= batch_size <= samples:
        raise ValueError(f"a batch of {batch_size} different samples cannot be drawn from {samples}")
    random = np.random.default_rng(seed)
    batches = samples // batch_size if kind == "shuffled" else 1  # that are taken from one order of the samples
    orders = np.empty((-(-steps // batches), batches * batch_size), np.intp)
    part = max(_RANDOM_AT_ONCE // samples, 1)
    for done in range(0, len(orders), part):
        rows = orders[done : done + part]
        rows[:] = np.argsort(random.random((len(rows), samples)), axis=1)[:, : batches * batch_size]
    return orders.reshape(-1, batch_size)[:steps]
