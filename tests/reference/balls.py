"""Numbers of 60 digits, each with the distance by which a computation in float64 may miss it.

A `Ball` is a value and a radius. Arithmetic keeps the value to 60 digits, and widens the radius as float64 would lose:
what the operands are off by, and `ROUNDINGS` half units in the last place for the operation itself. So a tolerance is
never chosen by hand for a formula. It follows from the formula and from the claimed accuracy of the moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

# A context of its own, so that the process keeps its own.
CONTEXT = Context(prec=60, Emax=999999, Emin=-999999)
# The relative error of one rounding to float64, and the least distance of two numbers of it.
UNIT = CONTEXT.power(Decimal(2), -53)
TINY = CONTEXT.power(Decimal(2), -1074)
# The greatest finite number of float64.
LARGEST = Decimal((2**53 - 1) * 2**971)
# Roundings that one operation may cost. A formula can be written in several ways, of which some round more often.
ROUNDINGS = Decimal(3)
ZERO = Decimal(0)
INFINITE = Decimal("Infinity")


def decimal(number: Fraction | float) -> Decimal:
    """Return a number to 60 digits."""
    if isinstance(number, Fraction):
        return CONTEXT.divide(Decimal(number.numerator), Decimal(number.denominator))
    return CONTEXT.plus(Decimal(number))


@dataclass(frozen=True)
class Ball:
    """A number, and how far from it a result may be.

    Attributes:
        value: the number, to 60 digits.
        radius: the distance, at least 0.
    """

    value: Decimal
    radius: Decimal = ZERO

    @classmethod
    def of(cls, number: Fraction | float) -> Ball:
        """Return a number that is given and not computed, without a radius."""
        return cls(decimal(number))

    @classmethod
    def rounded(cls, number: Fraction | float, roundings: float = 1.0) -> Ball:
        """Return a number that was rounded to float64 so many times."""
        value = decimal(number)
        return cls(value, _sum(_times(_times(UNIT, decimal(roundings)), abs(value)), TINY))

    def at(self, value: Decimal) -> Ball:
        """Return another number with the same radius."""
        return Ball(value, self.radius)

    def widened(self, by: Decimal) -> Ball:
        """Return the same number with a larger radius."""
        return Ball(self.value, _sum(self.radius, by))

    def __add__(self, other: Ball) -> Ball:
        return _computed(CONTEXT.add(self.value, other.value), _sum(self.radius, other.radius))

    def __sub__(self, other: Ball) -> Ball:
        return _computed(CONTEXT.subtract(self.value, other.value), _sum(self.radius, other.radius))

    def __mul__(self, other: Ball) -> Ball:
        lost = _sum(_times(abs(self.value), other.radius), _times(self.radius, _sum(abs(other.value), other.radius)))
        return _computed(CONTEXT.multiply(self.value, other.value), lost)

    def __truediv__(self, other: Ball) -> Ball:
        least = CONTEXT.subtract(abs(other.value), other.radius)
        if least <= 0:
            return Ball(CONTEXT.divide(self.value, other.value) if other.value else ZERO, INFINITE)
        value = CONTEXT.divide(self.value, other.value)
        return _computed(value, CONTEXT.divide(_sum(self.radius, _times(abs(value), other.radius)), least))

    def root(self) -> Ball:
        """Return the square root of a number that is not negative."""
        value = CONTEXT.sqrt(max(self.value, ZERO))
        if self.value <= self.radius:
            return _computed(value, CONTEXT.sqrt(_sum(max(self.value, ZERO), self.radius)))
        return _computed(value, CONTEXT.divide(self.radius, value))

    def squared(self) -> Ball:
        """Return the square."""
        return self * self

    def holds(self, found: float) -> bool:
        """Return True if a result is as near as it should be."""
        return abs(CONTEXT.subtract(decimal(found), self.value)) <= self.radius

    def part(self, found: float) -> float:
        """Return how much of the radius a result uses: 1 at its edge, and infinity if there is no radius to use."""
        off = abs(CONTEXT.subtract(decimal(found), self.value))
        if not off:
            return 0.0
        return float(CONTEXT.divide(off, self.radius)) if self.radius else float("inf")

    @property
    def too_large(self) -> bool:
        """True if float64 may not hold the number."""
        return _sum(abs(self.value), self.radius) > LARGEST


def _sum(one: Decimal, other: Decimal) -> Decimal:
    return CONTEXT.add(one, other)


def _times(one: Decimal, other: Decimal) -> Decimal:
    return CONTEXT.multiply(one, other)


def _computed(value: Decimal, lost: Decimal) -> Ball:
    """Return the result of an operation in float64 whose operands were off."""
    rounding = _times(_times(ROUNDINGS, UNIT), abs(value))
    return Ball(value, _sum(_sum(lost, rounding), TINY))


ONE = Ball(Decimal(1))
NOTHING = Ball(ZERO)


def whole(number: int) -> Ball:
    """Return a whole number."""
    return Ball(Decimal(number))


def average(balls: Sequence[Ball], weights: Sequence[int] | None = None) -> Ball:
    """Return the mean, or the mean weighted by whole numbers. A sum of n terms may lose 8 + √n units of their sizes."""
    weights = [1] * len(balls) if weights is None else weights
    total = Decimal(sum(weights))
    value, lost, size = ZERO, ZERO, ZERO
    for ball, weight in zip(balls, weights, strict=True):
        value = _sum(value, _times(ball.value, Decimal(weight)))
        lost = _sum(lost, _times(ball.radius, Decimal(weight)))
        size = _sum(size, _times(abs(ball.value), Decimal(weight)))
    rounding = _times(_times(UNIT, _sum(Decimal(8), CONTEXT.sqrt(Decimal(len(balls))))), size)
    return Ball(CONTEXT.divide(value, total), _sum(CONTEXT.divide(_sum(lost, rounding), total), TINY))


def spread(balls: Iterable[Ball], centre: Ball) -> Ball:
    """Return the root of the mean square of the distances from a centre.

    The root mean square of a vector changes by no more than its largest entry, so no square widens the radius.
    """
    apart = [ball - centre for ball in balls]
    most = max((one.radius for one in apart), default=ZERO)
    mean = average([Ball(one.value) * Ball(one.value) for one in apart])
    return Ball(CONTEXT.sqrt(mean.value), ZERO).widened(
        _sum(most, _times(_times(UNIT, Decimal(16)), CONTEXT.sqrt(mean.value)))
    )
