"""Zarr: an array of a store, or the full resolution of an OME-Zarr image, a slab of whole chunks at a time.

Only this module uses zarr. OME-Zarr: https://ngff.openmicroscopy.org/specifications/
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, ZipStore

from bnstat.errors import InputError
from bnstat.sources.formats.arrays import require_numbers
from bnstat.sources.formats.named_axes import CHANNELS, SPACE, laid_out
from bnstat.sources.formats.registry import split_key
from bnstat.sources.formats.slabs import MOST_CHUNKS, require_written, slabs
from bnstat.sources.streams import first_line, stream_of_parts, unreadable
from bnstat.sources.volume import Array, StreamedVoxels, Volume
from bnstat.text import by, first_ones, plural

# How many folders above an array its image may be: `image/scale0/data`.
_LEVELS = 3
# The axes of images of versions before 0.4, which do not name them.
_OLD_AXES = ("t", "c", "z", "y", "x")
# The units of length that are converted, in mm.
_MM = {"millimeter": 1.0, "micrometer": 1e-3, "nanometer": 1e-6, "centimeter": 10.0, "meter": 1e3}


@dataclass(frozen=True)
class _Found:
    """An array of a store that may be meant.

    Attributes:
        array: the array.
        name: its place in the store; for an image, that of the image.
        image: the metadata of its image, of which it has the full resolution; None if it is no image.
        level: the metadata of that resolution.
    """

    array: zarr.Array[Any]
    name: str
    image: Mapping[str, Any] | None = None
    level: Mapping[str, Any] | None = None


def open_zarr(source: str) -> Volume:
    """Read the metadata of an array or of an image.

    Args:
        source: a store, a group or an array in it (`x.zarr`, `x.zarr/0`), or a zipped store (`x.zarr.zip[0]`).

    Raises:
        InputError: if it is missing, damaged, not of real numbers, or there are several arrays and none is named.
    """
    path, key = split_key(source)
    try:
        with _opened(path) as root:
            return _volume(source, path, _meant(source, path, key, root))
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # damaged metadata make zarr raise anything
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.strerror:
        return unreadable(source, error)
    return InputError(source, f"zarr cannot read it ({first_line(error)}): it is incomplete or damaged; copy it again")


@contextmanager
def _opened(path: str) -> Iterator[zarr.Group | zarr.Array[Any]]:
    """Open a store for reading; zarr's warnings on other files in it stay off the screen."""
    folder = os.path.isdir(path)
    store = LocalStore(path, read_only=True) if folder else ZipStore(path, mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield zarr.open(store, mode="r")
        finally:
            store.close()


def _meant(source: str, path: str, key: str | None, root: zarr.Group | zarr.Array[Any]) -> _Found:
    """Return the array that is meant.

    Raises:
        InputError: if there is none, or there are several; the message lists them.
    """
    node = root
    if key is not None and isinstance(root, zarr.Group):
        place = key.strip("/")
        if place and place not in root:
            raise InputError(source, f"the store contains no {key!r}; {_choice(path, list(_arrays(root, '')))}")
        node = root[place] if place else root
    if isinstance(node, zarr.Array):
        return _of_image(path, node)
    found = list(_arrays(node, (key or "").strip("/")))
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(source, "the store contains no array of numbers; give one with an array")
    raise InputError(source, f"the store contains {len(found)} arrays or images; {_choice(path, found)}")


def _choice(path: str, found: Sequence[_Found]) -> str:
    """Return what to type for each array."""
    written = "{}/{}" if os.path.isdir(path) else "{}[{}]"
    listed = [
        f"{written.format(path.rstrip('/'), one.name)} ({by(one.array.shape)}, {one.array.dtype.name})" for one in found
    ]
    return first_ones("give one of:", listed)


def _arrays(group: zarr.Group, name: str) -> Iterator[_Found]:
    """Yield the arrays of numbers in a group and below it; of an image, the one of its full resolution."""
    image = _image(group.attrs)
    if image is not None:
        level = image["datasets"][0]
        array = group[str(level["path"])]
        if isinstance(array, zarr.Array):
            yield _Found(array, name, image, level)
        return
    for own, node in sorted(group.members()):
        place = f"{name}/{own}".strip("/")
        if isinstance(node, zarr.Group):
            yield from _arrays(node, place)
        elif node.dtype.kind in "biuf":
            yield _Found(node, place)


def _image(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the metadata of an image in the attributes of a group; None if it is no image."""
    own = attributes.get("ome", attributes)
    scales = own.get("multiscales") if isinstance(own, Mapping) else None
    if not isinstance(scales, Sequence) or not scales or not isinstance(scales[0], Mapping):
        return None
    image = {**scales[0], "omero": own.get("omero", {})}
    return image if image.get("datasets") else None


def _of_image(path: str, array: zarr.Array[Any]) -> _Found:
    """Return an array that was named, with the metadata of the image above it if it is one of its resolutions."""
    name = array.path
    if not name and os.path.isdir(path):
        here = os.path.abspath(path)
        for _ in range(_LEVELS):
            here, above = os.path.dirname(here), os.path.relpath(path, os.path.dirname(here))
            if not any(os.path.isfile(os.path.join(here, mark)) for mark in (".zgroup", "zarr.json")):
                break
            with _opened(here) as group:
                image = _image(group.attrs)
            found = _level(image, above.replace(os.sep, "/"))
            if found is not None:
                return _Found(array, above, image, found)
    return _Found(array, name)


def _level(image: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """Return the resolution of an image with this name."""
    levels = image["datasets"] if image is not None else []
    return next((level for level in levels if str(level.get("path")) == name), None)


def _volume(source: str, path: str, found: _Found) -> Volume:
    """Return the volume of an array.

    Raises:
        InputError: if its values are no real numbers, or need to be unpickled.
    """
    array = found.array
    shape, dtype = tuple(int(size) for size in array.shape), np.dtype(array.dtype)
    require_numbers(source, shape, dtype)
    _refuse_pickled(source, array)
    chunks = tuple(array.shards or array.chunks)
    name = array.path

    def parts() -> Generator[Array]:
        try:
            with _opened(path) as root:
                stored: Any = root[name] if isinstance(root, zarr.Group) else root
                for slab in slabs(shape, chunks, dtype.itemsize):
                    yield np.asarray(stored[slab], dtype=dtype)
        except GeneratorExit:
            raise
        except Exception as error:  # a damaged chunk makes its codec raise anything
            raise _unreadable(source, error) from error

    voxels = StreamedVoxels(lambda: stream_of_parts(parts()))
    names = _axes(found, len(shape))
    if names is None:
        return Volume(source, shape, dtype, dtype.name, "C", voxels, batched=True, notes=_missing(source, array))
    layout = laid_out(names, shape)
    return Volume(
        source=source,
        shape=layout.shape,
        dtype=dtype,
        dtype_name=dtype.name,
        order=layout.order,
        voxels=voxels,
        channels_last=True,
        spacing=_spacing(found, names),
        notes=(*layout.notes, *_channels(found, names, shape), *_missing(source, array)),
    )


def _refuse_pickled(source: str, array: zarr.Array[Any]) -> None:
    """Raise InputError if reading would unpickle values, which can run code."""
    if "pickle" in repr(array.metadata.to_dict()).lower():
        raise InputError(source, "its values are pickled, and nothing is ever unpickled; save it as plain numbers")


def _axes(found: _Found, number: int) -> tuple[str, ...] | None:
    """Return the name of each axis of an image; None if it is none, or they are not known."""
    if found.image is None:
        return None
    axes = found.image.get("axes", _OLD_AXES if number == len(_OLD_AXES) else ())
    names = tuple(str(axis.get("name") if isinstance(axis, Mapping) else axis).lower() for axis in axes)
    return names if len(names) == number and len(set(names)) == number and "x" in names else None


def _spacing(found: _Found, names: Sequence[str]) -> tuple[float, ...] | None:
    """Return the distance of voxels along x, y and z in mm; None unless all are known with their units."""
    axes = found.image.get("axes", ()) if found.image is not None else ()
    steps = (found.level or {}).get("coordinateTransformations", ())
    scale = next((one.get("scale") for one in steps if one.get("type") == "scale"), None)
    if not isinstance(scale, Sequence) or len(scale) != len(names):
        return None
    units = {name: axis.get("unit") for name, axis in zip(names, axes, strict=True) if isinstance(axis, Mapping)}
    sizes = {name: float(size) * _MM.get(str(units.get(name)), 0.0) for name, size in zip(names, scale, strict=True)}
    space = tuple(sizes.get(name, 0.0) for name in SPACE)
    return space if all(isfinite(size) and size > 0 for size in space) else None


def _channels(found: _Found, names: Sequence[str], shape: Sequence[int]) -> tuple[str, ...]:
    """Return a note with the names of the channels, if the image has one for each."""
    listed = (found.image or {}).get("omero", {}).get("channels", ())
    labels = [str(one.get("label", "")) for one in listed if isinstance(one, Mapping)]
    known = CHANNELS in names and len(labels) == shape[names.index(CHANNELS)] and all(labels)
    return (f"its channels are {', '.join(labels)}",) if known and len(labels) > 1 else ()


def _missing(source: str, array: zarr.Array[Any]) -> tuple[str, ...]:
    """Return a note if chunks are not there: zarr gives the fill value in place of them.

    Raises:
        InputError: if they are so many that the metadata are damaged, or reading them would take days.
    """
    chunks = prod(-(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True))
    if chunks > MOST_CHUNKS:  # zarr makes a list of their names
        raise InputError(source, f"its metadata declare {chunks:,} chunks, and at most {MOST_CHUNKS:,} are read")
    missing = chunks - array.nchunks_initialized
    itemsize = np.dtype(array.dtype).itemsize
    require_written(source, min(missing * prod(array.chunks), prod(array.shape)) * itemsize)
    if missing <= 0:
        return ()
    are = "is" if missing == 1 else "are"
    return (
        f"{missing:,} of its {plural(chunks, 'chunk')} {are} not there and {are} read as the fill value "
        f"{array.fill_value}; if it was copied, copy it again",
    )
