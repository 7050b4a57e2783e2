"""Arrays and images that a program holds in memory: read as the files would be that they are saved to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError, UsageError
from bnstat.sources.formats import arrays, nifti
from bnstat.sources.layout import Order
from bnstat.sources.streams import stream_of
from bnstat.sources.volume import StreamedVoxels, Volume


class LoadedImage(Protocol):
    """An image of nibabel."""

    @property
    def dataobj(self) -> object:
        """The voxels: an array, or a proxy of them in a file."""


Path = str | PathLike[str]
# What the functions of the package take: a path, an array as `.npy` holds it, or an image.
Input = Path | NDArray[np.generic] | LoadedImage


@dataclass(frozen=True, eq=False)
class InMemory:
    """An input that is in memory.

    Attributes:
        name: what messages call it, as in "array 1".
        content: the array or the image.
    """

    name: str
    content: NDArray[np.generic] | LoadedImage

    def open(self) -> Volume:
        """Return the header, and the way to the voxels.

        Raises:
            InputError: if it has no real numbers, or no value at all.
        """
        if isinstance(self.content, np.ndarray):
            return _array(self.name, self.content)
        return nifti.open_loaded(self.name, self.content)


def named_inputs(inputs: Input | Iterable[Input | InMemory]) -> list[str | InMemory]:
    """Return each input: a path as a text, an array or an image under a name.

    Raises:
        UsageError: if there is no input, or one is something else.
    """
    one = isinstance(inputs, (str, bytes, PathLike, Mapping)) or _is_in_memory(inputs)
    single = one or not isinstance(inputs, Iterable)
    counted: Counter[str] = Counter()
    found = [_named(one, counted) for one in ([inputs] if single else cast(Iterable[object], inputs))]
    if not found:
        raise UsageError("no input: give at least one volume")
    return found


def _named(one: object, counted: Counter[str]) -> str | InMemory:
    if isinstance(one, InMemory):  # it has its name already
        return one
    if isinstance(one, (str, PathLike)):
        return str(fspath(one))
    if not _is_in_memory(one):
        raise UsageError(
            f"an input has the type {type(one).__name__}; give a path, a numpy array or a nibabel image "
            "(numpy.asarray makes an array of most others)"
        )
    kind = "array" if isinstance(one, np.ndarray) else "image"
    counted[kind] += 1
    return InMemory(f"{kind} {counted[kind]}", cast("NDArray[np.generic] | LoadedImage", one))


def _is_in_memory(value: object) -> bool:
    """Return True for an array or an image, and raise UsageError for what only looks like an array.

    Raises:
        UsageError: if it is a tensor or a data set of another package. Each of its rows would be taken for an input.
    """
    if isinstance(value, np.ndarray) or hasattr(value, "dataobj"):
        return True
    if hasattr(value, "shape") and (hasattr(value, "dtype") or hasattr(value, "__array__")):
        raise UsageError(f"an input has the type {type(value).__name__}; give numpy.asarray of it")
    return False


def _array(name: str, array: NDArray[np.generic]) -> Volume:
    """Return an array as `numpy.save` would write it: its own type and byte order, Fortran order where it has that."""
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(name, "a masked array has no values where it is masked; fill these, as with x.filled(0)")
    arrays.require_numbers(name, array.shape, array.dtype)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    order: Order = "F" if fortran else "C"
    return Volume(
        source=name,
        shape=array.shape,
        dtype=array.dtype,
        dtype_name=array.dtype.name,
        order=order,
        voxels=StreamedVoxels(lambda: stream_of(np.asarray(array), order)),
        batched=True,
    )
