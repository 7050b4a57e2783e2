"""What repeated updates leave of the initial running statistics, as exactly as float32 does it.

Each training batch sets running = (1 − m)·running + m·batch, with m the weight of a batch. The initial variance is 1
and the initial mean 0. If only constants enter a channel, every batch variance is 0, and after n batches the running
variance is (1 − m)ⁿ: it tells that nothing else entered, whatever the data were.
"""

from __future__ import annotations

from math import expm1, inf, isfinite, log, log1p

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.running import start_weight
from bnstat.moments.moments import Doubles

# Half the distance of 1 to the next number: of float32, in which frameworks keep running statistics.
_UNIT = 2.0**-24
# Below this, float32 has fewer digits or, on many devices, none: numbers are flushed to zero.
_LEAST_NORMAL = 2.0**-126
# What rounding once to half precision adds, relative and absolute.
_HALF = {"float16": (2.0**-11, 2.0**-25), "bfloat16": (2.0**-8, _LEAST_NORMAL)}
# The variance that rounding may leave of a batch of equal values, in squares of the value: (2^-20)².
_OF_A_CONSTANT = 1e-12
# How far two channels may be apart, relatively, into which only zeros have entered: they were computed alike.
_ALIKE = 1e-5
# Digits of the momenta that people choose.
_ROUND = 2
# A channel whose batch variances may have been this large within rounding is not called constant: PyTorch's ε.
_MOST_VARIANCE = 1e-5


def weight_of_start(momentum: float | None, batches: int) -> float:
    """Return the share of the initial values in the running statistics: (1 − m)ⁿ.

    Args:
        momentum: m, the weight of a batch; None for a cumulative average, which forgets them with the first batch.
        batches: n, the number of batches.
    """
    if momentum is None:
        return float(batches == 0)
    return start_weight(momentum, batches)


def only_constants(
    mean: Doubles, variance: Doubles, momentum: float | None, batches: int | None, dtype: str
) -> NDArray[np.bool_]:
    """Return True for each channel that only constants can have entered: zeros, or one value.

    A channel whose mean is exactly 0 is compared with (1 − m)ⁿ for the number of batches, or for any number where that
    is unknown; then all channels of the layer with a mean of 0 must have one variance. One with another mean is
    compared for a known number, in float32 alone: half precision has too few digits to tell it from a channel that
    varies.

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
        left = weight_of_start(momentum, batches)
        allowed = _tolerance(momentum, batches, left, dtype)
        with np.errstate(all="ignore"):
            away = np.abs(variance - left)
        found |= zeros & (away <= allowed)
        if dtype in _HALF:
            found |= zeros & np.isin(variance, _repeated(momentum, batches, dtype))
        elif allowed <= _MOST_VARIANCE * (1.0 - left):
            found |= ~zeros & (away <= allowed)
    if batches != 0:
        known: dict[float, bool] = {}  # many channels may have one variance
        # As many batches entered each channel of a layer: means of exactly 0 beside other variances tell nothing.
        left = variance[zeros & np.isfinite(variance) & (variance > _LEAST_NORMAL)]
        told = zeros if len(left) and np.ptp(left) <= _ALIKE * left[0] else zeros & (variance <= _LEAST_NORMAL)
        for channel in np.flatnonzero(told & ~found):
            value = float(variance[channel])
            if value not in known:
                known[value] = _is_a_power(value, momentum, dtype)
            found[channel] = known[value]
    return found


def only_constants_lately(mean: Doubles, variance: Doubles) -> NDArray[np.bool_]:
    """Return True for each channel whose running variance has decayed to nearly nothing, as after many constants.

    It is above 0, and below 1e-12 of the squared mean (the rounding of a batch of equal values), or of the median
    variance of the layer. Nothing has to be known of the momentum or of the number of batches.
    """
    live = variance[np.isfinite(variance) & (variance > 0.0)]
    with np.errstate(all="ignore"):  # of numbers that are infinite, or too large to be squared
        size = np.maximum(mean * mean, np.median(live) if len(live) else 0.0)
    return np.isfinite(mean) & (variance > 0.0) & (variance <= _OF_A_CONSTANT * size)


def momentum_told(mean: Doubles, variance: Doubles, batches: int, dtype: str) -> float | None:
    """Return the momentum that a channel tells into which only zeros have entered; None if no channel does.

    Such a channel has a mean of exactly 0 and a variance of (1 − m)ⁿ. Any variance gives some m; one of two digits, as
    people choose them, to within the rounding of n updates, is no coincidence.
    """
    for channel in np.flatnonzero((mean == 0.0) & (variance > _LEAST_NORMAL) & (variance < 1.0)):
        told = -expm1(log(variance[channel]) / batches)
        round_ = float(f"{told:.{_ROUND}g}")
        known = only_constants(mean[channel : channel + 1], variance[channel : channel + 1], round_, batches, dtype)
        if abs(told - round_) <= 1e-4 * round_ and known[0]:
            return round_
    return None


def _is_a_power(variance: float, momentum: float | None, dtype: str) -> bool:
    """Return True if a variance is (1 − m)ⁿ for some n of at least 1, and near no value that lies between two powers.

    Where rounding is more than a tenth of the step from one power to the next, every variance is near one: then False.
    """
    if not 0.0 <= variance < 1.0:
        return False
    if variance <= _LEAST_NORMAL:
        return True
    if momentum is None or not 0.0 < momentum < 1.0:
        return False
    batches = max(round(log(variance) / log1p(-momentum)), 1)
    left = weight_of_start(momentum, batches)
    allowed = _tolerance(momentum, batches, left, dtype)
    return abs(variance - left) <= allowed <= 0.1 * momentum * left


def _repeated(momentum: float | None, batches: int, dtype: str) -> list[float]:
    """Return what is left of 1 after so many updates in half precision, with 1 − m as it is and rounded too."""
    kept = weight_of_start(momentum, 1)
    found = []
    for factor in (kept, _rounded(kept, dtype)):
        value = 1.0
        for _ in range(batches):
            after = _rounded(factor * value, dtype)
            if after == value:  # too small a step for this type, now and in all further updates
                break
            value = after
        found.append(value)
    return found


def _rounded(value: float, dtype: str) -> float:
    """Return a positive number rounded to half precision, ties to even."""
    if dtype == "float16":
        return float(np.float16(value))
    bits = int(np.float32(value).view(np.uint32))
    even = bits + 0x7FFF + (bits >> 16 & 1)
    return float(np.uint32(even & 0xFFFF0000).view(np.float32))


def _tolerance(momentum: float | None, batches: int, left: float, dtype: str) -> float:
    """Return how far rounding may take a running variance from (1 − m)ⁿ.

    Each step rounds 1 − m, the product and, in frameworks that write running + m·(batch − running), m times the
    difference: at most 2 + 2m/(1 − m) units. The errors of n steps add up in the worst case.
    """
    relative, absolute = _HALF.get(dtype, (0.0, 0.0))
    if momentum is None or not 0.0 < momentum < 1.0:
        return absolute + _LEAST_NORMAL + left * relative
    units = 2.0 + 2.0 * momentum / (1.0 - momentum)
    drift = expm1(batches * units * _UNIT) if batches * units * _UNIT < 1.0 else inf
    whole = left * (drift + relative) if isfinite(drift) and left > 0.0 else left
    return whole + absolute + _LEAST_NORMAL
