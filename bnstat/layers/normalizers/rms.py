"""RMS norm (Zhang & Sennrich 2019): all of a sample is divided by its root mean square, and no mean is subtracted.

Here it is over channels and space, as PyTorch's RMSNorm is told to. Keras' and Flax's layers reduce the last axis alone
unless they are told more.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

from bnstat.layers.normalizers.statistics import defined, gain, groups_of, output
from bnstat.layers.results import Group, RmsGroup
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, places: tuple[int, ...], settings: Settings) -> tuple[Group, ...]:
    """Return what an RMS-norm layer computes: a group for each sample.

    Args:
        samples: moments of shape (samples of the batch, channels).
        places: the index of each sample in the report.
        settings: framework and ε.
    """
    return tuple(_by_mean_square(group, settings) for group in groups_of(samples, places, 1, settings))


def _by_mean_square(group: Group, settings: Settings) -> RmsGroup:
    """Return the same values, divided by √(mean square + ε) and not by √(variance + ε)."""
    mean_square = None if group.mean is None or group.variance is None else defined(_sum(group.mean, group.variance))
    factor = gain(mean_square, settings)
    output_mean_square, share = output(mean_square, settings)
    output_variance = None if factor is None or group.variance is None else group.variance * factor * factor
    divided = RmsGroup(**group.numbers, mean_square=mean_square, output_mean_square=output_mean_square)
    return replace(
        divided,
        gain=factor,
        output_variance=output_variance,
        output_std=None if output_variance is None else sqrt(output_variance),
        epsilon_share=share,
        output_nan=mean_square == 0 and settings.divides_by_zero,
    )


def _sum(mean: float, variance: float) -> float:
    """Return the mean square: the biased variance plus the squared mean."""
    return variance + mean * mean
