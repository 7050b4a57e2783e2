"""The table of moments and its merge: what every answer is made of. Numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bnstat.moments.kernels import Array, Cell, Piece, Workspace, native_real, pieces, reduce_piece

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of cells: arrays of one shape, ``(channels,)`` for a sample or ``(samples, channels)`` for a table.

    All but `nan` and `inf` are over the finite values of a cell. A cell without any has finite 0, mean and m2 0, and
    minimum > maximum. The arrays are read-only.

    Attributes:
        finite: the number of finite values.
        mean: their mean, in float64.
        m2: sum of squared deviations from the mean.
        minimum: least value, in the type it was stored in (float64 after a scale factor).
        maximum: greatest value, likewise.
        nan: NaN values.
        inf: Inf values of either sign.
        mean_tail: what rounding to float64 left over of the mean; it lets a merge lose nothing where the mean is
            much larger than the spread.
        varies: whether two finite values differ, as they were stored: a fact that a scale factor or another type of
            extremes cannot round away.
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

    def __post_init__(self) -> None:
        for field in fields(self):
            array = np.asarray(getattr(self, field.name))
            array.flags.writeable = False
            object.__setattr__(self, field.name, array)

    @classmethod
    def empty(cls, shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> Moments:
        """Moments of no values at all: neutral in a merge. `dtype` is that of minimum and maximum."""
        kind = np.dtype(dtype)
        least, most = _neutral_extremes(kind)
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
        )

    @classmethod
    def from_cells(cls, cells: Sequence[Cell]) -> Moments:
        """Stack cells on a new first axis: shape (len(cells), channels)."""
        columns = [np.array(column) for column in zip(*cells, strict=True)]
        named = dict(zip(Cell._fields, columns, strict=True))
        if columns[0].ndim == 1:
            named = {name: column[:, np.newaxis] for name, column in named.items()}
        return cls(**named, varies=(named["minimum"] != named["maximum"]) & (named["finite"] > 0))

    @classmethod
    def from_array(cls, values: ArrayLike, axis: int = -1) -> Moments:
        """Moments of each channel of an array: the kept axis stays, all others are reduced.

        Args:
            values: any real array, of at least one axis.
            axis: the axis to keep; negative counts from the end.

        Returns:
            Moments of shape ``(values.shape[axis],)``.

        Raises:
            TypeError: the array is not of real numbers, or masked (a mask would be lost).
            numpy.exceptions.AxisError: there is no such axis.
        """
        if isinstance(values, np.ma.MaskedArray):
            raise TypeError("a masked array would lose its mask; give its values with NaN where they are masked")
        array = native_real(np.asarray(values))
        kept = range(array.ndim)[axis] if -array.ndim <= axis < array.ndim else None
        if kept is None:
            raise np.exceptions.AxisError(axis, array.ndim)
        channels = array.shape[kept]
        cube = np.ascontiguousarray(array).reshape(prod(array.shape[:kept]), channels, prod(array.shape[kept + 1 :]))
        if not cube.size:
            return cls.empty(channels, array.dtype)
        gathered = Gathered(channels)
        workspace = Workspace()
        with np.errstate(all="ignore"):
            position = 0
            flat = cube.reshape(-1)
            for piece in pieces(*cube.shape):
                gathered.add(piece, reduce_piece(flat[position : position + piece.size], piece, workspace))
                position += piece.size
        return gathered.moments(array.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that all the arrays have."""
        return self.finite.shape

    def __getitem__(self, place: Any) -> Moments:  # noqa: ANN401  (whatever numpy takes as an index)
        return self._each(lambda array: np.asarray(array[place]))

    def reshape(self, shape: tuple[int, ...]) -> Moments:
        """The same cells in another shape."""
        return self._each(lambda array: array.reshape(shape))

    @property
    def transposed(self) -> Moments:
        """The same cells with their axes reversed."""
        return self._each(lambda array: array.T)

    def _each(self, change: Any) -> Moments:  # noqa: ANN401
        return Moments(**{field.name: change(getattr(self, field.name)) for field in fields(self)})

    @property
    def count(self) -> Integers:
        """All values of a cell, NaN and Inf among them: what a layer reduces over."""
        return self.finite + self.nan + self.inf

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Whether all values of a cell are one finite value: decided on the values as stored, never by a variance."""
        same: NDArray[np.bool_] = ~self.varies & (self.finite > 0) & (self.nan + self.inf == 0)
        return same

    @property
    def variance(self) -> Doubles:
        """Biased variance of the finite values, m2/finite: what normalizes. NaN where there is none."""
        return _divided(self.m2, self.finite)

    def merge(self, *others: Moments) -> Moments:
        """The moments of all values together, cell by cell; all of one shape. Empty cells change nothing."""
        return Moments.stack([self, *others]).merged(axis=0)

    @staticmethod
    def stack(parts: Iterable[Moments]) -> Moments:
        """Put moments of one shape side by side on a new first axis."""
        listed = _of_one_type(list(parts))
        return Moments(
            **{field.name: np.stack([getattr(part, field.name) for part in listed]) for field in fields(Moments)}
        )

    @staticmethod
    def join(parts: Sequence[Moments]) -> Moments:
        """Put moments side by side along their last axis: channels of several files as those of one sample."""
        listed = _of_one_type(list(parts))
        return Moments(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in listed], axis=-1)
                for field in fields(Moments)
            }
        )

    def merged(self, axis: int = 0) -> Moments:
        """Merge the cells along one axis.

        n = Σnᵢ, mean = Σnᵢmᵢ/n, m2 = Σm2ᵢ + Σnᵢ(mᵢ − mean)² (Chan, Golub & LeVeque 1979), with every mean taken
        relative to that of the first cell with values, so that nothing is lost where means are large.
        """
        with np.errstate(all="ignore"):  # squares beyond float64 are infinite, and said to be undefined
            return self._merged(axis)

    def _merged(self, axis: int) -> Moments:
        parts = self if axis == 0 else self._each(lambda array: np.moveaxis(array, axis, 0))
        filled = parts.finite > 0
        finite = parts.finite.sum(axis=0)
        first = np.expand_dims(np.argmax(filled, axis=0), 0)
        pivot = np.take_along_axis(parts.mean, first, axis=0)[0]
        offset = np.where(filled, (parts.mean - pivot) + parts.mean_tail, 0.0)
        weight = parts.finite / np.maximum(finite, 1)
        shift = (weight * offset).sum(axis=0)
        m2 = parts.m2.sum(axis=0) + (parts.finite * np.where(filled, offset - shift, 0.0) ** 2).sum(axis=0)
        first_tail = np.take_along_axis(parts.mean_tail, first, axis=0)[0]
        alike = ~filled | ((parts.mean == pivot) & (parts.mean_tail == first_tail))
        varies = (parts.varies & filled).any(axis=0) | ~alike.all(axis=0)
        mean, tail = _two_sum(pivot, shift)
        least, most = _neutral_extremes(parts.minimum.dtype)
        return Moments(
            finite=finite,
            mean=np.where(varies, mean, pivot),
            m2=np.where(varies, m2, 0.0),
            minimum=np.where(filled, parts.minimum, least).astype(parts.minimum.dtype).min(axis=0),
            maximum=np.where(filled, parts.maximum, most).astype(parts.maximum.dtype).max(axis=0),
            nan=parts.nan.sum(axis=0),
            inf=parts.inf.sum(axis=0),
            mean_tail=np.where(varies, tail, first_tail),
            varies=varies,
        )

    def affine(self, slope: float | Doubles, intercept: float | Doubles) -> Moments:
        """The moments of ``slope·x + intercept``: what a scale factor in a header makes of the stored values.

        Slope and intercept are numbers, or arrays with one for each cell.
        """
        if np.all(slope == 1.0) and np.all(intercept == 0.0):
            return self
        with np.errstate(all="ignore"):
            return self._affine(np.asarray(slope, np.float64), np.asarray(intercept, np.float64))

    def _affine(self, slope: Doubles, intercept: Doubles) -> Moments:
        filled = self.finite > 0
        first, second = (slope * end.astype(np.float64) + intercept for end in (self.minimum, self.maximum))
        scaled, lost = _two_product(slope, self.mean)
        mean, tail = _two_sum(scaled, intercept)
        return replace(
            self,
            mean=np.where(filled, mean, 0.0),
            mean_tail=np.where(filled, tail + lost + slope * self.mean_tail, 0.0),
            m2=np.where(np.isfinite(self.m2), slope * slope * self.m2, np.inf),  # what is lost does not come back
            minimum=np.where(filled, np.where(slope > 0, first, second), np.inf),
            maximum=np.where(filled, np.where(slope > 0, second, first), -np.inf),
        )


def _neutral_extremes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """A minimum and a maximum that any value replaces."""
    if dtype.kind not in "iu":
        return np.inf, -np.inf
    limits = np.iinfo(dtype)
    return limits.max, limits.min


def _of_one_type(parts: list[Moments]) -> list[Moments]:
    """Extremes that numpy can put side by side without making whole numbers floats."""
    types = {part.minimum.dtype for part in parts if part.finite.any()}
    if len(types) == 1:  # wholly empty parts take the type of the others
        dtype = types.pop()
        return [part if part.minimum.dtype == dtype else replace(part, **_extremes(part, dtype)) for part in parts]
    if types and all(dtype.kind in "iu" for dtype in types) and np.result_type(*types).kind == "f":
        return [replace(part, **_extremes(part, np.dtype(object))) for part in parts]  # no type holds int64 and uint64
    return parts


def _extremes(part: Moments, dtype: np.dtype[Any]) -> dict[str, Array]:
    """Minimum and maximum of a part in another type; those of empty cells are neutral."""
    least, most = _neutral_extremes(dtype)
    filled = part.finite > 0
    found = {}
    for name, neutral in (("minimum", least), ("maximum", most)):
        found[name] = np.full(part.shape, neutral, dtype)
        found[name][filled] = getattr(part, name)[filled]
    return found


def _divided(numerator: Doubles, denominator: Integers) -> Doubles:
    """A quotient that is NaN where the denominator is not positive."""
    undefined = np.full(np.shape(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator > 0))


def _two_sum(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """The rounded sum and its rounding error, exactly (Knuth)."""
    rounded = left + right
    back = rounded - left
    return rounded, (left - (rounded - back)) + (right - back)


def _two_product(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """The rounded product and its rounding error, exactly while nothing overflows (Veltkamp and Dekker)."""

    def halves(number: Any) -> tuple[Any, Any]:  # noqa: ANN401
        high = number * 134217729.0  # 2²⁷ + 1
        high = high - (high - number)
        return high, number - high

    rounded = left * right
    (a, b), (c, d) = halves(left), halves(right)
    return rounded, ((a * c - rounded) + a * d + b * c) + b * d


class Gathered:
    """Cells of an array as they are reduced, merged now and then so that their number stays bounded.

    What is merged with what depends on the order of `add` alone, so equal orders give equal bits.
    """

    # Cells that wait to be merged at most, and of one piece at least and at most.
    _WAITING = 1 << 20
    _LEAST, _MOST = 2, 64

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._most = min(max(self._WAITING // cells, self._LEAST), self._MOST)
        self._found: dict[tuple[int, int], list[Moments]] = {}
        self._loose: dict[tuple[int, int], list[Cell]] = {}

    def add(self, piece: Piece, cell: Cell) -> None:
        """Take the moments of one piece."""
        key = (piece.first_cell, piece.cells)
        loose = self._loose.setdefault(key, [])
        loose.append(cell)
        if len(loose) >= self._most:
            self._settle(key)

    def _settle(self, key: tuple[int, int]) -> None:
        loose = self._loose.pop(key, [])
        if loose:
            self._append(key, Moments.from_cells(loose).merged())

    def _append(self, key: tuple[int, int], part: Moments) -> None:
        found = self._found.setdefault(key, [])
        found.append(part)
        if len(found) >= self._most:
            self._found[key] = [Moments.stack(found).merged()]

    def take(self, other: Gathered) -> None:
        """Append what another gathered after this."""
        for key in list(self._loose):
            self._settle(key)
        for key in list(other._loose):
            other._settle(key)
        for key, parts in other._found.items():
            for part in parts:
                self._append(key, part)

    def moments(self, dtype: DTypeLike) -> Moments:
        """Moments of all cells, shape (cells,); those that had no values are empty."""
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
        """Merged parts as one; a merge of one alone would change nothing."""
        return parts[0] if len(parts) == 1 else Moments.stack(parts).merged()
