"""Images that nibabel reads: headers through nibabel, voxels in file order. Only this module uses nibabel."""

from __future__ import annotations

import io
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from math import prod
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.analyze import AnalyzeHeader
from nibabel.arrayproxy import ArrayProxy
from nibabel.brikhead import AFNIArrayProxy
from nibabel.dataobj_images import DataobjImage
from nibabel.filebasedimages import FileBasedImage, ImageFileError
from nibabel.fileholders import FileHolder
from nibabel.minc1 import Minc1File
from nibabel.nifti1 import Nifti1Pair
from nibabel.parrec import PARRECArrayProxy

from bnstat.errors import InputError
from bnstat.sources.addresses import Access, is_remote, path_in
from bnstat.sources.compression import Layers, first_layer, layers_of, opened, promised
from bnstat.sources.disguise import HEADER, NIFTI, disguise_of, voxel_layers
from bnstat.sources.formats.header_fields import require_agreement, surplus
from bnstat.sources.formats.image_header import number_type, repetition, spacing
from bnstat.sources.formats.no_image import no_image
from bnstat.sources.formats.slices import Slices, converted_image, scaled_by, sliced_image
from bnstat.sources.layout import Order
from bnstat.sources.remark import Remark
from bnstat.sources.streams import STREAM_ERRORS, Part, first_line, skip, stream_of, unreadable
from bnstat.sources.volume import PlainVoxels, StreamedVoxels, Volume
from bnstat.text import by, short_of

# The most bytes read of the extensions between a header and the voxels.
_EXTENSION_BYTES = 1 << 20
# What says already what is wrong with a file.
_SAID: tuple[type[Exception], ...] = (InputError, *STREAM_ERRORS)
# The bytes that contain any NIfTI header: 348 or 540, and four for its extensions.
HEADER_BYTES = 544
# The intent codes of labels: NIFTI_INTENT_LABEL, and that of CIFTI's dense labels.
_LABELS = frozenset({1002, 3007})
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
    by_slice = isinstance(proxy, PARRECArrayProxy) or (isinstance(proxy, AFNIArrayProxy) and proxy.scaling is not None)
    if by_slice and image.file_map["image"].filename is not None:
        return _scaled_by_slice(source, image, shape)
    if by_slice or not isinstance(proxy, ArrayProxy) or type(proxy) not in (ArrayProxy, AFNIArrayProxy):
        return converted_image(source, cast(Any, image.header), cast(Any, proxy), shape)
    if not isinstance(proxy.file_like, (str, os.PathLike)):  # bytes in memory, or a file that the program opened
        order = cast(Order, getattr(proxy, "order", "F"))
        unscaled: Callable[[], Any] = proxy.get_unscaled
        voxels = StreamedVoxels(lambda: stream_of(np.asarray(unscaled()), order))
        return _plain_image(source, image, proxy, shape, voxels)
    path, offset = os.fspath(proxy.file_like), int(proxy.offset)
    notes: list[str | Remark] = list(_odd_fields(source, image))
    if isinstance(image, nibabel.Nifti1Image) and offset < image.header.single_vox_offset:
        notes.append(_low_offset(source, image.header))
        offset = int(image.header.single_vox_offset)
    promise = promised(path)
    layers: Layers = () if promise is None else (promise,)
    if path != source or image.files_types[1:]:  # of two files, that of the voxels may be packed in another way
        layers, disguise = voxel_layers(path, offset, proxy.dtype.itemsize * prod(shape))
        notes += disguise
    volume = _plain_image(source, image, proxy, shape, _voxels(path, offset, layers), notes)
    left = _refuse_short_file(volume)
    described = isinstance(image.header, AnalyzeHeader)  # behind the voxels of others is more of the header
    return replace(volume, notes=(*volume.notes, *surplus(left))) if described and left else volume


def _odd_fields(source: str, image: DataobjImage) -> tuple[str, ...]:
    """Return notes on the fields of a header as they are stored; nibabel has mended some of them.

    Raises:
        InputError: if they contradict each other.
    """
    header = image.header
    if not isinstance(header, AnalyzeHeader):
        return ()
    name = str(image.file_map.get("header", image.file_map["image"]).filename)
    try:
        layer = first_layer(name)
        with closing(opened(name, () if layer is None else (layer,))) as stream:
            start = stream.read(header.template_dtype.itemsize)
        stored = type(header)(start, endianness=header.endianness, check=False)
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    return require_agreement(source, stored, single="header" not in image.file_map)


def _scaled_by_slice(source: str, image: DataobjImage, shape: tuple[int, ...]) -> Volume:
    """Return the volume of an image of AFNI or of Philips, whose slices have scale factors of their own."""
    header, proxy = cast(Any, image.header), cast(Any, image.dataobj)
    if isinstance(proxy, AFNIArrayProxy):
        factors, places = (proxy.scaling, None), None
    else:
        factors, places = proxy._slice_scaling or (None, None), proxy._slice_indices
    path = str(image.file_map["image"].filename)
    layers, disguise = voxel_layers(path, 0, proxy.dtype.itemsize * prod(shape))
    slices = Slices(path, layers, 0, proxy.dtype, prod(shape[:2]), scaled_by(factors, shape), places)
    return replace(sliced_image(source, header, slices, shape), notes=tuple(disguise))


def minc1_file(variables: object) -> Minc1File:
    """Return what nibabel makes of the variables of a MINC-1 file: its type, its axes, and how its values are scaled.

    Raises:
        ValueError: if it has not three axes in space.
    """
    found: Minc1File = cast(Any, Minc1File)(variables)
    if cast(Any, found).get_affine().shape != (4, 4):
        raise ValueError("the image does not have three axes in space")
    return found


def open_stream(
    source: str, fresh: Callable[[Part], BinaryIO], *, mgh: bool = False, plain: str | None = None
) -> Volume:
    """Read the header of an image in one file, from a stream of its bytes; the voxels are streamed too.

    Args:
        source: the image, as the user named it.
        fresh: returns a new stream of the bytes, inflated, to read this part of them.
        mgh: True for an MGH image, otherwise it is NIfTI.
        plain: the path of a file that contains just these bytes; None if no file does.

    Raises:
        InputError: as `open_image`.
    """
    with closing(fresh("header")) as stream:
        image, notes = (_mgh(source, stream), []) if mgh else _nifti(source, stream)
    proxy, shape = cast(ArrayProxy, image.dataobj), tuple(int(size) for size in image.shape)
    _refuse_empty(source, shape)

    def at_first_voxel() -> BinaryIO:
        stream = fresh("voxels")
        skip(stream, int(proxy.offset))
        return stream

    voxels = StreamedVoxels(at_first_voxel) if plain is None else PlainVoxels(plain, int(proxy.offset))
    volume = _plain_image(source, image, proxy, shape, voxels, notes)
    _refuse_short_file(volume)
    return volume


def _nifti(source: str, stream: BinaryIO) -> tuple[Nifti1Pair, list[str | Remark]]:
    """Return an image made of the first bytes of a stream: the header, and the extensions before the voxels."""
    start = stream.read(HEADER_BYTES)
    if not start:
        raise InputError(source, "the file is empty (0 bytes); copy it again")
    kinds: tuple[Any, ...] = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    kind = next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)
    if kind is None:
        raise InputError(source, "it is not a NIfTI image, or its header is damaged; copy it again")
    notes: list[str | Remark] = []
    try:
        fixed = kind.header_class.template_dtype.itemsize
        header = kind.header_class(start[:fixed], check=False)
        notes += require_agreement(source, header, single=True)
        if 0 <= header.get_data_offset() < header.single_vox_offset:
            notes.append(_low_offset(source, header))
            header["vox_offset"] = header.single_vox_offset
        offset = int(header.get_data_offset())
        rest = stream.read(min(max(offset - len(start), 0), _EXTENSION_BYTES))
        return cast(Nifti1Pair, kind.from_stream(io.BytesIO(header.binaryblock + start[fixed:] + rest))), notes
    except _SAID:
        raise
    except Exception as error:  # a damaged header makes nibabel raise anything
        raise InputError(source, f"its header is damaged ({first_line(error)}); copy it again") from error


def _mgh(source: str, stream: BinaryIO) -> DataobjImage:
    """Return the MGH image in a stream."""
    try:
        read: Any = nibabel.MGHImage.from_file_map
        return cast(DataobjImage, read({"image": FileHolder(source, cast(io.IOBase, stream))}))
    except STREAM_ERRORS:
        raise
    except Exception as error:  # a damaged header makes nibabel raise anything
        raise InputError(source, f"its header is damaged ({first_line(error)}); copy it again") from error


def _low_offset(source: str, of_image: object) -> Remark:
    """Return the remark on the header of an image in one file, after which the voxels begin, unlike what it says."""
    header: Any = of_image
    least = int(header.single_vox_offset)
    kind, place = header.template_dtype.fields["vox_offset"][:2]
    octal = "".join(f"\\{byte:03o}" for byte in np.array(least, kind.newbyteorder(header.endianness)).tobytes())
    plain = not is_remote(source) and first_layer(source) is None
    return Remark(
        f"its header says that the voxels begin at byte {int(header.get_data_offset())}, where the header itself is; "
        f"they are read from byte {least} on, as the NIfTI standard says, but other programs may read other values",
        f"printf '{octal}' | dd of={shlex.quote(source)} bs=1 seek={place} conv=notrunc" if plain else "",
    )


def open_pair(source: str) -> Volume | None:
    """Read an image of two files, whose header is not compressed as its name says; None if there is no such header.

    Raises:
        InputError: as `open_image`.
    """
    kinds: tuple[Any, ...] = (nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.Spm99AnalyzeImage, nibabel.AnalyzeImage)
    try:
        name = kinds[0].filespec_to_file_map(source)["header"].filename
        layers = layers_of(lambda: name)
        with closing(opened(name, layers)) as stream:
            start = stream.read(HEADER_BYTES)
        kind = next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)
        disguise = disguise_of(name, HEADER, layers)
        if kind is None or not disguise:
            return None
        with closing(opened(name, layers)) as stream:
            files = kind.filespec_to_file_map(source)
            files["header"] = FileHolder(name, cast(io.IOBase, stream))
            volume = _volume_of(source, kind.from_file_map(files))
    except InputError:
        raise
    except Exception:  # whatever a damaged header makes nibabel raise: reading it by its name says what is wrong
        return None
    return replace(volume, notes=(*disguise, *volume.notes))


def open_remote(source: str, access: Access) -> Volume:
    """Read the header of a remote image; its voxels are streamed, compressed or not.

    Args:
        source: the URL of a NIfTI image in one file.
        access: how it may be reached.

    Raises:
        InputError: as `open_image`, or if it cannot be fetched.
    """
    from bnstat.sources import remote

    name = path_in(source)
    if not name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(source, "only .nii and .nii.gz files can be read from a URL; copy this file here first")

    seen = remote.Seen()  # the header and the voxels, however often they are read, must be of one version

    def raw(part: Part) -> BinaryIO:
        return remote.open_stream(source, part, access, seen)

    try:
        layers = layers_of(lambda: raw("header"))
        volume = open_stream(source, lambda part: opened(raw(part), layers))
    except STREAM_ERRORS as error:
        raise unreadable(source, error) from error
    return replace(volume, notes=(*disguise_of(name, NIFTI, layers, here=False), *volume.notes))


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
        raise InputError(source, no_image(source)) from error
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


def _plain_image(
    source: str,
    image: DataobjImage,
    proxy: ArrayProxy,
    shape: tuple[int, ...],
    voxels: PlainVoxels | StreamedVoxels,
    notes: Sequence[str | Remark] = (),
) -> Volume:
    """Return the volume of an image whose voxels are stored as one array."""
    header: Any = image.header
    dtype, channels = number_type(source, proxy.dtype)
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
        repetition=repetition(header, shape),
        spacing=spacing(header),
        notes=tuple(notes),
        labels=_declares_labels(image),
    )


def _voxels(path: str, offset: int, layers: Layers) -> PlainVoxels | StreamedVoxels:
    if not layers:
        return PlainVoxels(path, offset)

    def at_first_voxel() -> BinaryIO:
        stream = opened(path, layers)
        skip(stream, offset)
        return stream

    return StreamedVoxels(at_first_voxel)


def _refuse_short_file(volume: Volume) -> int:
    """Return the bytes behind the voxels of a plain file, and raise InputError if it has fewer than its header says."""
    if not isinstance(volume.voxels, PlainVoxels):
        return 0
    try:
        there = os.stat(volume.voxels.path).st_size - volume.voxels.offset
    except OSError as error:
        raise unreadable(volume.source, error) from error
    if there < volume.nbytes:
        raise InputError(volume.source, short_of(volume.nbytes, max(there, 0)))
    return there - volume.nbytes


def _declares_labels(image: DataobjImage) -> bool:
    """Return True if the intent code of a NIfTI header says that the values are labels."""
    header: Any = getattr(image, "nifti_header", image.header)
    try:
        return int(header["intent_code"]) in _LABELS
    except Exception:  # other formats have none
        return False
