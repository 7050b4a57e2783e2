"""RMS norm (Zhang & Sennrich 2019): all of a sample is divided by its root mean square, and no mean is subtracted.

Here it is over channels and space, as PyTorch's RMSNorm is told to. Keras' and Flax's layers reduce the last axis alone
unless they are told more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnstat.layers.columns import plain
from bnstat.layers.normalizers.statistics import Samples, defined, gain, groups_of, output
from bnstat.layers.results import Group, RmsGroup
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, of: Samples, settings: Settings) -> tuple[Group, ...]:
    """Return what an RMS-norm layer computes: a group for each sample.

    Args:
        samples: moments of shape (samples, channels).
        of: which samples these are.
        settings: framework and ε.
    """
    groups = groups_of(samples, of, 1, settings)
    mean, variance = (np.array([getattr(group, name) for group in groups], np.float64) for name in ("mean", "variance"))
    with np.errstate(all="ignore"):
        mean_square = defined(variance + mean * mean)  # the biased variance plus the squared mean
        factor = gain(mean_square, settings)
        output_variance = variance * factor * factor
        output_std = np.sqrt(output_variance)
    output_mean_square, share = output(mean_square, settings)
    zero = ((mean_square == 0) & settings.divides_by_zero).tolist()
    columns = map(plain, (mean_square, output_mean_square, factor, output_variance, output_std, share))
    return tuple(map(_divided, groups, *columns, zero))


def _divided(
    group: Group,
    mean_square: float | None,
    output_mean_square: float | None,
    gain: float | None,
    output_variance: float | None,
    output_std: float | None,
    epsilon_share: float | None,
    output_nan: bool,
) -> RmsGroup:
    """Return the same values, divided by √(mean square + ε) and not by √(variance + ε)."""
    divided = RmsGroup(**group.numbers, mean_square=mean_square, output_mean_square=output_mean_square)
    return replace(
        divided,
        gain=gain,
        output_variance=output_variance,
        output_std=output_std,
        epsilon_share=epsilon_share,
        output_nan=output_nan,
    )
