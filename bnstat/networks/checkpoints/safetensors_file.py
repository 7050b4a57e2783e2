"""Files of safetensors: a header in JSON, then the numbers of all tensors without a gap.

The package of the same name is not used: in numpy, which has no bfloat16, it refuses files of such weights.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.elements import bytes_of, decoded, readable
from bnstat.networks.checkpoints.stored import Contents, StoredTensor

# A header of 300,000 tensors. The format allows 100 MB, of which hostile JSON would take gigabytes of memory.
MOST_HEADER = 32 << 20
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
}


class _DamagedError(Exception):
    """A header that breaks a rule of the format; its text says which."""


def open_safetensors(source: str, file: BinaryIO) -> Contents:
    """Return the tensors of a file.

    Raises:
        InputError: if its header breaks a rule of the format, or the file is shorter or longer than it says.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    try:
        header = _header(file.read(length) if length <= min(size - 8, MOST_HEADER) else b"")
        tensors = _tensors(header, source, file, 8 + length, size)
    except _DamagedError as error:
        raise InputError(source, f"the safetensors file is damaged ({error}); copy it again") from error
    return Contents("safetensors", tensors)


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw, object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise _DamagedError("its header is no JSON, or cut off") from error
    if not isinstance(header, dict):
        raise _DamagedError("its header is no mapping")
    header.pop("__metadata__", None)
    return header


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DamagedError("its header names one thing twice")
    return found


def _tensors(header: dict[str, Any], source: str, file: BinaryIO, start: int, size: int) -> list[StoredTensor]:
    """Return the tensors of a header, in the order of their places in the file.

    Raises:
        _DamagedError: if a description is wrong, or the tensors do not fill the file.
    """
    described = [_described(name, entry) for name, entry in header.items()]
    described.sort(key=lambda entry: entry[3:])
    place, tensors = 0, []
    for name, dtype, shape, begin, end in described:
        if begin != place:
            raise _DamagedError(f"there is a gap or an overlap before the tensor {name}")
        place = end
        tensors.append(_tensor(source, file, name, dtype, shape, start + begin, end - begin))
    if start + place != size:
        raise _DamagedError(f"it has {size:,} bytes, and its header describes {start + place:,}")
    return tensors


def _described(name: str, entry: Any) -> tuple[str, str, tuple[int, ...], int, int]:
    """Return the name, type, shape and place of a tensor.

    Raises:
        _DamagedError: if they do not fit each other.
    """
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _DamagedError(f"the tensor {name} has no complete description")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise _DamagedError(f"the tensor {name} has no shape or place")
    dtype = _TYPES.get(entry["dtype"], "") if isinstance(entry["dtype"], str) else ""
    begin, end = offsets
    width = bytes_of(dtype)
    if end < begin or (width is not None and math.prod(shape) * width != end - begin):
        raise _DamagedError(f"the tensor {name} has another size than its place")
    return name, dtype or str(entry["dtype"]), tuple(shape), begin, end


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 64
        and all(type(value) is int and 0 <= value < 1 << 62 for value in values)
    )


def _tensor(
    source: str, file: BinaryIO, name: str, dtype: str, shape: tuple[int, ...], place: int, length: int
) -> StoredTensor:
    def read() -> NDArray[Any]:
        if not readable(dtype):
            raise InputError(source, f"the tensor {name} has the type {dtype}, which is not read; save it as float32")
        file.seek(place)
        return decoded(file.read(length), dtype).reshape(shape)

    return StoredTensor(name, shape, dtype, read)
