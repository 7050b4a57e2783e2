"""The rows of a table as evidence for rules: each channel of each sample, and the samples of each channel pooled."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

import numpy as np

from bnstat.layers.arithmetic.bands import squared
from bnstat.moments.few_values import Distinct
from bnstat.moments.moments import Moments
from bnstat.reading.rows import Indices, Rows
from bnstat.reports.evidence import PooledChannel, SampleChannel
from bnstat.reports.sample_channels import ChannelBlock, ChannelColumn, SampleChannels


def sample_channels_of(rows: Rows) -> SampleChannels:
    """Return the channels of each sample, in the order of the rows."""
    return SampleChannels(tuple(_block(block.places, block.moments) for block in rows.blocks))


def _block(places: Indices, table: Moments) -> ChannelBlock:
    count = table.count
    whole = (table.finite == count) & (count > 0)
    mean, variance = (np.where(whole & np.isfinite(one), one, np.nan) for one in (table.mean, table.variance))
    return ChannelBlock(places, count, mean, variance, whole & table.constant)


def distinct_of(found: tuple[tuple[Distinct | None, ...], ...]) -> tuple[tuple[Distinct | None, ...], ...]:
    """Return the distinct values of the channels of each sample as they are; none if no file has any."""
    return found if any(map(any, found)) else ()


def pooled_channels_of(samples: Sequence[Sequence[SampleChannel]]) -> tuple[PooledChannel, ...]:
    """Pool the samples of each channel that all samples have: μ and σ² = w + τ², each sample with equal weight."""
    columns = SampleChannels.of(samples)
    return tuple(_pooled(columns.column(channel)) for channel in range(columns.fewest))


def _pooled(column: ChannelColumn) -> PooledChannel:
    known = column.taken(~np.isnan(column.mean) & ~np.isnan(column.variance))
    number = len(known.mean)
    if not number:
        return PooledChannel(0, None, None, None)
    try:
        mean = fsum(known.mean.tolist()) / number
        with np.errstate(over="ignore"):
            apart = squared(known.mean - mean)
        if not np.isfinite(apart).all():  # means that float64 cannot square
            return PooledChannel(number, None, None, None)
        between = fsum(apart.tolist()) / number
        within = fsum(known.variance.tolist()) / number
    except OverflowError:  # of sums that float64 cannot hold
        return PooledChannel(number, None, None, None)
    return PooledChannel(number, mean, sqrt(within + between), sqrt(between))
