"""Batch norm: the samples of a batch merge, each channel alone."""

from __future__ import annotations

from bnstat.layers.normalizers.statistics import Merged, each, running, statistics_of
from bnstat.layers.results import Channel
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, settings: Settings) -> tuple[Channel, ...]:
    """Return what a batch-norm layer computes for each channel of one batch.

    Args:
        samples: moments of shape (samples of the batch, channels).
        settings: framework, ε and momentum.
    """
    merged = each(samples.merged(axis=0))
    return tuple(_channel(channel, one, settings) for channel, one in enumerate(merged))


def _channel(channel: int, merged: Merged, settings: Settings) -> Channel:
    statistics = statistics_of(merged, settings)
    mean, variance = statistics.mean, statistics.variance
    kept_variance = None if variance is None else variance * settings.framework.bessel(merged.count)
    if settings.preparation.mask is not None and merged.count == 1 and settings.framework.unbiased_running_variance:
        kept_variance = None  # the layer gets more values than the one inside the mask, which has no unbiased variance
    start_mean, start_variance = settings.framework.running_start
    return Channel(
        channel=channel,
        running_mean=running(start_mean, mean, settings, merged.count),
        running_variance=running(start_variance, kept_variance, settings, merged.count),
        **statistics.numbers,
    )
