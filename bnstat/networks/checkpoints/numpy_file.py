"""Archives of numpy, `.npz`, as JAX and hand-written exports store weights. Nothing is unpickled."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.elements import BFLOAT16, decoded
from bnstat.networks.checkpoints.stored import Contents, StoredTensor
from bnstat.networks.checkpoints.zip_file import Archive
from bnstat.text import plural

ENDING = ".npy"
# Headers of numpy have 128 bytes, those of structured types more.
_MOST_HEADER = 1 << 16
# Only vectors are read, and no layer has more channels.
_MOST_BYTES = 64 << 20


def open_numpy_archive(source: str, archive: Archive) -> Contents:
    """Return the arrays of an archive.

    Raises:
        InputError: if it is damaged.
    """
    tensors = [_tensor(source, archive, name) for name in archive.names if name.endswith(ENDING)]
    raw = sum(tensor.dtype == BFLOAT16 for tensor in tensors)
    have = "has" if raw == 1 else "have"
    note = f"{plural(raw, 'array')} of raw numbers of 2 bytes {have} been taken for bfloat16, as numpy writes them"
    return Contents("npz", tensors, notes=(note,) if raw else ())


def _tensor(source: str, archive: Archive, name: str) -> StoredTensor:
    shape, fortran, dtype, start = _header(source, archive, name)
    raw = dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None
    size = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and archive.size(name) != start + size:
        raise InputError(source, f"the array {name} has another size than its header says; copy the file again")

    def read() -> NDArray[Any]:
        if dtype.hasobject or (dtype.kind not in "fiub" and not raw):
            raise InputError(source, f"the array {name} has no real numbers; save it as float32")
        values = archive.read(name, _MOST_BYTES)[start:]
        if raw:
            return decoded(values, BFLOAT16).reshape(shape, order="F" if fortran else "C")
        stored = np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C")
        return stored.astype(dtype.newbyteorder("="))

    return StoredTensor(name.removesuffix(ENDING), shape, BFLOAT16 if raw else dtype.name, read)


def _header(source: str, archive: Archive, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the shape, the order, the type and the place of the values of an array.

    Raises:
        InputError: if its header is damaged.
    """
    file = io.BytesIO(archive.start(name, _MOST_HEADER))
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:  # a damaged header makes numpy raise anything
        raise InputError(source, f"the header of the array {name} is damaged; copy the file again") from error
    if any(size < 0 for size in shape):
        raise InputError(source, f"the header of the array {name} is damaged; copy the file again")
    return shape, fortran, dtype, file.tell()
