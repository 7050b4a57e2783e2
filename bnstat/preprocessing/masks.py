"""What `--mask` says: the voxels that statistics are taken over, decided on the values of the file.

`nonzero` and thresholds judge each channel by its own values, scale factors of the header applied. A NaN is inside of
them, so that no mask hides it. An image is inside where it is above 0, for all channels and samples.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.preprocessing.beside import named
from bnstat.preprocessing.regions import Threshold
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Arrangement
from bnstat.sources.opened import Planned
from bnstat.sources.opening import open_volume
from bnstat.sources.volume import Volume
from bnstat.text import by

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_COMPARISONS: dict[str, Callable[[Array, float], Mask]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

# A mask of fewer voxels is gone around by index, not piece by piece.
_FEW_VOXELS = 1 << 12


def holds(threshold: Threshold, values: Array) -> Mask:
    """Return where values of any shape are inside of a threshold."""
    if threshold.comparison is None:
        return np.asarray(values != 0)
    found: Mask = _COMPARISONS[threshold.comparison](values.astype(np.float64, copy=False), threshold.limit)
    return found | np.isnan(values) if values.dtype.kind == "f" else found


class Inside(Protocol):
    """Where the values of one file are inside."""

    def of(self, values: Array, start: int) -> Mask:
        """For values of shape (outer, cells, inner) from the place `start` on, in memory order: of the same shape."""


@dataclass(frozen=True)
class ByValue:
    """By the values themselves, wherever they are; scale factors are applied to them."""

    threshold: Threshold

    def of(self, values: Array, start: int) -> Mask:  # noqa: ARG002  (as of every `Inside`)
        """Where they are inside."""
        return holds(self.threshold, values)


@dataclass(frozen=True, eq=False)
class ByPlace:
    """By the bits of a mask, which lie as the spatial axes of the volume do in memory.

    Attributes:
        bits: of the spatial axes, 8 in a byte, the first the highest.
        voxels: how many there are.
        groups: axes of the volume from the slowest to the fastest, those side by side that are alike taken together:
            their size, and whether the mask has them.
    """

    bits: NDArray[np.uint8]
    voxels: int
    groups: tuple[tuple[int, bool], ...]

    def of(self, values: Array, start: int) -> Mask:
        """Where they are inside: the same at a place for all samples and channels."""
        return self._flat(start, values.size).reshape(values.shape)

    def _flat(self, start: int, size: int) -> Mask:
        places = [place for place, (_, has) in enumerate(self.groups) if has]
        if len(places) > 1:
            return self._scattered(start, size)
        inner = prod(count for count, _ in self.groups[places[0] + 1 :]) if places else 1
        first, last = start // inner, -(-(start + size) // inner)
        found = self._around(first, last) if places else np.repeat(self._between(0, 1), last - first)
        return found if inner == 1 else np.repeat(found, inner)[start - first * inner :][:size]

    def _around(self, first: int, last: int) -> Mask:
        """Bits from one place to another, going around the mask where it is repeated."""
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
        """Bits for values between whose spatial axes another one lies, by their index."""
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
class _Image:
    """A mask that was read: its bits in the order of its own file, first axis as stored."""

    volume: Volume
    bits: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes, without those of size 1 at the end."""
        return _without_ones(self.volume.shape)

    def array(self, shape: tuple[int, ...]) -> Mask:
        """All of it, in an array of a shape that differs at most by axes of size 1 at the end."""
        values = np.unpackbits(self.bits, count=self.volume.values).view(np.bool_)
        return values.reshape(shape, order=self.volume.order)

    def ordered(self, shape: tuple[int, ...], order: Sequence[int]) -> NDArray[np.uint8]:
        """Its bits with its axes in another order, from the slowest to the fastest in memory."""
        axes = range(len(shape))
        own = reversed(axes) if self.volume.order == "F" else axes
        if [axis for axis in own if shape[axis] != 1] == [axis for axis in order if shape[axis] != 1]:
            return self.bits
        return np.packbits(self.array(shape).transpose(order))


def opened(planned: Planned, preparation: Preparation) -> tuple[Inside, ...] | None:
    """The mask of a case, for each of its files; None where there is none.

    Raises:
        InputError: the mask cannot be read, or has another shape; it names the case.
    """
    asked = preparation.region
    if asked is None:
        return None
    if isinstance(asked, Threshold):
        return tuple(ByValue(asked) for _ in planned.parts)
    image = _read(named(asked.path, planned.case.name), planned)
    return tuple(_by_place(image, part, planned) for part in planned.parts)


def inside(planned: Planned, preparation: Preparation) -> Callable[[NDArray[np.float64], Sequence[int]], Mask] | None:
    """What tells for any part of a sample where it is inside; None without a mask.

    Returns:
        A function of values as in the file, scale factors applied, with the kept axis last and the other axes of the
        sample before it, and of the place of the first of them on those other axes. It gives an array of their shape.

    Raises:
        InputError: the mask cannot be read, or has another shape; it names the case.
    """
    asked = preparation.region
    if asked is None:
        return None
    if isinstance(asked, Threshold):
        return lambda values, start: holds(asked, values)  # noqa: ARG005  (the place is that of an image)
    whole = _kept_last(_read(named(asked.path, planned.case.name), planned), planned)

    def cropped(values: NDArray[np.float64], start: Sequence[int]) -> Mask:
        place = tuple(slice(at, at + size) for at, size in zip(start, values.shape[:-1], strict=True))
        return np.asarray(whole[place])

    return cropped


def _kept_last(image: _Image, planned: Planned) -> Mask:
    """A mask for every value of a sample, the kept axis last: a view of its voxels."""
    tensor = planned.tensor
    out = _left_out(image, planned.parts[0], planned)
    shape = tuple(size for axis, size in enumerate(tensor.sample_shape) if axis != out)
    whole = np.broadcast_to(np.expand_dims(image.array(shape), out), tensor.sample_shape)
    return np.moveaxis(whole, tensor.axis - 1, -1)


def _by_place(image: _Image, part: CaseFile, planned: Planned) -> ByPlace:
    arrangement = part.arrangement
    stored = _stored_axes(arrangement)
    stored.pop(_left_out(image, part, planned))
    shape = tuple(1 if axis is None else arrangement.shape[axis] for axis in stored)
    order = [stored.index(axis) for axis in arrangement.memory if axis in stored]
    order += [place for place in range(len(stored)) if place not in order]
    groups: list[tuple[int, bool]] = []
    for axis in arrangement.memory:
        size, has = arrangement.shape[axis], axis in stored
        if groups and groups[-1][1] == has and size != 1:
            groups[-1] = (groups[-1][0] * size, has)
        elif size != 1:
            groups.append((size, has))
    return ByPlace(image.ordered(shape, order), prod(shape), tuple(groups))


def _stored_axes(arrangement: Arrangement) -> list[int | None]:
    """The stored axes of a sample, in its order; None for one that was appended."""
    axes: list[int | None] = [axis for axis in range(len(arrangement.shape)) if axis != arrangement.samples_axis]
    return axes if len(axes) == len(arrangement.tensor.sample_shape) else [*axes, None]


def _left_out(image: _Image, part: CaseFile, planned: Planned) -> int:
    """The axis of the sample that the mask does not have: the last one, or the kept one.

    Raises:
        InputError: with neither the others are the mask's.
    """
    shape = part.arrangement.tensor.sample_shape
    places = [len(shape) - 1] if planned.case.joined else [len(shape) - 1, part.arrangement.tensor.axis - 1]
    for place in places:
        if _without_ones(shape[:place] + shape[place + 1 :]) == image.shape:
            return place
    raise InputError(
        planned.case.name,
        f"its mask {image.volume.source} is {by(image.volume.shape)}, and its voxels are {by(shape[:-1]) or 'one'}: "
        "a mask needs the spatial axes of the image; resample it to the same grid",
    )


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _read(path: str, planned: Planned) -> _Image:
    """A mask, 8 voxels in a byte.

    Raises:
        InputError: it cannot be read; it names the case.
    """
    try:
        volume = open_volume(path, planned.case.beside)
        if volume.dtype_channels is not None:
            raise InputError(path, f"its voxels are {volume.dtype_name}; give one number for each")
        return _Image(volume, _bits(volume))
    except InputError as error:
        raise InputError(planned.case.name, f"its mask cannot be used: {error}") from error


def _bits(volume: Volume) -> NDArray[np.uint8]:
    """Return 8 voxels in a byte, in file order: where values are above 0, scale factors applied."""
    packed = [np.empty(0, np.uint8)]
    with closing(volume.blocks()) as blocks, np.errstate(all="ignore"):
        for block in blocks:
            packed.append(np.packbits(block.astype(np.float64) * volume.slope + volume.intercept > 0))
    return np.concatenate(packed)
