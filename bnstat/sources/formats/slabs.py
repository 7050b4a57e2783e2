"""Arrays of chunks as a stream of bytes: slabs of whole chunks, so that a chunk is read once and memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from bnstat.errors import InputError

# The bytes of a slab: so many that few calls are made, and never more than these if a chunk is to be read once.
_USUAL_BYTES = 1 << 24
_MOST_BYTES = 1 << 28

# The most bytes of values that were never written, and are read as a fill value; and the most chunks of an array.
_MOST_UNWRITTEN, MOST_CHUNKS = 1 << 36, 10_000_000

Slab = tuple[slice, ...]


def require_written(source: str, nbytes: int) -> None:
    """Refuse to read a fill value for days.

    Args:
        source: the input.
        nbytes: the bytes of its values that were never written.

    Raises:
        InputError: if they are too many.
    """
    if nbytes > _MOST_UNWRITTEN:
        raise InputError(
            source,
            f"its header declares {nbytes:,} bytes of values that were never written; copy it again, or give a part",
        )


def slabs(shape: Sequence[int], chunks: Sequence[int], itemsize: int) -> Iterator[Slab]:
    """Yield the parts of an array in C order, each contiguous in that order, that together are the array.

    A part ends where chunks end along the first axis that it is cut on, as long as it takes at most 256 MiB. A larger
    one is cut within the chunks, each of which is then read several times.

    Args:
        shape: the axes of the array, none of them empty.
        chunks: the size of a chunk along each axis.
        itemsize: the bytes of a value.
    """
    if not shape:
        yield ()
        return
    # the first axis of which one entry takes little enough memory is cut; entries before it are taken one by one
    cut = next(
        axis for axis in range(len(shape)) if _entry(shape, axis, itemsize) <= _MOST_BYTES or axis + 1 == len(shape)
    )
    thickness, chunk = _thickness(shape[cut], chunks[cut], _entry(shape, cut, itemsize))
    whole = tuple(slice(0, size) for size in shape[cut + 1 :])
    for place in _places(shape[:cut]):
        for start in range(0, shape[cut], chunk):
            end = min(start + chunk, shape[cut])
            for first in range(start, end, thickness):
                yield (*(slice(at, at + 1) for at in place), slice(first, min(first + thickness, end)), *whole)


def _entry(shape: Sequence[int], axis: int, itemsize: int) -> int:
    """Return the bytes of one entry along an axis."""
    return prod(shape[axis + 1 :]) * itemsize


def _thickness(size: int, chunk: int, entry: int) -> tuple[int, int]:
    """Return the entries in a part, and those after which a part begins anew."""
    chunk = min(max(chunk, 1), size)
    if chunk * entry > _MOST_BYTES:
        return max(_MOST_BYTES // entry, 1), chunk
    several = chunk * max(_USUAL_BYTES // (chunk * entry), 1)
    return several, several


def _places(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield each place of an array in C order; one empty place if it has no axes."""
    if not shape:
        yield ()
        return
    for first in range(shape[0]):
        for rest in _places(shape[1:]):
            yield (first, *rest)
