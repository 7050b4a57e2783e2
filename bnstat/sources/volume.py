"""What every kind of source gives: a volume's header as a value, and a way to its voxels in file order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np

from bnstat.sources.layout import Order


@dataclass(frozen=True)
class PlainVoxels:
    """Voxels that lie uncompressed in a file, so that any part of them can be read by itself."""

    path: str
    offset: int


@dataclass(frozen=True)
class StreamedVoxels:
    """Voxels that can only be read from the start: compressed, or made up on the way.

    `open` gives a binary file that is at the first voxel; reading it to its end verifies its checksum.
    """

    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Volume:
    """One file: its header, and where its voxels are.

    Attributes:
        source: the file as the user named it.
        shape: its axes.
        dtype: the stored type of one number.
        dtype_name: what to call the type of a voxel, as in "int16" or "rgb24".
        order: "F" where the first axis is the fastest in memory, "C" where the last is.
        voxels: the way to them.
        dtype_channels: numbers in a voxel where the type itself has channels (RGB), else None.
        slope: scale factor of the stored numbers.
        intercept: added after scaling.
        batched: the file is a batched tensor already (an array).
        repetition: the header's repetition time with its unit where the fourth axis is time, else None.
        spacing: the distance of voxels along the first three axes, as the header has it; None where there is none.
    """

    source: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dtype_name: str
    order: Order
    voxels: PlainVoxels | StreamedVoxels
    dtype_channels: int | None = None
    slope: float = 1.0
    intercept: float = 0.0
    batched: bool = False
    repetition: str | None = None
    spacing: tuple[float, ...] | None = None

    @property
    def values(self) -> int:
        """How many numbers are stored."""
        return prod(self.shape) * (self.dtype_channels or 1)

    @property
    def nbytes(self) -> int:
        """How many bytes they take, uncompressed."""
        return self.values * self.dtype.itemsize
