"""Files of PyTorch before 1.6, and of `_use_new_zipfile_serialization=False`: pickles, then storages one by one."""

from __future__ import annotations

import mmap
from typing import Any, BinaryIO

from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.elements import bytes_of
from bnstat.networks.checkpoints.pickled import Made, NotAPickleError, Persistent, Stream
from bnstat.networks.checkpoints.storages import values_of
from bnstat.networks.checkpoints.stored import Contents
from bnstat.networks.checkpoints.torch_archive import skipped_note
from bnstat.networks.checkpoints.torch_objects import Storage, View, found_in, storage_of

# The number with which such a file begins, as a pickle; what precedes it depends on the pickle's protocol.
MAGIC = b"\x8a\n\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
LONGEST_START = 32
_PROTOCOL = 1001


def open_torch_legacy(source: str, file: BinaryIO) -> Contents:
    """Return the tensors of a file.

    Raises:
        InputError: if it is damaged.
    """
    size = file.seek(0, 2)
    # Where the pickles end is not said, so the file is not read but mapped.
    stream = Stream(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        _, protocol, _, described, keys = (stream.load() for _ in range(5))
    except NotAPickleError as error:
        raise InputError(source, f"its description is damaged ({error}); copy the file again") from error
    if protocol != _PROTOCOL or not isinstance(keys, list):
        raise InputError(source, "its description is damaged (its protocol is unknown); copy the file again")
    places = _places(source, file, stream.place, size, keys, _storages(described))

    def read(view: View) -> NDArray[Any]:
        place, length = places.get(view.storage.key, (0, 0))

        def part(start: int, end: int) -> bytes:
            if end > length:
                raise InputError(source, "it is damaged: a tensor is larger than its storage; copy the file again")
            file.seek(place + start)
            return file.read(end - start)

        return values_of(source, view, part, big=False)

    found = found_in(described, read)
    return Contents("torch-legacy", found.tensors, found.said, found.bare, skipped_note(found.skipped))


def _storages(described: object) -> dict[str, Storage]:
    """Return all storages that an object names, by their keys."""
    found: dict[str, Storage] = {}
    seen: set[int] = set()
    waiting = [described]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, (Made, list, tuple, Persistent)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Persistent):
            storage = storage_of(value.said)
            if storage is not None:
                found[storage.key] = storage
            else:
                waiting.append(value.said)
        elif isinstance(value, Made):
            waiting += [value.arguments, value.state, *(child for pair in value.pairs for child in pair)]
        else:
            waiting.extend(value)
    return found


def _places(
    source: str, file: BinaryIO, place: int, size: int, keys: list[Any], storages: dict[str, Storage]
) -> dict[str, tuple[int, int]]:
    """Return where each storage begins and how many bytes it has, by its key.

    Raises:
        InputError: if one has another size than declared, or lies beyond the end.
    """
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        width = None if storage is None else bytes_of(storage.dtype)
        if storage is None or width is None:
            raise InputError(source, "it is damaged: it stores numbers of no tensor; copy the file again")
        file.seek(place)
        count = int.from_bytes(file.read(8), "little")
        length = count * width
        if count != storage.count or place + 8 + length > size:
            raise InputError(
                source, "the file is damaged or truncated: a storage has another size than declared; copy it again"
            )
        places[key] = (place + 8, length)
        place += 8 + length
    return places
