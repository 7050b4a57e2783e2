"""The cells of a table as plain values, one for each sample and channel, and the pool of a channel's samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, isfinite, sqrt

from bnstat.preprocessing.samples import Row
from bnstat.report.evidence import Cell, Pool


def cells_of(rows: Iterable[Row]) -> tuple[tuple[Cell, ...], ...]:
    """The channels of each sample."""
    return tuple(_cells(row) for row in rows)


def _cells(row: Row) -> tuple[Cell, ...]:
    table = row.moments
    columns = (table.total, table.count, table.mean, table.variance, table.constant)
    return tuple(_cell(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _cell(total: int, count: int, mean: float, variance: float, constant: bool) -> Cell:
    whole = count == total and count > 0
    return Cell(
        count=total,
        mean=mean if whole and isfinite(mean) else None,
        variance=variance if whole and isfinite(variance) else None,
        constant=whole and constant,
    )


def pools_of(cells: Sequence[Sequence[Cell]]) -> tuple[Pool, ...]:
    """The pool of each channel that all samples have: μ and σ² = w + τ², each sample with equal weight."""
    return tuple(_pool(column) for column in zip(*cells, strict=False))


def _pool(column: Iterable[Cell]) -> Pool:
    known = [(one.mean, one.variance) for one in column if one.mean is not None and one.variance is not None]
    if not known:
        return Pool(0, None, None, None)
    samples = len(known)
    try:
        mean = fsum(mean for mean, _ in known) / samples
        between = fsum((one - mean) ** 2 for one, _ in known) / samples
        within = fsum(variance for _, variance in known) / samples
    except OverflowError:  # of means that float64 cannot square
        return Pool(samples, None, None, None)
    return Pool(samples, mean, sqrt(within + between), sqrt(between))
