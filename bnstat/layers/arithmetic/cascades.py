"""PyTorch's cascaded sums, from its SumKernel.cpp: how long their chains are, and what they make of equal values.

`multi_row_sum` adds rows into the first of four sums. After 2^p rows that sum joins the second and begins anew, after
2^p of those the second joins the third, and so on; the fourth takes all the rest. p is at least 4 and grows with
log₂(rows)/4. So a value passes up to 3·2^p + rows/8^p additions, and that number peaks before each step of p: 176 for
2¹⁹ rows, 352 for 2²³. What a row is depends on the tensor:

- a voxel, where 4 channels or more are summed side by side;
- four voxels with a sum each (`row_sum`), for the channels that are left over, and for each where threads share them;
- 4 registers of 8 or 16 values (`vectorized_inner_sum`), in a single channel. Several threads sum a part of it each.

Registers hold 8 floats with ATen's capabilities "default" and "avx2", and 16 with "avx512". Sums of equal values need
no voxels: each level adds one number over and over. They equal PyTorch's to the bit for 10 to 2·10⁶ values, 1 to 33
channels, and the capabilities "default" and "avx2", which differ in no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

# Sums of a cascade, the least power of 2 after which one joins the next, and sums that `row_sum` keeps side by side.
_LEVELS, _LEAST_POWER, _SIDE_BY_SIDE = 4, 4, 4
# Floats in a register: "default" and "avx2", "avx512".
_REGISTERS = (8, 16)
# Additions that join what lies side by side: in `row_sum`, and in `vectorized_inner_sum` with 16 values left over.
_JOINED, _JOINED_REGISTERS = 2 * (_SIDE_BY_SIDE - 1), 2 * max(_REGISTERS)
# From so many channels on `multi_row_sum` takes them side by side.
_LEAST_SIDE_BY_SIDE = 4

# A function from values and how many of each there are to the sums of all.
_Sum = Callable[[Floats, int], Floats]


@dataclass(frozen=True)
class Ways:
    """The ways of summing that a tensor may meet.

    Attributes:
        registers: True if values may lie one after the other, and are summed in registers.
        in_four: True if a channel beside others may be summed by itself.
        cascade: True if channels may be summed side by side.
    """

    registers: bool
    in_four: bool
    cascade: bool


def ways_of(channels: int, inner: bool | None) -> Ways:
    """Return the ways of summing that a tensor may meet.

    Args:
        channels: channels of the tensor, or sums that are made side by side.
        inner: True if the innermost axis is among those that are summed; None if unknown. It is for one channel.
    """
    beside = channels > 1 and not inner
    return Ways(inner is not False or channels == 1, beside, beside and channels >= _LEAST_SIDE_BY_SIDE)


def longest_chain(count: int, ways: Ways) -> int:
    """Return the most additions that one of `count` values passes: the growth that no data leave, to first order."""
    chains = [
        _chain(count) if ways.cascade else 0,
        _chain(count // _SIDE_BY_SIDE) + _JOINED if ways.in_four else 0,
        _chain(count // (_SIDE_BY_SIDE * min(_REGISTERS))) + _JOINED + _JOINED_REGISTERS if ways.registers else 0,
    ]
    return min(count, max(chains))


def one_pass_of_equal(value: float, count: int, ways: Ways) -> tuple[float, float]:
    """Return the least and the greatest E[x²] − E[x]² of equal values.

    Args:
        value: the value; it is rounded to float32 first.
        count: the number of values.
        ways: how they may be summed.

    Returns:
        Infinite numbers if the squares, or their sum, are beyond float32.
    """
    low, high = one_pass_of_equals(np.array([value], np.float64), np.array([count], np.int64), ways)
    return float(low[0]), float(high[0])


def one_pass_of_equals(values: Doubles, counts: Integers, ways: Ways) -> tuple[Doubles, Doubles]:
    """Return the least and the greatest E[x²] − E[x]² of each of many values, which occurs so many times."""
    low, high = np.full(len(values), -inf), np.full(len(values), inf)
    order = np.argsort(counts, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(counts[order])) + 1):
        if len(some):
            low[some], high[some] = _one_pass_of(values[some], int(counts[some[0]]), ways)
    return low, high


def _one_pass_of(values: Doubles, count: int, ways: Ways) -> tuple[Doubles, Doubles]:
    sums: list[_Sum] = [_in_registers(size) for size in _REGISTERS if ways.registers]
    sums += [_in_four] * ways.in_four + [_cascade] * ways.cascade
    with np.errstate(all="ignore"):
        x, divisor = values.astype(np.float32), np.float32(count)
        means = [total(x, count) / divisor for total in sums]
        found = np.stack([total(x * x, count) / divisor - mean * mean for total, mean in zip(sums, means, strict=True)])
    known = np.isfinite(found).all(axis=0)  # elsewhere squares, or their sum, are beyond float32
    return np.where(known, found.min(axis=0), -inf), np.where(known, found.max(axis=0), inf)


def _power(rows: int) -> int:
    """Return the power of 2 after which a sum joins the next: a quarter of log₂(rows), rounded up before it is cut."""
    return max(_LEAST_POWER, max(rows - 1, 0).bit_length() // _LEVELS)


def _chain(rows: int) -> int:
    """Return the most additions that a row passes: all levels, and then those that join them."""
    power = _power(rows)
    filled = (min(1 << power, rows >> level * power) for level in range(_LEVELS - 1))
    return sum(filled) + (rows >> (_LEVELS - 1) * power) + _LEVELS


def _cascade(value: Floats, rows: int) -> Floats:
    """Add up equal rows, as `multi_row_sum` does."""
    step = 1 << _power(rows)
    # what a full sum of each level hands on to the next
    handed = [value]
    for _ in range(_LEVELS - 1):
        handed.append(_repeated(handed[-1], step))
    # what each level holds at the end, and the joined levels
    left, levels = rows, []
    for level in reversed(range(_LEVELS)):
        times, left = divmod(left, step**level)
        levels.append(_repeated(handed[level], times))
    total = levels.pop()
    while levels:
        total = total + levels.pop()
    return total


def _in_four(value: Floats, count: int) -> Floats:
    """Add up equal values, as `row_sum` does: in four cascades, the first of which takes what is left over."""
    rows, left = divmod(count, _SIDE_BY_SIDE)
    one = _cascade(value, rows)
    return _repeated(one, _SIDE_BY_SIDE - 1, _repeated(value, left, one))


def _in_registers(size: int) -> _Sum:
    """Return the sum of `vectorized_inner_sum` with registers of this size."""

    def total(value: Floats, count: int) -> Floats:
        if count < size:
            return _in_four(value, count)
        whole, left = divmod(count, size)
        return _repeated(_in_four(value, whole), size, _repeated(value, left))

    return total


def _repeated(value: Floats, times: int, start: Floats | None = None) -> Floats:
    """Return the start (0 if None) plus the value, added so many times in float32."""
    total = np.zeros_like(value) if start is None else start
    for _ in range(times):  # some hundreds at most, however many values a channel has
        total = total + value
    return total
