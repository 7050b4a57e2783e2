"""Count, mean, variance and range of voxels, by sums of whole numbers: not one rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from reference.balls import CONTEXT, TINY, UNIT, ZERO, Ball, decimal

# Claims of the documentation: the variance of any split holds to 4·2⁻⁵³·|mean|/sd + 1e-13 relative, integers of 8
# and 16 bits are summed exactly in each piece of a file, and pieces are merged. The mean is that of blocks of sums: so
# many units of the root mean square.
VARIANCE_BASE = Decimal("1e-13")
VARIANCE_UNITS = Decimal(4)
MEAN_UNITS = Decimal(16)
EXACT_UNITS = Decimal(8)


@dataclass(frozen=True)
class Cell:
    """The exact moments of some voxels: of one sample and channel, or of several together.

    Attributes:
        finite: number of finite values.
        nan: number of NaN.
        inf: number of Inf.
        mean: of the finite values.
        m2: their sum of squared deviations.
        minimum: least finite value; None if there is none.
        maximum: the greatest.
        varies: True if two finite values differ as they are stored.
        exact: True if they are integers of 8 or 16 bits, in one piece.
        size: the largest number that float64 handles on the way to the mean.
        scaled: True if the values are not the stored numbers.
        noise: how far the values themselves may be off, from steps before that round each of them.
    """

    finite: int
    nan: int
    inf: int
    mean: Fraction
    m2: Fraction
    minimum: Fraction | None
    maximum: Fraction | None
    varies: bool
    exact: bool
    size: Fraction
    scaled: bool = False
    noise: Fraction = Fraction(0)

    @property
    def count(self) -> int:
        """The number of all values."""
        return self.finite + self.nan + self.inf

    @property
    def poisoned(self) -> bool:
        """True if mean and variance are undefined."""
        return not self.finite or bool(self.nan or self.inf)

    @property
    def constant(self) -> bool:
        """True if all values are equal and finite."""
        return not self.poisoned and not self.varies

    @property
    def variance(self) -> Fraction:
        """The biased variance of the finite values."""
        return self.m2 / self.finite

    def affine(self, slope: Fraction, intercept: Fraction) -> Cell:
        """Return the moments of slope · x + intercept."""
        if (slope == 1 and intercept == 0) or not self.finite:
            return self
        ends = [slope * end + intercept for end in (self.minimum or Fraction(0), self.maximum or Fraction(0))]
        mean = slope * self.mean + intercept
        size = max(abs(slope) * self.size, *(abs(end - intercept) for end in ends), abs(intercept), abs(mean))
        m2 = slope * slope * self.m2
        return replace(
            self, mean=mean, m2=m2, minimum=min(ends), maximum=max(ends), exact=False, size=size, scaled=True
        )

    def mean_ball(self) -> Ball:
        """Return the mean, as near as it is claimed to be."""
        if self.exact:  # Σx = qn + r, and the mean of a piece is q + r/n with both rounded; merges round at their size
            square = CONTEXT.sqrt(decimal(self.variance + self.mean * self.mean))
            lost = CONTEXT.multiply(EXACT_UNITS, CONTEXT.add(Decimal(1), square))
            return Ball(decimal(self.mean), CONTEXT.multiply(UNIT, lost))
        if not self.varies:
            lost = CONTEXT.multiply(CONTEXT.multiply(Decimal(2), UNIT), decimal(self.size))
            return Ball(decimal(self.mean), CONTEXT.add(lost, decimal(self.noise)))
        square = CONTEXT.sqrt(decimal(self.variance + self.mean * self.mean))
        lost = CONTEXT.multiply(CONTEXT.multiply(MEAN_UNITS, UNIT), max(square, decimal(self.size)))
        # below 2.2e-308 the quotient, and its sum with the point that values are counted from, are multiples of TINY
        return Ball(decimal(self.mean), CONTEXT.add(CONTEXT.add(lost, decimal(self.noise)), 2 * TINY))

    def variance_ball(self) -> Ball:
        """Return the biased variance, as near as it is claimed to be."""
        value = decimal(self.variance)
        if not self.varies or not value:
            return Ball(value, ZERO)
        if self.exact:
            relative = CONTEXT.multiply(EXACT_UNITS, UNIT)
        else:
            over = CONTEXT.divide(abs(decimal(self.mean)), CONTEXT.sqrt(value))
            relative = CONTEXT.add(VARIANCE_BASE, CONTEXT.multiply(CONTEXT.multiply(VARIANCE_UNITS, UNIT), over))
        # a change of each value by at most the noise changes the standard deviation by no more
        noise = decimal(self.noise)
        moved = CONTEXT.multiply(noise, CONTEXT.add(CONTEXT.multiply(Decimal(2), CONTEXT.sqrt(value)), noise))
        return Ball(value, CONTEXT.add(CONTEXT.add(CONTEXT.multiply(relative, value), moved), TINY))


def cell(numbers: Iterable[float], *, exact: bool = False) -> Cell:
    """Return the moments of stored numbers."""
    taken = list(numbers)
    finite = [one for one in taken if math.isfinite(one)]
    nan = sum(math.isnan(one) for one in taken)
    inf = len(taken) - len(finite) - nan
    if not finite:
        return Cell(0, nan, inf, Fraction(0), Fraction(0), None, None, False, exact, Fraction(0))
    whole, scale = _whole(finite)
    return replace(_summed(whole, scale), nan=nan, inf=inf, exact=exact)


def cell_of_fractions(values: Sequence[Fraction]) -> Cell:
    """Return the moments of finite values that are fractions."""
    if not values:
        return Cell(0, 0, 0, Fraction(0), Fraction(0), None, None, False, False, Fraction(0))
    common = math.lcm(*(one.denominator for one in values))
    return _summed([one.numerator * (common // one.denominator) for one in values], Fraction(1, common))


def _summed(whole: Sequence[int], scale: Fraction) -> Cell:
    """Return the moments of whole multiples of a number."""
    count, total, squares = len(whole), sum(whole), sum(one * one for one in whole)
    mean = Fraction(total, count) * scale
    m2 = Fraction(squares * count - total * total, count) * scale * scale
    least, most = min(whole) * scale, max(whole) * scale
    return Cell(count, 0, 0, mean, m2, least, most, least != most, False, abs(mean))


def _whole(numbers: Sequence[float]) -> tuple[Sequence[int], Fraction]:
    """Return numbers as whole multiples of one power of 2."""
    if all(isinstance(one, int) for one in numbers):
        return [int(one) for one in numbers], Fraction(1)
    ratios = [one.as_integer_ratio() for one in numbers]
    common = max(below for _, below in ratios)
    return [above * (common // below) for above, below in ratios], Fraction(1, common)


def merge(cells: Sequence[Cell]) -> Cell:
    """Return the moments of the values of all cells together."""
    if len(cells) == 1:
        return cells[0]
    full = [one for one in cells if one.finite]
    nan, inf = sum(one.nan for one in cells), sum(one.inf for one in cells)
    if not full:
        return Cell(0, nan, inf, Fraction(0), Fraction(0), None, None, False, False, Fraction(0))
    count = sum(one.finite for one in full)
    mean = sum((one.finite * one.mean for one in full), Fraction(0)) / count
    m2 = sum((one.m2 + one.finite * (one.mean - mean) ** 2 for one in full), Fraction(0))
    least = min(one.minimum for one in full if one.minimum is not None)
    most = max(one.maximum for one in full if one.maximum is not None)
    varies = any(one.varies for one in full) or least != most
    size = max(max(one.size, abs(one.mean)) for one in full)
    scaled, noise = any(one.scaled for one in full), max(one.noise for one in full)
    return Cell(count, nan, inf, mean, m2, least, most, varies, False, size, scaled, noise)
