"""Pixels of DICOM files, decoded a slice at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import iter_pixels, pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from bnstat.errors import InputError
from bnstat.sources.formats.dicom.header import quiet
from bnstat.sources.formats.registry import format_within
from bnstat.sources.formats.stack import Slice
from bnstat.sources.streams import first_line, unreadable
from bnstat.sources.volume import Array

_DECODERS = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"


def frames_of(source: str, slices: Sequence[Slice]) -> Generator[Array]:
    """Yield the pixels of slices, each of the shape (rows, columns), or (rows, columns, samples)."""
    opened: dict[str, Iterator[Array]] = {}
    for number, one in enumerate(slices):
        try:
            with quiet():
                if one.path not in opened:
                    opened = {one.path: _decoded(one.path, _run(slices, number))}
                yield np.asarray(next(opened[one.path]))
        except OSError as error:
            raise unreadable(source, error) from error
        except Exception as error:  # damaged pixels make a decoder raise anything
            raise _damaged_pixels(source, one.path, error) from error


def _damaged_pixels(source: str, path: str, error: Exception) -> InputError:
    where = "" if path == source else f" of {path}"
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(said) > 1:  # of each decoder that is there
        return InputError(
            source,
            f"the pixels{where} cannot be decoded ({said[1]}): the file is damaged, or needs another decoder, as from: "
            f"{_DECODERS}",
        )
    return InputError(source, f"the pixels{where} cannot be decoded ({first_line(error)}); copy the file again")


def _run(slices: Sequence[Slice], start: int) -> list[int]:
    """Return the frames of one file that follow each other from a place on."""
    frames = []
    for one in slices[start:]:
        if one.path != slices[start].path:
            break
        frames.append(one.frame)
    return frames


def _decoded(path: str, frames: Sequence[int]) -> Iterator[Array]:
    """Return the decoded frames of a file; one of several frames is read a frame at a time."""
    if len(frames) > 1 and format_within(path) is not None:
        return iter_pixels(path, indices=list(frames))
    dataset = pydicom.dcmread(path, force=True)
    if "TransferSyntaxUID" not in getattr(dataset, "file_meta", {}):
        syntax = syntax_of(dataset)
        dataset.file_meta = getattr(dataset, "file_meta", FileMetaDataset())
        dataset.file_meta.TransferSyntaxUID = syntax
    return iter([pixel_array(dataset, index=frame) for frame in frames])


def require_decoder(source: str, syntax: UID) -> None:
    """Raise InputError if no package is there that decodes pixels stored so."""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise InputError(
            source, f"its pixels are stored as {syntax.name}, which pydicom does not read; convert it to NIfTI first"
        ) from error
    if not decoder.is_available:
        raise InputError(source, f"its pixels are compressed as {syntax.name}; to read them, type: {_DECODERS}")


def syntax_of(header: Dataset) -> UID:
    """Return how pixels are stored; for an old file that does not say it, what its header is stored as."""
    named = getattr(header, "file_meta", {}).get("TransferSyntaxUID")
    if named:
        return UID(str(named))
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian
