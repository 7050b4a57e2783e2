"""Images whose scaling differs between slices: read once from the first slice to the last, and converted one by one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.sources.compression import Layers, opened
from bnstat.sources.formats.image_header import Header, number_type, spacing
from bnstat.sources.layout import Order
from bnstat.sources.streams import drain, fill, skip, stream_of_parts
from bnstat.sources.volume import Array, StreamedVoxels, Volume


class Sliced(Protocol):
    """Voxels that are converted to numbers when they are asked for."""

    def __getitem__(self, index: object, /) -> object:
        """Return some of them."""


@dataclass(frozen=True)
class Slices:
    """Slices of one size that follow each other in a file.

    Attributes:
        path: the file.
        layers: how it is compressed.
        offset: the place of the first slice in what it contains, in bytes.
        dtype: the stored type of a number.
        values: the numbers in a slice.
        convert: returns the numbers of a slice, given those that are stored and its place in the volume.
        places: for each slice of the volume, its place in the file; None if they are the same. The file is then plain.
    """

    path: str
    layers: Layers
    offset: int
    dtype: np.dtype[Any]
    values: int
    convert: Callable[[Array, int], object]
    places: Sequence[int] | None = None

    def converted(self, number: int) -> Generator[NDArray[np.float64]]:
        """Yield so many slices in float64; then read to the end of the file, which verifies its checksum."""
        nbytes = self.values * self.dtype.itemsize
        stored = np.empty(nbytes, np.uint8)
        with closing(opened(self.path, self.layers)) as stream:
            skip(stream, self.offset)
            for place in range(number):
                if self.places is not None:
                    stream.seek(self.offset + int(self.places[place]) * nbytes)
                if fill(stream, stored.data) < nbytes:
                    raise EOFError
                yield np.array(self.convert(stored.view(self.dtype), place), np.float64)
            if self.layers:
                drain(stream)


def scaled_by(factors: Sequence[object], shape: tuple[int, ...]) -> Callable[[Array, int], object]:
    """Return the conversion of slices by their slopes and intercepts, which are None or fit the shape of the volume."""
    slopes, intercepts = (
        None if one is None else np.broadcast_to(np.asarray(one, np.float64), shape)[0, 0].ravel(order="F")
        for one in factors
    )

    def convert(stored: Array, place: int) -> object:
        scaled = stored if slopes is None else stored * slopes[place]
        return scaled if intercepts is None else scaled + intercepts[place]

    return convert


def sliced_image(source: str, header: Header, slices: Slices, shape: tuple[int, ...], order: Order = "F") -> Volume:
    """Return the volume of an image whose slices are converted one by one, the slowest axis first."""
    number = prod(shape) // slices.values
    dtype, _ = number_type(source, slices.dtype)
    return Volume(
        source=source,
        shape=shape,
        dtype=np.dtype(np.float64),
        dtype_name=dtype.name,
        order=order,
        voxels=StreamedVoxels(lambda: stream_of_parts(slices.converted(number))),
        spacing=spacing(header),
    )


def converted_image(source: str, header: Header, proxy: Sliced, shape: tuple[int, ...]) -> Volume:
    """Return the volume of any other format that nibabel converts: a slice at a time, as it gives them."""
    stored = proxy.dtype if hasattr(proxy, "dtype") else header.get_data_dtype()
    dtype, _ = number_type(source, np.dtype(stored))
    return Volume(
        source=source,
        shape=shape,
        dtype=np.dtype(np.float64),
        dtype_name=dtype.name,
        order="F",
        voxels=StreamedVoxels(lambda: stream_of_parts(_each_slice(proxy, shape))),
        spacing=spacing(header),
    )


def _each_slice(proxy: Sliced, shape: tuple[int, ...]) -> Generator[NDArray[np.float64]]:
    """Yield the slices of a converted image in float64, the slowest axis first."""
    for place in np.ndindex(*reversed(shape[2:])):
        index = (..., *reversed(place)) if place else (...,)
        yield np.asarray(proxy[index], dtype=np.float64).T
