"""Images whose scaling differs between slices: nibabel converts them, a slice at a time."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.sources.formats.image_header import Header, number_type, spacing
from bnstat.sources.streams import stream_of_parts
from bnstat.sources.volume import StreamedVoxels, Volume


class Sliced(Protocol):
    """Voxels that are converted to numbers when they are asked for."""

    def __getitem__(self, index: object, /) -> object:
        """Return some of them."""


def converted_image(source: str, header: Header, proxy: Sliced, shape: tuple[int, ...]) -> Volume:
    """Return the volume of a format whose scaling differs between slices: nibabel converts a slice at a time."""
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
