"""Batch norm: the samples of a batch merge, each channel alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bnstat.layers.columns import Doubles, Place, StatisticsColumns, by_count, joined, plain
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

    def __getitem__(self, place: Place) -> ChannelColumns:
        return ChannelColumns(self.statistics[place], self.running_mean[place], self.running_variance[place])

    def listed(self) -> dict[str, list[Any]]:
        """Return the attributes of `Channel` by name, each a list of its values in C order."""
        kept = {"running_mean": plain(self.running_mean), "running_variance": plain(self.running_variance)}
        number = self.running_mean.shape[-1]
        numbers = [*range(number)] * (self.running_mean.size // max(number, 1))
        return {"channel": numbers, **kept, **self.statistics.listed()}

    @staticmethod
    def join(pieces: Iterable[ChannelColumns], number: int) -> ChannelColumns:
        """Return columns one after the other along their first axis, as many entries as the pieces have together."""
        names = [field.name for field in fields(StatisticsColumns)]
        own = ("running_mean", "running_variance")
        found = joined(
            (
                {name: getattr(one.statistics, name) for name in names} | {name: getattr(one, name) for name in own}
                for one in pieces
            ),
            number,
        )
        return ChannelColumns(
            StatisticsColumns(**{name: found[name] for name in names}), *(found[name] for name in own)
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
    """Return what a batch-norm layer computes for each channel of a batch, or of several, one after the other.

    Args:
        samples: moments of shape (samples of the batch, channels), or (batches, samples, channels).
        settings: framework, ε and momentum.
    """
    listed = columns_of(samples.merged(axis=len(samples.shape) - 2), settings).listed()
    names = tuple(listed)
    return tuple(Channel(**dict(zip(names, values, strict=True))) for values in zip(*listed.values(), strict=True))
