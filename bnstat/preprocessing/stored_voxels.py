"""The voxels of a file as an array, in the type that they are stored in, and the parts that are cut out of it."""

from __future__ import annotations

import numpy as np

from bnstat.sources.case import CaseFile
from bnstat.sources.sample import Patch
from bnstat.sources.volume import Array, OnBytes, Volume


def stored_voxels(volume: Volume, on_bytes: OnBytes | None = None) -> Array:
    """Return all values of a file with its axes in file order, in the type that they are stored in.

    A plain file is mapped into memory, so that only what is used is read. Any other file is read once and held.

    Args:
        volume: the file; channels of its type (RGB) become a last axis.
        on_bytes: called with the bytes that were read, after each part.

    Raises:
        InputError: if the file is truncated or damaged, or cannot be read.
    """
    memory, shape = volume.memory, volume.shape
    if volume.dtype_channels is not None:
        memory, shape = (*memory, len(shape)), (*shape, volume.dtype_channels)
    return volume.held(on_bytes).reshape([shape[axis] for axis in memory]).transpose(np.argsort(memory))


def sample_of(stored: Array, file: CaseFile, index: int | None) -> Array:
    """Return one sample of a file that is kept along its last axis: spatial axes in file order, then channels."""
    arrangement = file.arrangement
    if arrangement.samples_axis is not None:
        stored = np.moveaxis(stored, arrangement.samples_axis, 0)[index or 0]
    return stored[..., np.newaxis] if arrangement.channels_axis is None else stored


def cut(sample: Array, patch: Patch) -> Array:
    """Return the voxels of a sample that are in a patch: fewer than its size if it reaches beyond the volume."""
    ends = zip(patch.start, patch.size, strict=True)
    return sample[tuple(slice(max(start, 0), start + size) for start, size in ends)]


def beyond(patch: Patch, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how far a patch reaches beyond a volume, before and behind it along each spatial axis."""
    axes = zip(patch.start, patch.size, shape, strict=True)
    return [(max(-start, 0), max(start + size - length, 0)) for start, size, length in axes]
