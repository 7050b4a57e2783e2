"""Arrays that numpy saved, `.npy` and `.npz`: the header read, the values streamed, nothing ever unpickled."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from bnstat.errors import InputError
from bnstat.sources.layout import Order
from bnstat.sources.streams import skip, unreadable
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import short_of

_KEYED = re.compile(r"(?P<path>.+\.npz)\[(?P<key>.*)\]", re.IGNORECASE | re.DOTALL)


def is_array(source: str) -> bool:
    """Whether a path names an array: `x.npy`, `x.npz` or `x.npz[key]`."""
    return source.lower().endswith((".npy", ".npz")) or _KEYED.fullmatch(source) is not None


def path_of(source: str) -> str:
    """The file that a path names, without a key in brackets."""
    keyed = _KEYED.fullmatch(source)
    return keyed["path"] if keyed and not os.path.exists(source) else source


def open_array(source: str) -> Volume:
    """Read the header of an array.

    Args:
        source: `x.npy`, `x.npz` of one array, or `x.npz[key]`.

    Raises:
        InputError: it is missing, damaged, not of real numbers, or one of several arrays and not said which.
    """
    try:
        if path_of(source).lower().endswith(".npz"):
            return _open_npz(source)
        return _open_npy(source)
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever a damaged header makes numpy or zipfile raise
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: Exception) -> InputError:
    if isinstance(error, ValueError):
        return InputError(source, "not an array that numpy saved, or its header is damaged")
    return unreadable(source, error)


def _open_npy(source: str) -> Volume:
    with open(source, "rb") as file:
        shape, order, dtype = _header(source, file)
        offset = file.tell()
        there = file.seek(0, 2) - offset
    volume = _volume(source, shape, order, dtype, PlainVoxels(source, offset))
    if there < volume.nbytes:
        raise InputError(source, short_of(volume.nbytes, there))
    return volume


def _open_npz(source: str) -> Volume:
    keyed = _KEYED.fullmatch(source)
    path = path_of(source)
    with zipfile.ZipFile(path) as archive:
        member = _member(source, archive, keyed["key"] if keyed and path != source else None)
        with archive.open(member) as file:
            shape, order, dtype = _header(source, cast(BinaryIO, file))
            offset = file.tell()
    return _volume(source, shape, order, dtype, StreamedVoxels(_from(path, member, offset)))


def _member(source: str, archive: zipfile.ZipFile, key: str | None) -> str:
    names = [name[: -len(".npy")] for name in archive.namelist() if name.endswith(".npy")]
    if key is not None and key in names:
        return f"{key}.npy"
    if key is None and len(names) == 1:
        return f"{names[0]}.npy"
    if not names:
        raise InputError(source, "it holds no array; save one with numpy.savez")
    path = path_of(source)
    listed = ", ".join(f"{path}[{name}]" for name in names)
    if key is None:
        raise InputError(source, f"it holds {len(names)} arrays; name one of them: {listed}")
    raise InputError(source, f"it holds no array {key!r}; it has {listed}")


def _from(path: str, member: str, offset: int) -> Callable[[], BinaryIO]:
    def at_first_value() -> BinaryIO:
        archive = zipfile.ZipFile(path)  # kept open by the member that is read from it
        stream = cast(BinaryIO, archive.open(member))
        skip(stream, offset)
        return stream

    return at_first_value


def _header(source: str, file: BinaryIO) -> tuple[tuple[int, ...], Order, np.dtype[Any]]:
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, fortran, dtype = npy.read_array_header_2_0(file)
    else:
        raise InputError(source, "its values are records, not numbers; save one field of them")
    if dtype.hasobject:
        raise InputError(source, "it holds Python objects, which are never unpickled; save an array of numbers")
    if dtype.kind == "c":
        raise InputError(
            source,
            f"its values are complex ({dtype.name}), and batch norm is defined on real numbers; "
            "save np.abs(x), or real and imaginary part as two channels",
        )
    if dtype.kind not in "biuf":
        raise InputError(source, f"its values are of type {dtype}, not numbers; save an array of numbers")
    if any(size < 0 for size in shape):
        raise InputError(source, f"its header says shape {shape}, and no size can be below 0: it is damaged")
    if prod(shape) == 0:
        raise InputError(source, f"it has shape {shape}: there is nothing in it; save an array with values")
    return shape, "F" if fortran else "C", dtype


def _volume(
    source: str,
    shape: tuple[int, ...],
    order: Order,
    dtype: np.dtype[Any],
    voxels: PlainVoxels | StreamedVoxels,
) -> Volume:
    return Volume(source, shape, dtype, dtype.name, order, voxels, batched=True)
