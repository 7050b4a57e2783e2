"""Images that are read by what they are where their name says something else."""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import replace

from bnstat.errors import InputError
from bnstat.sources.compression import Layers, layers_of, opened
from bnstat.sources.disguise import MGH, NIFTI, disguise_of
from bnstat.sources.formats import nifti
from bnstat.sources.streams import STREAM_ERRORS, unreadable
from bnstat.sources.volume import Volume

# The places of the magic in NIfTI headers, and of the intent in that of NIfTI-2, whose codes from 3000 are CIFTI's.
_MAGIC_1, _MAGIC_2, _INTENT_2 = slice(344, 348), slice(4, 8), slice(504, 508)
_CIFTI = range(3000, 3100)
# What begins an MGH file: the version, four sizes, the data type; and the types that there are.
_MGH_START, _MGH_TYPES = struct.Struct(">6i"), (0, 1, 3, 4, 10)


def open_disguised(source: str) -> Volume | None:
    """Read the header of an image whose name does not say what it is; None if its first bytes do not say it either.

    Raises:
        InputError: if it is such an image, and is damaged.
    """
    layers = layers_of(lambda: source)
    try:
        with closing(opened(source, layers)) as stream:
            start = stream.read(nifti.HEADER_BYTES)
    except STREAM_ERRORS:
        return None
    kind = _kind_of(start)
    if kind is None:
        return nifti.open_pair(source)
    disguise = disguise_of(source, kind, layers)
    try:
        volume = _opened(source, kind, layers, start)
    except InputError:
        if disguise:
            raise
        return None  # what its reader said of it stays
    return replace(volume, notes=(*disguise, *volume.notes)) if disguise or volume.notes else None


def _kind_of(start: bytes) -> str | None:
    """Return the kind of an image by its first bytes; None if they tell none."""
    if start[_MAGIC_1] == b"n+1\0" or start[_MAGIC_2] == b"n+2\0":
        return NIFTI
    if len(start) < _MGH_START.size:
        return None
    version, *sizes, dtype = _MGH_START.unpack_from(start)
    return MGH if version == 1 and min(sizes) > 0 and dtype in _MGH_TYPES else None


def _opened(source: str, kind: str, layers: Layers, start: bytes) -> Volume:
    if any(int.from_bytes(start[_INTENT_2], order) in _CIFTI for order in ("little", "big")):
        raise InputError(source, "it is a CIFTI file, which is read by its name only; rename it as in x.dconn.nii")
    plain = None if layers else source
    try:
        return nifti.open_stream(source, lambda _: opened(source, layers), mgh=kind == MGH, plain=plain)
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
