"""The statistics of many channels or groups as arrays, an entry for each: what `results` has as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.results import Finite

Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
# Some entries of columns: along their first axis, or single ones by their indices on each axis.
Place: TypeAlias = slice | NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class StatisticsColumns:
    """The attributes of `Statistics`, in arrays of one shape. Where one of them is None, the array has NaN.

    Attributes:
        count: as in `Statistics`, and so are those that follow, but for `finite` and `whole`.
        mean: undefined where a value is not finite.
        variance: undefined there too.
        std: the square root of the variance.
        minimum: in the type of the stored values; undefined without finite values.
        maximum: the same.
        nan: the number of NaN values.
        inf: the number of infinite values.
        constant: True where all values are equal and finite.
        gain: the factor of the layer.
        output_variance: that of the normalized values.
        output_std: its square root.
        epsilon_share: ε/(variance + ε).
        condition_number: √(1 + mean²/variance).
        output_nan: True where the layer divides 0 by 0.
        finite: the number of finite values.
        finite_mean: the mean of the finite values.
        finite_variance: their biased variance.
    """

    count: Integers
    mean: Doubles
    variance: Doubles
    std: Doubles
    minimum: NDArray[Any]
    maximum: NDArray[Any]
    nan: Integers
    inf: Integers
    constant: Flags
    gain: Doubles
    output_variance: Doubles
    output_std: Doubles
    epsilon_share: Doubles
    condition_number: Doubles
    output_nan: Flags
    finite: Integers
    finite_mean: Doubles
    finite_variance: Doubles

    def __getitem__(self, place: Place) -> StatisticsColumns:
        return StatisticsColumns(**{field.name: getattr(self, field.name)[place] for field in fields(self)})

    def listed(self) -> dict[str, list[Any]]:
        """Return the attributes of `Statistics` by name, each a list of its values in C order."""
        found: dict[str, list[Any]] = {name: plain(getattr(self, name)) for name in _FLOATS}
        found |= {name: getattr(self, name).reshape(-1).tolist() for name in ("count", "nan", "inf", "constant")}
        found["output_nan"] = self.output_nan.reshape(-1).tolist()
        finite = self.finite.reshape(-1).tolist()
        for name in ("minimum", "maximum"):
            found[name] = [one if number else None for one, number in zip(_ends(self, name), finite, strict=True)]
        values = zip(found["count"], finite, plain(self.finite_mean), plain(self.finite_variance), strict=True)
        found["finite"] = [None if count == some else Finite(some, mean, var) for count, some, mean, var in values]
        return found


def joined(pieces: Iterable[Mapping[str, NDArray[Any]]], number: int) -> dict[str, NDArray[Any]]:
    """Return named arrays one after the other along their first axis, as many entries as the pieces have together.

    The arrays are made once, so that a piece can be dropped before the next one is there.
    """
    found: dict[str, NDArray[Any]] = {}
    done = 0
    for piece in pieces:
        for name, values in piece.items():
            if name not in found:
                found[name] = np.empty((number, *values.shape[1:]), values.dtype)
            found[name][done : done + len(values)] = values
        done += len(next(iter(piece.values())))
    return found


# The attributes that are float64 in any case.
_FLOATS = (
    *("mean", "variance", "std", "gain", "output_variance", "output_std", "epsilon_share"),
    "condition_number",
)


def plain(values: Doubles) -> list[float | None]:
    """Return numbers as Python has them, in C order: None for those that are undefined."""
    flat = values.reshape(-1)
    listed: list[Any] = flat.tolist()
    for place in np.isnan(flat).nonzero()[0].tolist():
        listed[place] = None
    return listed


def _ends(columns: StatisticsColumns, name: str) -> list[Any]:
    """Return the least or the greatest values, whole numbers as such; one that float64 cannot hold is None."""
    values = getattr(columns, name).reshape(-1)
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return list(values.tolist())
    return [one if known else None for one, known in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)]


def by_count(counts: Integers, function: Callable[[int], float | bool]) -> NDArray[Any]:
    """Return what a function gives for each count; it is called once for each that differs."""
    if counts.size and (counts == counts.flat[0]).all():
        return np.full(counts.shape, function(int(counts.flat[0])))
    different, place = np.unique(counts, return_inverse=True)
    return np.array([function(one) for one in different.tolist()])[place].reshape(counts.shape)
