"""Voxels as a layer gets them: a sample at a time, in C order of the tensor, in the layer's own number type.

`one_pass` reads a file in its own order and keeps nothing. The order of the tensor needs a whole sample in memory: one
sample at a time if samples follow each other in the file; the whole file if they are interleaved (the batch axis is not
the slowest one in memory).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.input_type import InputType
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Arrangement, Tensor
from bnstat.sources.volume import Volume

Floats = NDArray[np.float32]

# The number of values that are read and converted at once.
_BLOCK_VALUES = 1 << 20


@dataclass(frozen=True)
class StoredSample:
    """The place of a sample in its files.

    Attributes:
        parts: the files of its case.
        tensor: its shape, and the kept axis.
        index: its entry on the batch axis of the files; None if these are one sample.
    """

    parts: tuple[CaseFile, ...]
    tensor: Tensor
    index: int | None = None


def batch_voxels(places: Sequence[StoredSample], dtype: InputType = "float32") -> Iterator[Floats]:
    """Yield the samples of a batch in order, each of shape (channels, rows): the rows are in C order of the tensor.

    Values are those that a user hands to a layer: ``stored · slope + intercept`` in float64, rounded once to float32
    (as `nibabel`'s get_fdata followed by a cast), then to `dtype`. They come as float32, which holds all these types.

    Raises:
        InputError: if a file cannot be read.
    """
    held: tuple[CaseFile, ...] | None = None
    samples: Iterator[Floats] = iter(())
    at = 0
    for place in places:
        index = place.index or 0
        if held != place.parts or index < at:
            held, at = place.parts, 0
            samples = _samples(place.parts, place.tensor)
        for _ in range(index - at):
            next(samples)
        at = index + 1
        sample = next(samples)
        for part in place.parts:  # whose end may not be reached, where this is looked at too
            part.volume.require_unchanged()
        yield rounded_to(sample, dtype)


def rounded_to(values: Floats, dtype: InputType) -> Floats:
    """Round values to a shorter type and back, as a cast of the input does; in float16, beyond 65504 is infinite."""
    if dtype == "float16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).astype(np.float32)
    if dtype == "bfloat16":
        bits = values.view(np.uint32)
        even = (bits >> np.uint32(16)) & np.uint32(1)
        shorter = ((bits + np.uint32(0x7FFF) + even) & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(np.isnan(values), values, shorter)
    return values


def _samples(parts: Sequence[CaseFile], tensor: Tensor) -> Iterator[Floats]:
    """Yield every sample of a case, in order, as (channels, rows)."""
    for files in zip(*(_tensors(part.volume, part.arrangement) for part in parts), strict=True):
        whole = files[0] if len(files) == 1 else np.concatenate(files, axis=-1)
        yield np.ascontiguousarray(np.moveaxis(whole, tensor.axis - 1, 0)).reshape(tensor.channels, -1)


def _tensors(volume: Volume, arrangement: Arrangement) -> Iterator[Floats]:
    """Yield every sample of a file, in order, in the shape of the tensor."""
    axes = list(arrangement.memory)
    apart = arrangement.samples_axis is None or _is_slowest(arrangement)
    parts = arrangement.samples if apart else 1
    shape = [arrangement.shape[axis] for axis in axes]  # of a part, in memory order
    if apart and arrangement.samples_axis is not None:
        shape[axes.index(arrangement.samples_axis)] = 1
    values = prod(shape)
    sizes = [min(_BLOCK_VALUES, values - start) for start in range(0, values, _BLOCK_VALUES)]
    with closing(volume.blocks(size for _ in range(parts) for size in sizes)) as blocks:
        for _ in range(parts):
            part = np.empty(values, np.float32)
            done = 0
            for size in sizes:
                part[done : done + size] = _scaled(volume, next(blocks))
                done += size
            yield from _each(part.reshape(shape).transpose(np.argsort(axes)), arrangement)


def _is_slowest(arrangement: Arrangement) -> bool:
    """Return True if samples follow each other in memory."""
    long = [axis for axis in arrangement.memory if arrangement.shape[axis] != 1]
    return not long or arrangement.samples_axis == long[0] or arrangement.samples == 1


def _each(cube: Floats, arrangement: Arrangement) -> Iterator[Floats]:
    """Yield the samples in a part of the file whose axes are in stored order."""
    batch: Iterable[Floats] = [cube]
    if arrangement.samples_axis is not None:
        batch = np.moveaxis(cube, arrangement.samples_axis, 0)
    for sample in batch:
        yield sample.reshape(arrangement.tensor.sample_shape)  # this adds at most an axis of size 1


def _scaled(volume: Volume, stored: NDArray[Any]) -> Floats:
    """Return values with the scale factors of the header applied in float64, rounded once to float32."""
    with np.errstate(all="ignore"):
        if (volume.slope, volume.intercept) == (1.0, 0.0):
            return stored.astype(np.float32)
        return (stored.astype(np.float64) * volume.slope + volume.intercept).astype(np.float32)
