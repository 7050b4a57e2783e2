"""Arrays saved by Blosc2, `.b2nd`, as nnU-Net saves its preprocessed cases. Only this module uses blosc2."""

from __future__ import annotations

from collections.abc import Generator
from math import prod

import blosc2
import numpy as np

from bnstat.errors import InputError
from bnstat.sources.formats import nnunet_case
from bnstat.sources.formats.arrays import require_numbers
from bnstat.sources.formats.slabs import slabs
from bnstat.sources.streams import stream_of_parts, unreadable
from bnstat.sources.volume import Array, StreamedVoxels, Volume

_DAMAGED = "it is not an array saved by Blosc2, or it is truncated or damaged; copy it again"


def open_b2nd(source: str) -> Volume:
    """Read the header of an array.

    Raises:
        InputError: if it is missing, damaged, or not of real numbers.
    """
    stored = _opened(source)
    shape, dtype = tuple(int(size) for size in stored.shape), np.dtype(stored.dtype)
    require_numbers(source, shape, dtype)
    chunks = tuple(int(size) for size in stored.chunks)
    _require_chunks(source, stored, shape, chunks)

    def parts() -> Generator[Array]:
        found = _opened(source)
        for slab in slabs(shape, chunks, dtype.itemsize):
            try:
                yield np.asarray(found[slab], dtype=dtype)
            except (RuntimeError, ValueError) as error:
                raise InputError(source, "its compressed chunks are damaged; copy it again") from error

    volume = Volume(
        source=source,
        shape=shape,
        dtype=dtype,
        dtype_name=dtype.name,
        order="C",
        voxels=StreamedVoxels(lambda: stream_of_parts(parts())),
        batched=True,
    )
    return nnunet_case.arranged(volume)


def _opened(source: str) -> blosc2.NDArray:
    """Open an array.

    Raises:
        InputError: if the file is something else, or damaged.
    """
    try:
        found = blosc2.open(source, mode="r")
    except OSError as error:
        raise unreadable(source, error) from error
    except Exception as error:  # a damaged file makes Blosc2 raise anything
        raise InputError(source, _DAMAGED) from error
    if not isinstance(found, blosc2.NDArray):
        raise InputError(source, f"it contains a {type(found).__name__} of Blosc2 and no array; save it as an array")
    return found


def _require_chunks(source: str, stored: blosc2.NDArray, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    """Raise InputError unless there are as many chunks as the shape needs, each of the bytes that its own shape needs.

    The file has no checksum, so this is what tells a damaged header.
    """
    blocks = tuple(int(size) for size in stored.blocks)
    if not len(shape) == len(chunks) == len(blocks) or min((*chunks, *blocks), default=1) < 1:
        raise InputError(source, _DAMAGED)
    number = prod(-(-size // chunk) for size, chunk in zip(shape, chunks, strict=True))
    padded = prod(-(-chunk // block) * block for chunk, block in zip(chunks, blocks, strict=True))
    told = (stored.schunk.nchunks, stored.schunk.typesize, stored.schunk.chunksize)
    if told != (number, stored.dtype.itemsize, padded * stored.dtype.itemsize):
        raise InputError(source, _DAMAGED)
