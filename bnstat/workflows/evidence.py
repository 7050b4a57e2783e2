"""The rows of a table as evidence for rules: each channel of each sample, and the samples of each channel pooled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, isfinite, sqrt

from bnstat.moments.few_values import Distinct
from bnstat.preprocessing.samples import Row
from bnstat.reports.evidence import PooledChannel, SampleChannel


def sample_channels_of(rows: Iterable[Row]) -> tuple[tuple[SampleChannel, ...], ...]:
    """Return the channels of each sample, in the order of the rows."""
    return tuple(_sample_channels(row) for row in rows)


def _sample_channels(row: Row) -> tuple[SampleChannel, ...]:
    table = row.moments
    columns = (table.count, table.finite, table.mean, table.variance, table.constant)
    return tuple(_sample_channel(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _sample_channel(count: int, finite: int, mean: float, variance: float, constant: bool) -> SampleChannel:
    whole = finite == count and count > 0
    return SampleChannel(
        count=count,
        mean=mean if whole and isfinite(mean) else None,
        variance=variance if whole and isfinite(variance) else None,
        constant=whole and constant,
    )


def distinct_of(found: tuple[tuple[Distinct | None, ...], ...]) -> tuple[tuple[Distinct | None, ...], ...]:
    """Return the distinct values of the channels of each sample as they are; none if no file has any."""
    return found if any(map(any, found)) else ()


def pooled_channels_of(samples: Sequence[Sequence[SampleChannel]]) -> tuple[PooledChannel, ...]:
    """Pool the samples of each channel that all samples have: μ and σ² = w + τ², each sample with equal weight."""
    return tuple(_pooled(column) for column in zip(*samples, strict=False))


def _pooled(column: Iterable[SampleChannel]) -> PooledChannel:
    known = [(one.mean, one.variance) for one in column if one.mean is not None and one.variance is not None]
    if not known:
        return PooledChannel(0, None, None, None)
    number = len(known)
    try:
        mean = fsum(mean for mean, _ in known) / number
        between = fsum((one - mean) ** 2 for one, _ in known) / number
        within = fsum(variance for _, variance in known) / number
    except OverflowError:  # of means that float64 cannot square
        return PooledChannel(number, None, None, None)
    return PooledChannel(number, mean, sqrt(within + between), sqrt(between))
