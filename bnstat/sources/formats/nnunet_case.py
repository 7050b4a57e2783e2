"""nnU-Net's preprocessed cases: arrays of four axes (channels, z, y, x), which are known by the files beside them.

Version 2 writes `case.b2nd` and `case_seg.b2nd`, before 2.6 `case.npz` of the arrays `data` and `seg`, which a training
unpacks to `case.npy` and `case_seg.npy`; `case.pkl` holds their properties and is never unpickled. Version 1 writes
`data` alone, in whose last channel the label map is.
https://github.com/MIC-DKFZ/nnUNet/tree/master/nnunetv2/training/dataloading
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from bnstat.sources.formats.registry import ending_of, path_of
from bnstat.sources.volume import Volume
from bnstat.text import by

# The arrays of a case in one archive.
DATA, SEGMENTATION = "data", "seg"
# The end of the name of a label map, before its ending.
LABELS = "_seg"
# The start of the name of a directory that version 1 writes.
_FIRST_VERSION = "nnUNetData_plans"
_AXES = 4


def key_of(path: str, keys: Collection[str]) -> str | None:
    """Return the array of an archive that is a preprocessed case; None if the archive is none."""
    if set(keys) == {DATA, SEGMENTATION} or (set(keys) == {DATA} and _is_first_version(path)):
        return DATA
    return None


def arranged(volume: Volume, keys: Collection[str] = ()) -> Volume:
    """Return a preprocessed case as an image: its axes reversed, so that channels are last; any other array as it is.

    Args:
        volume: the array.
        keys: the names of all arrays, if it is one of an archive.
    """
    path = path_of(volume.source)
    first = _is_first_version(path)
    known = volume.memory[0] == 0 if first else key_of(path, keys) or _has_labels(path)
    if len(volume.shape) != _AXES or not known:
        return volume
    shape = volume.shape
    note = f"preprocessed by nnU-Net and stored channels first, as {by(shape)} (channels, z, y, x); read channels last"
    if first:
        shape = (max(shape[0] - 1, 1), *shape[1:])  # whole channels follow each other
        note += "; its last channel, the label map, is left out"
    elif SEGMENTATION in keys and not volume.source.endswith("]"):
        note += f"; its label map, the array {SEGMENTATION}, is left out"
    memory = tuple(len(shape) - 1 - axis for axis in volume.memory)
    notes = (*volume.notes, note)
    read = replace(volume, shape=shape[::-1], order=memory, batched=False, channels_last=True, notes=notes)
    return replace(read, preprocessed=True)


def _has_labels(path: str) -> bool:
    """Return True if the properties and the label map of a case are beside it, or it is such a label map itself."""
    ending = ending_of(path)
    stem = path.removesuffix(ending)
    if not stem.endswith(LABELS):
        return os.path.isfile(f"{stem}.pkl") and os.path.isfile(f"{stem}{LABELS}{ending}")
    case = stem.removesuffix(LABELS)
    return os.path.isfile(f"{case}.pkl") and os.path.isfile(f"{case}{ending}")


def _is_first_version(path: str) -> bool:
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return folder.startswith(_FIRST_VERSION) and os.path.isfile(f"{path.removesuffix(ending_of(path))}.pkl")
