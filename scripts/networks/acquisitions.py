"""Simulate scans of one head by two scanners, with labels of grey and white matter, to train small networks on.

The head is the MNI152 template in nilearn's package (1 mm, grey and white matter beside it), at 2 mm. Each scan has a
pose, a scale, a contrast, a bias field, noise and a gain of its own; scanner 1 has twice the gain, less noise, and
darker mid-tones. So the scans differ as scans do, but their anatomy is one: what is learned here holds for no patient.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]

SCANS = 16
SPACING_MM = 2
GREY, WHITE = 1, 2
NIFTI: Any = nib.Nifti1Image  # without types


@dataclass(frozen=True)
class Scan:
    """One simulated scan.

    Attributes:
        image: intensities, shape (98, 116, 94) at 2 mm.
        labels: 0 outside, 1 in grey matter, 2 in white matter; the same shape.
        scanner: 0 or 1.
    """

    image: Floats
    labels: Labels
    scanner: int


def simulate(number: int = SCANS, seed: int = 7) -> list[Scan]:
    """Return scans, of which scanners 0 and 1 make every other one."""
    head, grey, white = (gaussian_filter(_template(name), 0.7)[::2, ::2, ::2] for name in ("t1", "gm", "wm"))
    tissue = (head / head.max(), grey / grey.max(), white / white.max())
    random = np.random.default_rng(seed)
    return [_scan(tissue, index % 2, random) for index in range(number)]


def write(scans: list[Scan], folder: Path) -> None:
    """Write scans as images/case_NN.nii.gz, and their labels as labels/case_NN.nii.gz."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index, scan in enumerate(scans):
        for name, voxels in (("images", scan.image), ("labels", scan.labels)):
            nib.save(NIFTI(voxels, affine), folder / name / f"case_{index:02d}.nii.gz")


def _template(name: str) -> Floats:
    """Return a volume that nilearn ships; nilearn itself, which takes seconds to import, is not imported."""
    found = importlib.util.find_spec("nilearn")
    if found is None or found.origin is None:
        raise SystemExit("nilearn is missing; pip install '.[test-volumes]'")
    file = Path(found.origin).parent / "datasets" / "data" / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    image: Any = nib.load(file)
    return np.asarray(image.dataobj, dtype=np.float32)


def _scan(tissue: tuple[Floats, ...], scanner: int, random: np.random.Generator) -> Scan:
    # pose: up to 9° about each axis, 90 to 112 % of the size, up to 3 voxels away
    matrix, shift = _pose(tissue[0].shape, random)
    image, grey, white = (affine_transform(volume, matrix, shift, order=1) for volume in tissue)
    # contrast and bias field
    field = gaussian_filter(random.normal(size=image.shape), 20)
    image = np.clip(image, 0, 1) ** (0.7 if scanner else 1.3) * np.exp(0.25 * field / field.std())
    # noise and gain
    image = image + random.normal(size=image.shape) * (0.02 if scanner else 0.04)
    image = image * random.uniform(600, 1400) * (2 if scanner else 1)
    labels = np.zeros(image.shape, np.uint8)
    labels[grey > 0.5] = GREY
    labels[white > 0.5] = WHITE
    return Scan(image.astype(np.float32), labels, scanner)


def _pose(shape: tuple[int, ...], random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angles, size = random.uniform(-0.15, 0.15, 3), random.uniform(0.9, 1.12)
    matrix = np.eye(3) * size
    for axis, angle in enumerate(angles):
        one, other = (place for place in range(3) if place != axis)
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    center = (np.array(shape) - 1) / 2
    return matrix, center - matrix @ center + random.uniform(-3, 3, 3)
