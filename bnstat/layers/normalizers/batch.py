"""Batch norm: the samples of a batch merge, each channel alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstat.layers.columns import Doubles, StatisticsColumns, by_count, plain
from bnstat.layers.normalizers.statistics import running, statistics_of
from bnstat.layers.results import Channel
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


@dataclass(frozen=True, eq=False)
class ChannelColumns:
    """The channels of batches as arrays of one shape, whose last axis is that of the channels.

    Attributes:
        statistics: what channels and groups have.
        running_mean: the layer's buffer after one training step.
        running_variance: the same buffer of the variance.
    """

    statistics: StatisticsColumns
    running_mean: Doubles
    running_variance: Doubles

    def channels(self) -> tuple[Channel, ...]:
        """Return the channels as values, in C order."""
        listed = self.statistics.listed()
        number = self.running_mean.shape[-1]
        return tuple(
            Channel(channel=at % number, running_mean=mean, running_variance=variance, **dict(zip(listed, numbers)))
            for at, (mean, variance, *numbers) in enumerate(
                zip(plain(self.running_mean), plain(self.running_variance), *listed.values(), strict=True)
            )
        )


def columns_of(merged: Moments, settings: Settings) -> ChannelColumns:
    """Return what a batch-norm layer computes for each channel, from the moments of all values of a batch.

    Args:
        merged: moments of any shape, whose last axis is that of the channels.
        settings: framework, ε and momentum.
    """
    statistics = statistics_of(merged, settings)
    count = statistics.count
    with np.errstate(over="ignore"):
        kept = statistics.variance * by_count(count, settings.framework.bessel)
    if settings.preparation.mask is not None and settings.framework.unbiased_running_variance:
        # the layer gets more values than the one inside the mask, which has no unbiased variance
        kept = np.where(count == 1, np.nan, kept)
    start_mean, start_variance = settings.framework.running_start
    return ChannelColumns(
        statistics,
        running(start_mean, statistics.mean, settings, count),
        running(start_variance, kept, settings, count),
    )


def normalize(samples: Moments, settings: Settings) -> tuple[Channel, ...]:
    """Return what a batch-norm layer computes for each channel of one batch.

    Args:
        samples: moments of shape (samples of the batch, channels).
        settings: framework, ε and momentum.
    """
    return columns_of(samples.merged(axis=0), settings).channels()
