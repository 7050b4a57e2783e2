"""What a file or folder that is named as a model holds, told by its content and without the framework that reads it."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Literal, TypeAlias

from bnstat.sources.regular import is_directory, is_file, open_regular

Content: TypeAlias = Literal[
    "onnx", "keras", "torchscript", "exported", "weights", "python", "volume", "damaged", "unknown"
]

_HDF5 = b"\x89HDF\r\n\x1a\n"
# The first bytes of a pickle, which PyTorch before 1.6 wrote without an archive.
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# The archive formats of `torch.export.save`: since PyTorch 2.9, and before.
_EXPORTED = ("archive_format", "serialized_exported_program.json")
_LONGEST_HEADER = 1 << 27


def content_of_file(path: str) -> Content:
    """Return what a file holds.

    Raises:
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        start = file.read(16)
    name = path.lower()
    if start.startswith(b"PK"):
        return _of_archive(path)
    if start.startswith(_HDF5) and name.endswith(".weights.h5"):
        return "weights"
    if start.startswith(_HDF5):
        return "keras" if name.endswith((".keras", ".h5", ".hdf5")) else "volume"
    if name.endswith(".onnx"):
        return "onnx"
    if name.endswith(".py"):
        return "python"
    if start.startswith(_PICKLE) or _is_safetensors(path, start):
        return "weights"
    return "volume" if _is_volume(path) else "unknown"


def _of_archive(path: str) -> Content:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "damaged"
    inside = {name.partition("/")[2] or name for name in names}
    if any(name in inside for name in _EXPORTED):
        return "exported"
    if "constants.pkl" in inside:
        return "torchscript"
    if "data.pkl" in inside:
        return "weights"
    if "config.json" in names and any(name.endswith(".h5") for name in names):
        return "keras"
    return "weights" if any(name.endswith(".npy") for name in names) else "unknown"


def _is_safetensors(path: str, start: bytes) -> bool:
    """Return True for a file that begins with the length of a header in JSON and with this header."""
    length = int.from_bytes(start[:8], "little")
    if start[8:9] != b"{" or not 2 <= length <= min(_LONGEST_HEADER, os.path.getsize(path) - 8):
        return False
    with open_regular(path) as file:
        file.seek(8)
        try:
            return isinstance(json.loads(file.read(length)), dict)
        except (ValueError, RecursionError):
            return False


def _is_volume(path: str) -> bool:
    from bnstat.sources.formats.registry import format_of

    return format_of(path) is not None


def holds_volumes(folder: str) -> bool:
    """Return True if a folder has volumes, itself or in a folder below it that data sets have."""
    place = Path(folder)
    among = (place, place / "imagesTr", place / "images")
    return any(_is_volume(str(file)) for one in among if is_directory(one) for file in one.iterdir() if is_file(file))
