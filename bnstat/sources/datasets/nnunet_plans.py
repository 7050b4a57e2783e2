"""The plans file of nnU-Net: patch, strides, batch size and normalization of a configuration.

nnU-Net reads an image as an array whose axes are those of the file in reverse (z, y, x), and then puts them into the
order `transpose_forward`, in which every size of the plans is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

from bnstat.errors import InputError, UsageError
from bnstat.sources.documents import WRONG_FIELDS, read_json

Size = TypeVar("Size")

# The configuration that is read if none is named and the file has it.
USUAL = "3d_fullres"
# The table of each channel's intensities, which the plans have from the fingerprint of the data set.
PROPERTIES = "foreground_intensity_properties_per_channel"
_AXES = 3
# What is said of another file.
_INSTEAD = "it is not a plans file of nnU-Net; give a nnUNetPlans.json"
# A larger patch or batch no memory holds.
_LARGEST = 1 << 31


@dataclass(frozen=True)
class Configuration:
    """One network of a plans file. Axes are in the order of an image file (x, y, z).

    Attributes:
        name: its name in the plans file.
        patch: the size of a patch along each of its axes.
        strides: what each level after the first divides by.
        batch_size: patches in a batch.
        norm: the class of its normalization layers; None if the file does not say.
        axes: the axes of a file that `patch` is along; two of three for a network of slices.
        norm_arguments: the arguments of its normalization layers.
        schemes: the class that normalizes the intensities of each channel.
        masked: for each channel, whether only the nonzero region is normalized.
        properties: the intensities of each channel in the foreground of the data set, by its number.
        spacing: the distance of voxels along each of `axes`; None if the file does not say.
        array_patch: the size of a patch along the axes of nnU-Net's own arrays in reverse, as these arrays are read.
        follows: True if it gets the segmentation of another configuration as further channels.
        order: the axes of a file in the order in which the network gets them; `axes` has the same, sorted.
    """

    name: str
    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    norm: str | None
    axes: tuple[int, ...] = ()
    norm_arguments: Mapping[str, Any] = field(default_factory=dict)
    schemes: tuple[str, ...] = ()
    masked: tuple[bool, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    spacing: tuple[float, ...] | None = None
    array_patch: tuple[int, ...] = ()
    follows: bool = False
    order: tuple[int, ...] = ()


def read_plans(path: str, name: str | None = None) -> Configuration:
    """Read one configuration of a plans file of version 2 (`arch_kwargs`), or with the older keys.

    Raises:
        InputError: if the file cannot be read, or is not a plans file.
        UsageError: if there is no configuration of this name; the message lists them.
    """
    plans: Any = read_json(path, _INSTEAD)
    try:
        configurations = plans["configurations"]
        named = {key: _inherited(configurations, key) for key in configurations}
        usable = [key for key, values in named.items() if "patch_size" in values]
    except WRONG_FIELDS as error:
        raise InputError(path, _INSTEAD) from error
    chosen = name or (USUAL if USUAL in usable else next(iter(usable), ""))
    if chosen not in usable:
        raise UsageError(f"{path} has no configuration {chosen!r}; it has {', '.join(usable) or 'none'}")
    try:
        found = _configuration(chosen, named[chosen], plans)
    except WRONG_FIELDS as error:
        raise InputError(
            path,
            f"its configuration {chosen!r} lacks the patch, the batch size or the strides ({error}); plan it again",
        ) from error
    sizes = (found.batch_size, *found.patch, *chain(*found.strides))
    if min(sizes) < 1 or max(sizes) > _LARGEST:
        what = "below 1" if min(sizes) < 1 else f"above {_LARGEST:,}"
        raise InputError(
            path, f"its configuration {chosen!r} has a patch, a batch size or a stride {what}; plan it again"
        )
    return found


def _inherited(configurations: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a configuration together with the values that it inherits."""
    own = configurations[key]
    parent = own.get("inherits_from")
    return {**_inherited(configurations, parent), **own} if parent else dict(own)


def _configuration(name: str, values: dict[str, Any], plans: dict[str, Any]) -> Configuration:
    """Return a configuration from its values in the file."""
    network = values.get("architecture", {}).get("arch_kwargs", {})
    strides = network["strides"] if "strides" in network else values["pool_op_kernel_sizes"]
    axes = _file_axes(plans, len(values["patch_size"]))
    patch = _in_file_order([int(size) for size in values["patch_size"]], axes)
    each = [[step] * len(patch) if isinstance(step, int) else step for step in strides]
    steps = [_in_file_order([int(size) for size in step], axes) for step in each]
    if steps and all(step == 1 for step in steps[0]):  # the first stage keeps the patch as it is
        steps = steps[1:]
    norm = network.get("norm_op")
    spacing = values.get("spacing")
    return Configuration(
        name=name,
        patch=patch,
        strides=tuple(steps),
        batch_size=int(values["batch_size"]),
        norm=str(norm).rsplit(".", 1)[-1] if norm else None,
        axes=tuple(sorted(axes)),
        norm_arguments=dict(network.get("norm_op_kwargs") or {}),
        schemes=tuple(str(one) for one in values.get("normalization_schemes", ())),
        masked=tuple(bool(one) for one in values.get("use_mask_for_norm", ())),
        properties=dict(plans.get(PROPERTIES) or {}),
        spacing=None if spacing is None else _in_file_order([float(size) for size in spacing], axes),
        array_patch=tuple(int(size) for size in reversed(values["patch_size"])),
        follows="previous_stage" in values,
        order=tuple(axes),
    )


def _file_axes(plans: dict[str, Any], sizes: int) -> list[int]:
    """Return the axis of a file that each of the sizes in the plans is along.

    Raises:
        ValueError: if the order of axes in the plans is none.
    """
    order = [int(axis) for axis in plans.get("transpose_forward", range(_AXES))]
    if sorted(order) != list(range(_AXES)):
        raise ValueError(f"transpose_forward is {order}")
    if not 1 <= sizes <= _AXES:
        raise ValueError(f"{sizes} sizes of a patch")
    return [_AXES - 1 - axis for axis in order[_AXES - sizes :]]


def _in_file_order(sizes: Sequence[Size], axes: Sequence[int]) -> tuple[Size, ...]:
    """Return sizes along these axes of a file in the order of the axes."""
    if len(sizes) != len(axes):
        raise ValueError(f"{len(sizes)} sizes along {len(axes)} axes")
    return tuple(size for _, size in sorted(zip(axes, sizes, strict=True), key=lambda pair: pair[0]))
