"""nnU-Net's mask of what is not background: where any channel is not 0, with holes filled.

It is `create_nonzero_mask` of nnU-Net v2 (`preprocessing/cropping/cropping.py`), which `use_mask_for_norm` normalizes
inside of: the union over the channels of a sample, then scipy's `binary_fill_holes`. A hole is a part of the background
that no path of voxels, each sharing a face with the next, joins to the border of the volume. nnU-Net gives an image of
two axes a third one of size 1, so that each of its voxels is at the border and no hole is filled.

The mask takes a byte for each voxel of a sample while it is made, two while holes are filled, and a bit afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.preprocessing.masks import ByPlace, Inside, Mask, groups_of
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import SPATIAL_AXES, Arrangement
from bnstat.sources.opened import Planned
from bnstat.sources.volume import Array, OnBytes, Volume

# Rounds of sweeps along all axes. What these leave, as a hole that winds like a maze, is followed voxel by voxel.
_ROUNDS = 4
# Planes along the first axis that are laid out anew together.
_TOGETHER = 8


@dataclass(frozen=True, eq=False)
class FilledMask:
    """The mask of a case.

    Attributes:
        bits: one bit for each voxel of all samples, the last axis the fastest.
        shape: the samples, and their spatial axes.
    """

    bits: NDArray[np.uint8]
    shape: tuple[int, ...]

    def array(self) -> Mask:
        """Return the mask as an array of its shape: True inside."""
        return np.unpackbits(self.bits, count=int(np.prod(self.shape))).view(np.bool_).reshape(self.shape)

    def of_file(self, part: CaseFile) -> Inside:
        """Return the mask as it lies over the values of one file: the same for each of its channels."""
        arrangement = part.arrangement
        mask, axes = self.array(), _axes_of(arrangement)
        # Put the axes where the file has them, and then into the order of its memory.
        samples = arrangement.samples_axis
        mask = mask[0] if samples is None else np.moveaxis(mask, 0, axes.index(samples))
        order = [axes.index(axis) for axis in arrangement.memory if axis in axes]
        return ByPlace(np.packbits(mask.transpose(order)), mask.size, groups_of(arrangement, axes))


def filled_mask(planned: Planned, on_bytes: OnBytes | None = None) -> FilledMask:
    """Read all files of a case once and return its mask. The kept axis of the case is its last.

    Raises:
        InputError: if a file is truncated or damaged, or cannot be read.
    """
    parts = iter(planned.parts)
    union = _nonzero(next(parts), on_bytes)
    for part in parts:
        union |= _nonzero(part, on_bytes)
    shape = union.shape
    for place in range(len(union)):
        union[place] |= _holes(union[place])
    return FilledMask(np.packbits(union), shape)


def _nonzero(part: CaseFile, on_bytes: OnBytes | None) -> Mask:
    """Return where any channel of a file is not 0, scale factors applied: an array of its samples, then its space."""
    volume, arrangement = part.volume, part.arrangement
    packed = [np.empty(0, np.uint8)]
    with closing(volume.blocks()) as blocks, np.errstate(all="ignore"):
        for block in blocks:
            packed.append(np.packbits(_scaled(volume, block) != 0))
            if on_bytes is not None:
                on_bytes(block.nbytes)
    flat = np.unpackbits(np.concatenate(packed), count=volume.values).view(np.bool_)
    found = flat.reshape([arrangement.shape[axis] for axis in arrangement.memory])
    found = found.transpose(np.argsort(arrangement.memory))
    if arrangement.channels_axis is not None:
        found = np.asarray(found.any(axis=arrangement.channels_axis))
    samples = arrangement.samples_axis
    found = found[np.newaxis] if samples is None else np.moveaxis(found, _axes_of(arrangement).index(samples), 0)
    return np.array(found, order="C")


def _axes_of(arrangement: Arrangement) -> list[int]:
    """Return the stored axes of a mask: all but that of the channels."""
    return [axis for axis in range(len(arrangement.shape)) if axis != arrangement.channels_axis]


def _scaled(volume: Volume, block: Array) -> Array:
    if (volume.slope, volume.intercept) == (1.0, 0.0):
        return block
    return np.asarray(block.astype(np.float64) * volume.slope + volume.intercept)


def _holes(mask: Mask) -> Mask:
    """Return the background that is not joined to the border, in the shape of the mask."""
    shape = _three_axes(mask.shape)
    if len(shape) < SPATIAL_AXES or min(shape) < 3:
        return np.zeros_like(mask)
    # A ring of background around the volume, from which all that is joined to the border is reached.
    free = np.pad(~mask.reshape(shape), 1, constant_values=True)
    reached = np.zeros_like(free)
    for axis in range(free.ndim):
        ends = np.moveaxis(reached, axis, 0)
        ends[0] = ends[-1] = True
    count = 0
    for _ in range(_ROUNDS):
        for axis in range(free.ndim - 1):
            _sweep(np.moveaxis(reached, axis, 0), np.moveaxis(free, axis, 0))
        _sweep_fastest(reached, free)
        before, count = count, int(np.count_nonzero(reached))
        if count == before:
            break
    else:
        _follow(reached, free)
    inner = (slice(1, -1),) * free.ndim
    return np.asarray(free[inner] & ~reached[inner]).reshape(mask.shape)


def _three_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without axes of size 1 beyond the third, which are none of space."""
    axes = list(shape)
    while len(axes) > SPATIAL_AXES and 1 in axes:
        axes.reverse()
        axes.remove(1)
        axes.reverse()
    return tuple(axes)


def _sweep(reached: Mask, free: Mask) -> None:
    """Reach what is free next to what is reached, from plane to plane along the first axis and back."""
    last = len(reached) - 1
    for plane in range(1, last + 1):
        reached[plane] |= reached[plane - 1] & free[plane]
    for plane in range(last - 1, -1, -1):
        reached[plane] |= reached[plane + 1] & free[plane]


def _sweep_fastest(reached: Mask, free: Mask) -> None:
    """Do the same along the last axis, whose planes are scattered in memory: a few at a time, laid out anew."""
    for start in range(0, len(free), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        laid = np.ascontiguousarray(np.moveaxis(reached[some], -1, 0))
        _sweep(laid, np.ascontiguousarray(np.moveaxis(free[some], -1, 0)))
        reached[some] = np.moveaxis(laid, 0, -1)


def _follow(reached: Mask, free: Mask) -> None:
    """Reach all that is free and joined to what is reached: each time the neighbours of what was reached last."""
    flat, open_to = reached.reshape(-1), free.reshape(-1)
    steps = [stride * sign for stride in _strides(free.shape) for sign in (1, -1)]
    # Begin with what is not reached yet and has a neighbour that is: the ring around it is all reached.
    left = np.flatnonzero(free & ~reached)
    newest = left[np.logical_or.reduce([flat[left + step] for step in steps])]
    while newest.size:
        flat[newest] = True
        near = np.concatenate([newest + step for step in steps])
        newest = np.unique(near[open_to[near] & ~flat[near]])


def _strides(shape: tuple[int, ...]) -> Iterator[int]:
    """Yield how far apart neighbours along each axis are in memory, in values."""
    for axis in range(len(shape)):
        yield int(np.prod(shape[axis + 1 :]))
