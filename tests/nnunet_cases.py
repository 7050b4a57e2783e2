"""Two data sets for a real nnU-Net run: one that it crops to the nonzero voxels, and one that it does not crop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

# The spacing of all volumes along x, y and z: the coarsest axis is not the first of nnU-Net's array (z, y, x), so that
# the plans put the axes into another order.
SPACING = (3.0, 1.0, 1.25)
SHAPE = (20, 32, 36)
CASES = 4
# The names of channels decide how nnU-Net normalizes them.
CHANNELS = {"Dataset501_CtMr": ("CT", "MR"), "Dataset502_Brain": ("T1", "T2")}


def volume(dataset: str, case: int, channel: int) -> NDArray[np.int16]:
    """Return one channel of a case."""
    drawn = np.random.default_rng(100 * case + channel)
    noise = drawn.integers(-60, 61, SHAPE)
    inside = _ellipsoid(0.6 if dataset == "Dataset502_Brain" else 0.9)
    if CHANNELS[dataset][channel] == "CT":
        return np.where(inside, 40 + 3 * noise + 20 * case, -1000 + np.abs(noise)).astype(np.int16)
    body = 300 + 100 * channel + 30 * case + noise
    return np.where(inside, body, 0 if dataset == "Dataset502_Brain" else 5 + np.abs(noise)).astype(np.int16)


def labels(case: int) -> NDArray[np.uint8]:
    """Return the label map of a case: two blocks."""
    found = np.zeros(SHAPE, np.uint8)
    found[8 : 12 + case % 2, 12:20, 14:22] = 1
    found[8:10, 12:15, 14 : 16 + case] = 2
    return found


def _ellipsoid(size: float) -> NDArray[np.bool_]:
    grid = np.meshgrid(*(np.linspace(-1, 1, length) for length in SHAPE), indexing="ij")
    return np.asarray(sum((axis / size) ** 2 for axis in grid) < 1)


def write(folder: Path, dataset: str) -> Path:
    """Write a data set as nnU-Net wants it, and return its folder."""
    top = folder / dataset
    for name in ("imagesTr", "labelsTr"):
        (top / name).mkdir(parents=True)
    for case in range(CASES):
        for channel in range(len(CHANNELS[dataset])):
            _save(top / "imagesTr" / f"case_{case:03}_{channel:04}.nii.gz", volume(dataset, case, channel))
        _save(top / "labelsTr" / f"case_{case:03}.nii.gz", labels(case))
    description = {
        "channel_names": {str(channel): name for channel, name in enumerate(CHANNELS[dataset])},
        "labels": {"background": 0, "organ": 1, "lesion": 2},
        "numTraining": CASES,
        "file_ending": ".nii.gz",
    }
    (top / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return top


def _save(path: Path, values: NDArray[np.integer]) -> None:
    image: Any = nibabel.Nifti1Image
    nibabel.save(image(values, np.diag([*SPACING, 1.0])), path)
