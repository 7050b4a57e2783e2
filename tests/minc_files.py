"""MINC-1 volumes, which nibabel reads and does not write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.externals.netcdf import netcdf_file
from numpy.typing import NDArray


def save_minc(path: Path, values: NDArray[np.integer]) -> Path:
    """Save whole numbers from 0 to 1000 of the shape (planes, rows, columns) in two bytes, as 0 to 500."""
    file = netcdf_file(str(path), "w")
    for name, size in zip(("zspace", "yspace", "xspace"), values.shape, strict=True):
        file.createDimension(name, size)
        axis = file.createVariable(name, "i", ())
        axis.spacing, axis.step, axis.start = b"regular__", 1.0, 0.0
    image = file.createVariable("image", "h", ("zspace", "yspace", "xspace"))
    image.signtype, image.valid_range = b"signed__", np.array([0.0, 1000.0])
    image[:] = values
    for name, value in (("image-max", 500.0), ("image-min", 0.0)):
        file.createVariable(name, "d", ("zspace",))[:] = value
    file.close()
    return path
