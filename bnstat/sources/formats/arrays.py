"""Arrays saved by numpy, `.npy` and `.npz`: the values are streamed, and nothing is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy

from bnstat.errors import InputError
from bnstat.sources.formats import nnunet_case
from bnstat.sources.formats.registry import path_of, split_key
from bnstat.sources.layout import Order
from bnstat.sources.regular import open_regular
from bnstat.sources.streams import skip, unreadable
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import short_of


def open_array(source: str) -> Volume:
    """Read the header of an array.

    Args:
        source: `x.npy`, `x.npz` of one array, or `x.npz[key]`.

    Raises:
        InputError: if it is missing, damaged, not of real numbers, or an archive of several arrays without a key.
    """
    try:
        if path_of(source).lower().endswith(".npz"):
            return _open_npz(source)
        return _open_npy(source)
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # a damaged header makes numpy and zipfile raise anything
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: Exception) -> InputError:
    if isinstance(error, ValueError):
        return InputError(
            source, "it is not an array saved by numpy, or its header is damaged; save it again with numpy.save"
        )
    return unreadable(source, error)


def _open_npy(source: str) -> Volume:
    with open_regular(source) as file:
        shape, order, dtype = _header(source, file)
        offset = file.tell()
        there = file.seek(0, 2) - offset
    volume = _volume(source, shape, order, dtype, PlainVoxels(source, offset))
    if there < volume.nbytes:
        raise InputError(source, short_of(volume.nbytes, there))
    return nnunet_case.arranged(volume)


def _open_npz(source: str) -> Volume:
    path, key = split_key(source)
    with zipfile.ZipFile(path) as archive:
        names = _names_in(archive)
        member = _member(source, names, nnunet_case.key_of(path, names) if key is None else key)
        with archive.open(member) as file:
            shape, order, dtype = _header(source, cast(BinaryIO, file))
            offset = file.tell()
    volume = _volume(source, shape, order, dtype, StreamedVoxels(_from(path, member, offset)))
    return nnunet_case.arranged(volume, names)


def names_in(path: str) -> list[str]:
    """Return the names of the arrays in an archive; none if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _names_in(archive)
    except Exception:  # a damaged archive makes zipfile raise anything; reading it says what is wrong
        return []


def _names_in(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _member(source: str, names: Sequence[str], key: str | None) -> str:
    if key is not None and key in names:
        return f"{key}.npy"
    if key is None and len(names) == 1:
        return f"{names[0]}.npy"
    if not names:
        raise InputError(source, "the archive contains no array; save one with numpy.savez")
    path = path_of(source)
    listed = ", ".join(f"{path}[{name}]" for name in names)
    if key is None:
        raise InputError(source, f"the archive contains {len(names)} arrays; give the name of one: {listed}")
    raise InputError(source, f"the archive contains no array {key!r}; give one of: {listed}")


def _from(path: str, member: str, offset: int) -> Callable[[], BinaryIO]:
    def at_first_value() -> BinaryIO:
        archive = zipfile.ZipFile(path)  # its member keeps it open
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
        raise InputError(
            source, "its values are records and not numbers; save one field of them: numpy.save(file, array['field'])"
        )
    if any(isinstance(size, bool) for size in shape):  # which numpy takes for 0 and 1
        raise InputError(source, f"its header has the shape {shape}, and a size is a whole number; save it again")
    if any(size < 0 for size in shape):
        raise InputError(
            source,
            f"its header has the shape {shape}, but a size cannot be below 0: the file is damaged; save it again",
        )
    require_numbers(source, shape, dtype)
    return shape, "F" if fortran else "C", dtype


def require_numbers(source: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array without real numbers.

    Raises:
        InputError: if its values are something else, or there are none.
    """
    if dtype.hasobject:
        raise InputError(
            source, "it contains Python objects, which are never unpickled; save it again as an array of numbers"
        )
    if dtype.kind == "c":
        raise InputError(
            source,
            f"its values are complex numbers ({dtype.name}), but batch norm is defined for real ones; "
            "save np.abs(x), or the real and the imaginary part as two channels",
        )
    if dtype.kind not in "biuf":
        raise InputError(source, f"its values have the type {dtype}, which is not a number; save an array of numbers")
    if prod(shape) == 0:
        raise InputError(source, f"it has the shape {shape} and so no values; save an array with values")


def _volume(
    source: str,
    shape: tuple[int, ...],
    order: Order,
    dtype: np.dtype[Any],
    voxels: PlainVoxels | StreamedVoxels,
) -> Volume:
    return Volume(source, shape, dtype, dtype.name, order, voxels, batched=True)
