"""Numbers and names as text: one way for every format that a person reads."""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

from bnstat import text
from bnstat.layers.results import Number

if TYPE_CHECKING:  # numpy, which a list of rules does not need
    from bnstat.layers.columns import Doubles

NAN = "NaN"
UNDEFINED = "–"

# The part of a standard deviation below which a mean is the rounding of a sum in float64.
ROUNDING = 1e-12


def number(value: Number | None) -> str:
    """Return a number by the rule of all tables and sentences; a dash if it is undefined."""
    return UNDEFINED if value is None else text.number(value)


def summed(total: float | None, *parts: float | None) -> tuple[str, ...]:
    """Return a sum and its parts as text, rounded so that the printed parts add up to the printed sum.

    All have the decimals of the sum. Where the rounded parts add up to more or less, those whose rounding adds most to
    the difference are rounded the other way. A part that would be 0 is printed by the rule of all numbers, and so are
    all of them where one is unknown, or where the sum is printed in powers of ten.
    """
    known = [part for part in parts if part is not None and isfinite(part)]
    shown = number(total)
    if total is None or len(known) < len(parts) or "e" in shown or not 0 < total < inf:
        return shown, *map(number, parts)
    decimals = len(shown.partition(".")[2])
    scale = 10.0**decimals
    units = [round(part * scale) for part in known]
    missing = round(float(shown.replace(",", "")) * scale) - sum(units)
    sign = 1 if missing > 0 else -1
    # the parts whose own rounding lost most in this direction, one unit each
    order = sorted(range(len(known)), key=lambda place: sign * (units[place] - known[place] * scale))
    for place in order[: abs(missing)]:
        units[place] += sign
    texts = [f"{unit / scale:,.{decimals}f}" if unit else number(part) for unit, part in zip(units, known, strict=True)]
    return shown, *texts


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


def least_median_greatest(values: Doubles) -> tuple[float, float, float] | None:
    """Return three numbers that stand for the known ones of many; None if none is known, that is if all are NaN.

    The median of an even count is the mean of the two in the middle, as in numpy.
    """
    known = values[values == values]  # noqa: PLR0124  (NaN alone differs from itself)
    if not len(known):
        return None
    middle = [(len(known) - 1) // 2, len(known) // 2]
    known.partition(middle)
    low, high = (float(known[place]) for place in middle)
    return float(known.min()), low if middle[0] == middle[1] else (low + high) / 2, float(known.max())
