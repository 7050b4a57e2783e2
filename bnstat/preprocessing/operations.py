"""Steps with the numbers that one volume gives them: what they make of values, and of moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Moments

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Operation:
    """What is done to each value by itself. Its numbers are arrays of shape (samples, channels), or a part of these."""

    def pick(self, choose: Callable[[Doubles], Doubles]) -> Self:
        """The same for other cells: `choose` takes an array of its numbers apart."""
        return replace(self, **{field.name: choose(getattr(self, field.name)) for field in fields(self)})

    def change(self, values: Doubles) -> None:
        """Change float64 values in place; the numbers are broadcast to them."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Affine(Operation):
    """(x − center)/spread · gain + offset."""

    center: Doubles
    spread: Doubles
    gain: Doubles
    offset: Doubles

    def change(self, values: Doubles) -> None:
        """What has no effect is left out; a value is the same with it."""
        for ufunc, numbers, nothing in (
            (np.subtract, self.center, 0.0),
            (np.divide, self.spread, 1.0),
            (np.multiply, self.gain, 1.0),
            (np.add, self.offset, 0.0),
        ):
            if (numbers != nothing).any():
                ufunc(values, numbers, out=values)

    def moments(self, found: Moments) -> Moments:
        """The moments of what it makes of values, from those of the values; extremes as `change` has them.

        A cell is constant after it where it was before, whatever is rounded.
        """
        with np.errstate(all="ignore"):
            slope = self.gain / self.spread
            mapped = found.affine(np.ones(1), -self.center).affine(slope, self.offset)
            ends = [end.astype(np.float64) for end in (found.minimum, found.maximum)]
            for end in ends:
                self.change(end)
        filled, rising = found.finite > 0, slope > 0
        least = np.where(filled, np.where(rising, ends[0], ends[1]), np.inf)
        most = np.where(filled, np.where(rising, ends[1], ends[0]), -np.inf)
        steady = filled & ~found.varies
        return replace(
            mapped,
            mean=np.where(steady, least, mapped.mean),
            mean_tail=np.where(steady, 0.0, mapped.mean_tail),
            minimum=least,
            maximum=most,
        )


@dataclass(frozen=True, eq=False)
class NonzeroAffine(Operation):
    """(x − center)/spread where x is not 0; 0 stays."""

    center: Doubles
    spread: Doubles

    def change(self, values: Doubles) -> None:
        """NaN is not 0, and stays NaN."""
        zero = values == 0
        np.subtract(values, self.center, out=values)
        np.divide(values, self.spread, out=values)
        values[zero] = 0.0

    @property
    def of_nonzero(self) -> Affine:
        """What it does to values that are not 0."""
        return Affine(self.center, self.spread, np.ones_like(self.center), np.zeros_like(self.center))


@dataclass(frozen=True, eq=False)
class Clipped(Operation):
    """x, but at least low and at most high. NaN stays NaN; Inf becomes the end on its side, where there is one."""

    low: Doubles
    high: Doubles

    def change(self, values: Doubles) -> None:
        """As numpy's clip."""
        np.clip(values, self.low, self.high, out=values)
