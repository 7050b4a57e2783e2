"""The rows of a table as evidence for rules: each channel of each sample, and the samples of each channel pooled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import fsum, sqrt
from typing import Any

import numpy as np

from bnstat.layers.columns import plain
from bnstat.moments.few_values import Distinct
from bnstat.moments.moments import Moments
from bnstat.reading.rows import Rows
from bnstat.reports.evidence import PooledChannel, SampleChannel


def sample_channels_of(rows: Rows) -> tuple[tuple[SampleChannel, ...], ...]:
    """Return the channels of each sample, in the order of the rows."""
    found: list[tuple[SampleChannel, ...]] = [()] * len(rows)
    for block in rows.blocks:
        channels = map(SampleChannel, *_columns(block.moments))
        number = block.moments.shape[1]
        for place in block.places.tolist():
            found[place] = tuple(islice(channels, number))
    return tuple(found)


def _columns(table: Moments) -> Iterator[list[Any]]:
    """Yield the attributes of `SampleChannel`, each a list with an entry for each channel of each sample."""
    count, variance = table.count, table.variance
    whole = (table.finite == count) & (count > 0)
    yield count.reshape(-1).tolist()
    for numbers in (table.mean, variance):
        yield plain(np.where(whole & np.isfinite(numbers), numbers, np.nan))
    yield (whole & table.constant).reshape(-1).tolist()


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
