"""Patches in place of whole volumes: the moments of what a network is trained on.

The positions are drawn before a voxel is read (`patch_positions`). Then each file is read once and held in the type
that it is stored in, and every patch is reduced as if it were a file of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.moments.counting import Counting
from bnstat.moments.moments import Moments
from bnstat.preprocessing.clipped_values import ClippedChannels
from bnstat.preprocessing.intensity import prepared, resolve
from bnstat.preprocessing.labels import Labels, read_labels
from bnstat.preprocessing.patch_positions import PatchedVolume, patches_of
from bnstat.preprocessing.patch_size import patch_size, require_patches, require_room
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.preprocessing.stored_voxels import beyond, cut, sample_of, stored_voxels
from bnstat.sources.case import Case, CaseFile
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import Planned, plan_case
from bnstat.sources.sample import Patch
from bnstat.sources.volume import OnBytes
from bnstat.text import by

# A patch, and the entry on the batch axis of the file that it is cut out of; None if the file is one sample.
IndexedPatch = tuple[int | None, Patch]
# The moments of a patch, and how many values of its channels a step clips.
PatchMoments = tuple[Moments, ClippedChannels]


@dataclass(frozen=True)
class DrawnPatch:
    """A patch that was drawn and read.

    Attributes:
        index: the entry on the batch axis of its file; None if the file is one sample.
        patch: its position.
        moments: the moments of its channels, shape (channels,).
        tensor: its shape, and the kept axis.
        clipped: how many values of each channel a step clips; nothing if none does.
    """

    index: int | None
    patch: Patch
    moments: Moments
    tensor: Tensor
    clipped: ClippedChannels = ()


def draw(
    planned: Planned,
    preparation: Preparation,
    on_bytes: OnBytes | None = None,
    countings: Sequence[Counting] = (),
) -> tuple[DrawnPatch, ...]:
    """Draw and read the patches of a case, sample by sample. Its files are read once, if no intensity step needs more.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing, with how patches are drawn.
        on_bytes: called with the bytes that were read, now and then.
        countings: for each file, what gathers the distinct stored values of its patches.

    Raises:
        InputError: if a file or its label map cannot be read, or they do not fit each other or the patch.
        UsageError: if such patches cannot be drawn from the case.
    """
    require_patches([planned], preparation)
    patching = preparation.patches or Patching(planned.tensor.sample_shape[:-1])
    size = patch_size(planned, patching)
    require_room(planned, patching, size)
    chosen = _chosen(planned, patching, size)
    try:
        found = _moments(planned, preparation, chosen, on_bytes, countings)
    except MemoryError as error:
        raise InputError(
            planned.case.name, f"a patch of {by(size)} does not fit into memory; take smaller patches"
        ) from error
    tensor = Tensor((*size, planned.tensor.channels), len(size) + 1)
    return tuple(
        DrawnPatch(*one, moments, tensor, clipped) for one, (moments, clipped) in zip(chosen, found, strict=True)
    )


def _chosen(planned: Planned, patching: Patching, size: tuple[int, ...]) -> list[IndexedPatch]:
    """Draw the patches of all samples of a case."""
    labels = read_labels(planned, patching) if patching.foreground is not None else None
    several = planned.parts[0].arrangement.samples_axis is not None
    shape = planned.tensor.sample_shape[:-1]
    found: list[IndexedPatch] = []
    shared = None if labels is None or labels.ndim > len(shape) else Labels(labels)
    for index in range(planned.samples) if several else (None,):
        own = Labels(labels[index]) if labels is not None and shared is None else shared
        volume = PatchedVolume(planned.case.name, index, shape, own)
        found += [(index, patch) for patch in patches_of(volume, patching, size)]
    return found


def _moments(
    planned: Planned,
    preparation: Preparation,
    chosen: Sequence[IndexedPatch],
    on_bytes: OnBytes | None,
    countings: Sequence[Counting],
) -> list[PatchMoments]:
    """Return the moments of all patches, in order, with the channels of several files side by side."""
    if preparation.intensity is not None:
        by_patch = preparation.intensity_per == "patch"
        return (_each_by_itself if by_patch else _of_volumes)(planned, preparation, chosen, on_bytes, countings)
    pad = _padding(preparation)
    columns = [
        _part_moments(part, chosen, pad, on_bytes, counting) for part, counting in zip_longest(planned.parts, countings)
    ]
    return [(cells[0] if len(cells) == 1 else Moments.join(cells), ()) for cells in zip(*columns, strict=True)]


def _padding(preparation: Preparation) -> str:
    return "zero" if preparation.patches is None else preparation.patches.pad


def _part_moments(
    part: CaseFile,
    chosen: Sequence[IndexedPatch],
    pad: str,
    on_bytes: OnBytes | None,
    counting: Counting | None,
) -> list[Moments]:
    """Return the moments of all patches in one file, from the stored values; scale factors are applied last."""
    volume, stored = part.volume, stored_voxels(part.volume, on_bytes)
    scaled = (volume.slope, volume.intercept) != (1.0, 0.0)
    found = []
    for place, (index, patch) in enumerate(chosen):
        inside = _edged(sample_of(stored, part, index), patch, pad)
        if counting is not None:
            counting.add_crop(inside, place)
        moments = _reduced(inside).scaled(volume.slope, volume.intercept, partial(_times_power, inside))
        found.append(_filled(moments, inside, patch, np.dtype(np.float64) if scaled else inside.dtype))
    return found


def _of_volumes(
    planned: Planned,
    preparation: Preparation,
    chosen: Sequence[IndexedPatch],
    on_bytes: OnBytes | None,
    countings: Sequence[Counting],
) -> list[PatchMoments]:
    """Return the moments of all patches after the intensity steps, whose own statistics are those of the volume.

    The steps see all channels of a patch side by side. What pads a patch with zeros is added after them.
    """
    resolved = resolve(planned, preparation, on_bytes)
    columns = [
        _part_crops(part, chosen, _padding(preparation), on_bytes, counting)
        for part, counting in zip_longest(planned.parts, countings)
    ]
    found = []
    for (index, patch), *crops in zip(chosen, *columns, strict=True):
        of_sample = resolved[index or 0]
        filled = None if of_sample.filled is None else _edged(of_sample.filled, patch, _padding(preparation))
        values, clipped = of_sample.counted(np.concatenate(crops, axis=-1), filled)
        found.append((_filled(_reduced(values), values, patch, values.dtype), clipped))
    return found


def _each_by_itself(
    planned: Planned,
    preparation: Preparation,
    chosen: Sequence[IndexedPatch],
    on_bytes: OnBytes | None,
    countings: Sequence[Counting],
) -> list[PatchMoments]:
    """Return the moments of all patches after the intensity steps, whose own statistics are those of the patch.

    A patch is what the training has cut out, with its padding. So the patches are prepared as the entries of an array.
    """
    columns = [
        _part_crops(part, chosen, _padding(preparation), on_bytes, counting)
        for part, counting in zip_longest(planned.parts, countings)
    ]
    whole = [
        np.concatenate([_padded(crop, patch, planned.tensor.sample_shape[:-1]) for crop in crops], axis=-1)
        for (_, patch), *crops in zip(chosen, *columns, strict=True)
    ]
    case = planned.case
    held = Case(case.name, (case.name,), case.channels, held=InMemory(case.name, np.stack(whole)))
    alone = replace(preparation, patches=None, intensity_per="volume")
    found = prepared(plan_case(held, axis=-1, batch_axis=0), alone)
    return [(found.moments[number], found.clipped[number]) for number in range(len(whole))]


def _padded(crop: NDArray[np.float64], patch: Patch, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a crop with zeros where its patch reaches beyond a volume of this shape."""
    return np.pad(crop, [*beyond(patch, shape), (0, 0)]) if crop.shape[:-1] != patch.size else crop


def _part_crops(
    part: CaseFile,
    chosen: Sequence[IndexedPatch],
    pad: str,
    on_bytes: OnBytes | None,
    counting: Counting | None,
) -> list[NDArray[np.float64]]:
    """Return the voxels of all patches in one file, in float64, scale factors applied."""
    volume, stored = part.volume, stored_voxels(part.volume, on_bytes)
    crops = [_edged(sample_of(stored, part, index), patch, pad) for index, patch in chosen]
    for place, crop in enumerate(crops):
        if counting is not None:
            counting.add_crop(crop, place)
    with np.errstate(all="ignore"):
        return [crop.astype(np.float64) * volume.slope + volume.intercept for crop in crops]


def _edged(sample: NDArray[Any], patch: Patch, pad: str) -> NDArray[Any]:
    """Return the voxels of a sample that are in a patch, and repeat its border if that is the padding."""
    inside = cut(sample, patch)
    widths = beyond(patch, sample.shape[:-1])
    return np.pad(inside, [*widths, (0, 0)], mode="edge") if pad == "edge" and any(map(any, widths)) else inside


def _reduced(values: NDArray[Any]) -> Moments:
    """Return the moments of each entry of the last axis; the axes are taken in memory order, which copies less."""
    if values.flags.c_contiguous or values.strides[-1] < values.strides[0]:
        return Moments.from_array(values, axis=-1)
    return Moments.from_array(values.T, axis=0)


def _times_power(values: NDArray[Any], power: int) -> Moments:
    """Return the moments of values times a power of two."""
    return _reduced(np.ldexp(values.astype(np.float64), power))


def _filled(moments: Moments, inside: NDArray[Any], patch: Patch, dtype: np.dtype[Any]) -> Moments:
    """Return the moments with a zero added for each voxel of the patch that is beyond its volume."""
    missing = prod(patch.size) - prod(inside.shape[:-1])
    if not missing:
        return moments
    one = Moments.from_array(np.zeros((1, inside.shape[-1]), dtype))
    return replace(one, finite=one.finite * missing).merge(moments)  # zeros first: sums are relative to their mean
