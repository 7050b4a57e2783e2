"""Files that are no checkpoint, or one that is not read: what they are, and what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO

from bnstat.text import first_ones, printable

_SAVE = "save the weights with torch.save(model.state_dict(), ...)"
# What a file begins with, and what is said of it.
_STARTS = (
    (b"version https://git-lfs", "it is the pointer of Git LFS to a file that is not here; type: git lfs pull"),
    (b"\x93NUMPY", "it is a single array of numpy and no checkpoint; save all arrays of a network with numpy.savez"),
    (b"\x1f\x8b", "it is a gzip file (as .nii.gz or .tar.gz) and no checkpoint; unpack it, or check what it is"),
    (b"BZh", "it is a bzip2 file and no checkpoint; unpack it, or check what it is"),
    (b"\xfd7zXZ", "it is an xz file and no checkpoint; unpack it, or check what it is"),
    (b"7z\xbc\xaf", "it is a 7z archive and no checkpoint; unpack it first"),
    (b"Rar!", "it is a RAR archive and no checkpoint; unpack it first"),
    (b"GGUF", "it is a GGUF file, whose weights are quantized; give the checkpoint that it was made from"),
    (b"TFL3", "it is a TensorFlow Lite file, in which batch norm is folded away; give the .keras file"),
    (b"NRRD", "it is an NRRD image and no checkpoint; type: bnstat inspect"),
    (b"\x89PNG", "it is a picture and no checkpoint; check the path"),
    (b"%PDF", "it is a PDF and no checkpoint; check the path"),
)
_NIFTI, _NIFTI_MARKS = 344, (b"n+1\0", b"ni1\0")
_NIFTI2 = (b"n+2\0", b"ni2\0")
_DICOM, _TAR = 128, 257
_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".keras", ".h5", ".pt2", ".npz")


def folder(path: str) -> str:
    """Return the message on a folder: which checkpoints are in it."""
    try:
        names = os.listdir(path)
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror}"
    inside = sorted(name for name in names if name.lower().endswith(_CHECKPOINTS))
    if "saved_model.pb" in names:
        return "it is a SavedModel of TensorFlow, which is not read; save the model as .keras"
    if inside:
        return f"it is a folder; {first_ones('give one of its checkpoints:', list(map(printable, inside)))}"
    return "it is a folder, and no checkpoint lies directly in it; give a file, as fold_0/checkpoint_final.pth"


def archive(names: Sequence[str]) -> str:
    """Return the message on a zip archive of something else."""
    if not names:
        return "it is an empty zip archive; check what it is"
    if any(name.endswith(("model.json", ".pth", ".pt", ".safetensors", ".onnx")) for name in names):
        return (
            f"it is a zip archive of other files ({first_ones('as', list(map(printable, names[:3])))}); "
            "unpack it, and give one of its checkpoints"
        )
    return (
        f"it is a zip archive, but of no framework ({first_ones('it contains', list(map(printable, names[:3])))}); "
        "check what it is"
    )


def told(start: bytes, opened: BinaryIO) -> str | None:
    """Return the message on a file that is no checkpoint; None if it may be one in a format without a mark.

    Args:
        start: Its first bytes.
        opened: The file.
    """
    if not start:
        return "the file is empty; copy it again"
    for mark, message in _STARTS:
        if start.startswith(mark):
            return message
    if start[_NIFTI : _NIFTI + 4] in _NIFTI_MARKS or start[4:8] in _NIFTI2:
        return "it is a NIfTI image and no checkpoint; type: bnstat inspect"
    if start[_DICOM : _DICOM + 4] == b"DICM":
        return "it is a DICOM file and no checkpoint; type: bnstat inspect"
    if start[_TAR : _TAR + 5] == b"ustar":
        return (
            "it is a tar archive: if torch.save wrote it, it is from before PyTorch 0.4, and is not read; "
            f"load it with PyTorch, and {_SAVE}; else unpack it first"
        )
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")) and _ends_like_pickle(opened):
        return f"it is a pickle that torch.save did not write; {_SAVE}"
    return _text(start)


def _ends_like_pickle(opened: BinaryIO) -> bool:
    size = opened.seek(0, 2)
    opened.seek(max(size - 1, 0))
    return opened.read(1) == b"."


def _text(start: bytes) -> str | None:
    """Return the message on a text; None if it is none."""
    try:
        words = start.decode("utf-8", "strict" if len(start) < 512 else "ignore").lstrip().lower()
    except UnicodeDecodeError:
        return None
    if any(not (letter.isprintable() or letter in "\r\n\t") for letter in words):
        return None
    if words.startswith(("<!doctype html", "<html")):
        return "it is a web page and no checkpoint: the download failed; download the file again"
    return "it is a text and no checkpoint; check the path"
