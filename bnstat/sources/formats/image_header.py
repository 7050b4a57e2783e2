"""What the header of an image says of its voxels: the type of a number, the spacing, the repetition time."""

from __future__ import annotations

from math import isfinite
from typing import Any, Protocol

import numpy as np

from bnstat.errors import InputError


class Header(Protocol):
    """The header of an image, as nibabel has it."""

    def get_zooms(self) -> tuple[float, ...]:
        """Return the distances of voxels along each axis."""

    def get_data_dtype(self) -> np.dtype[Any]:
        """Return the stored type of a voxel."""


_TIME_UNITS = {"sec": "s", "msec": "ms", "usec": "µs"}


def number_type(source: str, dtype: np.dtype[Any]) -> tuple[np.dtype[Any], int | None]:
    """Return the type of one number, and the numbers in a voxel if its type has channels (else None)."""
    if dtype.names:
        parts = {dtype[name] for name in dtype.names}
        if len(parts) == 1 and next(iter(parts)) == np.uint8:
            return np.dtype(np.uint8), len(dtype.names)
    if dtype.kind == "c":
        raise InputError(
            source,
            f"its voxels are complex numbers ({dtype.name}), but batch norm is defined for real ones; "
            "save the magnitude, or the real and the imaginary part as two channels",
        )
    if dtype.kind not in "biuf":
        raise InputError(source, f"its voxels have the type {dtype}, which is not a number; convert them to numbers")
    return dtype, None


def repetition(header: Header, shape: tuple[int, ...]) -> str | None:
    """Return the repetition time with its unit; None if the header has none for the fourth axis."""
    if len(shape) < 4 or shape[3] < 2 or not hasattr(header, "get_xyzt_units"):
        return None
    try:
        unit = _TIME_UNITS.get(header.get_xyzt_units()[1])
        time = float(header.get_zooms()[3])
    except Exception:  # the file can be read despite an unknown unit
        return None
    return f"{time:g} {unit}" if unit and time > 0 else None


def spacing(header: Header) -> tuple[float, ...] | None:
    """Return the distance of voxels along the first three axes; None unless the header has one for each."""
    try:
        found = tuple(float(zoom) for zoom in header.get_zooms()[:3])
    except Exception:  # the file can be read without it
        return None
    return found if found and all(isfinite(zoom) and zoom > 0 for zoom in found) else None
