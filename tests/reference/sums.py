"""Sums of float32 numbers in the order of a framework, each addition rounded as an exact fraction.

The orders are those of docs/arithmetic.md, where they are compared with the frameworks themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

# Digits of float32, and the exponent of its least number.
DIGITS, LEAST = 24, -149


def single(number: Fraction) -> Fraction:
    """Return the nearest float32, with ties to even. Numbers are not so large that they overflow."""
    return _rounded(number, DIGITS, LEAST)


def double(number: Fraction) -> Fraction:
    """Return the nearest float64, with ties to even."""
    return _rounded(number, 53, -1074)


def _rounded(number: Fraction, digits: int, least: int) -> Fraction:
    if not number:
        return number
    size = abs(number.numerator).bit_length() - number.denominator.bit_length()
    exponent = max(size - digits, least)
    unit = Fraction(2) ** exponent
    if abs(number) / unit >= 2**digits:  # the estimate of the size was one too small
        unit *= 2
    return Fraction(round(number / unit)) * unit


def threads(values: Sequence[Fraction], number: int) -> tuple[Fraction, Fraction, Fraction]:
    """Return mean, variance and unbiased variance as PyTorch with channels last has them.

    Each of the threads adds a chunk of ⌈n/T⌉ values in float32, squares by a fused multiply-add. Chunks are added in
    float64; the sum of squares is rounded to float32, and divided in float64. So few values that every thread had one
    at most are one chunk.
    """
    count = len(values)
    width = -(-count // number) if count > number else count
    chunks = [values[start : start + width] for start in range(0, count, width)]
    total = Fraction(0)
    for chunk in chunks:
        part = Fraction(0)
        for value in chunk:
            part = single(part + value)
        total = double(total + part)
    mean = single(double(total / count))
    squares = Fraction(0)
    for chunk in chunks:
        part = Fraction(0)
        for value in chunk:
            apart = single(value - mean)
            part = single(apart * apart + part)
        squares = double(squares + part)
    squares = single(squares)
    unbiased = single(double(squares / (count - 1))) if count > 1 else Fraction(0)
    return mean, double(squares / count), unbiased


def sequential(values: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """Return mean and variance as TensorFlow has them with channels last, for 2 to 7 channels: one value at a time."""
    count = single(Fraction(len(values)))
    total = Fraction(0)
    for value in values:
        total = single(total + value)
    mean = single(total / count)
    squares = Fraction(0)
    for value in values:
        apart = single(value - mean)
        squares = single(squares + single(apart * apart))
    return mean, single(squares / count)
