"""The table of moments and its merge, from which every answer is made. It needs only numpy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from math import frexp, prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bnstat.moments import exact
from bnstat.moments.exact import affine_residues, residues, two_product, two_sum
from bnstat.moments.extremes import common_type, neutral_extremes
from bnstat.moments.kernels import Array, Cell, Workspace, native_real, reduce_piece, reduced_type
from bnstat.moments.pieces import Piece, pieces

Doubles: TypeAlias = exact.Doubles
Integers: TypeAlias = exact.Integers

# Means below this have differences that float64 holds.
_DIFFERENCES_LIMIT = 2.0**1021

# Variances below this are of squares that float64 rounds to its coarse numbers near 0, or to 0.
_SQUARES_LIMIT = 1e-280

# What selects cells, as in numpy.
Index: TypeAlias = int | slice | Array | tuple[int | slice | Array, ...] | Sequence[int]


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of cells: arrays of one shape, ``(channels,)`` for a sample or ``(samples, channels)`` for a table.

    All but `nan` and `inf` are over the finite values of a cell. A cell without finite values has mean and m2 0, and
    minimum > maximum. The arrays are read-only.

    Attributes:
        finite: the number of finite values.
        mean: their mean, in float64.
        m2: the sum of squared deviations from the mean.
        minimum: the least value, in its stored type (float64 after a scale factor).
        maximum: the greatest value, in its stored type (float64 after a scale factor).
        nan: the number of NaN values.
        inf: the number of Inf values of either sign.
        mean_tail: the rest of the mean that rounding to float64 left over. With it a merge loses nothing, even if the
            mean is much larger than the spread.
        varies: True if two finite values differ, as they were stored: a fact that neither a scale factor nor another
            type of the extremes can round away.
        residue: of a cell whose finite values are all equal, that value modulo a prime. It tells two constants apart
            whose mean and mean_tail are equal after rounding. Undefined for other cells.
    """

    finite: Integers
    mean: Doubles
    m2: Doubles
    minimum: Array
    maximum: Array
    nan: Integers
    inf: Integers
    mean_tail: Doubles
    varies: NDArray[np.bool_]
    residue: Integers

    def __post_init__(self) -> None:
        for field in fields(self):
            array = np.asarray(getattr(self, field.name))
            array.flags.writeable = False
            object.__setattr__(self, field.name, array)

    @classmethod
    def empty(cls, shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> Moments:
        """Return the moments of no values, which a merge ignores. `dtype` is that of minimum and maximum."""
        kind = np.dtype(dtype)
        least, most = neutral_extremes(kind)
        return cls(
            finite=np.zeros(shape, np.int64),
            mean=np.zeros(shape),
            m2=np.zeros(shape),
            minimum=np.full(shape, least, kind),
            maximum=np.full(shape, most, kind),
            nan=np.zeros(shape, np.int64),
            inf=np.zeros(shape, np.int64),
            mean_tail=np.zeros(shape),
            varies=np.zeros(shape, np.bool_),
            residue=np.zeros(shape, np.int64),
        )

    @classmethod
    def from_cells(cls, cells: Sequence[Cell]) -> Moments:
        """Stack cells on a new first axis: shape (len(cells), channels)."""
        columns = [np.array(column) for column in zip(*cells, strict=True)]
        named = dict(zip(Cell._fields, columns, strict=True))
        if columns[0].ndim == 1:
            named = {name: column[:, np.newaxis] for name, column in named.items()}
        least, most = named["minimum"], named["maximum"]
        varies, residue = (least != most) & (named["finite"] > 0), residues(least)
        if least.dtype.kind == "f" and least.dtype.itemsize > 8:  # JSON and the layers have no longer type
            named |= {"minimum": least.astype(np.float64), "maximum": most.astype(np.float64)}
        return cls(**named, varies=varies, residue=residue)

    @classmethod
    def from_array(cls, values: ArrayLike, axis: int = -1) -> Moments:
        """Return the moments of each channel of an array: the kept axis stays, all others are reduced.

        Args:
            values: any real array, of at least one axis.
            axis: the axis to keep; negative counts from the end.

        Returns:
            Moments of shape ``(values.shape[axis],)``.

        Raises:
            TypeError: if the array is not of real numbers, or is a masked array, whose mask would be lost.
            numpy.exceptions.AxisError: if there is no such axis.
        """
        # numpy.ma is imported when its name is read, which takes time; without it there is no masked array
        if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):
            raise TypeError("a masked array would lose its mask; fill it with NaN first: array.filled(np.nan)")
        # the array as (outer, channels, inner), which is how its values lie in memory
        array = native_real(np.asarray(values))
        kept = range(array.ndim)[axis] if -array.ndim <= axis < array.ndim else None
        if kept is None:
            raise np.exceptions.AxisError(axis, array.ndim)
        channels = array.shape[kept]
        cube = np.ascontiguousarray(array).reshape(prod(array.shape[:kept]), channels, prod(array.shape[kept + 1 :]))
        if not cube.size:
            return cls.empty(channels, reduced_type(array.dtype))
        # piece by piece, so that a large array needs no copy of its own size in float64
        gathered = Gathered(channels)
        workspace = Workspace()
        with np.errstate(all="ignore"):
            position = 0
            flat = cube.reshape(-1)
            for piece in pieces(*cube.shape):
                gathered.add(piece, reduce_piece(flat[position : position + piece.size], piece, workspace))
                position += piece.size
        return gathered.moments(reduced_type(array.dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each of the arrays."""
        return self.finite.shape

    def __getitem__(self, place: Index) -> Moments:
        return self._each(lambda array: np.asarray(array[place]))

    def reshape(self, shape: tuple[int, ...]) -> Moments:
        """Return the same cells in another shape."""
        return self._each(lambda array: array.reshape(shape))

    @property
    def transposed(self) -> Moments:
        """The same cells with their axes reversed."""
        return self._each(lambda array: array.T)

    def _each(self, change: Callable[[Array], Array]) -> Moments:
        """Return moments with each of the arrays changed."""
        return Moments(**{field.name: change(getattr(self, field.name)) for field in fields(self)})

    @property
    def count(self) -> Integers:
        """The number of all values of a cell, NaN and Inf included: those that a layer reduces."""
        return self.finite + self.nan + self.inf

    @property
    def constant(self) -> NDArray[np.bool_]:
        """True if all values of a cell are equal and finite: decided on the values as stored, never by a variance."""
        same: NDArray[np.bool_] = ~self.varies & (self.finite > 0) & (self.nan + self.inf == 0)
        return same

    @property
    def variance(self) -> Doubles:
        """The biased variance of the finite values, m2/finite, with which a layer normalizes; NaN if there are none."""
        return _divided(self.m2, self.finite)

    def merge(self, *others: Moments) -> Moments:
        """Return the moments of all values together, cell by cell; all have one shape. Empty cells change nothing."""
        return Moments.stack([self, *others]).merged(axis=0)

    @staticmethod
    def stack(parts: Iterable[Moments]) -> Moments:
        """Put moments of one shape side by side on a new first axis."""
        listed = _of_one_type(list(parts))
        return Moments(
            **{field.name: np.stack([getattr(part, field.name) for part in listed]) for field in fields(Moments)}
        )

    @staticmethod
    def join(parts: Sequence[Moments], axis: int = -1) -> Moments:
        """Put moments side by side along an axis: the last one joins the channels of several files to one sample."""
        listed = _of_one_type(list(parts))
        return Moments(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in listed], axis)
                for field in fields(Moments)
            }
        )

    def merged(self, axis: int = 0) -> Moments:
        """Merge the cells along one axis.

        n = Σnᵢ, mean = Σnᵢmᵢ/n, m2 = Σm2ᵢ + Σnᵢ(mᵢ − mean)² (Chan, Golub & LeVeque 1979), with every mean taken
        relative to that of the first cell with values, so that nothing is lost where means are large.
        """
        with np.errstate(all="ignore"):  # squares beyond float64 are infinite, and reported as undefined
            return self._merged(axis)

    def _merged(self, axis: int) -> Moments:
        parts = self if axis == 0 else self._each(lambda array: np.moveaxis(array, axis, 0))
        # Offsets of the means from that of the first cell with values, in units in which no difference overflows.
        filled = parts.finite > 0
        finite = parts.finite.sum(axis=0)
        first = np.expand_dims(np.argmax(filled, axis=0), 0)
        unit = np.where(np.abs(parts.mean).max(axis=0, initial=0.0) < _DIFFERENCES_LIMIT, 1.0, 4.0)
        means, tails = parts.mean / unit, parts.mean_tail / unit
        pivot = np.take_along_axis(means, first, axis=0)[0]
        offset = np.where(filled, (means - pivot) + tails, 0.0)
        # The common mean as an offset, and the sum of squared deviations from it.
        weight = parts.finite / np.maximum(finite, 1)
        shift = (weight * offset).sum(axis=0)
        between = (parts.finite * np.where(filled, (offset - shift) * unit, 0.0) ** 2).sum(axis=0)
        # Cells of one and the same constant keep it exactly.
        first_tail, residue = (np.take_along_axis(own, first, axis=0)[0] for own in (parts.mean_tail, parts.residue))
        same = (means == pivot) & (parts.mean_tail == first_tail) & (parts.residue == residue)
        alike = ~filled | same
        varies = (parts.varies & filled).any(axis=0) | ~alike.all(axis=0)
        mean, tail = two_sum(pivot, shift)
        least, most = neutral_extremes(parts.minimum.dtype)
        return Moments(
            finite=finite,
            mean=np.where(varies, mean, pivot) * unit,
            m2=np.where(varies, parts.m2.sum(axis=0) + between, 0.0),
            minimum=np.where(filled, parts.minimum, least).astype(parts.minimum.dtype).min(axis=0),
            maximum=np.where(filled, parts.maximum, most).astype(parts.maximum.dtype).max(axis=0),
            nan=parts.nan.sum(axis=0),
            inf=parts.inf.sum(axis=0),
            mean_tail=np.where(varies, tail * unit, first_tail),
            varies=varies,
            residue=residue,
        )

    def scaled(self, slope: float, intercept: float, again: Callable[[int], Moments]) -> Moments:
        """Return the moments of ``slope·x + intercept``, even if float64 has only squares of these and none of x.

        Args:
            slope: the scale factor of a header.
            intercept: the number that is added after scaling.
            again: callable that returns the moments of all values times a power of two, from its exponent. Called only
                if squares of stored values have overflowed or vanished.
        """
        found = self.affine(slope, intercept)._rounded_once()
        large = abs(slope) >= 1.0
        beyond = self.variance < _SQUARES_LIMIT if large else ~np.isfinite(self.m2)
        lost = beyond & self.varies & (self.finite > 0)
        if (slope, intercept) == (1.0, 0.0) or not lost.any():
            return found
        factor, power = frexp(slope)
        if not large:  # scale down by as much as the factor does, and never less
            factor, power = 2.0 * factor, power - 1
        better = again(power).affine(factor, intercept)._rounded_once()
        names = ("mean", "mean_tail", "m2")
        return replace(found, **{name: np.where(lost, getattr(better, name), getattr(found, name)) for name in names})

    def _rounded_once(self) -> Moments:
        """Return the same with the mean as near as float64 is; a constant stays rounded as its extremes are."""
        with np.errstate(all="ignore"):
            mean, tail = two_sum(self.mean, self.mean_tail)
        changed = self.varies & np.isfinite(tail)
        return replace(self, mean=np.where(changed, mean, self.mean), mean_tail=np.where(changed, tail, self.mean_tail))

    def affine(self, slope: float | Doubles, intercept: float | Doubles) -> Moments:
        """Return the moments of ``slope·x + intercept``, as of values that a header scales.

        Args:
            slope: a number, or one for each cell.
            intercept: a number, or one for each cell.
        """
        if np.all(slope == 1.0) and np.all(intercept == 0.0):
            return self
        with np.errstate(all="ignore"):
            return self._affine(np.asarray(slope, np.float64), np.asarray(intercept, np.float64))

    def _affine(self, slope: Doubles, intercept: Doubles) -> Moments:
        filled = self.finite > 0
        first, second = (slope * end.astype(np.float64) + intercept for end in (self.minimum, self.maximum))
        scaled, lost = two_product(slope, self.mean)
        mean, tail = two_sum(scaled, intercept)
        rest = tail + lost + slope * self.mean_tail
        rest = np.where(np.isfinite(rest), rest, 0.0)
        # Of constants, the residue tells values apart that this rounds to one.
        steady, residue = ~self.varies, self.residue.copy()
        numbers = (np.broadcast_to(number, self.shape)[steady] for number in (slope, intercept))
        residue[steady] = affine_residues(residue[steady], *numbers)
        return replace(
            self,
            mean=np.where(filled, mean, 0.0),
            mean_tail=np.where(filled, rest, 0.0),
            m2=np.where(np.isfinite(self.m2), slope * (slope * self.m2), np.inf),  # an infinite m2 stays so, also × 0
            minimum=np.where(filled, np.where(slope > 0, first, second), np.inf),
            maximum=np.where(filled, np.where(slope > 0, second, first), -np.inf),
            residue=residue,
        )


def _of_one_type(parts: list[Moments]) -> list[Moments]:
    """Return moments whose extremes are of one type that rounds none of them."""
    if len({part.minimum.dtype for part in parts}) == 1:
        return parts
    filled = [end[part.finite > 0] for part in parts if part.finite.any() for end in (part.minimum, part.maximum)]
    if not filled:
        return parts
    dtype = common_type(filled)  # wholly empty parts take the type of the others
    return [part if part.minimum.dtype == dtype else replace(part, **_extremes(part, dtype)) for part in parts]


def _extremes(part: Moments, dtype: np.dtype[Any]) -> dict[str, Array]:
    """Return minimum and maximum in another type; those of empty cells are neutral."""
    least, most = neutral_extremes(dtype)
    filled = part.finite > 0
    found = {}
    for name, neutral in (("minimum", least), ("maximum", most)):
        found[name] = np.full(part.shape, neutral, dtype)
        found[name][filled] = getattr(part, name)[filled]
    return found


def _divided(numerator: Doubles, denominator: Integers) -> Doubles:
    """Return the quotient, or NaN if the denominator is not positive."""
    undefined = np.full(np.shape(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


class Gathered:
    """Cells of an array while it is reduced, merged now and then so that their number stays bounded.

    The order of merges depends only on the order of `add`, so equal orders give equal bits.
    """

    # The most cells that wait to be merged; and the fewest and the most of one piece.
    _WAITING = 1 << 20
    _LEAST, _MOST = 2, 64

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._most = min(max(self._WAITING // cells, self._LEAST), self._MOST)
        self._found: dict[tuple[int, int], list[Moments]] = {}
        self._loose: dict[tuple[int, int], list[Cell]] = {}

    def add(self, piece: Piece, cell: Cell) -> None:
        """Add the moments of one piece."""
        key = (piece.first_cell, piece.cells)
        loose = self._loose.setdefault(key, [])
        loose.append(cell)
        if len(loose) >= self._most:
            self._settle(key)

    def _settle(self, key: tuple[int, int]) -> None:
        """Merge the waiting cells of one place."""
        loose = self._loose.pop(key, [])
        if loose:
            self._append(key, Moments.from_cells(loose).merged())

    def _append(self, key: tuple[int, int], part: Moments) -> None:
        found = self._found.setdefault(key, [])
        found.append(part)
        if len(found) >= self._most:
            self._found[key] = [Moments.stack(found).merged()]

    def take(self, other: Gathered) -> None:
        """Append the cells that another one gathered after this."""
        for key in list(self._loose):
            self._settle(key)
        for key in list(other._loose):
            other._settle(key)
        for key, parts in other._found.items():
            for part in parts:
                self._append(key, part)

    def moments(self, dtype: DTypeLike) -> Moments:
        """Return the moments of all cells, shape (cells,); cells without values are empty."""
        for key in list(self._loose):
            self._settle(key)
        if list(self._found) == [(0, self._cells)]:
            return self._one(self._found[0, self._cells])
        empty = Moments.empty(self._cells, dtype)
        whole = {field.name: np.array(getattr(empty, field.name)) for field in fields(Moments)}
        for (first, number), parts in self._found.items():
            part = self._one(parts)
            for name, array in whole.items():
                array[first : first + number] = getattr(part, name)
        return Moments(**whole)

    @staticmethod
    def _one(parts: list[Moments]) -> Moments:
        """Merge parts to one; one alone stays as it is."""
        return parts[0] if len(parts) == 1 else Moments.stack(parts).merged()
