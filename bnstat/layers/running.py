"""Running statistics: how long their start is remembered, how noisy they are, and a simulated run.

A layer keeps new = (1 − α)·old + α·batch of its mean and of its variance, α being the weight of
a batch (`Framework.batch_weight`): 0.01 in Keras, 0.1 in PyTorch. After t steps a batch that is s steps old weighs
α(1 − α)^s, and what the layer started from (1 − α)^t. The formulas of noise hold for batches that are drawn
independently at each step; for epochs that are shuffled without replacement there are `epochs` and `simulate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnstat.layers.frameworks.framework import RUNNING_START
from bnstat.moments.moments import Doubles

# How the samples of the batches of a simulated run are chosen.
Sampling = Literal["shuffled", "independent", "replaced"]

# Random numbers that are held at once while samples are put into order.
_RANDOM_AT_ONCE = 1 << 22


def start_weight(batch_weight: float, steps: int) -> float:
    """Return the weight of the start in the running statistics: (1 − α)^t, a share from 0 to 1.

    Args:
        batch_weight: α, from 0 to 1.
        steps: t, training steps so far, at least 0.
    """
    return float((1.0 - batch_weight) ** steps)


def steps_to_forget(batch_weight: float, remaining: float = 0.01) -> int | None:
    """Return the least t with (1 − α)^t ≤ remaining: training steps until the start weighs no more than that.

    Args:
        batch_weight: α, from 0 to 1.
        remaining: the share of the start that may be left, more than 0 and less than 1.

    Returns:
        t, at least 1; None if α is 0, or so small that 1 − α is 1 in float64: such a layer never forgets.
    """
    kept = 1.0 - batch_weight
    if kept >= 1.0:
        return None
    if kept <= 0.0:
        return 1
    steps = max(ceil(log(remaining) / log(kept)), 1)

    # The quotient of logarithms is rounded: (1 − α)^t decides, as far as α is known: 1 − 0.99 is a little above 0.01.
    def forgotten(after: int) -> bool:
        return start_weight(batch_weight, after) <= remaining * (1.0 + after * batch_weight * 2.0**-52 / kept)

    while steps > 1 and forgotten(steps - 1):
        steps -= 1
    while not forgotten(steps):
        steps += 1
    return steps


@dataclass(frozen=True)
class Noise:
    """Standard deviations of settled running statistics, between one step and another that is long after it.

    Attributes:
        mean_sd: standard deviation of the running mean, in the unit of the values; one for each channel.
        variance_sd: standard deviation of the running variance, in that unit squared.
    """

    mean_sd: Doubles
    variance_sd: Doubles


def noise(
    batch_mean_sd: ArrayLike, batch_variance_sd: ArrayLike, batch_weight: float, bessel: ArrayLike = 1.0
) -> Noise:
    """Return the noise of running statistics in closed form, once the start is forgotten: SD(batch)·√(α/(2 − α)).

    It holds for batches that are drawn independently at each step. In an epoch that is shuffled without replacement the
    batch means make up for each other, so that the running mean has no more noise than this; batch variances need not:
    of samples with means 0, 0, 1, 1 both pairs are equal ones or neither is. Take both from `simulate` there.

    Args:
        batch_mean_sd: standard deviation of the batch mean (`bnstat.batch_size.closed_form.Expected.mean_sd`).
        batch_variance_sd: standard deviation of the biased batch variance.
        batch_weight: α, from 0 to 1; at 0 nothing moves, so there is no noise.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1.
    """
    factor = sqrt(batch_weight / (2.0 - batch_weight))
    return Noise(np.multiply(batch_mean_sd, factor), np.multiply(batch_variance_sd, bessel) * factor)


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
    mean: ArrayLike,
    variance: ArrayLike,
    batch_weight: float | Doubles,
    steps: int,
    start: tuple[float, float] = RUNNING_START,
) -> Run:
    """Return the buffers after each step in closed form, averaged over all runs.

    They are start·(1 − α)^t + settled·(1 − (1 − α)^t).

    Args:
        mean: expected batch mean, which the running mean converges to; shape (…).
        variance: expected batch variance, same shape, times n/(n − 1) where the framework applies it.
        batch_weight: α, from 0 to 1; or that of each step, shape (steps,), where it changes (`Framework.weight_at`).
        steps: the number of training steps, t = 1 … steps.
        start: running mean and variance before the first step.
    """
    settled = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
    kept: Doubles = 1.0 - np.asarray(batch_weight, np.float64)
    left = np.cumprod(np.broadcast_to(kept, steps), dtype=np.float64).reshape(-1, *[1] * settled[0].ndim)
    return Run(*(value + (first - value) * left for value, first in zip(settled, start, strict=True)))


def simulate(
    batch_means: ArrayLike,
    batch_variances: ArrayLike,
    batch_weight: float | Doubles,
    bessel: ArrayLike = 1.0,
    start: tuple[float, float] = RUNNING_START,
) -> Run:
    """Return the buffers after each step, as a layer updates them: new = (1 − α)·old + α·batch, in float64.

    torch.nn.BatchNorm3d and keras.layers.BatchNormalization do so; `bnstat.layers.frameworks` has their α and factor.
    A batch whose mean or variance is NaN leaves the buffer NaN for good, as in every framework but TensorFlow's fused
    op at its default factor of 1, which replaces its buffers.

    Args:
        batch_means: mean of the batch of each step, shape (steps,); or (steps, runs) for runs side by side.
        batch_variances: biased variance of each batch, same shape.
        batch_weight: α, from 0 to 1; or that of each step, shape (steps,), where it changes (`Framework.weight_at`).
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


def _averaged(batches: Doubles, batch_weight: float | Doubles, start: float) -> Doubles:
    """Return the running average after each row of `batches`, same shape."""
    after = np.empty_like(batches)
    old = np.full(batches.shape[1:], start)
    weights = np.broadcast_to(batch_weight, len(batches)).tolist()
    with np.errstate(invalid="ignore"):  # Inf − Inf and 0·Inf are NaN in a layer too
        for step, (weight, batch) in enumerate(zip(weights, batches, strict=True)):
            after[step] = old = (1.0 - weight) * old + weight * batch
    return after


def noise_of(runs: Iterable[Run], expected: Run, settled_after: int | None) -> tuple[Run, Noise]:
    """Return the first of these runs, and how the settled steps of all of them scatter.

    Args:
        runs: runs of one layer, of batches in different orders; shape (steps, …).
        expected: the average of such runs, from which each step is measured, so that the rest of the start is no noise.
        settled_after: steps after which a run has settled; None for never.

    Returns:
        The run and the noise, which is NaN if no step has settled.

    Raises:
        ValueError: if there is no run.
    """
    first, deviations = None, []
    for run in runs:
        first = first or run
        if settled_after is not None:
            pair = (run.means - expected.means, run.variances - expected.variances)
            deviations.append([values[settled_after:] for values in pair])
    if first is None:
        raise ValueError("no run at all")
    if not deviations or not len(deviations[0][0]):
        undefined = np.full(first.means.shape[1:], np.nan)
        return first, Noise(undefined, undefined)
    means, variances = (np.concatenate([pair[place] for pair in deviations]).std(axis=0) for place in (0, 1))
    return first, Noise(means, variances)


def epochs(samples: int, batch_size: int, steps: int, seed: int, kind: Sampling) -> NDArray[np.intp]:
    """Return which samples make up the batch of each step: their indices, shape (steps, batch_size).

    Args:
        samples: the number K of samples.
        batch_size: B, from 1 to K.
        steps: the number of batches.
        seed: seed of the random order; equal seeds give equal batches for every channel.
        kind: "shuffled" takes the samples in epochs of ⌊K/B⌋ batches without replacement, each in a new random order,
            and drops the last, short batch; "independent" draws each batch of different samples anew; "replaced" draws
            each sample anew, as from a larger set.

    Raises:
        ValueError: if no batch of that size can be made of so many samples.
    """
    if kind == "replaced":
        return np.random.default_rng(seed).integers(0, samples, (steps, batch_size))
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
