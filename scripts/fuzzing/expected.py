"""Exact moments of stored numbers, with whole numbers and fractions, and the comparison of an answer with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Moments
from fuzzing.reader import WrongNumberError

# A hundred times what docs/adversary.md allows: an input that is read wrongly is off by far more.
_RELATIVE, _OF_MEAN = 1e-11, 400 * 2.0**-53
# Variances below this are of squares that float64 does not hold.
_LEAST = 1e-290
_MOST = 1e300


@dataclass(frozen=True)
class Expected:
    """The moments of numbers.

    Attributes:
        finite: the number of finite ones.
        nan: the number of NaN.
        inf: the number of Inf of either sign.
        mean: the mean of the finite ones.
        variance: their variance.
        ends: the least and the greatest of them.
    """

    finite: int
    nan: int
    inf: int
    mean: Fraction
    variance: Fraction
    ends: tuple[Fraction, Fraction]


def expected(stored: NDArray[Any], slope: float = 1.0, intercept: float = 0.0) -> Expected:
    """Return the exact moments of stored numbers after a scale factor."""
    flat = stored.reshape(-1)
    floats = flat.dtype.kind == "f"
    finite = flat[np.isfinite(flat)] if floats else flat
    nan = int(np.isnan(flat).sum()) if floats else 0
    numbers, unit = _whole([float(one) for one in finite]) if floats else ([int(one) for one in finite], Fraction(1))
    count = len(numbers)
    if not count:
        return Expected(0, nan, flat.size - nan, Fraction(0), Fraction(0), (Fraction(0), Fraction(0)))
    total, squares = sum(numbers), sum(one * one for one in numbers)
    by, to = Fraction(slope), Fraction(intercept)
    ends = sorted(by * unit * one + to for one in (min(numbers), max(numbers)))
    return Expected(
        finite=count,
        nan=nan,
        inf=flat.size - count - nan,
        mean=by * unit * Fraction(total, count) + to,
        variance=(by * unit) ** 2 * Fraction(count * squares - total * total, count * count),
        ends=(ends[0], ends[-1]),
    )


def _whole(numbers: Sequence[float]) -> tuple[list[int], Fraction]:
    """Return floats as whole multiples of one unit, and the unit."""
    ratios = [one.as_integer_ratio() for one in numbers]
    denominator = max((below for _, below in ratios), default=1)  # all are powers of 2
    return [above * (denominator // below) for above, below in ratios], Fraction(1, denominator)


def compare(rows: Sequence[Moments], stored: NDArray[Any], slope: float = 1.0, intercept: float = 0.0) -> None:
    """Compare the moments of the rows of a file with its stored numbers.

    Args:
        rows: the moments (channels,) of each sample.
        stored: the numbers as they are stored, with the axes of the file. If the rows are the entries of its first
            axis, or the channels those of its last, each is compared; otherwise only all of them together.
        slope: the scale factor of the file.
        intercept: what is added to the scaled numbers.

    Raises:
        WrongNumberError: if one differs.
    """
    channels = {len(one.finite) for one in rows}
    samples = len(rows)
    if samples > 1 and stored.shape[0] == samples:
        for one, part in zip(rows, stored, strict=True):
            compare([one], part, slope, intercept)
        return
    if samples == 1 and channels == {stored.shape[-1]}:
        parts = list(np.moveaxis(stored, -1, 0))
    elif samples == 1 and channels == {1}:
        parts = [stored]
    else:
        counts = [sum(int(getattr(one, name).sum()) for one in rows) for name in ("finite", "nan", "inf")]
        whole = expected(stored, slope, intercept)
        _require("counts", counts == [whole.finite, whole.nan, whole.inf], counts, whole)
        return
    for channel, part in enumerate(parts):
        _compare_cell(rows[0], channel, expected(part, slope, intercept))


def _compare_cell(found: Moments, channel: int, right: Expected) -> None:
    counts = [int(getattr(found, name)[channel]) for name in ("finite", "nan", "inf")]
    _require("counts", counts == [right.finite, right.nan, right.inf], counts, right)
    if not right.finite:
        return
    mean, m2 = float(found.mean[channel]), float(found.m2[channel])
    far = max(map(abs, right.ends))
    if far > _MOST or right.variance > _MOST:  # sums that float64 may not hold
        return
    furthest = float(far)
    _require("mean", isfinite(mean) and abs(Fraction(mean) - right.mean) <= _near(furthest, 64), mean, right)
    variance = m2 / right.finite
    spread = sqrt(float(right.variance)) if right.variance > _LEAST else 0.0
    may = _RELATIVE * spread**2 + _OF_MEAN * furthest * spread + (_OF_MEAN * furthest) ** 2 + 1e-300
    _require("variance", isfinite(m2) and abs(Fraction(variance) - right.variance) <= Fraction(may), variance, right)
    _require("varies", bool(found.varies[channel]) == (right.ends[0] != right.ends[1]), found.varies[channel], right)
    for name, one, end in zip(
        ("minimum", "maximum"), (found.minimum[channel], found.maximum[channel]), right.ends, strict=True
    ):
        value = Fraction(int(one)) if np.asarray(one).dtype.kind in "iub" else Fraction(float(one))
        _require(name, abs(value - end) <= _near(furthest, 4), one, right)


def _near(furthest: float, roundings: int) -> Fraction:
    return Fraction(roundings) * Fraction(2.0**-53) * Fraction(furthest if furthest < inf else 0) + Fraction(1e-300)


def _require(what: str, right: bool, found: object, expectation: Expected) -> None:
    if not right:
        raise WrongNumberError(f"{what} (found {found!r}, expected {expectation})")
