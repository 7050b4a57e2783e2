"""Files whose names do not say what they are: what is told of them, and the command that makes the name true."""

from __future__ import annotations

import os
import shlex
import zipfile
from contextlib import suppress

from bnstat.sources.compression import GZIP, LONGEST_MARKER, Layers, first_layer, found_in, promised
from bnstat.sources.regular import open_regular
from bnstat.sources.remark import Remark

# The kinds of image that are known by their first bytes, by the ending of an uncompressed file.
NIFTI, MGH = ".nii", ".mgh"
# The files of an image of two: both are renamed, or none.
VOXELS, HEADER = ".img", ".hdr"
_KINDS = {NIFTI: "a NIfTI image", MGH: "an MGH image"}
# The bytes with which an archive of arrays begins.
_ZIP, _ZIP_ENDING = b"PK", ".npz"
# Those with which the recording of a training begins.
_TRAINING = b'{"schema":"bnstat.training/1"'
# What an archive of PyTorch has in its one folder.
_OF_PYTORCH = "/data.pkl"
_MEANS = "it is read as what it is, but other programs will stumble over it"


def disguise_of(name: str, kind: str, layers: Layers, *, here: bool = True) -> list[Remark]:
    """Return the remark on a file whose name does not say what it is; none if it does.

    Args:
        name: its name.
        kind: the ending of an uncompressed file of its kind.
        layers: how it is compressed.
        here: True if it can be renamed; False for a file on a server.
    """
    stem, named, promises = _said_by(name)
    if (named, promises) == (kind, layers) and len(layers) < 2:
        return []
    ending = f"though its name ends in {name[len(stem) :] or stem[-1:]}"
    if len(layers) > 1:
        text = f"it is compressed {'twice' if len(layers) == 2 else f'{len(layers)} times'}"
    elif named != kind and kind in _KINDS:
        text = f"it is {_KINDS[kind]}, though its name {f'ends in {name[len(stem) :]}' if named else 'does not say so'}"
    elif not layers:
        text = f"it is not compressed, {ending}"
    else:
        text = f"it is a {layers[0].title} file, {ending}"
    return [Remark(f"{text}; {_MEANS}", _mended(name, stem, kind, layers) if here else "")]


def _said_by(name: str) -> tuple[str, str, Layers]:
    """Return what a name says: what is before its endings, the kind of image, and how it is compressed."""
    stem, layers = name, []
    while (promise := promised(stem)) is not None:
        layers.append(promise)
        if promise.ending_of(stem) == ".mgz":
            return stem[: -len(".mgz")], MGH, tuple(layers)
        stem = stem[: -len(promise.ending_of(stem))]
    kind = os.path.splitext(stem)[1].lower()
    known = kind in (*_KINDS, VOXELS, HEADER)
    return (stem[: -len(kind)] if known else stem), (kind if known else ""), tuple(layers)


def _mended(name: str, stem: str, kind: str, layers: Layers) -> str:
    """Return the command after which name and content agree."""
    packed = "".join(layer.endings[0] for layer in reversed(layers))
    true = f"{stem}.mgz" if (kind, layers) == (MGH, (GZIP,)) else f"{stem}{kind}{packed}"
    steps = [f"mv {shlex.quote(name)} {shlex.quote(true)}"] if name != true else []
    for layer in layers[: -1 if kind in _KINDS else None]:
        steps.append(f"{layer.undo} {shlex.quote(true)}")
        true = true.removesuffix(layer.endings[0])
    if not layers and kind != MGH and promised(name) is GZIP:
        steps.append(f"gzip {shlex.quote(true)}")
    return " && ".join(steps)


def voxel_layers(path: str, offset: int, nbytes: int) -> tuple[Layers, list[Remark]]:
    """Return how the file of the voxels of an image of two files is compressed, with the remark if it is named wrongly.

    Any bytes may begin such a file: if its name promises no compression, it has none unless it is too short without.

    Args:
        path: the file.
        offset: the place of the first voxel in what it contains.
        nbytes: the bytes of all voxels.
    """
    promise = promised(path)
    first, size = promise, 0
    with suppress(OSError):  # which reading it tells
        first, size = first_layer(path), os.stat(path).st_size
    if promise is None and size >= offset + nbytes:
        first = None
    layers = () if first is None else (first,)
    return layers, disguise_of(path, VOXELS, layers)


def misnamed(path: str) -> str | None:
    """Return what is wrong with a file that does not begin as its name promises; None if it does, or cannot be read.

    A file that is cut within these first bytes begins as it should.
    """
    marker = _ZIP if path.lower().endswith(_ZIP_ENDING) else None
    kind = promised(path)
    named = (
        ("zip", marker, _ZIP_ENDING) if marker else (kind.title, kind.marker, kind.ending_of(path)) if kind else None
    )
    try:
        with open_regular(path) as file:
            start = file.read(max(LONGEST_MARKER, len(_TRAINING)))
    except (OSError, ValueError):
        return None
    if start == _TRAINING:
        return f"it is the recording of a training; type: bnstat layers {shlex.quote(path)}"
    if named is not None:
        title, marker, ending = named
        begins = start.startswith(marker) or marker.startswith(start)
        return None if begins else f"it is not a {title} file, though its name ends in {ending}; check what it is"
    if start.startswith(_ZIP) and _holds_tensors(path):
        return f"it is a checkpoint of PyTorch and no volume; type: bnstat checkpoint {shlex.quote(path)}"
    if start.startswith(_ZIP):
        return f"it is a zip file, though its name does not end in {_ZIP_ENDING}; check what it is"
    kind = found_in(start)
    if kind is None:
        return None
    ending = kind.endings[0]
    return (
        f"it is a {kind.title} file, though its name does not end in {ending}; "
        f"type: mv {shlex.quote(path)} {shlex.quote(path + ending)}"
    )


def _holds_tensors(archive: str) -> bool:
    """Return True if an archive is one of PyTorch, by the names in it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return any(name.endswith(_OF_PYTORCH) for name in opened.namelist())
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
