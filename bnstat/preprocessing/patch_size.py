"""The size of patches in each case, and the refusal of patches that a case does not admit."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.beside import named
from bnstat.preprocessing.regions import CASE
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned
from bnstat.text import by, plural

# More voxels than any memory holds, so that such a size is a mistake.
_MOST_VOXELS = 1 << 40


def require_patches(planned: Sequence[Planned], preparation: Preparation) -> None:
    """Raise UsageError if the patches that are asked for cannot be drawn from these cases."""
    patching = preparation.patches
    if patching is None:
        return
    for plan in planned:
        _require_axes(plan)
        patch_size(plan, patching)
        if patching.foreground is not None and labels_name(plan.case, patching) is None:
            raise UsageError(
                f"{plan.case.name} has no label map, which `foreground={patching.foreground}` needs; "
                f'name the label maps, as in `labels="labels/{CASE}.nii.gz"`, or ignore them with `foreground="none"`'
            )


def patch_size(planned: Planned, patching: Patching) -> tuple[int, ...]:
    """Return the voxels of a patch along each spatial axis of a case; one number holds for all axes.

    Raises:
        UsageError: if there are not as many sizes as axes, or the patch is larger than any memory.
    """
    shape = planned.tensor.sample_shape[:-1]
    size = patching.size * len(shape) if len(patching.size) == 1 else patching.size
    if not shape:
        raise UsageError(f"{planned.case.name} has no spatial axes before its channels: leave the patches out")
    if len(size) != len(shape):
        raise UsageError(
            f"{planned.case.name} has {plural(len(shape), 'spatial axis', 'spatial axes')} ({by(shape)}) before its "
            "channels, and the patch "
            f"{by(patching.size, 'x')} has {len(patching.size)}; give one size for each axis, as in "
            f"`size={(96,) * len(shape)}`"
        )
    if prod(size) > _MOST_VOXELS:
        raise UsageError(
            f"a patch of {by(size, 'x')} is larger than any memory; give its size in voxels, as in "
            f"`size={(96,) * len(shape)}`"
        )
    return size


def require_room(planned: Planned, patching: Patching, size: tuple[int, ...]) -> None:
    """Raise InputError if a case is smaller than the patch and nothing is padded."""
    shape = planned.tensor.sample_shape[:-1]
    if patching.pad == "none" and any(length < wanted for length, wanted in zip(shape, size, strict=True)):
        raise InputError(
            planned.case.name,
            f'it is {by(shape)}, smaller than the patch of {by(size)}; pad it with `pad="zero"` or `pad="edge"`, '
            "or take smaller patches",
        )


def labels_name(case: Case, patching: Patching) -> str | None:
    """Return the label map of a case: the one that was named, else that of its data set; None if it has none."""
    return case.labels if patching.labels is None else named(patching.labels, case.given)


def _require_axes(planned: Planned) -> None:
    tensor = planned.tensor
    if tensor.axis != len(tensor.sample_shape):
        raise UsageError(
            f"axis {tensor.axis} of {planned.case.name} is not the last, and patches keep the last axis: they are cut "
            "out of the axes before it; leave out `axis` or `size`"
        )
