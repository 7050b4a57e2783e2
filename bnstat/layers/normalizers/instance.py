"""Instance norm (Ulyanov, Vedaldi & Lempitsky 2016): each channel of each sample alone."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.layers.normalizers.statistics import groups_of, running
from bnstat.layers.results import Group, Running
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, places: tuple[int, ...], settings: Settings) -> tuple[Group, ...]:
    """Return what an instance-norm layer computes.

    Args:
        samples: moments of shape (samples of the batch, channels).
        places: the index of each sample in the report.
        settings: framework and ε.
    """
    return groups_of(samples, places, samples.shape[1], settings)


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
    return tuple(_buffer(channel, groups[channel::channels], settings) for channel in range(channels))


def _buffer(channel: int, groups: Sequence[Group], settings: Settings) -> Running:
    count = groups[0].count
    bessel = settings.framework.bessel(count)
    mean = _average([group.mean for group in groups])
    variance = _average([None if group.variance is None else group.variance * bessel for group in groups])
    start_mean, start_variance = settings.framework.running_start
    return Running(
        channel,
        running(start_mean, mean, settings, count),
        running(start_variance, variance, settings, count),
    )


def _average(values: Sequence[float | None]) -> float | None:
    """Return the average; None if a value is None: a NaN in one sample makes the buffer NaN."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
