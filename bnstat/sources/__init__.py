"""Where samples come from: a kind of source is a file."""

from __future__ import annotations

from bnstat.errors import InputError
from bnstat.sources import arrays, nifti
from bnstat.sources.dataset import files_of
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume

__all__ = ["PlainVoxels", "StreamedVoxels", "Volume", "files_of", "open_volume"]


def open_volume(source: str) -> Volume:
    """Read the header of a file, whichever kind of source it is.

    Raises:
        InputError: it cannot be read, or holds no real numbers.
    """
    if "\0" in source:
        raise InputError(source.replace("\0", "\\0"), "a path cannot contain a NUL character")
    return arrays.open_array(source) if arrays.is_array(source) else nifti.open_image(source)
