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
from bnstat.preprocessing.crops import Crops
from bnstat.preprocessing.intensity import prepared
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import Planned
from bnstat.sources.sample import Patch
from bnstat.sources.volume import OnBytes
from bnstat.text import by

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
    crops = Crops.drawn(planned, preparation)
    try:
        found = _moments(crops, on_bytes, countings)
    except MemoryError as error:
        raise too_large(crops) from error
    tensor = Tensor((*crops.size, planned.tensor.channels), len(crops.size) + 1)
    return tuple(
        DrawnPatch(*one, moments, tensor, clipped) for one, (moments, clipped) in zip(crops.chosen, found, strict=True)
    )


def too_large(crops: Crops) -> InputError:
    """Return the error of patches that do not fit into memory."""
    return InputError(
        crops.planned.case.name, f"a patch of {by(crops.size)} does not fit into memory; take smaller patches"
    )


def _moments(crops: Crops, on_bytes: OnBytes | None, countings: Sequence[Counting]) -> list[PatchMoments]:
    """Return the moments of all patches, in order, with the channels of several files side by side."""
    if crops.by_patch:
        entries = prepared(*crops.as_entries(on_bytes, countings))
        return [(entries.moments[number], entries.clipped[number]) for number in range(len(crops.chosen))]
    if crops.preparation.intensity is not None:
        changed = zip(crops.chosen, crops.changed(on_bytes, countings), strict=True)
        return [
            (_filled(_reduced(values), values, patch, values.dtype), clipped)
            for (_, patch), (values, clipped) in changed
        ]
    columns = [
        _part_moments(crops, part, on_bytes, counting) for part, counting in zip_longest(crops.planned.parts, countings)
    ]
    return [(cells[0] if len(cells) == 1 else Moments.join(cells), ()) for cells in zip(*columns, strict=True)]


def _part_moments(crops: Crops, part: CaseFile, on_bytes: OnBytes | None, counting: Counting | None) -> list[Moments]:
    """Return the moments of all patches in one file, from the stored values; scale factors are applied last."""
    volume = part.volume
    scaled = (volume.slope, volume.intercept) != (1.0, 0.0)
    found = []
    for (_, patch), inside in zip(crops.chosen, crops.stored(part, on_bytes, counting), strict=True):
        moments = _reduced(inside).scaled(volume.slope, volume.intercept, partial(_times_power, inside))
        found.append(_filled(moments, inside, patch, np.dtype(np.float64) if scaled else inside.dtype))
    return found


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
