"""Instance norm (Ulyanov, Vedaldi & Lempitsky 2016): each channel of each sample alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnstat.layers.columns import by_count, plain
from bnstat.layers.normalizers.statistics import Samples, groups_of, running
from bnstat.layers.results import Group, Running
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, of: Samples, settings: Settings) -> tuple[Group, ...]:
    """Return what an instance-norm layer computes.

    Args:
        samples: moments of shape (samples, channels).
        of: which samples these are.
        settings: framework and ε.
    """
    return groups_of(samples, of, samples.shape[1], settings)


def buffers(groups: Sequence[Group], channels: int, settings: Settings) -> tuple[Running, ...]:
    """Return the buffers of each channel after one training step; nothing if the layer keeps none.

    PyTorch's InstanceNorm3d(track_running_stats=True) averages the means of the samples, and their unbiased variances:
    not the variance of all values together.

    Args:
        groups: the groups of one batch, of a channel each, a sample after the other.
        channels: channels of the tensor.
        settings: framework and momentum.
    """
    if not settings.framework.keeps_running:
        return ()
    count = np.array([group.count for group in groups[:channels]], np.int64)
    bessel = by_count(count, settings.framework.bessel).tolist()
    means = [_average([group.mean for group in groups[channel::channels]]) for channel in range(channels)]
    variances = [
        _average([None if group.variance is None else group.variance * factor for group in groups[channel::channels]])
        for channel, factor in enumerate(bessel)
    ]
    kept = [
        plain(running(start, np.array(own, np.float64), settings, count))
        for start, own in zip(settings.framework.running_start, (means, variances), strict=True)
    ]
    return tuple(Running(channel, *pair) for channel, pair in enumerate(zip(*kept, strict=True)))


def _average(values: Sequence[float | None]) -> float | None:
    """Return the average; None if a value is None: a NaN in one sample makes the buffer NaN."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
