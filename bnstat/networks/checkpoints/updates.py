"""What repeated updates leave of the initial running statistics, as exactly as float32 does it.

Each training batch sets running = (1 − m)·running + m·batch, with m the weight of a batch. The initial variance is 1
and the initial mean 0. If only constants enter a channel, every batch variance is 0, and after n batches the running
variance is (1 − m)ⁿ: it tells that nothing else entered, whatever the data were.
"""

from __future__ import annotations

from math import exp, expm1, inf, isfinite, log, log1p

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Doubles

# Half the distance of 1 to the next number: of float32, in which frameworks keep running statistics.
_UNIT = 2.0**-24
# Below this, float32 has fewer digits or, on many devices, none: numbers are flushed to zero.
_LEAST_NORMAL = 2.0**-126
# What rounding once to a stored type adds, relative and absolute. In half precision no update is repeated.
_STORED = {"float16": (2.0**-11, 2.0**-25), "bfloat16": (2.0**-9, _LEAST_NORMAL)}
# The variance that rounding may leave of a batch of equal values, in squares of the value: (2^-20)².
_OF_A_CONSTANT = 1e-12


def start_weight(momentum: float | None, batches: int) -> float:
    """Return the share of the initial values in the running statistics: (1 − m)ⁿ.

    Args:
        momentum: m, the weight of a batch; None for a cumulative average, which forgets them with the first batch.
        batches: n, the number of batches.
    """
    if batches == 0:
        return 1.0
    if momentum is None or momentum >= 1.0:
        return 0.0
    return exp(batches * log1p(-momentum))


def batches_needed(momentum: float | None, weight: float) -> int | None:
    """Return after how many batches the initial values have at most this weight; None if that never happens."""
    if momentum is None or momentum >= 1.0:
        return 1
    if momentum <= 0.0 or weight <= 0.0:
        return None
    return int(-(-log(weight) // log1p(-momentum))) if weight < 1.0 else 0


def only_constants(
    mean: Doubles, variance: Doubles, momentum: float | None, batches: int | None, dtype: str
) -> NDArray[np.bool_]:
    """Return True for each channel that only constants can have entered: zeros, or one value.

    A channel whose mean is exactly 0 is compared with (1 − m)ⁿ for the number of batches, or for any number where that
    is unknown. One with another mean is compared for a known number, in float32 alone: half precision has too few
    digits to tell it from a channel that varies.

    Args:
        mean: The running mean of each channel.
        variance: The running variance of each channel.
        momentum: The weight of a batch; None for a cumulative average.
        batches: The number of batches; None if it is unknown.
        dtype: The type in which the statistics are stored.
    """
    zeros = mean == 0.0
    found = np.zeros(len(variance), bool)
    if batches is not None and batches > 0:
        left = start_weight(momentum, batches)
        near = np.abs(variance - left) <= _tolerance(momentum, batches, left, dtype)
        found |= zeros & near
        if dtype not in _STORED:
            rounded = _tolerance(momentum, batches, left, dtype) + _OF_A_CONSTANT * mean * mean
            found |= ~zeros & (np.abs(variance - left) <= rounded)
    if batches != 0:
        for channel in np.flatnonzero(zeros & ~found):
            found[channel] = _is_a_power(float(variance[channel]), momentum, dtype)
    return found


def _is_a_power(variance: float, momentum: float | None, dtype: str) -> bool:
    """Return True if a variance is (1 − m)ⁿ for some n of at least 1, and near no value that lies between two powers.

    Where rounding is as large as a tenth of the step from one power to the next, every variance is near one: then False.
    """
    if not 0.0 <= variance < 1.0:
        return False
    if variance <= _LEAST_NORMAL:
        return True
    if momentum is None or not 0.0 < momentum < 1.0:
        return False
    batches = max(round(log(variance) / log1p(-momentum)), 1)
    left = start_weight(momentum, batches)
    allowed = _tolerance(momentum, batches, left, dtype)
    return abs(variance - left) <= allowed <= 0.1 * momentum * left


def _tolerance(momentum: float | None, batches: int, left: float, dtype: str) -> float:
    """Return how far rounding may take a running variance from (1 − m)ⁿ.

    Each step rounds 1 − m, the product and, in frameworks that write running + m·(batch − running), m times the
    difference: at most 2 + 2m/(1 − m) units. The errors of n steps add up in the worst case.
    """
    relative, absolute = _STORED.get(dtype, (0.0, 0.0))
    if momentum is None or not 0.0 < momentum < 1.0:
        return absolute + _LEAST_NORMAL + left * relative
    units = 2.0 + 2.0 * momentum / (1.0 - momentum)
    drift = expm1(batches * units * _UNIT) if batches * units * _UNIT < 1.0 else inf
    whole = left * (drift + relative) if isfinite(drift) and left > 0.0 else left
    return whole + absolute + _LEAST_NORMAL
