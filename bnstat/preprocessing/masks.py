"""Masks: the voxels that statistics are taken over, decided on the values of the file.

`nonzero` and thresholds judge each channel by its own values, with the scale factors of the header applied. A NaN is
inside of them, so that no mask hides it. A mask image is inside where it is above 0, for all channels and samples.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.preprocessing.beside import named
from bnstat.preprocessing.regions import CaseLabels, MaskFile, Threshold
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.addresses import Access
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Arrangement
from bnstat.sources.opened import Planned
from bnstat.sources.opening import open_volume
from bnstat.sources.volume import Array, Volume
from bnstat.text import by

Mask = NDArray[np.bool_]

_COMPARISONS: dict[str, Callable[[Array, float], Mask]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

# The comparisons that hold where these do not, but for NaN, of which none does.
_OUTSIDE = {
    ">=": operator.lt,
    "<=": operator.gt,
    ">": operator.le,
    "<": operator.ge,
}

# A mask with fewer voxels is repeated by index, not piece by piece.
_FEW_VOXELS = 1 << 12


def holds(threshold: Threshold, values: Array) -> Mask:
    """Return where values of any shape are inside of a threshold."""
    if threshold.comparison is None:
        return np.asarray(values != 0)
    if values.dtype.kind in "iu":  # whole numbers, which are compared without rounding them to float64
        whole = ceil(threshold.limit) if threshold.comparison in (">=", "<") else floor(threshold.limit)
        return np.asarray(_COMPARISONS[threshold.comparison](values, whole))
    # In float64, unless the limit is a number of the type itself. What is not outside is inside, so that NaN is.
    with np.errstate(over="ignore"):
        exact = values.dtype.itemsize <= 8 and float(values.dtype.type(threshold.limit)) == threshold.limit
    compared = values if exact else values.astype(np.float64, copy=False)
    return np.asarray(~_OUTSIDE[threshold.comparison](compared, threshold.limit))


class Inside(Protocol):
    """The voxels of one file that are inside its mask."""

    def of(self, values: Array, start: int) -> Mask:
        """Return which values are inside, as an array of their shape.

        Args:
            values: values of shape (outer, cells, inner), in memory order, scale factors applied.
            start: the place of the first one in the file, in values.
        """


@dataclass(frozen=True)
class ByValue:
    """The voxels whose own values are inside a threshold, wherever they are."""

    threshold: Threshold

    def of(self, values: Array, start: int) -> Mask:
        """Return which values are inside. `start` is not used, since a value alone decides."""
        del start
        return holds(self.threshold, values)


@dataclass(frozen=True, eq=False)
class ByPlace:
    """The voxels where a mask image is above 0, kept as bits in the memory order of the volume's spatial axes.

    Attributes:
        bits: one bit for each voxel of the mask, 8 in a byte, the first the highest.
        voxels: the number of voxels of the mask.
        groups: the axes of the volume from the slowest to the fastest, as pairs: their size, and True if the mask has
            them. Neighbouring axes that are alike in this are one pair.
    """

    bits: NDArray[np.uint8]
    voxels: int
    groups: tuple[tuple[int, bool], ...]

    def of(self, values: Array, start: int) -> Mask:
        """Return which values are inside: the same for all samples and channels at a place."""
        return self._flat(start, values.size).reshape(values.shape)

    def _flat(self, start: int, size: int) -> Mask:
        """Return the bits for `size` values from `start` on."""
        places = [place for place, (_, has) in enumerate(self.groups) if has]
        if len(places) > 1:
            return self._scattered(start, size)
        inner = prod(count for count, _ in self.groups[places[0] + 1 :]) if places else 1
        first, last = start // inner, -(-(start + size) // inner)
        found = self._around(first, last) if places else np.repeat(self._between(0, 1), last - first)
        return found if inner == 1 else np.repeat(found, inner)[start - first * inner :][:size]

    def _around(self, first: int, last: int) -> Mask:
        """Return the bits from one place to another, beginning again at the end of the mask."""
        if self.voxels < _FEW_VOXELS:
            return self._between(0, self.voxels)[np.arange(first, last) % self.voxels]
        parts = []
        while first < last:
            at = first % self.voxels
            count = min(last - first, self.voxels - at)
            parts.append(self._between(at, at + count))
            first += count
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _between(self, first: int, last: int) -> Mask:
        found = np.unpackbits(self.bits[first // 8 : -(-last // 8)])
        return found[first % 8 :][: last - first].view(np.bool_)

    def _scattered(self, start: int, size: int) -> Mask:
        """Return the bits for values between whose spatial axes another axis lies, by their index."""
        left = np.arange(start, start + size)
        index = np.zeros(size, np.int64)
        step = 1
        for count, has in reversed(self.groups):
            left, place = np.divmod(left, count)
            if has:
                index += place * step
                step *= count
        found: Mask = ((self.bits[index >> 3] >> (7 - (index & 7)).astype(np.uint8)) & 1).view(np.bool_)
        return found


@dataclass(frozen=True, eq=False)
class _MaskImage:
    """A mask image that was read.

    Attributes:
        volume: its header.
        bits: one bit for each voxel, in the order of its own file.
    """

    volume: Volume
    bits: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of the mask, without those of size 1 at the end."""
        return _without_ones(self.volume.shape)

    def array(self, shape: tuple[int, ...]) -> Mask:
        """Return the whole mask in a shape that differs at most by axes of size 1 at the end."""
        values = np.unpackbits(self.bits, count=self.volume.values).view(np.bool_)
        memory = self.volume.memory
        stored = values.reshape([self.volume.shape[axis] for axis in memory]).transpose(np.argsort(memory))
        return stored.reshape(shape)

    def ordered(self, shape: tuple[int, ...], order: Sequence[int]) -> NDArray[np.uint8]:
        """Return the bits with the axes in another order, from the slowest to the fastest in memory."""
        own = [axis for axis in self.volume.memory if self.volume.shape[axis] != 1]
        if own == [axis for axis in order if shape[axis] != 1]:
            return self.bits
        return np.packbits(self.array(shape).transpose(order))


def opened(planned: Planned, preparation: Preparation) -> tuple[Inside, ...] | None:
    """Open the mask of a case for each of its files; None without a mask.

    Raises:
        InputError: if the mask cannot be read, or has another shape; it names the case.
    """
    region = preparation.region
    if region is None:
        return None
    if isinstance(region, Threshold):
        return tuple(ByValue(region) for _ in planned.parts)
    if isinstance(region, MaskFile):
        image = _read(named(region.path, planned.case.given), planned, planned.case.beside)
    elif planned.case.labels is None:
        raise InputError(
            planned.case.name,
            f"it has no label map, which `mask={CaseLabels.name}` needs; name the label maps, as in "
            '`mask="labels/{case}.nii.gz"`; where each lies beside its image, as in '
            '`mask="{folder}/segmentations/liver.nii.gz"`',
        )
    else:
        image = _read(planned.case.labels, planned, planned.case.access)
    return tuple(_by_place(image, part, planned) for part in planned.parts)


def _by_place(image: _MaskImage, part: CaseFile, planned: Planned) -> ByPlace:
    """Lay the bits of a mask out as the spatial axes of a file lie in memory."""
    # The spatial axes as stored, without the axis that the mask does not have.
    arrangement = part.arrangement
    stored = _stored_axes(arrangement)
    stored.pop(_left_out(image, part, planned))
    shape = tuple(1 if axis is None else arrangement.shape[axis] for axis in stored)
    # Their order in memory, which the bits are put into; an axis that was appended does not matter.
    order = [stored.index(axis) for axis in arrangement.memory if axis in stored]
    order += [place for place in range(len(stored)) if place not in order]
    return ByPlace(image.ordered(shape, order), prod(shape), groups_of(arrangement, stored))


def groups_of(arrangement: Arrangement, axes: Collection[int | None]) -> tuple[tuple[int, bool], ...]:
    """Return the stored axes from the slowest to the fastest as `ByPlace` has them; the mask has those in `axes`."""
    groups: list[tuple[int, bool]] = []
    for axis in arrangement.memory:
        size, has = arrangement.shape[axis], axis in axes
        if groups and groups[-1][1] == has and size != 1:
            groups[-1] = (groups[-1][0] * size, has)
        elif size != 1:
            groups.append((size, has))
    return tuple(groups)


def _stored_axes(arrangement: Arrangement) -> list[int | None]:
    """Return the stored axes of a sample, in its order; None for an axis that was appended."""
    axes: list[int | None] = [axis for axis in range(len(arrangement.shape)) if axis != arrangement.samples_axis]
    return axes if len(axes) == len(arrangement.tensor.sample_shape) else [*axes, None]


def _left_out(image: _MaskImage, part: CaseFile, planned: Planned) -> int:
    """Return the axis of the sample that the mask does not have: the last one, or the kept one.

    Raises:
        InputError: if the mask has other axes in both cases.
    """
    shape = part.arrangement.tensor.sample_shape
    places = [len(shape) - 1] if planned.case.joined else [len(shape) - 1, part.arrangement.tensor.axis - 1]
    for place in places:
        if _without_ones(shape[:place] + shape[place + 1 :]) == image.shape:
            return place
    raise InputError(
        planned.case.name,
        f"its mask {image.volume.source} is {by(image.volume.shape)}, and the image is "
        f"{by(shape[:-1]) or 'one voxel'}: a mask needs the spatial axes of the image; resample it to the same grid",
    )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _read(path: str, planned: Planned, access: Access) -> _MaskImage:
    """Read a mask image.

    Raises:
        InputError: if it cannot be read; it names the case.
    """
    try:
        volume = open_volume(path, access)
        if volume.dtype_channels is not None:
            raise InputError(path, f"its voxels are {volume.dtype_name}, and a mask needs one number for each voxel")
        return _MaskImage(volume, _bits(volume))
    except InputError as error:
        raise InputError(planned.case.name, f"its mask cannot be used: {error}") from error


def _bits(volume: Volume) -> NDArray[np.uint8]:
    """Return the bits of a mask, in file order: 1 where the value is above 0, scale factors applied."""
    packed = [np.empty(0, np.uint8)]
    # Numbers of float64 and below are compared as they are stored, which float64 does not change. A bool of a file may
    # be any byte, and a longer float may be above 0 and become 0.
    as_stored = (
        (volume.slope, volume.intercept) == (1.0, 0.0) and volume.dtype.kind in "iuf" and volume.dtype.itemsize <= 8
    )
    with closing(volume.blocks()) as blocks, np.errstate(all="ignore"):
        for block in blocks:
            values = block if as_stored else block.astype(np.float64) * volume.slope + volume.intercept
            packed.append(np.packbits(values > 0))
    return np.concatenate(packed)
