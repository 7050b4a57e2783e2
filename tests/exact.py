"""Mean and variance in exact arithmetic, which the fast ones are compared with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def exact_moments(values):
    """Return the mean and the sum of squared deviations as fractions, of numbers that float64 or int64 holds."""
    numbers = [Fraction(value) for value in np.asarray(values).ravel().tolist()]
    mean = sum(numbers, Fraction(0)) / len(numbers)
    return mean, sum(((number - mean) ** 2 for number in numbers), Fraction(0))


def relative_error(value, exact):
    """Return |value − exact| / exact, and 0 if both are 0."""
    if exact == 0:
        return abs(float(value))
    return abs(float((Fraction(float(value)) - exact) / exact))


def condition(values):
    """Return |mean|/sd in float64."""
    sd = float(np.std(values))
    return abs(float(np.mean(values))) / sd if sd else float("inf")
