"""MINC: version 1, in netCDF, is read a slice at a time; version 2, in HDF5, as nibabel reads it."""

from __future__ import annotations

from contextlib import closing
from math import prod
from typing import Any

import numpy as np

from bnstat.errors import InputError
from bnstat.sources.compression import Layers, opened, promised
from bnstat.sources.formats import nifti
from bnstat.sources.formats.netcdf import MARKERS, Variable, read_header, read_values
from bnstat.sources.formats.slices import Slices, sliced_image
from bnstat.sources.streams import STREAM_ERRORS, first_line, unreadable
from bnstat.sources.volume import Array, Volume

_IMAGE, _MINIMUM, _MAXIMUM = "image", "image-min", "image-max"
# The axes of a slice.
_PLANE = 2


class _Described:
    """A variable as nibabel takes it: its attributes are those of the object, and a large array has only a shape."""

    def __init__(self, variable: Variable) -> None:
        self.__dict__.update(variable.attributes)
        self.dimensions = variable.dimensions
        self.data = variable.data
        if self.data is None:
            self.data = np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
        self._code = variable.code

    def typecode(self) -> str:
        """Return the type of the numbers."""
        return self._code

    def getValue(self) -> object:  # noqa: N802  (netCDF's name)
        """Return the one number of a scalar."""
        return np.asarray(self.data).item()


class _File:
    """A file as nibabel takes it."""

    def __init__(self, variables: dict[str, Variable]) -> None:
        self.variables = {name: _Described(one) for name, one in variables.items()}


def open_minc(source: str) -> Volume:
    """Read the header of a MINC file.

    Raises:
        InputError: if it is missing, damaged, or does not contain real numbers.
    """
    promise = promised(source)
    layers: Layers = () if promise is None else (promise,)
    try:
        with closing(opened(source, layers)) as stream:
            begins = stream.read(len(MARKERS[0])) in MARKERS
        found = _opened(source, layers) if begins else None
    except (InputError, KeyboardInterrupt):
        raise
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    except Exception as error:  # a damaged header makes nibabel raise anything
        message = f"its header cannot be read ({first_line(error)}): it is damaged; copy it again"
        raise InputError(source, message) from error
    return nifti.open_image(source) if found is None else found


def _opened(source: str, layers: Layers) -> Volume | None:
    """Read the header of MINC-1; None if it has a dimension without an end, which only nibabel reads."""
    with closing(opened(source, layers)) as stream:
        variables = read_header(stream)
    if variables is None:
        return None
    image = variables[_IMAGE]
    with closing(opened(source, layers)) as stream:
        read_values(stream, [variables[name] for name in (_MINIMUM, _MAXIMUM)])
    header: Any = nifti.minc1_file(_File(variables))
    outer = image.shape[:-_PLANE]

    def convert(stored: Array, place: int) -> object:
        index = map(int, np.unravel_index(place, outer)) if outer else ()
        plane = stored.reshape(image.shape[len(outer) :])
        return header._normalize(plane, (*index, *(slice(None),) * plane.ndim))

    values = prod(image.shape[len(outer) :])
    slices = Slices(source, layers, image.begin, np.dtype(header.get_data_dtype()), values, convert)
    return sliced_image(source, header, slices, image.shape, order="C")
