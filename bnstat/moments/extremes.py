"""The least and the greatest values of cells in a type that rounds none of them, whatever types are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Number = int | float

# Whole numbers up to this size are numbers of float64.
_WHOLE_IN_FLOAT64 = 2**53


def neutral_extremes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return a minimum and a maximum that any value replaces."""
    if dtype.kind not in "iu":
        return np.inf, -np.inf
    limits = np.iinfo(dtype)
    return limits.max, limits.min


def common_type(columns: Sequence[NDArray[Any]]) -> np.dtype[Any]:
    """Return a type that holds all values of arrays: that of numpy, or Python's numbers where numpy would round.

    Numpy puts 64-bit integers and floats together as float64, which rounds integers beyond 2⁵³, and turns signed and
    unsigned 64-bit integers into floats.
    """
    found = np.result_type(*{column.dtype for column in columns})
    if found.kind == "f" and (
        all(column.dtype.kind in "iu" for column in columns) or any(map(_beyond_float64, columns))
    ):
        return np.dtype(object)
    return found


def _beyond_float64(column: NDArray[Any]) -> bool:
    """Return True if an array has integers that float64 may round."""
    if column.dtype.kind not in "iu" or column.dtype.itemsize < 8 or not column.size:
        return False
    return int(column.max()) > _WHOLE_IN_FLOAT64 or int(column.min()) < -_WHOLE_IN_FLOAT64


def typed(numbers: Iterable[Number]) -> np.dtype[Any]:
    """Return a type that holds all of these numbers; float64 for none."""
    listed = list(numbers)
    whole = [number for number in listed if isinstance(number, int)]
    if not whole:
        return np.dtype(np.float64)
    low, high = min(whole), max(whole)
    if len(whole) < len(listed):
        return np.dtype(np.float64 if low >= -_WHOLE_IN_FLOAT64 and high <= _WHOLE_IN_FLOAT64 else object)
    return np.dtype(
        np.int64 if low >= -(2**63) and high < 2**63 else np.uint64 if low >= 0 and high < 2**64 else object
    )
