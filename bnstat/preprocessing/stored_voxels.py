"""Parts of a volume: its voxels held as they are stored, and what is cut out of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.sources.case import CaseFile
from bnstat.sources.sample import Patch
from bnstat.sources.streams import STREAM_ERRORS, fill, unreadable
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import short_of

Array = NDArray[Any]

# Bytes that are inflated between two reports of how far it has come.
_BLOCK_BYTES = 1 << 24
_ERRORS: tuple[type[Exception], ...] = (*STREAM_ERRORS, MemoryError, ValueError)


def stored_voxels(volume: Volume, told: Callable[[int], None] | None = None) -> Array:
    """All values of a file with its axes in file order, in the type they are stored in.

    A plain file is mapped, so that only what is used is read; a compressed one is inflated once, to its end, and held.

    Raises:
        InputError: the file is truncated, damaged, or cannot be read.
    """
    try:
        if isinstance(volume.voxels, PlainVoxels):
            flat = _mapped(volume, volume.voxels)
            if told is not None:
                told(volume.nbytes)
        else:
            flat = _inflated(volume, volume.voxels, told)
    except _ERRORS as error:
        raise unreadable(volume.source, error) from error
    axes = list(range(len(volume.shape)))
    memory = axes if volume.order == "C" else axes[::-1]
    shape = volume.shape
    if volume.dtype_channels is not None:
        memory, shape = [*memory, len(shape)], (*shape, volume.dtype_channels)
    return flat.reshape([shape[axis] for axis in memory]).transpose(np.argsort(memory))


def sample_of(stored: Array, part: CaseFile, index: int | None) -> Array:
    """One sample of a file that is kept along its last axis: spatial axes in file order, then channels."""
    arrangement = part.arrangement
    if arrangement.samples_axis is not None:
        stored = np.moveaxis(stored, arrangement.samples_axis, 0)[index or 0]
    return stored[..., np.newaxis] if arrangement.channels_axis is None else stored


def cut(sample: Array, patch: Patch) -> Array:
    """The voxels of a sample that are in a patch: fewer than its size where it reaches beyond the volume."""
    ends = zip(patch.start, patch.size, strict=True)
    return sample[tuple(slice(max(start, 0), start + size) for start, size in ends)]


def beyond(patch: Patch, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """How far a patch reaches beyond a volume, before and behind it on each spatial axis."""
    axes = zip(patch.start, patch.size, shape, strict=True)
    return [(max(-start, 0), max(start + size - length, 0)) for start, size, length in axes]


def _mapped(volume: Volume, voxels: PlainVoxels) -> Array:
    return np.asarray(np.memmap(voxels.path, volume.dtype, "r", voxels.offset, (volume.values,)))


def _inflated(volume: Volume, voxels: StreamedVoxels, told: Callable[[int], None] | None) -> Array:
    buffer = np.empty(volume.nbytes, np.uint8)
    done = 0
    with closing(voxels.open()) as stream:
        while done < volume.nbytes:
            there = fill(stream, buffer[done : done + _BLOCK_BYTES].data)
            done += there
            if not there:
                raise InputError(volume.source, short_of(volume.nbytes, done))
            if told is not None:
                told(there)
        while stream.read(_BLOCK_BYTES):  # to the end, where the checksum is
            pass
    return buffer.view(volume.dtype)
