"""HDF5 files: a dataset is an array, streamed a slab of whole chunks at a time. Only this module uses h5py."""

from __future__ import annotations

import os
from collections.abc import Generator
from math import prod
from typing import Any

import h5py
import numpy as np

from bnstat.errors import InputError
from bnstat.sources.formats.arrays import require_numbers
from bnstat.sources.formats.registry import split_key
from bnstat.sources.formats.slabs import require_written, slabs
from bnstat.sources.regular import open_regular
from bnstat.sources.streams import first_line, stream_of_parts, unreadable
from bnstat.sources.volume import Array, PlainVoxels, StreamedVoxels, Volume
from bnstat.text import by, first_ones

# The fewest bytes of a chunk that went through a filter: those of a checksum and one more, which HDF5 does not look at.
_LEAST_FILTERED = 5
# The first bytes of an HDF4 file, another format that shares the ending .hdf.
_HDF4 = b"\x0e\x03\x13\x01"


def open_hdf5(source: str) -> Volume:
    """Read the header of a dataset.

    Args:
        source: `x.h5` of one dataset, or `x.h5[/path/of/dataset]`.

    Raises:
        InputError: if it is missing, damaged, not of real numbers, or there are several datasets and none is named.
    """
    path, key = split_key(source)
    try:
        with h5py.File(path, "r") as file:
            return _volume(source, path, _dataset(source, path, key, file))
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # a damaged file makes HDF5 raise anything
        raise _unreadable(source, path, error) from error


def _unreadable(source: str, path: str, error: Exception) -> InputError:
    """Return the error to report for an exception of HDF5."""
    why = first_line(error)
    if isinstance(error, OSError) and error.errno and error.strerror and "errno" not in why:
        return unreadable(source, error)
    if "signature not found" in why:
        with open_regular(path) as file:
            if file.read(len(_HDF4)) == _HDF4:
                return InputError(source, "it is an HDF4 file, which is not read; convert it with h4toh5")
        return InputError(source, "it is not an HDF5 file, or its start is damaged; check what it is")
    if "truncated file" in why:
        return InputError(source, "the file is truncated: it is shorter than it says itself; copy it again")
    if "unable to lock file" in why:
        return InputError(source, "another program is writing the file; run again when it is closed")
    return InputError(source, f"HDF5 cannot read it ({why}): the file is damaged; copy it again")


def _dataset(source: str, path: str, key: str | None, file: h5py.File) -> h5py.Dataset:
    """Return the dataset that is meant.

    Raises:
        InputError: if there is none, or there are several; the message lists them.
    """
    found = file if key is None else _node(key, file)
    if isinstance(found, h5py.Dataset):
        return found
    inside = _datasets_in(found) if isinstance(found, h5py.Group) else _datasets_in(file)
    if len(inside) == 1 and isinstance(found, h5py.Group):
        return inside[0]
    if not inside:
        where = "the file" if found is None or key is None else f"the group {key!r}"
        raise InputError(source, f"{where} contains no dataset of numbers; give a file with one")
    told = first_ones("give the name of one:", [f"{path}[{one.name}] ({_described(one)})" for one in inside])
    if found is None:
        raise InputError(source, f"the file contains no dataset {key!r}; {told}")
    raise InputError(source, f"the file contains {len(inside)} datasets; {told}")


def _node(key: str, file: h5py.File) -> h5py.Dataset | h5py.Group | None:
    try:
        return file.get(key)
    except (KeyError, ValueError):  # a link that leads nowhere, or an empty name
        return None


def _datasets_in(group: h5py.Group) -> list[h5py.Dataset]:
    """Return the datasets of numbers in a group and below it, without the coordinates along axes of others."""
    found: list[h5py.Dataset] = []

    def take(_: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and _is_number(node) and not node.is_scale:
            found.append(node)

    group.visititems(take)
    return found


def _is_number(dataset: h5py.Dataset) -> bool:
    try:
        return dataset.dtype.kind in "biuf"
    except TypeError:  # a type that numpy does not have
        return False


def _described(dataset: h5py.Dataset) -> str:
    return f"{by(dataset.shape)}, {dataset.dtype.name}"


def _volume(source: str, path: str, dataset: h5py.Dataset) -> Volume:
    """Return the volume of a dataset.

    Raises:
        InputError: if its values are no real numbers, or not in this file, or need a filter that is not there.
    """
    dtype = _number_type(source, dataset)
    if dataset.shape is None:
        raise InputError(source, "the dataset has no values (its space is null); give one with values")
    require_numbers(source, dataset.shape, dtype)
    _require_stored_here(source, path, dataset)
    _require_filters(source, dataset)
    return Volume(
        source=source,
        shape=dataset.shape,
        dtype=dtype,
        dtype_name=dtype.name,
        order="C",
        voxels=_voxels(source, path, dataset, dtype),
        batched=True,
        notes=_notes(source, path, dataset),
    )


def _number_type(source: str, dataset: h5py.Dataset) -> np.dtype[Any]:
    """Return the type of the numbers, in their own byte order.

    Raises:
        InputError: if numpy does not have this type, or the values are texts or lists.
    """
    try:
        dtype = dataset.dtype
    except TypeError as error:
        raise InputError(
            source, f"its values have a type that numpy does not have ({first_line(error)}); save them as float32"
        ) from error
    if dtype.hasobject:
        raise InputError(source, "its values are texts, lists or references and not numbers; give a dataset of numbers")
    plain: np.dtype[Any] = np.dtype(dtype.str) if dtype.kind in "biuf" else dtype  # without the metadata of h5py
    return plain


def _require_stored_here(source: str, path: str, dataset: h5py.Dataset) -> None:
    """Raise InputError where HDF5 would read fill values in place of those in another file that is missing."""
    if dataset.external:
        raise InputError(
            source, "its values are in other files, which are not read; write them into one file with h5repack"
        )
    if not dataset.is_virtual:
        return
    for one in dataset.virtual_sources():
        if one.file_name in {".", ""} or "%" in one.file_name:
            continue
        there = os.path.join(os.path.dirname(os.path.realpath(path)), one.file_name)
        if not os.path.isfile(there):
            raise InputError(
                source,
                f"it takes values from another file, {one.file_name}, which is missing; copy it to the same folder",
            )


def _require_filters(source: str, dataset: h5py.Dataset) -> None:
    """Raise InputError if the values are compressed in a way that this HDF5 cannot undo."""
    created = dataset.id.get_create_plist()
    for place in range(created.get_nfilters()):
        code, _, _, name = created.get_filter(place)
        if not (h5py.h5z.filter_avail(code) or _plugin_has(code)):
            called = name.decode(errors="replace").split(";")[0].strip() or "of unknown name"
            raise InputError(
                source,
                f"it is compressed with the filter {code} ({called}), which h5py does not have; "
                "type: pip install hdf5plugin",
            )


def _plugin_has(code: int) -> bool:
    """Return True if the package of further filters is there, and has this one."""
    try:
        import hdf5plugin  # noqa: F401
    except ImportError:
        return False
    return bool(h5py.h5z.filter_avail(code))


def _voxels(source: str, path: str, dataset: h5py.Dataset, dtype: np.dtype[Any]) -> PlainVoxels | StreamedVoxels:
    """Return the way to the values: past HDF5 where they lie in one piece, as they are in memory."""
    plain = dataset.id.get_offset() is not None and not dataset.is_virtual and not dataset.chunks
    if plain and h5py.h5t.py_create(dtype, logical=True).equal(dataset.id.get_type()):
        offset = int(dataset.id.get_offset())
        if os.path.getsize(path) >= offset + prod(dataset.shape) * dtype.itemsize:
            return PlainVoxels(path, offset)
    name, shape = dataset.name, dataset.shape
    chunks = dataset.chunks or (1,) * len(shape)
    return StreamedVoxels(lambda: stream_of_parts(_parts(source, path, name, shape, chunks, dtype)))


def _parts(
    source: str, path: str, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any]
) -> Generator[Array]:
    """Yield the values of a dataset, a slab of them at a time."""
    try:
        with h5py.File(path, "r") as file:
            dataset = file[name]
            for slab in slabs(shape, chunks, dtype.itemsize):
                yield np.asarray(dataset[slab], dtype=dtype)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _unreadable(source, path, error) from error


def _notes(source: str, path: str, dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return a note if values were never written: HDF5 gives a fill value in place of them."""
    if dataset.is_virtual:
        return ()
    if dataset.chunks:
        chunks = prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        missing = chunks - _stored_chunks(source, path, dataset)
        require_written(source, min(missing * prod(dataset.chunks), prod(dataset.shape)) * dataset.dtype.itemsize)
        were = "was" if missing == 1 else "were"
        return (f"{missing:,} of its {chunks:,} chunks {were} never written, {_fill_of(dataset)}",) if missing else ()
    contiguous = dataset.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
    unwritten = contiguous and dataset.id.get_offset() is None
    require_written(source, unwritten * prod(dataset.shape) * dataset.dtype.itemsize)
    return (f"nothing was ever written to it, {_fill_of(dataset)}",) if unwritten else ()


def _fill_of(dataset: h5py.Dataset) -> str:
    return f"which is read as its fill value, {dataset.fillvalue}"


def _stored_chunks(source: str, path: str, dataset: h5py.Dataset) -> int:
    """Return the number of chunks that the file contains.

    Their index has no checksum in the older versions of the format, and HDF5 follows a damaged one to wherever it
    leads.

    Raises:
        InputError: if the index of the chunks names one twice, one that the dataset does not have, one outside of the
            file, or one that was stored without a filter that all have.
    """
    size = os.path.getsize(path)
    found: set[tuple[int, ...]] = set()
    created = dataset.id.get_create_plist()
    needed = sum(
        1 << place
        for place in range(created.get_nfilters())
        if not created.get_filter(place)[1] & h5py.h5z.FLAG_OPTIONAL
    )

    whole = prod(dataset.chunks) * dataset.dtype.itemsize
    least = _LEAST_FILTERED if created.get_nfilters() else whole

    def take(chunk: h5py.h5d.StoreInfo) -> None:
        place = chunk.chunk_offset
        axes = zip(place, dataset.shape, dataset.chunks, strict=True)
        sound = all(0 <= at < end and not at % step for at, end, step in axes) and place not in found
        sound = sound and not chunk.filter_mask & needed and least <= chunk.size
        if not sound or chunk.byte_offset is None or chunk.byte_offset + chunk.size > size:
            raise InputError(source, "the list of its chunks is damaged; copy the file again")
        found.add(place)

    dataset.id.chunk_iter(take)
    return len(found)
