"""Fields of a NIfTI or an Analyze header that contradict each other: reading one of them would give other voxels.

What is only odd is read. `bitpix` 0 is written by some tools, and the data type says it all. Sizes behind the number of
axes have no meaning. Of a scale factor that is no number NIfTI says nothing; nibabel and ITK apply none, and so it is
here, with a note.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Protocol

import numpy as np

from bnstat.errors import InputError


class StoredHeader(Protocol):
    """The fields of a header, as they are stored."""

    def keys(self) -> Iterable[str]:
        """Return the names of the fields."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401  (of any type)
        """Return a field."""

    def get_data_dtype(self) -> np.dtype[Any]:
        """Return the type of a voxel."""


# The magic texts of a header whose voxels are in another file, and of one that they follow.
_PAIR, _SINGLE = (b"ni1", b"ni2"), (b"n+1", b"n+2")
# The axes for which a header has room.
_MOST_AXES = 7


def require_agreement(source: str, header: StoredHeader, *, single: bool) -> tuple[str, ...]:
    """Return notes on what is odd about a header.

    Args:
        source: the image.
        header: its header as it is stored, with nothing mended.
        single: True if the voxels are in the same file.

    Raises:
        InputError: if fields contradict each other, or the number of axes is impossible.
    """
    fields = header.keys()
    axes = int(header["dim"][0])
    if not 1 <= axes <= _MOST_AXES:
        raise InputError(
            source,
            f"its header has {axes} axes, and an image has 1 to {_MOST_AXES}: the file is damaged; copy it again",
        )
    _require_type(source, header)
    if "magic" in fields:
        _require_magic(source, header, single=single)
    offset = float(header["vox_offset"])
    if isfinite(offset) and offset != int(offset):
        raise _contradiction(source, f"the voxels begin at byte {offset:g}, which is no whole number")
    slope = float(header["scl_slope"]) if "scl_slope" in fields else 1.0
    if isfinite(slope):
        return ()
    return (f"its header has the scale factor {slope:g}, which is no number, so the values are read as stored",)


def _require_type(source: str, header: StoredHeader) -> None:
    """Raise InputError if the bits of a voxel are not those of its type."""
    try:
        dtype = header.get_data_dtype()
    except Exception:  # an unknown type, which is refused elsewhere
        return
    bits, needed = int(header["bitpix"]), dtype.itemsize * 8
    if bits not in (0, needed):
        name = "of colors" if dtype.names else dtype.name
        raise _contradiction(
            source, f"its data type ({name}) has {needed} bits a voxel, and the field bitpix says {bits}"
        )


def _require_magic(source: str, header: StoredHeader, *, single: bool) -> None:
    """Raise InputError if the voxels are not in the file where the magic text says that they are."""
    magic = bytes(header["magic"].item())[:3]
    if single and magic in _PAIR:
        raise _contradiction(
            source,
            f"its magic text {magic.decode()} says that the voxels are in another file (.img), and its name "
            "that they are in this one",
        )
    if not single and magic in _SINGLE and header["vox_offset"] > 0:
        raise _contradiction(
            source,
            f"its magic text {magic.decode()} says that the voxels are in the header's file, and its name that "
            "they are in another one (.img)",
        )


def _contradiction(source: str, what: str) -> InputError:
    return InputError(source, f"its header contradicts itself: {what}; convert the image again from its original")


def surplus(nbytes: int) -> tuple[str, ...]:
    """Return the note on bytes behind the voxels that the header does not describe; none if there are none."""
    if nbytes <= 0:
        return ()
    return (f"the file has {nbytes:,} bytes more than the header describes, which are not read",)
