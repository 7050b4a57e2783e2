"""Headers of DICOM files: what they say of the series, and of the place and the scale of each slice."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from bnstat.errors import InputError
from bnstat.sources.formats.registry import format_within
from bnstat.sources.formats.stack import Slice, Stack
from bnstat.sources.streams import first_line

# What is read of a header.
_KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
    *("Modality", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SliceThickness", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "DoseGridScaling"),
    *("ModalityLUTSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


@dataclass(frozen=True)
class DicomFile:
    """A file with its header."""

    path: str
    header: Dataset

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return a value of the header; the default if it has none, or an empty one."""
        return _value(self.header, keyword, default)

    @property
    def series(self) -> str:
        """The identifier of its series."""
        return str(self.get("SeriesInstanceUID", ""))

    @property
    def has_pixels(self) -> bool:
        """True if it contains an image."""
        return bool(self.get("Rows")) and bool(self.get("Columns"))

    @property
    def frames(self) -> int:
        """The number of its slices."""
        return int(self.get("NumberOfFrames", 1))

    @property
    def stored(self) -> tuple[Any, ...]:
        """What all slices of a volume have in common, beside the type of their numbers."""
        return (int(self.get("Columns")), int(self.get("Rows")), int(self.get("SamplesPerPixel", 1)))

    @property
    def number_type(self) -> tuple[Any, ...]:
        """What tells the type of its numbers."""
        return self.get("BitsAllocated"), self.get("PixelRepresentation")


def read_header(source: str, path: str) -> DicomFile:
    """Read a header.

    Raises:
        InputError: if it is damaged.
    """
    try:
        header = pydicom.dcmread(
            path,
            stop_before_pixels=True,
            specific_tags=list(_KEYWORDS),
            force=format_within(path) is None,  # without the mark, which old files do not have
        )
        return DicomFile(path, header)
    except OSError:
        raise
    except Exception as error:
        raise damaged(source if source == path else path, error) from error


def damaged(source: str, error: Exception) -> InputError:
    """Return the error to report for an exception of pydicom."""
    if isinstance(error, InvalidDicomError):
        return InputError(source, "it is not a DICOM file, or its start is damaged; check what it is")
    return InputError(source, f"its header or its pixels are damaged ({first_line(error)}); copy it again")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings on the spelling of values from the screen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def slices_of(file: DicomFile) -> Iterator[Slice]:
    """Yield the slices of a file with their places and scale factors."""
    shared = next(iter(file.get("SharedFunctionalGroupsSequence", [])), Dataset())
    each = file.get("PerFrameFunctionalGroupsSequence", [])
    for frame in range(file.frames):
        own = each[frame] if frame < len(each) else Dataset()
        groups = (own, shared)
        scale = _group(groups, "PixelValueTransformationSequence") or file.header
        yield Slice(
            path=file.path,
            frame=frame,
            position=_numbers(_group(groups, "PlanePositionSequence") or _placed(file), "ImagePositionPatient", 3),
            directions=_numbers(
                _group(groups, "PlaneOrientationSequence") or file.header, "ImageOrientationPatient", 6
            ),
            number=_whole(file.get("InstanceNumber")) if file.frames == 1 else frame,
            slope=float(file.get("DoseGridScaling") or _value(scale, "RescaleSlope", 1.0)),
            intercept=float(_value(scale, "RescaleIntercept", 0.0)),
        )


def spacing_of(file: DicomFile, stack: Stack) -> tuple[float, ...] | None:
    """Return the distance of voxels along x, y and z; None unless all are known."""
    shared = next(iter(file.get("SharedFunctionalGroupsSequence", [])), Dataset())
    each = next(iter(file.get("PerFrameFunctionalGroupsSequence", [])), Dataset())
    measures = _group((each, shared), "PixelMeasuresSequence") or file.header
    plane = _numbers(measures, "PixelSpacing", 2)
    distance = stack.distance or _value(measures, "SliceThickness", 0.0)
    if plane is None or not min(*plane, float(distance)) > 0:
        return None
    return (plane[1], plane[0], float(distance))


def _group(groups: Sequence[Dataset], keyword: str) -> Dataset | None:
    """Return the first entry of a sequence in the groups of a frame, or in those that all frames share."""
    return next((group[keyword].value[0] for group in groups if keyword in group and group[keyword].value), None)


def _placed(file: DicomFile) -> Dataset:
    """Return the header, if its one place is that of its one slice; else an empty one."""
    return file.header if file.frames == 1 else Dataset()


def _value(header: Dataset, keyword: str, default: Any) -> Any:
    value = header.get(keyword)
    return default if value is None or value == "" else value


def _numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return so many numbers of a header; None if it does not have them."""
    value = header.get(keyword)
    if value is None or isinstance(value, str) or len(value) != count:
        return None
    found = tuple(float(one) for one in value)
    return found if np.isfinite(found).all() else None


def _whole(value: object) -> int | None:
    try:
        return None if value is None else int(str(value))
    except ValueError:
        return None
