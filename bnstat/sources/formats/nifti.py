"""Images that nibabel reads: headers through nibabel, voxels in file order. Only this module uses nibabel."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Generator
from contextlib import closing
from math import isfinite
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayLike, ArrayProxy
from nibabel.dataobj_images import DataobjImage
from nibabel.filebasedimages import FileBasedImage, ImageFileError
from nibabel.nifti1 import Nifti1Pair
from nibabel.openers import Opener
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.sources import remote
from bnstat.sources.addresses import Access
from bnstat.sources.formats.registry import format_of
from bnstat.sources.layout import Order
from bnstat.sources.streams import (
    STREAM_ERRORS,
    first_line,
    open_bzip2,
    open_gzip,
    skip,
    stream_of,
    stream_of_parts,
    unreadable,
)
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import by, short_of

_TIME_UNITS = {"sec": "s", "msec": "ms", "usec": "µs"}
# The bytes read of a file that is not an image, to find out whether it is damaged.
_SNIFFED_BYTES = 1 << 20
# The bytes that contain any NIfTI header: 348 or 540, and four for its extensions.
_HEADER_BYTES = 544
_RGB_NAMES = {3: "rgb24", 4: "rgba32"}


def open_image(source: str) -> Volume:
    """Read the header of an image.

    Args:
        source: the path of any image that nibabel reads: NIfTI, Analyze, MGH, MINC, AFNI, PAR/REC, …

    Raises:
        InputError: if it is missing, damaged or not an image, or does not contain real numbers.
    """
    return _volume_of(source, _load(source))


def open_loaded(source: str, image: object) -> Volume:
    """Read the header of an image that a program holds: one that it has loaded, or made of an array.

    The voxels of a loaded image are those of its file, whatever was computed from them. An array is what a file
    contains after nibabel has saved it: of the type in the header, with its scale factors.

    Args:
        source: the name of the image in messages.
        image: an image of nibabel.

    Raises:
        InputError: as for `open_image`, or if nibabel cannot save it.
    """
    if isinstance(image, DataobjImage) and isinstance(image.dataobj, np.ndarray):
        return _volume_of(source, _saved(source, image))
    path = getattr(getattr(image, "dataobj", None), "file_like", None)
    if isinstance(path, str) and not os.path.exists(path):
        raise InputError(source, f"the file that it was loaded from, {path}, no longer exists; load it again")
    return _volume_of(source, image)


def _saved(source: str, image: DataobjImage) -> object:
    """Save an image in memory, and return it as it is loaded from there.

    Raises:
        InputError: if nibabel cannot save it.
    """
    try:
        files = image.make_file_map({name: io.BytesIO() for name, _ in image.files_types})
        image.to_file_map(files)
        return image.from_file_map(files)
    except Exception as error:  # whatever a header that does not fit its array makes nibabel raise
        raise InputError(source, f"nibabel cannot save it: {first_line(error)}; give its array instead") from error


def _volume_of(source: str, image: object) -> Volume:
    if not isinstance(image, DataobjImage) or not image.shape:
        raise InputError(source, f"a {type(image).__name__} contains no volume; give an image with voxels")
    proxy, shape = image.dataobj, tuple(int(size) for size in image.shape)
    _refuse_empty(source, shape)
    if type(proxy) is not ArrayProxy:
        return _converted_image(source, image, proxy, shape)
    if not isinstance(proxy.file_like, (str, os.PathLike)):  # bytes in memory, or a file that the program opened
        order = cast(Order, getattr(proxy, "order", "F"))
        unscaled: Callable[[], Any] = proxy.get_unscaled
        voxels = StreamedVoxels(lambda: stream_of(np.asarray(unscaled()), order))
        return _plain_image(source, image, proxy, shape, voxels)
    volume = _plain_image(source, image, proxy, shape, _voxels(os.fspath(proxy.file_like), int(proxy.offset)))
    _refuse_short_file(volume)
    return volume


def open_remote(source: str, access: Access) -> Volume:
    """Read the header of a remote image; its voxels are streamed, compressed or not.

    Args:
        source: the URL of a NIfTI image in one file.
        access: how it may be reached.

    Raises:
        InputError: as `open_image`, or if it cannot be fetched.
    """
    name = remote.name_of(source)
    if not name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(source, "only .nii and .nii.gz files can be read from a URL; copy this file here first")
    try:
        with closing(_bytes_of(source, name, remote.HEADER_BYTES, access)) as stream:
            image = _streamed_image(source, stream)
    except InputError:
        raise
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    proxy, shape = cast(ArrayProxy, image.dataobj), tuple(int(size) for size in image.shape)
    _refuse_empty(source, shape)

    def at_first_voxel() -> BinaryIO:
        stream = _bytes_of(source, name, remote.VOXEL_BYTES, access)
        skip(stream, int(proxy.offset))
        return stream

    return _plain_image(source, image, proxy, shape, StreamedVoxels(at_first_voxel))


def _bytes_of(source: str, name: str, block: int, access: Access) -> BinaryIO:
    """Open a remote file as a stream of inflated bytes."""
    stream = remote.open_stream(source, block, access)
    return open_gzip(stream) if name.lower().endswith(".gz") else stream


def _streamed_image(source: str, stream: BinaryIO) -> Nifti1Pair:
    """Return an image made of the first bytes of a stream: the header, and the extensions before the voxels."""
    start = stream.read(_HEADER_BYTES)
    if not start:
        raise InputError(source, "the file is empty (0 bytes); copy it again")
    kinds: tuple[Any, ...] = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    kind = next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)
    if kind is None:
        raise InputError(source, "it is not a NIfTI image, or its header is damaged; copy it again")
    try:
        fixed = kind.header_class.template_dtype.itemsize
        offset = int(kind.header_class(start[:fixed], check=False).get_data_offset())
        rest = stream.read(min(max(offset - len(start), 0), _SNIFFED_BYTES))
        return cast(Nifti1Pair, kind.from_stream(io.BytesIO(start + rest)))
    except STREAM_ERRORS:
        raise
    except Exception as error:  # a damaged header makes nibabel raise anything
        raise InputError(source, f"its header is damaged ({first_line(error)}); copy it again") from error


def _refuse_empty(source: str, shape: tuple[int, ...]) -> None:
    """Raise InputError if an axis has no voxels."""
    if any(size <= 0 for size in shape):
        raise InputError(
            source,
            f"its header describes {by(shape)} voxels, but every size must be at least 1: the header is damaged; "
            "copy the file again",
        )


def _load(source: str) -> FileBasedImage:
    """Read a header with nibabel, whose exceptions become InputErrors."""
    try:
        return nibabel.load(source)
    except ImageFileError as error:
        raise InputError(source, _not_an_image(source)) from error
    except ImportError as error:
        raise InputError(
            source, f"reading this format needs another package ({error}); install it and run the command again"
        ) from error
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    except Exception as error:  # a damaged header makes nibabel raise anything
        message = (
            f"its header cannot be read ({first_line(error)}): it is damaged, or of an unknown kind; copy it again"
        )
        raise InputError(source, message) from error


def _not_an_image(source: str) -> str:
    """Return why nibabel does not take a file for an image."""
    _refuse_damaged(source)  # nibabel does not recognize a small compressed file that is damaged
    known = format_of(source)
    if known is not None and known.opener is None:
        return "this format cannot be read; convert it to NIfTI first, with dcm2niix (DICOM) or SimpleITK (others)"
    if source.lower().endswith((".nii", ".nii.gz", ".nii.bz2", ".nii.zst")):
        return "it is not a NIfTI image, though its name says so, or its header is damaged; check what it is"
    return "not an image of a known format; give a NIfTI, Analyze, MGH or MINC file, or a .npy or .npz array"


def _refuse_damaged(source: str) -> None:
    """Raise InputError if a compressed file is damaged."""
    opener = _opener(source)
    if opener is not None:
        try:
            with opener(source) as stream:
                stream.read(_SNIFFED_BYTES)
        except STREAM_ERRORS as error:
            raise unreadable(source, error) from error


def _plain_image(
    source: str,
    image: DataobjImage,
    proxy: ArrayProxy,
    shape: tuple[int, ...],
    voxels: PlainVoxels | StreamedVoxels,
) -> Volume:
    """Return the volume of an image whose voxels are stored as one array."""
    dtype, channels = _number_type(source, proxy.dtype)
    scaled = channels is None and not (proxy.slope == 1 and proxy.inter == 0)
    return Volume(
        source=source,
        shape=shape,
        dtype=dtype,
        dtype_name=_RGB_NAMES.get(channels, dtype.name) if channels else dtype.name,
        order=cast(Order, getattr(proxy, "order", "F")),
        voxels=voxels,
        dtype_channels=channels,
        slope=float(proxy.slope) if scaled else 1.0,
        intercept=float(proxy.inter) if scaled else 0.0,
        repetition=_repetition(image, shape),
        spacing=_spacing(image),
    )


def _number_type(source: str, dtype: np.dtype[Any]) -> tuple[np.dtype[Any], int | None]:
    """Return the type of one number, and the numbers in a voxel if its type has channels (else None)."""
    if dtype.names:
        parts = {dtype[name] for name in dtype.names}
        if len(parts) == 1 and next(iter(parts)) == np.uint8:
            return np.dtype(np.uint8), len(dtype.names)
    if dtype.kind == "c":
        raise InputError(
            source,
            f"its voxels are complex numbers ({dtype.name}), but batch norm is defined for real ones; "
            "save the magnitude, or the real and the imaginary part as two channels",
        )
    if dtype.kind not in "biuf":
        raise InputError(source, f"its voxels have the type {dtype}, which is not a number; convert them to numbers")
    return dtype, None


def _voxels(path: str, offset: int) -> PlainVoxels | StreamedVoxels:
    opener = _opener(path)
    return PlainVoxels(path, offset) if opener is None else StreamedVoxels(_from(opener, path, offset))


def _opener(path: str) -> Callable[[str], BinaryIO] | None:
    """Return the function that opens a compressed file, by its ending; None if it is plain."""
    name = path.lower()
    if name.endswith((".gz", ".mgz")):
        return open_gzip
    if name.endswith(".bz2"):
        return open_bzip2
    if name.endswith(".zst"):
        return lambda name: cast(BinaryIO, Opener(name).fobj)
    return None


def _from(opener: Callable[[str], BinaryIO], path: str, offset: int) -> Callable[[], BinaryIO]:
    def at_first_voxel() -> BinaryIO:
        stream = opener(path)
        skip(stream, offset)
        return stream

    return at_first_voxel


def _refuse_short_file(volume: Volume) -> None:
    """Raise InputError if a plain file has fewer bytes than its header says."""
    if isinstance(volume.voxels, PlainVoxels):
        try:
            there = os.stat(volume.voxels.path).st_size - volume.voxels.offset
        except OSError as error:
            raise unreadable(volume.source, error) from error
        if there < volume.nbytes:
            raise InputError(volume.source, short_of(volume.nbytes, max(there, 0)))


def _repetition(image: DataobjImage, shape: tuple[int, ...]) -> str | None:
    """Return the repetition time with its unit; None if the header has none for the fourth axis."""
    header: Any = image.header
    if len(shape) < 4 or shape[3] < 2 or not hasattr(header, "get_xyzt_units"):
        return None
    try:
        unit = _TIME_UNITS.get(header.get_xyzt_units()[1])
        time = float(header.get_zooms()[3])
    except Exception:  # the file can be read despite an unknown unit
        return None
    return f"{time:g} {unit}" if unit and time > 0 else None


def _spacing(image: DataobjImage) -> tuple[float, ...] | None:
    """Return the distance of voxels along the first three axes; None unless the header has one for each."""
    header: Any = image.header
    try:
        found = tuple(float(zoom) for zoom in header.get_zooms()[:3])
    except Exception:  # the file can be read without it
        return None
    return found if found and all(isfinite(zoom) and zoom > 0 for zoom in found) else None


def _converted_image(source: str, image: DataobjImage, proxy: ArrayLike, shape: tuple[int, ...]) -> Volume:
    """Return the volume of a format whose scaling differs between slices: nibabel converts a slice at a time."""
    header: Any = image.header
    stored = proxy.dtype if hasattr(proxy, "dtype") else header.get_data_dtype()
    dtype, _ = _number_type(source, np.dtype(stored))
    return Volume(
        source=source,
        shape=shape,
        dtype=np.dtype(np.float64),
        dtype_name=dtype.name,
        order="F",
        voxels=StreamedVoxels(lambda: stream_of_parts(_each_slice(proxy, shape))),
        spacing=_spacing(image),
    )


def _each_slice(proxy: ArrayLike, shape: tuple[int, ...]) -> Generator[NDArray[np.float64]]:
    """Yield the slices of a converted image in float64, the slowest axis first."""
    for place in np.ndindex(*reversed(shape[2:])):
        index = (..., *reversed(place)) if place else (...,)
        yield np.asarray(proxy[index], dtype=np.float64).T
