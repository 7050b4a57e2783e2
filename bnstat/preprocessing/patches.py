"""Patches in place of whole volumes: the moments of what a network is trained on.

Where they lie is decided in `places`, before a voxel is read; then each file is gone through once, a volume being held
in the type that it is stored in, and every patch is reduced as if it were a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError, UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.beside import named
from bnstat.preprocessing.intensity import resolve
from bnstat.preprocessing.patch_positions import Labels, Volume, patches_of
from bnstat.preprocessing.regions import CASE
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.preprocessing.stored_voxels import beyond, cut, sample_of, stored_voxels
from bnstat.sources.case import Case, CaseFile
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import Planned
from bnstat.sources.opening import open_volume
from bnstat.sources.sample import Patch
from bnstat.text import by

Told = Callable[[int], None] | None

# Voxels of a patch that no memory holds, so that nobody means it.
_MOST_VOXELS = 1 << 40


@dataclass(frozen=True)
class Drawn:
    """A patch that was cut out.

    Attributes:
        index: the entry on the batch axis of its file; None where the file is one sample.
        patch: where it was.
        moments: of its channels, shape (channels,).
        tensor: its shape, and the kept axis.
    """

    index: int | None
    patch: Patch
    moments: Moments
    tensor: Tensor


def require_patches(planned: Sequence[Planned], preparation: Preparation) -> None:
    """Refuse what no patches can be drawn of, before voxels are read.

    Raises:
        UsageError: a setting that these files do not admit.
    """
    patching = preparation.patches
    if patching is None:
        return
    for plan in planned:
        _require_axes(plan)
        patch_size(plan, patching)
        if patching.foreground is not None and _labels_name(plan.case, patching) is None:
            raise UsageError(
                f"{plan.case.name} has no label image, which --foreground needs; "
                f"name them all as in --labels 'labels/{CASE}.nii.gz'"
            )


def draw(planned: Planned, preparation: Preparation, told: Told = None) -> tuple[Drawn, ...]:
    """The patches of a case, from one pass over its files: those of its first sample, then of the next.

    Args:
        planned: its headers.
        preparation: with how patches are drawn.
        told: told how many bytes were read, now and then.

    Raises:
        InputError: a file or its label image cannot be read, or do not fit each other or the patch.
        UsageError: no such patches can be drawn of it.
    """
    require_patches([planned], preparation)
    patching = preparation.patches or Patching(planned.tensor.sample_shape[:-1])
    size = patch_size(planned, patching)
    _require_room(planned, patching, size)
    chosen = _chosen(planned, patching, size)
    try:
        found = _moments(planned, preparation, chosen, told)
    except MemoryError as error:
        raise InputError(
            planned.case.name, f"a patch of {by(size)} does not fit into memory; take smaller ones"
        ) from error
    tensor = Tensor((*size, planned.tensor.channels), len(size) + 1)
    return tuple(Drawn(*one, moments, tensor) for one, moments in zip(chosen, found, strict=True))


def patch_size(planned: Planned, patching: Patching) -> tuple[int, ...]:
    """The voxels of a patch on each spatial axis of a case; one number is that of all.

    Raises:
        UsageError: there are other axes than sizes.
    """
    shape = planned.tensor.sample_shape[:-1]
    size = patching.size * len(shape) if len(patching.size) == 1 else patching.size
    if not shape or len(size) != len(shape):
        such = by([96] * len(shape), "x") if shape else None
        does = f"give as many sizes, as in --patch {such}" if such else "no patch can be cut out of it"
        raise UsageError(
            f"{planned.case.name} has {len(shape)} spatial axes ({by(shape)}) before its channels, "
            f"and the patch {by(patching.size, 'x')} has {len(patching.size)}; {does}"
        )
    if prod(size) > _MOST_VOXELS:
        raise UsageError(
            f"a patch of {by(size, 'x')} is larger than any memory; give its size in voxels, as in 96x96x96"
        )
    return size


def _require_axes(planned: Planned) -> None:
    tensor = planned.tensor
    if tensor.axis != len(tensor.sample_shape):
        raise UsageError(
            f"patches are cut out of the axes before the channels, so the last axis is kept, and axis {tensor.axis} of "
            f"{planned.case.name} is not the last; leave --axis out, or --patch"
        )


def _require_room(planned: Planned, patching: Patching, size: tuple[int, ...]) -> None:
    shape = planned.tensor.sample_shape[:-1]
    if patching.pad == "none" and any(length < wanted for length, wanted in zip(shape, size, strict=True)):
        raise InputError(
            planned.case.name,
            f"it is {by(shape)}, smaller than the patch of {by(size)}; pad it with --pad zero or edge, "
            "or take smaller patches",
        )


def _chosen(planned: Planned, patching: Patching, size: tuple[int, ...]) -> list[tuple[int | None, Patch]]:
    """The patches of all samples of a case."""
    labels = _labels(planned, patching) if patching.foreground is not None else None
    several = planned.parts[0].arrangement.samples_axis is not None
    shape = planned.tensor.sample_shape[:-1]
    found: list[tuple[int | None, Patch]] = []
    shared = None if labels is None or labels.ndim > len(shape) else Labels(labels)
    for index in range(planned.samples) if several else (None,):
        own = Labels(labels[index]) if labels is not None and shared is None else shared
        volume = Volume(planned.case.name, index, shape, own)
        found += [(index, patch) for patch in patches_of(volume, patching, size)]
    return found


def _labels_name(case: Case, patching: Patching) -> str | None:
    """The label image of a case: the one that was named, else that of its data set."""
    return case.labels if patching.labels is None else named(patching.labels, case.name)


def _labels(planned: Planned, patching: Patching) -> NDArray[Any]:
    """The label image of a case: its spatial axes, after that of its samples where each has labels of its own.

    Raises:
        InputError: it cannot be read, or has another shape.
    """
    name = _labels_name(planned.case, patching)
    assert name is not None, "require_patches refused a case without labels"
    try:
        volume = open_volume(name, planned.case.access if patching.labels is None else planned.case.beside)
        values = stored_voxels(volume)
    except InputError as error:
        raise InputError(planned.case.name, f"its labels cannot be read: {error}") from error
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        values = values * volume.slope + volume.intercept
    fitting = _fitting(values, planned)
    if fitting is None:
        raise InputError(
            planned.case.name,
            f"it is {by(planned.shape)} and its labels {name} are {by(volume.shape)}; resample them to one grid",
        )
    return fitting


def _fitting(labels: NDArray[Any], planned: Planned) -> NDArray[Any] | None:
    """Labels of all samples, or one for each along the first axis; None where they have another shape."""
    shape, axis = planned.tensor.sample_shape[:-1], planned.parts[0].arrangement.samples_axis
    if axis is not None and labels.shape == (*shape[:axis], planned.samples, *shape[axis:]):
        return np.moveaxis(labels, axis, 0)
    while labels.ndim > len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return labels if labels.shape == shape else None


def _moments(
    planned: Planned, preparation: Preparation, chosen: Sequence[tuple[int | None, Patch]], told: Told
) -> list[Moments]:
    """The moments of all patches, in order; channels of several files side by side."""
    if preparation.intensity is not None:
        return _prepared_moments(planned, preparation, chosen, told)
    pad = _padding(preparation)
    columns = [_part_moments(part, chosen, pad, told) for part in planned.parts]
    return [cells[0] if len(cells) == 1 else Moments.join(cells) for cells in zip(*columns, strict=True)]


def _padding(preparation: Preparation) -> str:
    return "zero" if preparation.patches is None else preparation.patches.pad


def _part_moments(part: CaseFile, chosen: Sequence[tuple[int | None, Patch]], pad: str, told: Told) -> list[Moments]:
    """The moments of all patches in one file, of values as they are stored; scale factors are applied last."""
    volume, stored = part.volume, stored_voxels(part.volume, told)
    scaled = (volume.slope, volume.intercept) != (1.0, 0.0)
    found = []
    for index, patch in chosen:
        inside = _edged(sample_of(stored, part, index), patch, pad)
        moments = _reduced(inside).affine(volume.slope, volume.intercept)
        found.append(_filled(moments, inside, patch, np.dtype(np.float64) if scaled else inside.dtype))
    return found


def _prepared_moments(
    planned: Planned, preparation: Preparation, chosen: Sequence[tuple[int | None, Patch]], told: Told
) -> list[Moments]:
    """The moments of all patches after the steps of `intensity`, which see all channels of a patch side by side."""
    resolved = resolve(planned, preparation, told)
    columns = [_part_crops(part, chosen, _padding(preparation), told) for part in planned.parts]
    found = []
    for (index, patch), *crops in zip(chosen, *columns, strict=True):
        values = resolved[index or 0].apply(np.concatenate(crops, axis=-1))
        found.append(_filled(_reduced(values), values, patch, values.dtype))
    return found


def _part_crops(
    part: CaseFile, chosen: Sequence[tuple[int | None, Patch]], pad: str, told: Told
) -> list[NDArray[np.float64]]:
    """The voxels of all patches in one file, in float64, scale factors applied."""
    volume, stored = part.volume, stored_voxels(part.volume, told)
    crops = (_edged(sample_of(stored, part, index), patch, pad) for index, patch in chosen)
    with np.errstate(all="ignore"):
        return [crop.astype(np.float64) * volume.slope + volume.intercept for crop in crops]


def _edged(sample: NDArray[Any], patch: Patch, pad: str) -> NDArray[Any]:
    """What a patch has of a sample, the border repeated where that is how it is padded."""
    inside = cut(sample, patch)
    widths = beyond(patch, sample.shape[:-1])
    return np.pad(inside, [*widths, (0, 0)], mode="edge") if pad == "edge" and any(map(any, widths)) else inside


def _reduced(values: NDArray[Any]) -> Moments:
    """Moments of each entry of the last axis; the axes in the order of memory, which is less to copy."""
    if values.flags.c_contiguous or values.strides[-1] < values.strides[0]:
        return Moments.from_array(values, axis=-1)
    return Moments.from_array(values.T, axis=0)


def _filled(moments: Moments, inside: NDArray[Any], patch: Patch, dtype: np.dtype[Any]) -> Moments:
    """The moments with a zero for each voxel that a patch has and its volume has not."""
    missing = prod(patch.size) - prod(inside.shape[:-1])
    if not missing:
        return moments
    one = Moments.from_array(np.zeros((1, inside.shape[-1]), dtype))
    return replace(one, finite=one.finite * missing).merge(moments)  # zeros first: sums are relative to their mean
