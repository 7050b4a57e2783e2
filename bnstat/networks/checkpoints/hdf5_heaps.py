"""The heaps in which HDF5 keeps texts: a damaged one makes HDF5 itself run forever, so they are looked at first.

The layout is that of section III.E, "Disk Format: Level 1E - Global Heap", of the HDF5 File Format Specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

# How a heap begins, with its version and three zeros; the bytes of its header, and of that of each object in it.
_HEAP, _HEADER = b"GCOL\x01\0\0\0", 16
# A heap grows with its largest text, as the configuration of a model.
_MOST_HEAP = 1 << 30
# Longer texts are looked at: a reference says their size too.
_MOST_TEXT = 1 << 20
# Where the superblock of each version has the sizes of addresses and lengths, and the sizes that every file has.
_VERSION, _SIZES = 8, {0: 13, 1: 13, 2: 9, 3: 9}
_EIGHT = b"\x08\x08"


def is_sound(file: BinaryIO, arrays: Iterable[tuple[int, int]]) -> bool:
    """Return False if a heap of a file is damaged, or a reference into one.

    HDF5 reads an object without a size forever, and allocates as many bytes as a reference says.

    Args:
        file: The file.
        arrays: Where numbers lie, which have no heaps among them.
    """
    file.seek(0)
    start = file.read(_HEADER)
    place = _SIZES.get(start[_VERSION]) if len(start) == _HEADER else None
    if place is None or start[place : place + 2] != _EIGHT:
        return False
    pieces = list(_pieces(file, sorted(arrays)))
    heaps = [at + place for at, piece in pieces for place in _places(piece, _HEAP)]
    for heap in heaps:
        sizes = _sizes(file, heap)
        if sizes is None:
            return False
        address = heap.to_bytes(8, "little")
        for at, piece in pieces:
            for place in _places(piece, address):
                length = int.from_bytes(piece[max(place - 4, 0) : place], "little")
                number = int.from_bytes(piece[place + 8 : place + 12], "little")
                # These bytes may be part of something else, which is not aligned and names no object.
                refers = number in sizes or not (at + place - 4) % 8
                if refers and length > _MOST_TEXT and length != sizes.get(number):
                    return False
    return True


def _pieces(file: BinaryIO, arrays: list[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Yield what lies between arrays, with its place."""
    at, end = 0, file.seek(0, 2)
    for start, stop in [*arrays, (end, end)]:
        if at < min(start, end):
            file.seek(at)
            yield at, file.read(min(start, end) - at)
        at = max(at, stop)


def _places(held: bytes, mark: bytes) -> Iterator[int]:
    place = held.find(mark)
    while place >= 0:
        yield place
        place = held.find(mark, place + 1)


def _sizes(file: BinaryIO, place: int) -> dict[int, int] | None:
    """Return the sizes of the objects in a heap, by their numbers; None if it is damaged."""
    file.seek(place + len(_HEAP))
    size = int.from_bytes(file.read(8), "little")
    held = file.read(max(min(size - _HEADER, _MOST_HEAP), 0))
    if len(held) != size - _HEADER:
        return None
    sizes: dict[int, int] = {}
    at = 0
    while at + _HEADER <= len(held):
        number, length = int.from_bytes(held[at : at + 2], "little"), int.from_bytes(held[at + 8 : at + 16], "little")
        # Object 0 is the space that is free, and its size has its header in it.
        needed = _HEADER + -(-length // 8) * 8 if number else length
        if needed < _HEADER or at + needed > len(held):
            return None
        sizes[number] = length
        at += needed
    return sizes
