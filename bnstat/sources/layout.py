"""The batched tensor: how a stored array becomes one, which axis is kept, and the order of its cells in memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from bnstat.text import plural

# The order of an array's axes in memory: "F" if the first axis is the fastest, "C" if the last is; or the axes
# themselves, from the slowest to the fastest.
Order = Literal["C", "F"] | tuple[int, ...]

# An array that is one sample and has at most this many axes gets a channel axis of size 1.
SPATIAL_AXES = 3

# The most entries of an axis that is taken for the channels of an input: four modalities, or RGBA.
MOST_CHANNELS = 4
# The fewest entries of a spatial axis, and how many times longer than another one it may be.
LEAST_VOXELS, ALIKE = 8, 2


@dataclass(frozen=True)
class Loops:
    """The order in which a stored array visits its cells, slowest loop first.

    ``for repeat: for slow: for outer: for fast: for inner`` visits every value once, in memory order. The cell of
    a value is ``slow * fast_size + fast``; the other three loops are reduced.
    """

    repeat: int
    slow: int
    outer: int
    fast: int
    inner: int

    @property
    def cells(self) -> int:
        """The number of cells: samples × channels."""
        return self.slow * self.fast


@dataclass(frozen=True)
class Tensor:
    """One sample in the batched tensor, and which axis of that is kept.

    Attributes:
        sample_shape: the tensor's axes after the first.
        axis: the kept axis of the tensor, from 1.
    """

    sample_shape: tuple[int, ...]
    axis: int

    @property
    def channels(self) -> int:
        """The number of channels: the size of the kept axis."""
        return self.sample_shape[self.axis - 1]

    @property
    def reduction_axes(self) -> tuple[int, ...]:
        """The axes of the tensor that are reduced: all but the kept one."""
        return tuple(k for k in range(len(self.sample_shape) + 1) if k != self.axis)


@dataclass(frozen=True)
class Arrangement:
    """A stored array seen as the batched tensor ``(samples, *sample_shape)``, one axis of which is kept.

    Attributes:
        shape: the stored axes; a data type with channels (RGB) adds them as a last axis.
        memory: the stored axes from the slowest to the fastest in memory.
        samples_axis: the stored axis whose entries are samples; None if the whole array is one sample.
        channels_axis: the stored axis that is kept; None if a channel axis of size 1 was appended.
        tensor: one sample of it.
    """

    shape: tuple[int, ...]
    memory: tuple[int, ...]
    samples_axis: int | None
    channels_axis: int | None
    tensor: Tensor

    @property
    def samples(self) -> int:
        """The number of samples in the stored array."""
        return 1 if self.samples_axis is None else self.shape[self.samples_axis]

    @property
    def channels(self) -> int:
        """The number of channels: the size of the kept axis."""
        return self.tensor.channels

    @property
    def samples_are_slow(self) -> bool:
        """True if the samples axis is slower in memory than the channels axis."""
        if self.samples_axis is None or self.channels_axis is None:
            return True
        return self.memory.index(self.samples_axis) < self.memory.index(self.channels_axis)

    def loops(self) -> Loops:
        """Return the memory order as five loops; axes between the kept ones are reduced."""
        kept = (self.samples_axis, self.channels_axis)
        sizes = [(self.shape[k], k in kept) for k in self.memory if self.shape[k] != 1]
        marks = [place for place, (_, is_kept) in enumerate(sizes) if is_kept]
        values = [size for size, _ in sizes]
        if not marks:
            return Loops(1, 1, 1, 1, prod(values))
        first, last = marks[0], marks[-1]
        inner = prod(values[last + 1 :])
        if last - first <= 1:  # one kept axis, or two side by side: together they are one loop
            return Loops(1, 1, prod(values[:first]), prod(values[first : last + 1]), inner)
        return Loops(prod(values[:first]), values[first], prod(values[first + 1 : last]), values[last], inner)


def look_spatial(*sizes: int) -> bool:
    """Return True if axes of these sizes look like axes of space: long, and about equally so."""
    return min(sizes) >= LEAST_VOXELS and max(sizes) <= ALIKE * min(sizes)


def require_batched(shape: tuple[int, ...]) -> None:
    """Refuse to take axis 0 of an array for the batch, and its last axis for the channels, if it may be one volume.

    Args:
        shape: an array for which neither a batch axis nor a kept axis was given.

    Raises:
        AxisError: if it has three or four axes, and space seems to be where the batch or the channels would be. The
            message says what to type for each way to read it.
    """
    last = len(shape) - 1
    if len(shape) == SPATIAL_AXES and look_spatial(*shape[1:]):
        readings = ['one volume (type `batch_axis="none"`)']
    elif len(shape) == SPATIAL_AXES + 1 and look_spatial(*shape[2:]):
        samples = plural(shape[0], "sample")
        readings = [
            f"one volume with {plural(shape[0], 'channel')} first, as nnU-Net saves it "
            '(type `batch_axis="none"` `axis=1`)',
            f"{samples} with {plural(shape[1], 'channel')} on axis 1 (`axis=1`)",
        ]
    elif len(shape) == SPATIAL_AXES + 1 and look_spatial(*shape[:3]) and shape[3] <= MOST_CHANNELS:
        readings = [f'one volume with {plural(shape[-1], "channel")} last (type `batch_axis="none"`)']
    else:
        return
    readings.append(
        f"{plural(shape[0], 'sample')} with {plural(shape[-1], 'channel')} on the last axis (`axis={last}`)"
    )
    added = ""
    if look_spatial(*shape[1:]):
        one = plural(shape[0], "volume" if last == SPATIAL_AXES else "image")
        added = f"; for {one} of one channel each, save the array with a channel axis: numpy.expand_dims(array, -1)"
    raise AxisError(f"the shape {shape} may be {', '.join(readings[:-1])}, or {readings[-1]}{added}")


def memory_of(order: Order, axes: int) -> tuple[int, ...]:
    """Return the axes of an array from the slowest to the fastest in memory."""
    if isinstance(order, tuple):
        return order
    return tuple(reversed(range(axes)) if order == "F" else range(axes))


class AxisError(ValueError):
    """An axis that this array does not have, or that cannot be kept. The text lists the possible ones."""


def arrange(
    shape: tuple[int, ...],
    *,
    order: Order,
    axis: int = -1,
    batch_axis: int | None = None,
    dtype_channels: int | None = None,
    batched: bool = False,
    channels_last: bool = False,
) -> Arrangement:
    """Lay a stored array out as a batched tensor.

    Args:
        shape: the stored shape, without the channels of the data type.
        order: the order of the stored axes in memory.
        axis: the axis of the tensor to keep, as in Keras; negative counts from the end.
        batch_axis: the stored axis whose entries are samples; None if the whole array is one sample.
        dtype_channels: the channels that the data type itself has (RGB: 3), else None.
        batched: True if the array is a batched tensor already, so that no channel axis is appended.
        channels_last: True if the last stored axis is that of the channels, however many axes there are.

    Raises:
        AxisError: if an axis is out of range, or the batch axis is to be kept.
    """
    places = list(range(len(shape)))
    memory = memory_of(order, len(shape))
    # The stored axes of a sample: without the batch axis, and with one for channels.
    samples_axis = None if batch_axis is None else _resolve_batch_axis(batch_axis, len(shape))
    left: list[int | None] = [k for k in places if k != samples_axis]
    if dtype_channels is not None:
        left.append(len(shape))
        memory = (*memory, len(shape))
        shape = (*shape, dtype_channels)
    elif len(left) <= SPATIAL_AXES and not batched and not (channels_last and samples_axis != places[-1]):
        left.append(None)
    sample_shape = tuple(1 if k is None else shape[k] for k in left)
    kept = _resolve_kept_axis(axis, sample_shape, samples=1 if samples_axis is None else shape[samples_axis])
    return Arrangement(shape, memory, samples_axis, left[kept - 1], Tensor(sample_shape, kept))


def _resolve_batch_axis(batch_axis: int, ndim: int) -> int:
    """Return the batch axis counted from 0, or raise AxisError if the file does not have it."""
    resolved = batch_axis + ndim if batch_axis < 0 else batch_axis
    if 0 <= resolved < ndim:
        return resolved
    if ndim == 0:
        raise AxisError(f"`batch_axis={batch_axis}` does not exist: the array is a single number; give one with axes")
    raise AxisError(f"`batch_axis={batch_axis}` does not exist: the file has the axes 0 to {ndim - 1}")


def _resolve_kept_axis(axis: int, sample_shape: tuple[int, ...], samples: int) -> int:
    """Return the kept axis counted from 0, or raise AxisError if the tensor does not have it."""
    ndim = len(sample_shape) + 1
    shown = f"({', '.join(str(n) for n in (samples, *sample_shape))})"
    if ndim == 1:
        raise AxisError(
            'the tensor has only a batch axis, so no axis can be kept; `batch_axis="none"` makes it one sample'
        )
    resolved = axis + ndim if axis < 0 else axis
    if resolved == 0:
        raise AxisError(
            f"`axis={axis}` is the batch axis of the tensor {shown}, which is always reduced; "
            f"keep an axis from 1 to {ndim - 1}, or -1 for the last"
        )
    if not 0 < resolved < ndim:
        raise AxisError(
            f"`axis={axis}` does not exist: the tensor {shown} has the axes 1 to {ndim - 1} to keep, or -1 for the last"
        )
    return resolved
