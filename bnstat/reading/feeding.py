"""How samples are laid out for a network: which axes it gets, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnstat.errors import UsageError
from bnstat.preprocessing.patch_size import patch_size
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.tensors import Singles
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis
from bnstat.sources.trainings.training import Training
from bnstat.text import by

# The names of the axes of a file, in its own order.
AXES = "xyz"


@dataclass(frozen=True)
class Feeding:
    """How samples are made of files, and in which order a network gets their axes.

    Attributes:
        axis: the axis of the batched tensor that holds the channels, as for `diagnose`.
        batch_axis: the axis of each file whose entries are samples.
        order: the axes of a file in the order in which the network gets them, as "zyx"; an axis that is left out has
            one voxel. None for that of the training, or else that of the file.

    Raises:
        UsageError: if the order names an axis twice, or one that there is not.
    """

    axis: int = -1
    batch_axis: BatchAxis = None
    order: str | None = None

    def __post_init__(self) -> None:
        order = self.order
        if order is not None and (not order or len(set(order)) < len(order) or not set(order) <= set(AXES)):
            raise UsageError(
                f"`order` must name axes of the files once each, as in zyx, or yx for slices, and is {order!r}"
            )


@dataclass(frozen=True)
class Layout:
    """The axes of the samples of one case, as a network gets them.

    Attributes:
        axes: the spatial axes of the file in the order of the network; one that is left out has one voxel.
        sizes: the voxels along each of them.
        channels: the number of channels.
    """

    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    channels: int

    def shape(self, *, channels_last: bool) -> tuple[int, ...]:
        """Return the shape of a sample, without the batch axis."""
        return (*self.sizes, self.channels) if channels_last else (self.channels, *self.sizes)

    def of(self, values: Singles, *, channels_last: bool) -> Singles:
        """Return a sample whose axes are those of the file, channels last, as the network gets it."""
        last = values.ndim - 1
        order = (*self.axes, last) if channels_last else (last, *self.axes)
        left_out = [axis for axis in range(values.ndim) if axis not in order]
        return np.ascontiguousarray(values.transpose([*order, *left_out]).reshape([values.shape[k] for k in order]))


def layout_of(planned: Planned, preparation: Preparation, feeding: Feeding, training: Training | None) -> Layout:
    """Return how the samples of a case are laid out.

    Raises:
        UsageError: if the order has other axes than the case, or leaves out one with several voxels.
    """
    sizes = list(planned.tensor.sample_shape)
    channels = sizes.pop(planned.tensor.axis - 1)
    if preparation.patches is not None:
        sizes = list(patch_size(planned, preparation.patches))
    axes = _order_of(planned, feeding, training) or tuple(range(len(sizes)))
    if max(axes, default=-1) >= len(sizes):
        missing = AXES[max(axes)]
        raise UsageError(
            f"{planned.case.name} has the axes {', '.join(AXES[: len(sizes)]) or 'of its channels alone'}, and the "
            f"network gets {missing} too (`order={_named(axes)}`); give an `order` of its axes"
        )
    for axis, size in enumerate(sizes):
        if axis not in axes and size != 1:
            raise UsageError(
                f"{planned.case.name} has {size} voxels along axis {_named((axis,))}, which `order={_named(axes)}` "
                "leaves out; cut slices of 1 voxel along it, as in "
                f"`size={tuple(1 if at == axis else length for at, length in enumerate(sizes))}`"
            )
    return Layout(axes, tuple(sizes[axis] for axis in axes), channels)


def fed_as(layouts: Sequence[Layout], *, channels_last: bool) -> str:
    """Return a note on how samples enter the network."""
    first = layouts[0]
    named = [_named((axis,)) for axis in first.axes]
    axes = ", ".join([*named, "channels"] if channels_last else ["channels", *named])
    shapes = dict.fromkeys(layout.shape(channels_last=channels_last) for layout in layouts)
    others = f", and in {len(shapes) - 1} other shape{'s' * (len(shapes) > 2)}" if len(shapes) > 1 else ""
    return f"the network gets each sample as {by(next(iter(shapes)))} ({axes}){others}"


def _order_of(planned: Planned, feeding: Feeding, training: Training | None) -> tuple[int, ...] | None:
    """Return the order that was asked for, else that of the training; None for that of the file."""
    if feeding.order is not None:
        return tuple(map(AXES.index, feeding.order))
    if training is None or training.order is None:
        return None
    if planned.volume.preprocessed:  # its axes are in the order of the training already, and are read in reverse
        return tuple(reversed(range(len(training.order))))
    return None if planned.is_array else training.order


def _named(axes: Sequence[int]) -> str:
    return "".join(AXES[axis] if axis < len(AXES) else str(axis) for axis in axes)
