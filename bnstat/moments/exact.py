"""Sums, products and values without the rounding of float64: what a mean or a constant needs beyond its 53 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

# A Mersenne prime: a product with a power of two is a rotation of 61 bits.
_BITS = 61
_PRIME = 2**_BITS - 1

# The bits that the mantissa of an extended float has, and at least those of a float64.
_MANTISSA = 64


def two_sum(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """Return the rounded sum and its exact rounding error (Knuth)."""
    rounded = left + right
    back = rounded - left
    return rounded, (left - (rounded - back)) + (right - back)


def two_product(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """Return the rounded product and its rounding error (Veltkamp and Dekker), exact unless float64 cannot hold it.

    The mantissas are multiplied, so that no step overflows or underflows where the result does not.
    """

    def halves(number: Doubles) -> tuple[Doubles, Doubles]:
        high = number * 134217729.0  # 2²⁷ + 1
        high = high - (high - number)
        return high, number - high

    (one, power), (other, other_power) = np.frexp(left), np.frexp(right)
    product = one * other
    (a, b), (c, d) = halves(one), halves(other)
    error = ((a * c - product) + a * d + b * c) + b * d
    return np.ldexp(product, power + other_power), np.ldexp(error, power + other_power)


def residues(values: NDArray[Any]) -> Integers:
    """Return values modulo the prime 2⁶¹ − 1: equal for equal values of any type.

    Values that a pair of float64 rounds to one number have different residues almost surely. A float is a whole number
    times a power of two, which has an inverse. NaN and Inf have 0.
    """
    if values.dtype.kind in "iu":
        wide = values if values.dtype.itemsize == 8 else values.astype(np.int64)
        return np.asarray(np.mod(wide, wide.dtype.type(_PRIME)), np.int64)
    mantissa, power = np.frexp(np.where(np.isfinite(values), values, 0))
    whole = np.ldexp(np.abs(mantissa), _MANTISSA).astype(np.uint64) % np.uint64(_PRIME)
    turn = np.mod(power - _MANTISSA, _BITS).astype(np.uint64)
    rotated = ((whole << turn) & np.uint64(_PRIME)) | (whole >> (np.uint64(_BITS) - turn))
    found = rotated.astype(np.int64)
    return np.asarray(np.where((values < 0) & (found > 0), _PRIME - found, found))


def affine_residues(found: Integers, slope: Doubles, intercept: Doubles) -> Integers:
    """Return the residues of ``slope·x + intercept`` from those of x; the numbers are broadcast to them."""
    factor, summand = (residues(np.asarray(number)).astype(object) for number in (slope, intercept))
    return np.asarray((found.astype(object) * factor + summand) % _PRIME).astype(np.int64)


def sum_residues(left: Doubles, right: Doubles) -> Integers:
    """Return the residues of exact sums."""
    return np.asarray((residues(left) + residues(right)) % _PRIME)
