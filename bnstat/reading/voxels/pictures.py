"""Slices as grey pictures in PNG files. Only this module uses Pillow, and only a page that is written imports it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Shades of grey: an eye tells hardly more apart on a screen, and the files are a third smaller than with 256.
_SHADES = 64
# The pixels of a square of the checkerboard that stands for NaN and Inf.
_SQUARE = 2


def grey_png(values: NDArray[np.float64], low: float, high: float, size: tuple[int, int]) -> bytes:
    """Return a picture of values as a PNG file.

    Values up to `low` are black and those from `high` on are white. If these are equal, all is grey. NaN and Inf are a
    checkerboard of black and white.

    Args:
        values: the rows of the picture, the upper one first.
        low: the value that is black.
        high: the value that is white.
        size: the pixels across and down. Several voxels in a pixel are averaged; one in several is repeated.
    """
    finite = np.isfinite(values)
    shades = np.full(values.shape, 0.5)
    if low < high:
        # halves, because float64 has no difference of its ends
        shades = np.clip((np.where(finite, values, low) / 2 - low / 2) / (high / 2 - low / 2), 0.0, 1.0)
    grey = _resized(np.rint(shades * 255).astype(np.uint8), size)
    grey = np.rint(np.rint(grey / 255 * (_SHADES - 1)) * (255 / (_SHADES - 1))).astype(np.uint8)
    if not finite.all():
        rows, columns = np.indices(grey.shape) // _SQUARE
        board = ((rows + columns) % 2 * 255).astype(np.uint8)
        grey = np.where(_resized((~finite).astype(np.uint8) * 255, size) > 0, board, grey)
    file = BytesIO()
    Image.fromarray(grey).save(file, "PNG", optimize=True)
    return file.getvalue()


def _resized(grey: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
