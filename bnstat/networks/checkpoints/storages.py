"""The values of tensors that are views of storages: an offset, sizes and strides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.elements import bytes_of, decoded, readable
from bnstat.networks.checkpoints.torch_objects import View

# Strides of 0 make any size of a single number.
_MOST_VALUES = 1 << 26


def values_of(source: str, view: View, read: Callable[[int, int], bytes], *, big: bool) -> NDArray[Any]:
    """Return the values of a tensor.

    Args:
        source: The file, for messages.
        view: The tensor.
        read: Returns the bytes of its storage between two places, or raises InputError.
        big: True if the most significant byte of a number comes first.

    Raises:
        InputError: if the tensor is larger than its storage, or has a type that is not read.
    """
    size = bytes_of(view.dtype)
    if size is None or not readable(view.dtype):
        raise InputError(source, f"it has a tensor of type {view.dtype}, which is not read; save it as float32")
    count = math.prod(view.shape)
    if count > _MOST_VALUES:
        raise InputError(
            source,
            f"it declares a tensor of {count:,} values where a normalization has its channels; "
            "the file is damaged, copy it again",
        )
    if not count:
        return decoded(b"", view.dtype).reshape(view.shape)
    first, end = view.offset * size, view.end * size
    held = decoded(read(first, end), view.dtype, big=big)
    steps = [step * held.itemsize for step in view.strides]
    return np.array(np.lib.stride_tricks.as_strided(held, view.shape, steps, writeable=False))
