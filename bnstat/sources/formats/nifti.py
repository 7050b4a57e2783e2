"""Images that nibabel reads: the header through nibabel, the voxels in file order. The only user of nibabel."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from math import isfinite
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import Opener

from bnstat.errors import InputError
from bnstat.sources import remote
from bnstat.sources.addresses import Access
from bnstat.sources.layout import Order
from bnstat.sources.streams import STREAM_ERRORS, first_line, open_bzip2, open_gzip, skip, unreadable
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import by, short_of

_TIME_UNITS = {"sec": "s", "msec": "ms", "usec": "µs"}
# What is read of a file that is no image, to see whether it is damaged.
_SNIFFED_BYTES = 1 << 20
# What holds the header of any NIfTI image: 348 or 540 bytes, and four that tell of extensions.
_HEADER_BYTES = 544
_RGB_NAMES = {3: "rgb24", 4: "rgba32"}


def open_image(source: str) -> Volume:
    """Read the header of an image.

    Args:
        source: path of any image that nibabel reads: NIfTI, Analyze, MGH, MINC, AFNI, PAR/REC, …

    Raises:
        InputError: it is missing, damaged or not an image, or has no numbers that batch norm is defined on.
    """
    image = _load(source)
    proxy = getattr(image, "dataobj", None)
    shape = tuple(int(size) for size in getattr(image, "shape", ()))
    if proxy is None or not shape:
        raise InputError(source, f"a {type(image).__name__} holds no volume; give an image with voxels")
    _refuse_empty(source, shape)
    if type(proxy) is ArrayProxy:
        path = str(image.file_map["image"].filename or image.file_map["header"].filename or source)
        volume = _plain_image(source, image, proxy, shape, _voxels(path, int(proxy.offset)))
        _refuse_short_file(volume)
        return volume
    return _converted_image(source, image, proxy, shape)


def open_remote(source: str, access: Access) -> Volume:
    """Read the header of an image on another machine; its voxels are streamed, compressed or not.

    Args:
        source: URL of a NIfTI image in one file.
        access: how it may be reached.

    Raises:
        InputError: as `open_image`, or it cannot be fetched.
    """
    name = remote.name_of(source)
    if not name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(source, "of files elsewhere .nii and .nii.gz are read; copy others here, or convert them")
    try:
        with closing(_bytes_of(source, name, remote.HEADER_BYTES, access)) as stream:
            image = _streamed_image(source, stream)
    except InputError:
        raise
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    proxy, shape = image.dataobj, tuple(int(size) for size in image.shape)
    _refuse_empty(source, shape)

    def at_first_voxel() -> BinaryIO:
        stream = _bytes_of(source, name, remote.VOXEL_BYTES, access)
        skip(stream, int(proxy.offset))
        return stream

    return _plain_image(source, image, proxy, shape, StreamedVoxels(at_first_voxel))


def _bytes_of(source: str, name: str, block: int, access: Access) -> BinaryIO:
    """A file elsewhere as a stream, inflated."""
    stream = remote.open_stream(source, block, access)
    return open_gzip(stream) if name.lower().endswith(".gz") else stream


def _streamed_image(source: str, stream: BinaryIO) -> Any:  # noqa: ANN401
    """An image of what a stream begins with: the header, and what stands before the voxels."""
    start = stream.read(_HEADER_BYTES)
    if not start:
        raise InputError(source, "the file is empty (0 bytes); copy it again")
    kinds: tuple[Any, ...] = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    kind = next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)
    if kind is None:
        raise InputError(source, "not a NIfTI image, or its header is damaged")
    try:
        fixed = kind.header_class.template_dtype.itemsize
        offset = int(kind.header_class(start[:fixed], check=False).get_data_offset())
        rest = stream.read(min(max(offset - len(start), 0), _SNIFFED_BYTES))
        return kind.from_stream(io.BytesIO(start + rest))
    except STREAM_ERRORS:
        raise
    except Exception as error:  # whatever else a damaged header makes nibabel raise
        raise InputError(source, f"its header is damaged ({first_line(error)}); copy it again") from error


def _refuse_empty(source: str, shape: tuple[int, ...]) -> None:
    if any(size <= 0 for size in shape):
        raise InputError(
            source,
            f"its header says {by(shape)} voxels, and no dimension can be 0 or less: it is damaged; copy it again",
        )


def _load(source: str) -> Any:  # noqa: ANN401  (nibabel's image classes share no typed base with dataobj)
    try:
        return nibabel.load(source)
    except ImageFileError as error:
        raise InputError(source, _not_an_image(source)) from error
    except ImportError as error:
        raise InputError(source, f"this format needs another package ({error}); install it and run again") from error
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    except Exception as error:  # whatever else a damaged header makes nibabel raise
        raise InputError(
            source, f"its header is damaged, or of a kind that is not known ({first_line(error)})"
        ) from error


def _not_an_image(source: str) -> str:
    _refuse_damaged(source)  # nibabel takes a small compressed file that is damaged for none at all
    if source.lower().endswith((".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")):
        return "nibabel does not read this format; convert it to NIfTI first (SimpleITK and dcm2niix do)"
    return "not an image that nibabel reads; give a NIfTI, Analyze, MGH or MINC file, or a .npy or .npz array"


def _refuse_damaged(source: str) -> None:
    opener = _opener(source)
    if opener is not None:
        try:
            with opener(source) as stream:
                stream.read(_SNIFFED_BYTES)
        except STREAM_ERRORS as error:
            raise unreadable(source, error) from error


def _plain_image(
    source: str,
    image: Any,  # noqa: ANN401
    proxy: ArrayProxy,
    shape: tuple[int, ...],
    voxels: PlainVoxels | StreamedVoxels,
) -> Volume:
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
    """The type of one number, and how many a voxel has where its type has channels."""
    if dtype.names:
        parts = {dtype[name] for name in dtype.names}
        if len(parts) == 1 and next(iter(parts)) == np.uint8:
            return np.dtype(np.uint8), len(dtype.names)
    if dtype.kind == "c":
        raise InputError(
            source,
            f"its voxels are complex ({dtype.name}), and batch norm is defined on real numbers; "
            "save the magnitude, or real and imaginary part as two channels",
        )
    if dtype.kind not in "biuf":
        raise InputError(source, f"its voxels are of type {dtype}, which is not a number; convert them to one")
    return dtype, None


def _voxels(path: str, offset: int) -> PlainVoxels | StreamedVoxels:
    opener = _opener(path)
    return PlainVoxels(path, offset) if opener is None else StreamedVoxels(_from(opener, path, offset))


def _opener(path: str) -> Callable[[str], BinaryIO] | None:
    """What opens a compressed file, by its ending; None where it is plain."""
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
    if isinstance(volume.voxels, PlainVoxels):
        try:
            there = os.stat(volume.voxels.path).st_size - volume.voxels.offset
        except OSError as error:
            raise unreadable(volume.source, error) from error
        if there < volume.nbytes:
            raise InputError(volume.source, short_of(volume.nbytes, max(there, 0)))


def _repetition(image: Any, shape: tuple[int, ...]) -> str | None:  # noqa: ANN401
    """The repetition time, where the header of a fourth axis carries one."""
    header = image.header
    if len(shape) < 4 or shape[3] < 2 or not hasattr(header, "get_xyzt_units"):
        return None
    try:
        unit = _TIME_UNITS.get(header.get_xyzt_units()[1])
        time = float(header.get_zooms()[3])
    except Exception:  # an unknown unit code is no reason to refuse a file
        return None
    return f"{time:g} {unit}" if unit and time > 0 else None


def _spacing(image: Any) -> tuple[float, ...] | None:  # noqa: ANN401
    """The distance of voxels along the first three axes, where the header has one for each."""
    try:
        found = tuple(float(zoom) for zoom in image.header.get_zooms()[:3])
    except Exception:  # formats without one are read all the same
        return None
    return found if found and all(isfinite(zoom) and zoom > 0 for zoom in found) else None


def _converted_image(source: str, image: Any, proxy: Any, shape: tuple[int, ...]) -> Volume:  # noqa: ANN401
    """A format whose scaling differs from slice to slice: nibabel converts it, a slice at a time."""
    kind = np.dtype(getattr(proxy, "dtype", image.get_data_dtype()))
    dtype, _ = _number_type(source, kind)
    return Volume(
        source=source,
        shape=shape,
        dtype=np.dtype(np.float64),
        dtype_name=dtype.name,
        order="F",
        voxels=StreamedVoxels(lambda: cast(BinaryIO, io.BufferedReader(_SliceReader(proxy, shape)))),
        spacing=_spacing(image),
    )


class _SliceReader(io.RawIOBase):
    """The bytes of a converted image, float64, first axis fastest."""

    def __init__(self, proxy: Any, shape: tuple[int, ...]) -> None:  # noqa: ANN401
        super().__init__()
        self._slices = self._each_slice(proxy, shape)
        self._left = memoryview(b"")

    @staticmethod
    def _each_slice(proxy: Any, shape: tuple[int, ...]) -> Iterator[memoryview]:  # noqa: ANN401
        for place in np.ndindex(*reversed(shape[2:])):
            index = (..., *reversed(place)) if place else (...,)
            slab = np.asarray(proxy[index], dtype=np.float64)
            yield np.ravel(slab, order="F").data.cast("B")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        if not self._left:
            self._left = next(self._slices, memoryview(b""))
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
