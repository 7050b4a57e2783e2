"""The voxels of a file as an array, in the type that they are stored in, and the parts that are cut out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from math import prod

import numpy as np

from bnstat.sources.case import CaseFile
from bnstat.sources.sample import Patch
from bnstat.sources.volume import Array, OnBytes, PlainVoxels, Volume, VoxelReader

# The most bytes that are read at once for a patch; it takes only some of them.
_RUN_BYTES = 1 << 20


def stored_voxels(volume: Volume, on_bytes: OnBytes | None = None) -> Array:
    """Return all values of a file with its axes in file order, in the type that they are stored in.

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


def crops_of(
    file: CaseFile, places: Iterable[tuple[int | None, Patch]], on_bytes: OnBytes | None = None
) -> Iterator[Array]:
    """Yield the voxels of one file that are in each patch: spatial axes in file order, then channels.

    Of a plain file only these are read, some rows at a time. That takes no map of the file into memory, since a mapped
    file that becomes shorter ends the process. It costs a call for each plane of a patch, and the same bytes. Any other
    file is read once, and the patches are held; or the file is, if it is smaller than all of them.

    Args:
        file: the file, which is kept along its last axis.
        places: the entry on its batch axis, and the patch. What is beyond the volume is left out.
        on_bytes: called with the bytes that were read, now and then.

    Raises:
        InputError: if the file is truncated or damaged, or cannot be read, or was changed since its header was read.
    """
    if not isinstance(file.volume.voxels, PlainVoxels):
        yield from _crops_of_stream(file, list(places), on_bytes)
        return
    with VoxelReader(file.volume) as reader:
        for index, patch in places:
            part = _part(reader, file, _ranges(file, index, patch))
            yield sample_of(part, file, 0)
    file.volume.require_unchanged()
    if on_bytes is not None:
        on_bytes(file.volume.nbytes)


def _crops_of_stream(
    file: CaseFile, places: Sequence[tuple[int | None, Patch]], on_bytes: OnBytes | None
) -> Iterator[Array]:
    """Yield the voxels that are in each patch of a file that can be read only from its start to its end."""
    boxes = [_ranges(file, index, patch) for index, patch in places]
    if sum(prod(map(len, box)) for box in boxes) >= file.volume.values:
        stored = stored_voxels(file.volume, on_bytes)
        for index, patch in places:
            yield cut(sample_of(stored, file, index), patch)
        return
    parts = _parts(file, boxes, on_bytes)
    while parts:  # each is let go when it was used
        yield sample_of(parts.pop(0), file, 0)


def _parts(file: CaseFile, boxes: Sequence[Sequence[range]], on_bytes: OnBytes | None) -> list[Array]:
    """Read a file from its start to its end, and return boxes of it, as arrays whose axes are in file order."""
    memory, volume = file.arrangement.memory, file.volume
    sizes = [file.arrangement.shape[axis] for axis in memory]
    strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
    wanted = [[box[axis] for axis in memory] for box in boxes]
    found = [np.empty([len(one) for one in box], volume.dtype) for box in wanted]
    # The slowest axis of which at least one entry is read at once, with all that is faster.
    fits = [stride * volume.dtype.itemsize <= _RUN_BYTES for stride in strides]
    run = fits.index(True) if True in fits else len(sizes) - 1
    at_once = max(_RUN_BYTES // (strides[run] * volume.dtype.itemsize), 1)
    blocks = volume.blocks((len(rows) * strides[run] for _, rows in _runs(sizes[: run + 1], at_once)), ahead=1)
    with closing(blocks):
        for (place, rows), block in zip(_runs(sizes[: run + 1], at_once), blocks, strict=True):
            there = block.reshape(len(rows), *sizes[run + 1 :])
            for box, part in zip(wanted, found, strict=True):
                first, end = max(rows.start, box[run].start), min(rows.stop, box[run].stop)
                if first < end and all(at in one for at, one in zip(place, box, strict=False)):
                    into: list[int | slice] = [at - one.start for at, one in zip(place, box, strict=False)]
                    within = tuple(slice(one.start, one.stop) for one in box[run + 1 :])
                    taken = there[(slice(first - rows.start, end - rows.start), *within)]
                    part[(*into, slice(first - box[run].start, end - box[run].start))] = taken
            if on_bytes is not None:
                on_bytes(block.nbytes)
    return [part.transpose(np.argsort(memory)) for part in found]


def _runs(sizes: Sequence[int], at_once: int) -> Iterator[tuple[tuple[int, ...], range]]:
    """Yield so many entries of the last of these axes at once, with the entries of the axes before it, in order."""
    for place in np.ndindex(*sizes[:-1]):
        for first in range(0, sizes[-1], at_once):
            yield place, range(first, min(first + at_once, sizes[-1]))


def _ranges(file: CaseFile, index: int | None, patch: Patch) -> list[range]:
    """Return the entries along each stored axis that a patch needs."""
    arrangement = file.arrangement
    ranges = [range(size) for size in arrangement.shape]
    kept = (arrangement.samples_axis, arrangement.channels_axis)
    spatial = [axis for axis in range(len(ranges)) if axis not in kept]
    if arrangement.samples_axis is not None:
        ranges[arrangement.samples_axis] = range(index or 0, (index or 0) + 1)
    for axis, start, size in zip(spatial, patch.start, patch.size, strict=True):
        ranges[axis] = ranges[axis][max(start, 0) : max(start + size, 0)]
    return ranges


def _part(reader: VoxelReader, file: CaseFile, ranges: Sequence[range]) -> Array:
    """Read a box of a plain file, as an array whose axes are in file order."""
    memory, volume = file.arrangement.memory, file.volume
    sizes = [file.arrangement.shape[axis] for axis in memory]
    wanted = [ranges[axis] for axis in memory]
    strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
    found = np.empty([len(one) for one in wanted], volume.dtype)
    # the slowest axis whose wanted entries are few enough bytes to be read at once, with all that is faster
    fits = [
        len(one) * stride * volume.dtype.itemsize <= _RUN_BYTES for one, stride in zip(wanted, strides, strict=True)
    ]
    run = fits.index(True) if True in fits else len(sizes) - 1
    within = tuple(slice(one.start, one.stop) for one in wanted[run + 1 :])
    for place in np.ndindex(*found.shape[:run]) if found.size else ():
        first = sum((one.start + at) * stride for one, at, stride in zip(wanted, place, strides, strict=False))
        rows = reader.block(first + wanted[run].start * strides[run], len(wanted[run]) * strides[run])
        found[place] = rows.reshape(-1, *sizes[run + 1 :])[(slice(None), *within)]
    return found.transpose(np.argsort(memory))


def cut(sample: Array, patch: Patch) -> Array:
    """Return the voxels of a sample that are in a patch: fewer than its size if it reaches beyond the volume."""
    ends = zip(patch.start, patch.size, strict=True)
    return sample[tuple(slice(max(start, 0), start + size) for start, size in ends)]


def beyond(patch: Patch, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how far a patch reaches beyond a volume, before and behind it along each spatial axis."""
    axes = zip(patch.start, patch.size, shape, strict=True)
    return [(max(-start, 0), max(start + size - length, 0)) for start, size, length in axes]
