"""Damaged copies of a file: cut off, with other bits, bytes or zeros somewhere. The same ones in each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.sources.opening import open_volume


def damaged(good: bytes, copies: int, *, seed: int = 0, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield so many damaged copies of a file, each of which differs from it.

    Args:
        good: the file.
        copies: the number of copies.
        seed: the seed of the places and the bytes.
        start: the first byte that may be damaged.
        end: the byte after the last one.
    """
    draw = np.random.default_rng(seed)
    end = len(good) if end is None else end
    done = 0
    while done < copies:
        copy, place = bytearray(good), int(draw.integers(start, end))
        kind = int(draw.integers(4))
        if kind == 0:  # cut off
            del copy[place:]
        elif kind == 1:  # one bit
            copy[place] ^= 1 << int(draw.integers(8))
        elif kind == 2:  # some bytes
            for other in draw.integers(start, end, 8):
                copy[other] = int(draw.integers(256))
        else:  # a run of zeros
            run = min(int(draw.integers(1, 200)), end - place)
            copy[place : place + run] = bytes(run)
        if bytes(copy) != good:
            done += 1
            yield bytes(copy)


def read_damaged(path: Path, copies: Iterable[bytes], shape: tuple[int, ...], stored: NDArray[Any]) -> tuple[int, int]:
    """Read damaged copies of a file; return how many give a line, and how many the numbers of the whole file.

    Another number, or an exception that is no InputError, fails.

    Args:
        path: where the copies are written.
        copies: the damaged copies.
        shape: the shape of the whole file.
        stored: its values in one flat array, as they are stored.
    """
    lines = same = 0
    multiline = False
    for number, copy in enumerate(copies):
        path.write_bytes(copy)
        try:
            volume = open_volume(str(path))
            values = volume.held()
        except InputError as error:
            lines += 1
            multiline = multiline or "\n" in str(error)
            continue
        same += 1
        assert (volume.shape, volume.slope, volume.intercept) == (shape, 1.0, 0.0), f"copy {number}"
        np.testing.assert_array_equal(values, stored, err_msg=f"copy {number}")
    assert not multiline
    return lines, same
