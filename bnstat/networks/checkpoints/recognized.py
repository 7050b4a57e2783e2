"""Whether a file is a checkpoint, for commands that take volumes too: by its content, and by its name if that fails.

The readers are imported for files that look like theirs, so that a volume does not wait for them.
"""

from __future__ import annotations

import os
import zipfile

from bnstat.errors import InputError
from bnstat.sources.regular import open_regular

# Endings that no volume has: what is wrong with such a file is said as of a checkpoint.
_ENDINGS = (".pt", ".pth", ".ckpt", ".pt2", ".safetensors", ".keras", ".weights.h5", ".onnx")
_ZIP, _HDF5 = b"PK", b"\x89HDF\r\n\x1a\n"
_KERAS = "model.weights.h5"
# What a pickle of protocol 2 or later starts with, and what the header of safetensors has behind its length.
_PICKLE, _JSON = b"\x80", b'{"'
_START = 512


def is_checkpoint(file: str) -> bool:
    """Return True if a file is a checkpoint and no volume.

    An archive of numpy and an HDF5 file may be either: one with normalization layers is a checkpoint.
    """
    if file.lower().endswith(_ENDINGS) and "://" not in file:
        return not os.path.isdir(file)
    try:
        with open_regular(file) as opened:
            start = opened.read(_START)
    except (OSError, ValueError):  # a name that is too long, or has a NUL; what reads volumes says what is wrong
        return False
    if start.startswith(_ZIP):
        return _is_archive_of_weights(file)
    if start.startswith(_HDF5):
        return _has_layers(file)
    if start.startswith(_PICKLE):
        from bnstat.networks.checkpoints import torch_legacy

        return torch_legacy.MAGIC in start[: torch_legacy.LONGEST_START]
    if start[8:10] == _JSON:
        from bnstat.networks.checkpoints import safetensors_file

        return int.from_bytes(start[:8], "little") <= safetensors_file.MOST_HEADER
    return False


def _is_archive_of_weights(file: str) -> bool:
    """Return True for a zip archive of PyTorch or Keras, and for one of numpy with normalization layers."""
    from bnstat.networks.checkpoints import exported_program, torch_archive

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    if _KERAS in names or exported_program.MARKS & {name.split("/", 1)[-1] for name in names}:
        return True
    if any(name.split("/")[-1] == torch_archive.DESCRIPTION and name.count("/") < 2 for name in names):
        return True
    return _has_layers(file)


def _has_layers(file: str) -> bool:
    from bnstat.networks.checkpoints.opening import read_checkpoint

    try:
        return bool(read_checkpoint(file).normalizations)
    except InputError:
        return False
