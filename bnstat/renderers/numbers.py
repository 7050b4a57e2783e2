"""Numbers and names as text: one way for every format that a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from bnstat import text
from bnstat.layers.results import Number

NAN = "NaN"
UNDEFINED = "–"

# The part of a standard deviation below which a mean is the rounding of a sum in float64.
ROUNDING = 1e-12


def number(value: Number | None) -> str:
    """Return a number by the rule of all tables and sentences; a dash if it is undefined."""
    return UNDEFINED if value is None else text.number(value)


def mean_of(mean: Number | None, variance: float | None) -> str:
    """Return a mean, and 0 for one that is nothing but the rounding of its sum: below 1e-12 standard deviations.

    A float64 sum of values that cancel leaves about 1e-16 of their size. A layer in float32 resolves 1e-7, so no such
    mean is a property of the data. JSON and CSV have it as it was computed.
    """
    noise = mean is not None and variance is not None and abs(mean) < ROUNDING * sqrt(variance)
    return "0" if noise else number(mean)


def share(value: float | None) -> str:
    """Return a share in percent, never rounded to a bare 0 where it is more."""
    if value is None:
        return UNDEFINED
    if 0 < value < 1e-4:
        return "<0.01%"
    return f"{text.number(100 * value, 3)}%"


def ratio(value: float | None) -> str:
    """Return a number that is measured against 1, and 0 for one that is nothing but rounding."""
    return "0" if value is not None and abs(value) < ROUNDING else number(value)


def setting(value: float | None) -> str:
    """Return an epsilon or a momentum as it was given."""
    return UNDEFINED if value is None else f"{value:g}"


def least_median_greatest(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    """Return three numbers that stand for the known ones of many; None if none is known.

    The median of an even count is the mean of the two in the middle, as in numpy.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    from statistics import median  # noqa: PLC0415  (4 ms, which only rows that are not shown need)

    return min(known), median(known), max(known)
