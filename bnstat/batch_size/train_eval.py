"""How the output of training differs from that of evaluation mode, and how batch renorm would correct it.

Training normalizes with the statistics of a batch, evaluation mode with the running statistics that batches of this
size converge to. Shapes are those of `closed_form`; undefined values are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bnstat.batch_size.closed_form import Expected
from bnstat.batch_size.draws import DrawnBatches
from bnstat.moments.moments import Doubles


class AllValues(Protocol):
    """The mean and the variance of all values that batches are drawn from, however they are drawn."""

    @property
    def mean(self) -> Doubles:
        """The mean μ, shape (…)."""

    @property
    def variance(self) -> Doubles:
        """The variance σ², shape (…)."""


@dataclass(frozen=True)
class Gap:
    """The difference between training and evaluation mode, shape (…) each; NaN where a layer divides by 0.

    Attributes:
        eval_output_variance: variance of the output over all samples when the running statistics normalize.
        rms: root of the mean square of (training output − evaluation output), over batches.
    """

    eval_output_variance: Doubles
    rms: Doubles


def settled(whole: AllValues, form: Expected, bessel: float | Doubles = 1.0) -> tuple[Doubles, Doubles]:
    """Return the running mean and variance that a layer converges to, in closed form.

    Args:
        whole: the population; the running mean converges to its μ.
        form: batches of the size that is asked about; the running variance converges to their expected variance.
        bessel: n/(n − 1) of a batch where the framework's running variance is unbiased, else 1.
    """
    return whole.mean, np.asarray(form.variance * bessel)


def output_variance(whole: AllValues, variance: Doubles, epsilon: float | Doubles) -> Doubles:
    """Return the variance σ²/(v_R + ε) of the output over all samples when a running variance normalizes.

    NaN where a layer divides by 0.
    """
    return np.asarray(whole.variance * _gain(variance, epsilon) ** 2)


def gap(whole: AllValues, drawn: DrawnBatches, epsilon: float | Doubles, running: tuple[Doubles, Doubles]) -> Gap:
    """Return the train/eval gap of running statistics.

    For one batch the mean square of the difference is v(1/√(v_R+ε) − 1/√(v+ε))² + (μ_B − μ_R)²/(v_R+ε).

    Args:
        whole: the population.
        drawn: batches of the size that is asked about.
        epsilon: ε of the layer; or of several layers, along a further axis that all shapes broadcast to.
        running: mean and variance that evaluation mode normalizes with, as of `settled`.
    """
    evaluated = _gain(running[1], epsilon)
    trained = _gain(drawn.variances, epsilon)
    square = drawn.variances * (evaluated - trained) ** 2 + ((drawn.means - running[0]) * evaluated) ** 2
    return Gap(output_variance(whole, running[1], epsilon), np.sqrt(square.mean(axis=0)))


def _gain(variance: Doubles, epsilon: float | Doubles) -> Doubles:
    """Return 1/√(variance + ε), NaN where that divides by 0."""
    total = np.asarray(variance + epsilon)
    return np.asarray(1.0 / np.sqrt(np.where(total == 0, np.nan, total)))


@dataclass(frozen=True)
class Corrections:
    """Batch renorm's r = √(v+ε)/√(v_R+ε) and d = (μ_B − μ_R)/√(v_R+ε) over batches (Ioffe 2017).

    Attributes:
        r: quantiles of r, shape (quantiles, …).
        d: quantiles of d, same shape.
        r_clipped: share of the batches whose r lies outside [1/most, most], shape (…).
        d_clipped: share of the batches whose d lies outside [−most, most], shape (…).
    """

    r: Doubles
    d: Doubles
    r_clipped: Doubles
    d_clipped: Doubles


def corrections(
    drawn: DrawnBatches,
    epsilon: float | Doubles,
    running: tuple[Doubles, Doubles],
    quantiles: Sequence[float],
    most: tuple[float, float],
) -> Corrections:
    """Return batch renorm's corrections.

    r rises with the batch variance and d with the batch mean, so ordered statistics give ordered corrections.

    Args:
        drawn: batches of the size that is asked about.
        epsilon: ε of the layer, or of each.
        running: running mean and variance, as of `settled`.
        quantiles: from 0 to 1, between order statistics as `numpy.quantile` takes them.
        most: the limits at which r and d are clipped.
    """
    means, variances = drawn.ordered
    gain = _gain(running[1], epsilon)
    r, d = np.sqrt(variances + epsilon) * gain, (means - running[0]) * gain
    clipped = [
        np.count_nonzero(beyond, axis=0) / len(means)
        for beyond in ((r > most[0]) | (r < 1 / most[0]), np.abs(d) > most[1])
    ]
    return Corrections(_quantiles(r, quantiles), _quantiles(d, quantiles), *clipped)


def _quantiles(ascending: Doubles, quantiles: Sequence[float]) -> Doubles:
    """Return quantiles along axis 0 of ascending values, shape (quantiles, …)."""
    places = np.asarray(quantiles) * (len(ascending) - 1)
    low = places.astype(np.intp)
    part = (places - low).reshape(-1, *[1] * (ascending.ndim - 1))
    below = ascending[low]
    return np.asarray(below + (ascending[np.minimum(low + 1, len(ascending) - 1)] - below) * part)
