"""DICOM: a file, or a folder whose slices are one volume, read a slice at a time."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.uid import UID

from bnstat.errors import InputError
from bnstat.sources.formats.dicom.header import DicomFile, damaged, quiet, read_header, slices_of, spacing_of
from bnstat.sources.formats.dicom.pixels import frames_of, require_decoder, syntax_of
from bnstat.sources.formats.registry import is_dicom, split_key
from bnstat.sources.formats.stack import stacked
from bnstat.sources.streams import stream_of_parts, unreadable
from bnstat.sources.volume import Array, StreamedVoxels, Volume
from bnstat.text import by, first_ones, plural

# The file that lists the others of a folder.
_DIRECTORY = "1.2.840.10008.1.3.10"
# The parts of DICOM's standard on how pixels are stored that have a name for people.
_INVERTED, _PALETTE = "MONOCHROME1", "PALETTE COLOR"
# The modalities of objects with pixels that are made of scans: label maps and doses.
_NO_SCANS = frozenset({"SEG", "RTDOSE"})
# The files beside a named slice that are looked at, whether they are of the same series.
_NEIGHBOURS = 3


def open_dicom(source: str) -> Volume:
    """Read the headers of a file, or of all slices of a series.

    Args:
        source: a file, a folder with the files of one series, or `folder[N]` for the series of the number N, or with
            this identifier, of several in a folder.

    Raises:
        InputError: if it is missing, damaged, without an image, or there are several series and none is named.
    """
    path, key = split_key(source)
    try:
        with quiet():
            if not os.path.isdir(path):
                return _volume(source, [read_header(source, path)], ())
            files, notes = _series(source, path, key)
            return _volume(source, files, notes)
    except (InputError, KeyboardInterrupt):
        raise
    except OSError as error:
        raise unreadable(source, error) from error
    except Exception as error:  # a damaged header makes pydicom raise anything
        raise damaged(source, error) from error


@dataclass(frozen=True)
class Head:
    """What the first image of a folder says of it.

    Attributes:
        folder: the folder.
        study: the identifier of the examination.
        modality: the kind of scanner or of object, as CT, MR or SEG; an empty text if it is not known.
        description: the name of the series; an empty text if it has none.
        is_scan: True if it is a series of images, and no label map, dose, structure or report.
    """

    folder: str
    study: str
    modality: str
    description: str
    is_scan: bool


def head_of(folder: str) -> Head:
    """Return what a folder of DICOM files is.

    Raises:
        InputError: if a header cannot be read.
    """
    try:
        with quiet():
            return _head(folder)
    except (InputError, KeyboardInterrupt):
        raise
    except OSError as error:
        raise unreadable(folder, error) from error
    except Exception as error:  # values of a damaged header are read when they are asked for
        raise damaged(folder, error) from error


def _head(folder: str) -> Head:
    headers = (read_header(path, path) for path in files_of_series(folder))
    last = next(headers)
    while not last.has_pixels and (following := next(headers, None)) is not None:
        last = following
    modality = str(last.get("Modality", ""))
    return Head(
        folder=folder,
        study=str(last.get("StudyInstanceUID", "")),
        modality=modality,
        description=str(last.get("SeriesDescription", "")),
        is_scan=last.has_pixels and modality not in _NO_SCANS,
    )


def _series(source: str, folder: str, key: str | None) -> tuple[list[DicomFile], tuple[str, ...]]:
    """Return the files of the series in a folder that is meant, and notes on those that were left out.

    Raises:
        InputError: if there is none, or there are several; the message lists them.
    """
    files = [read_header(source, path) for path in files_of_series(folder)]
    images = [file for file in files if file.has_pixels]
    series = {file.series: file for file in images}
    counted = Counter(file.series for file in images)
    chosen = [one for one, file in series.items() if key in {None, one, str(file.get("SeriesNumber", ""))}]
    if not series:
        raise InputError(source, "the folder contains no DICOM file with an image; give the folder of a series")
    if len(chosen) != 1:
        numbers = Counter(str(file.get("SeriesNumber", "")) for file in series.values())
        listed = [
            _titled(folder, file, counted[one], numbers[str(file.get("SeriesNumber", ""))] == 1)
            for one, file in series.items()
        ]
        told = first_ones("give one of:", listed)
        if not chosen:
            raise InputError(source, f"the folder contains no series {key!r}; {told}")
        several = (
            f"the folder contains {len(chosen)} series" if key is None else f"{len(chosen)} series have this number"
        )
        raise InputError(source, f"{several}; {told}")
    once, notes = _once([file for file in images if file.series == chosen[0]])
    left = len([file for file in files if not file.has_pixels and file.get("SOPClassUID", _DIRECTORY) != _DIRECTORY])
    if left:
        notes = (*notes, f"{plural(left, 'DICOM file')} without an image left out")
    return once, notes


def files_of_series(folder: str) -> list[str]:
    """Return the DICOM files of a folder, by their endings or their first bytes."""
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    gone = [path for path in paths if _may_be_slice(path) and os.path.islink(path) and not os.path.exists(path)]
    if gone:
        told = first_ones(f"{plural(len(gone), 'link')} in the folder lead nowhere:", gone)
        raise InputError(
            folder, f"{told}; these slices were not fetched yet, so type: datalad get {shlex.quote(folder)}"
        )
    return [path for path in paths if os.path.isfile(path) and is_dicom(path)]


def _may_be_slice(path: str) -> bool:
    """Return True if a file that cannot be read has a name that slices have."""
    ending = os.path.splitext(path)[1]
    return not ending or ending[1:].isdecimal() or is_dicom(path)


def _titled(folder: str, file: DicomFile, files: int, numbered: bool) -> str:
    """Return what to type for a series, by its number if no other one has it, and what it is."""
    key = (numbered and str(file.get("SeriesNumber", ""))) or file.series
    described = " ".join(str(file.get(one, "")) for one in ("Modality", "SeriesDescription")).strip()
    return f"{shlex.quote(f'{folder}[{key}]')} ({', '.join(filter(None, [described, plural(files, 'file')]))})"


def _once(files: Sequence[DicomFile]) -> tuple[list[DicomFile], tuple[str, ...]]:
    """Return each file once that a folder contains several times under other names, and a note on that."""
    found = {str(file.get("SOPInstanceUID", file.path)): file for file in reversed(files)}
    twice = len(files) - len(found)
    return list(found.values()), ((f"{plural(twice, 'file')} left out, each a copy of another one",) if twice else ())


def _volume(source: str, files: Sequence[DicomFile], notes: tuple[str, ...]) -> Volume:
    """Return the volume of files.

    Raises:
        InputError: if they have no image, different sizes, or a compression that cannot be undone.
    """
    first = files[0]
    _require_image(source, files)
    stack = stacked(source, [one for file in files for one in slices_of(file)])
    sample = next(frames_of(source, stack.slices[:1]))
    scales = {(one.slope, one.intercept) for one in stack.slices}
    alike = len(scales) == 1 and len({file.number_type for file in files}) == 1
    slope, intercept = next(iter(scales)) if alike else (1.0, 0.0)
    dtype = sample.dtype if alike else np.dtype(np.float64)
    columns, rows, samples = first.stored

    def parts() -> Generator[Array]:
        for one, frame in zip(stack.slices, frames_of(source, stack.slices), strict=True):
            yield frame.astype(dtype) if alike else frame * one.slope + one.intercept

    inverted = first.get("PhotometricInterpretation") == _INVERTED
    return Volume(
        source=source,
        shape=(columns, rows, len(stack.slices)),
        dtype=dtype,
        dtype_name=sample.dtype.name,
        order="F",
        voxels=StreamedVoxels(lambda: stream_of_parts(parts())),
        dtype_channels=samples if samples > 1 else None,
        slope=slope,
        intercept=intercept,
        spacing=spacing_of(first, stack),
        notes=(
            *notes,
            *stack.notes,
            *(("its high values are dark (MONOCHROME1) and are read as stored, not inverted",) if inverted else ()),
            *_alone(source, first),
        ),
    )


def _require_image(source: str, files: Sequence[DicomFile]) -> None:
    """Raise InputError unless all files have images of one size, whose values are numbers and can be decoded."""
    first = files[0]
    if not first.has_pixels:
        what = UID(str(first.get("SOPClassUID", ""))).name or "of unknown kind"
        raise InputError(source, f"it is a DICOM file without an image ({what}); give the files of an image series")
    sizes = Counter(file.stored for file in files)
    if len(sizes) > 1:
        listed = ", ".join(f"{by(size)} ({plural(count, 'file')})" for size, count in sizes.most_common())
        raise InputError(
            source, f"its slices have {len(sizes)} sizes, columns × rows × samples: {listed}; give those of one size"
        )
    if first.get("PhotometricInterpretation") == _PALETTE:
        raise InputError(
            source, "its values are the numbers of colors in a palette and no intensities; convert it to RGB or gray"
        )
    if any(file.get("ModalityLUTSequence") for file in files):
        raise InputError(
            source,
            "its values are mapped by a table (Modality LUT), which is not applied; convert it to NIfTI first: "
            f"dcm2niix -z y -o out {shlex.quote(os.path.dirname(first.path) or '.')}",
        )
    for syntax in {syntax_of(file.header) for file in files}:
        require_decoder(source, syntax)


def _alone(source: str, file: DicomFile) -> tuple[str, ...]:
    """Return a note if the file that was named is one slice, and its folder has more of them."""
    if file.path != source or file.frames > 1:
        return ()
    folder = os.path.dirname(file.path) or "."
    beside = [name for name in sorted(os.listdir(folder)) if name != os.path.basename(file.path)][:_NEIGHBOURS]
    paths = [os.path.join(folder, name) for name in beside]
    others = [read_header(path, path) for path in paths if os.path.isfile(path) and is_dicom(path)]
    if not any(other.series == file.series for other in others):
        return ()
    return (f"a single slice is read as a volume; to read all slices as one volume, give the folder {folder}",)
