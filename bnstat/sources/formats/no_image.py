"""What is said of a file that is not an image of a known format."""

from __future__ import annotations

import os
from contextlib import closing

from bnstat.sources.compression import opened, promised
from bnstat.sources.formats.registry import names_of_read
from bnstat.sources.streams import STREAM_ERRORS, unreadable

# The bytes read of a file, to find out whether it is damaged.
_SNIFFED_BYTES = 1 << 20


def no_image(source: str) -> str:
    """Return why nibabel does not take a file for an image."""
    promise = promised(source)
    if promise is not None:  # nibabel does not recognize a small compressed file that is damaged
        try:
            with closing(opened(source, [promise])) as stream:
                stream.read(_SNIFFED_BYTES)
        except STREAM_ERRORS as error:
            raise unreadable(source, error) from error
    if source.lower().endswith((".nii", ".nii.gz", ".nii.bz2", ".nii.zst")):
        return "it is not a NIfTI image, though its name says so, or its header is damaged; check what it is"
    header = next(filter(os.path.exists, _headers_of(source)), None)
    if header is not None:
        return f"it has voxels without a header; give {header}, which seems to be their header"
    return f"not an image of a known format; give a file of one of these: {names_of_read()}"


def _headers_of(source: str) -> list[str]:
    """Return the headers of text that a file of voxels may have beside it."""
    stem = os.path.splitext(source.removesuffix(".gz"))[0]
    return [stem + ending for ending in (".mhd", ".nhdr")]
