"""TIFF: the pages of a file as one volume, as ImageJ, OME and others write them. Only this module uses tifffile."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Sequence
from math import prod
from typing import Any, BinaryIO, Literal

import numpy as np
import tifffile

from bnstat.errors import InputError
from bnstat.sources.formats.arrays import require_numbers
from bnstat.sources.formats.named_axes import CHANNELS, laid_out
from bnstat.sources.formats.registry import split_key
from bnstat.sources.regular import open_regular
from bnstat.sources.streams import first_line, stream_of_parts, unreadable
from bnstat.sources.volume import Array, PlainVoxels, StreamedVoxels, Volume
from bnstat.text import by, first_ones, plural, short_of

# What tifffile thinks of a file is not for the screen of whoever reads it.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_Order = Literal["little", "big"]

# The axes that tifffile cannot name: pages that follow each other.
_PAGES = ("q", "i")
_SAMPLES, _SLICES = "s", "z"
_NO_TIFF = "it is not a TIFF file, or its start is damaged; check what it is"
_TRUNCATED = "the file is truncated: it ends before its last page; copy it again"
_DECODERS = "pip install imagecodecs"


def open_tiff(source: str) -> Volume:
    """Read the header of the pages that make one array.

    Args:
        source: `x.tif` of pages of one size, or `x.tif[N]` for the array N of several, from 0.

    Raises:
        InputError: if it is missing, damaged, not of real numbers, or there are several arrays and none is named.
    """
    path, key = split_key(source)
    try:
        with open_regular(path) as file:
            _require_whole(source, file)
        with tifffile.TiffFile(path) as tiff:
            number = _meant(source, path, key, tiff)
            return _volume(source, path, tiff, number)
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # a damaged file makes tifffile raise anything
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.strerror:
        return unreadable(source, error)
    if isinstance(error, tifffile.TiffFileError):
        return InputError(source, _NO_TIFF)
    return InputError(source, f"tifffile cannot read it ({first_line(error)}): the file is damaged; copy it again")


def _require_whole(source: str, file: BinaryIO) -> None:
    """Raise InputError unless the list of pages ends as it should.

    Of a list that leads out of the file, tifffile takes the pages before. The format is described in TIFF 6.0,
    section 2, and https://www.awaresystems.be/imaging/tiff/bigtiff.html
    """
    start = file.read(16)
    order: _Order = "big" if start[:2] == b"MM" else "little"
    kinds = {42: (2, 12, 4, start[4:8]), 43: (8, 20, 8, start[8:16])}
    kind = kinds.get(int.from_bytes(start[2:4], order))
    if kind is None:
        raise InputError(source, _NO_TIFF)
    count_bytes, entry_bytes, offset_bytes, first = kind
    size = file.seek(0, 2)
    offset, seen = int.from_bytes(first, order), set[int]()
    while offset:
        if offset in seen or offset + count_bytes > size:
            raise InputError(source, _TRUNCATED)
        seen.add(offset)
        file.seek(offset)
        entries = int.from_bytes(file.read(count_bytes), order)
        file.seek(entries * entry_bytes, 1)
        following = file.read(offset_bytes)
        if len(following) < offset_bytes:
            raise InputError(source, _TRUNCATED)
        offset = int.from_bytes(following, order)


def _meant(source: str, path: str, key: str | None, tiff: tifffile.TiffFile) -> int:
    """Return the number of the array that is meant.

    Raises:
        InputError: if there are several, or there is no such one; the message lists them.
    """
    series = tiff.series
    if key is None and len(series) == 1:
        return 0
    if key is not None and key.isdecimal() and int(key) < len(series):
        return int(key)
    listed = [f"{path}[{place}] ({by(one.shape)}, {one.dtype})" for place, one in enumerate(series)]
    told = first_ones("give one of:", listed)
    if key is None:
        raise InputError(source, f"the file contains {len(series)} arrays of different shapes; {told}")
    raise InputError(source, f"the file contains no array {key!r}; {told}")


def _volume(source: str, path: str, tiff: tifffile.TiffFile, number: int) -> Volume:
    """Return the volume of an array.

    Raises:
        InputError: if its values are no intensities, or parts of it are not there or cannot be decoded.
    """
    series = tiff.series[number]
    shape = tuple(int(size) for size in series.shape)
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)
    require_numbers(source, shape, dtype)
    page = series.keyframe
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        raise InputError(source, "its values are the numbers of colors in a palette and no intensities; convert it")
    names, notes = _named(source, series.axes.lower(), shape)
    layout = laid_out(names, shape)
    inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
    return Volume(
        source=source,
        shape=layout.shape,
        dtype=dtype,
        dtype_name=dtype.name,
        order=layout.order,
        voxels=_voxels(source, path, tiff, number, dtype),
        channels_last=True,
        notes=(
            *notes,
            *layout.notes,
            *(("its high values are dark (MINISWHITE) and are read as stored, not inverted",) if inverted else ()),
        ),
    )


def _named(source: str, axes: str, shape: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the name of each axis, and a note if pages were taken for slices.

    Raises:
        InputError: if there are two axes of channels.
    """
    names = list(axes)
    notes = []
    if _SAMPLES in names:
        if CHANNELS in names and min(shape[names.index(CHANNELS)], shape[names.index(_SAMPLES)]) > 1:
            raise InputError(
                source, "its pages have samples (as RGB) and channels beside them; save it with one axis of channels"
            )
        if CHANNELS in names:
            one = CHANNELS if shape[names.index(CHANNELS)] == 1 else _SAMPLES
            names[names.index(one)] = "one"
        names = [CHANNELS if name == _SAMPLES else name for name in names]
    pages = [place for place, name in enumerate(names) if name in _PAGES]
    if pages and _SLICES not in names:
        names[pages[-1]] = _SLICES
        if shape[pages[-1]] > 1:
            notes.append(
                f"the file does not name its axes, so its {plural(shape[pages[-1]], 'page')} are read as slices"
            )
    used: set[str] = set()
    for place, name in enumerate(names):  # several axes may be unknown
        names[place] = name if name not in used else f"{name}{place}"
        used.add(names[place])
    return tuple(names), tuple(notes)


def _voxels(
    source: str, path: str, tiff: tifffile.TiffFile, number: int, dtype: np.dtype[Any]
) -> PlainVoxels | StreamedVoxels:
    """Return the way to the values: past tifffile where they lie in one piece.

    Raises:
        InputError: if parts of them are not there, or cannot be decoded.
    """
    series, size = tiff.series[number], os.path.getsize(path)
    pages = _pages(source, tiff, series)
    if series.dataoffset is not None:
        there = size - int(series.dataoffset)
        needed = prod(series.shape) * dtype.itemsize
        if there < needed:
            raise InputError(source, short_of(needed, max(there, 0)))
        return PlainVoxels(path, int(series.dataoffset))
    _require_decoder(source, series.keyframe)
    for page in pages:
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if max(ends, default=0) > size:
            raise InputError(source, _TRUNCATED)
        if not ends or min(page.databytecounts) <= 0:
            raise InputError(source, "parts of its pages are not stored, or the file is damaged; save it as a whole")

    def parts() -> Generator[Array]:
        try:
            with tifffile.TiffFile(path) as again:
                for page in _pages(source, again, again.series[number]):
                    yield np.asarray(page.asarray(), dtype=dtype)
        except GeneratorExit:
            raise
        except Exception as error:  # damaged pages make a decoder raise anything
            raise _unreadable(source, error) from error

    return StreamedVoxels(lambda: stream_of_parts(parts()))


def _pages(source: str, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[Any]:
    """Return the pages of an array.

    Raises:
        InputError: if some are missing: those of OME in other files, or those that ImageJ counts.
    """
    pages = list(series.pages)
    if any(page is None for page in pages):
        raise InputError(source, "some of its pages are in other files, which are missing; copy them beside it")
    counted = int((tiff.imagej_metadata or {}).get("images", 1))
    if counted > prod(series.shape) // prod(series.keyframe.shape):
        raise InputError(source, _TRUNCATED)
    return pages


def _require_decoder(source: str, page: tifffile.TiffPage) -> None:
    """Raise InputError if no package is there that decodes the pages."""
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        name = getattr(page.compression, "name", page.compression)
        raise InputError(source, f"its pages are compressed as {name}; to read them, type: {_DECODERS}") from error
