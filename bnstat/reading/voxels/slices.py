"""The middle slices of a volume: which voxels they are made of, and the pictures of these.

A slice lies across one spatial axis and shows two others. The axis that is faster in memory goes to the right. The
other one goes up if the first axis of the file is the fastest one, as in NIfTI, so that a head in the usual orientation
is upright; it goes down if the last axis is, as in arrays and photographs. Left and right are those of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.preprocessing.value_counts import Picked
from bnstat.reading.voxels.results import Plane, Slices
from bnstat.sources.case import CaseFile
from bnstat.sources.opened import Planned
from bnstat.sources.volume import Volume

# The percentiles of the values of all slices that are black and white.
_BLACK, _WHITE = 1.0, 99.0
# The most voxels along an axis of a slice that are read; of more, some between are left out.
_MOST_VOXELS = 512


@dataclass(frozen=True)
class Asked:
    """The slices that are asked for of one sample.

    Attributes:
        sample: the entry on the batch axis of the file; 0 if the file is one sample.
        channels: the channels.
        side: the pixels of the longest side of a picture.
    """

    sample: int
    channels: tuple[int, ...]
    side: int


@dataclass(frozen=True, eq=False)
class PlannedPlane:
    """One slice before it is read.

    Attributes:
        axis: the stored axis that it is cut across.
        index: its place on that axis.
        picked: its voxels.
        shape: the rows and columns of the picture, in voxels.
        extent: the width and the height, in the unit of the spacing.
        upwards: True if the first row is the lowest one.
    """

    axis: int
    index: int
    picked: Picked
    shape: tuple[int, int]
    extent: tuple[float, float]
    upwards: bool

    def rows(self) -> NDArray[np.float64]:
        """Return the values that were read, the upper row first."""
        rows = self.picked.values.reshape(self.shape)
        return rows[::-1] if self.upwards else rows


def planned_planes(planned: Planned, asked: Asked, channel: int) -> list[PlannedPlane]:
    """Return the middle slices of a channel of a sample: one across each spatial axis, or the one there is.

    There is none if fewer than two spatial axes have several voxels.
    """
    place, own = _file_of(planned, channel)
    part = planned.parts[place]
    arrangement, volume = part.arrangement, part.volume
    spatial = _spatial_axes(part)
    long = [axis for axis in spatial if arrangement.shape[axis] > 1][:3]
    middle = {axis: size // 2 for axis, size in enumerate(arrangement.shape)}
    if arrangement.samples_axis is not None:
        middle[arrangement.samples_axis] = asked.sample
    if arrangement.channels_axis is not None:
        middle[arrangement.channels_axis] = own
    if len(long) < 2:
        return []
    if len(long) == 3:
        cuts = [(across, [axis for axis in long if axis != across]) for across in long]
    else:
        cuts = [(_cut_axis(part, spatial, long), long)]
    return [_plane(volume, part, (place, asked.sample, own), across, shown, middle) for across, shown in cuts]


def _file_of(planned: Planned, channel: int) -> tuple[int, int]:
    """Return the file that a channel is in, and its place on the kept axis there."""
    if not planned.kept_last:
        return 0, channel
    for place, part in enumerate(planned.parts):
        if channel < part.arrangement.channels:
            return place, channel
        channel -= part.arrangement.channels
    raise AssertionError("the case does not have the channel")


def _spatial_axes(part: CaseFile) -> list[int]:
    """Return the stored axes that are neither samples nor channels."""
    arrangement = part.arrangement
    axes = range(len(part.volume.shape))
    return [axis for axis in axes if axis not in (arrangement.samples_axis, arrangement.channels_axis)]


def _cut_axis(part: CaseFile, spatial: Sequence[int], long: Sequence[int]) -> int:
    """Return the axis that the only slice is cut across: a spatial one of one voxel, the kept one, or the one after."""
    single = [axis for axis in spatial if axis not in long]
    kept = part.arrangement.channels_axis
    if single or kept is None or kept >= len(part.volume.shape):
        return single[0] if single else len(part.volume.shape)
    return kept


def _plane(
    volume: Volume,
    part: CaseFile,
    place: tuple[int, int, int],
    across: int,
    shown: Sequence[int],
    middle: dict[int, int],
) -> PlannedPlane:
    """Return the slice across one axis that shows two others."""
    arrangement = part.arrangement
    # how far apart neighbours along each axis are in the file, in values
    strides, step = {}, 1
    for axis in reversed(arrangement.memory):
        strides[axis] = step
        step *= arrangement.shape[axis]
    right, other = sorted(shown, key=lambda axis: strides[axis])
    base = sum(strides[axis] * at for axis, at in middle.items() if axis not in shown)
    each = [_some(arrangement.shape[axis]) * strides[axis] for axis in (other, right)]
    places = (base + each[0][:, np.newaxis] + each[1]).reshape(-1)  # ascending, since the rows are the slower axis
    spacing = volume.spacing or ()
    width, height = (
        arrangement.shape[axis] * (spacing[axis] if axis < len(spacing) else 1.0) for axis in (right, other)
    )
    return PlannedPlane(
        axis=across,
        index=middle.get(across, 0),
        picked=Picked.at(*place, places),
        shape=(each[0].size, each[1].size),
        extent=(width, height),
        upwards=volume.order != "C",
    )


def _some(size: int) -> NDArray[np.intp]:
    """Return the places along an axis that are read: all, or every second, third … in the middle of its like."""
    step = -(-size // _MOST_VOXELS)
    return np.arange((step - 1) // 2, size, step)


def slices_of(volume: int, channel: int, planes: Sequence[PlannedPlane], side: int) -> Slices | None:
    """Return the pictures of slices that were read, in one window and on one scale; None without a finite value.

    Args:
        volume: the place of the volume.
        channel: the channel.
        planes: the slices.
        side: the pixels of the longest side.
    """
    from bnstat.reading.voxels.pictures import grey_png  # noqa: PLC0415  (Pillow, which only a page needs)

    rows = [plane.rows() for plane in planes]
    values = np.concatenate([one.reshape(-1) for one in rows])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = _window(finite)
    scale = side / max(max(plane.extent) for plane in planes)
    pictures = []
    for plane, own in zip(planes, rows, strict=True):
        width, height = (max(round(length * scale), 1) for length in plane.extent)
        png = grey_png(own, low, high, (width, height))
        pictures.append(Plane(plane.axis, plane.index, png, width, height))
    return Slices(volume, channel, tuple(pictures), low, high)


def _window(finite: NDArray[np.float64]) -> tuple[float, float]:
    """Return the values that are black and white: percentiles; of values that are nearly all equal, the extremes."""
    with np.errstate(all="ignore"):
        low, high = (float(one) for one in np.percentile(finite, (_BLACK, _WHITE), method="nearest"))
    return (low, high) if low < high else (float(finite.min()), float(finite.max()))
