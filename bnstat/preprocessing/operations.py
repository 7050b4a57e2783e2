"""Steps with the numbers of one volume: they change values, and moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.exact import residues
from bnstat.moments.moments import Doubles, Moments


@dataclass(frozen=True, eq=False)
class Operation:
    """A change of each value by itself. Its numbers are arrays of shape (samples, channels), or a part of these."""

    def pick(self, choose: Callable[[Doubles], Doubles]) -> Self:
        """Return the operation on some of the cells: `choose` picks their numbers out of each array."""
        return replace(self, **{field.name: choose(getattr(self, field.name)) for field in fields(self)})

    def change(self, values: Doubles) -> None:
        """Change float64 values in place. The numbers are broadcast to them."""
        raise NotImplementedError

    def change_at(self, values: Doubles, filled: NDArray[np.bool_] | None) -> None:
        """Change float64 values in place, of which it is known where they are.

        Args:
            values: the values; the numbers are broadcast to them.
            filled: where they are inside nnU-Net's mask (`nonzero_filled`), broadcast to them; None if no operation
                needs it.
        """
        del filled
        self.change(values)


@dataclass(frozen=True, eq=False)
class Affine(Operation):
    """(x − center)/spread · gain + offset."""

    center: Doubles
    spread: Doubles
    gain: Doubles
    offset: Doubles

    def change(self, values: Doubles) -> None:
        """Change float64 values in place. A number without effect is skipped, which changes no value."""
        for ufunc, numbers, nothing in (
            (np.subtract, self.center, 0.0),
            (np.divide, self.spread, 1.0),
            (np.multiply, self.gain, 1.0),
            (np.add, self.offset, 0.0),
        ):
            if (numbers != nothing).any():
                ufunc(values, numbers, out=values)

    def moments(self, found: Moments) -> Moments:
        """Return the moments of the changed values from those of the values.

        The extremes are those that `change` gives. A cell that was constant stays constant, however values are rounded.
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
            residue=residues(least),
        )


@dataclass(frozen=True, eq=False)
class NonzeroAffine(Operation):
    """(x − center)/spread if x is not 0; zeros stay 0."""

    center: Doubles
    spread: Doubles

    def change(self, values: Doubles) -> None:
        """Change float64 values in place. NaN is not 0, and stays NaN."""
        zero = values == 0
        np.subtract(values, self.center, out=values)
        np.divide(values, self.spread, out=values)
        values[zero] = 0.0

    @property
    def of_nonzero(self) -> Affine:
        """The operation on the values that are not 0."""
        return Affine(self.center, self.spread, np.ones_like(self.center), np.zeros_like(self.center))


@dataclass(frozen=True, eq=False)
class Clipped(Operation):
    """x, but at least low and at most high. NaN stays NaN. Inf becomes the limit on its side, if there is one."""

    low: Doubles
    high: Doubles

    def change(self, values: Doubles) -> None:
        """Change float64 values in place, as numpy's clip does."""
        np.clip(values, self.low, self.high, out=values)


@dataclass(frozen=True, eq=False)
class FilledAffine(Operation):
    """(x − center)/spread inside nnU-Net's mask, and 0 outside."""

    center: Doubles
    spread: Doubles

    def change(self, values: Doubles) -> None:
        """Change float64 values that are inside of the mask in place."""
        self.of_filled.change(values)

    def change_at(self, values: Doubles, filled: NDArray[np.bool_] | None) -> None:
        """Change float64 values in place, inside and outside of the mask, which is needed."""
        assert filled is not None, "the mask was not made"
        self.change(values)
        np.copyto(values, 0.0, where=~filled)

    @property
    def of_filled(self) -> Affine:
        """The operation on the values inside the mask."""
        return Affine(self.center, self.spread, np.ones_like(self.center), np.zeros_like(self.center))


# What the steps do to the values of one sample: channels that share their steps, by their place on the kept axis, and
# the operations on them, whose numbers are arrays of shape (channels,).
Operations: TypeAlias = tuple[tuple[NDArray[np.intp], tuple[Operation, ...]], ...]
