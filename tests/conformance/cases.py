"""The batches that the real layers are run on: ten of each case, made from seeds or cut out of scans.

A batch has shape (N, X, Y, Z, C), channels last. Synthetic values come from the raw bits of PCG64 by plain arithmetic,
so that every machine makes the same ones; a recording carries their digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel
import numpy as np

STEPS = 10
SAMPLES = Path(__file__).parents[2] / "sample_data"
SCANS = Path(nibabel.__file__).parent / "tests" / "data"

Shape = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Case:
    """Ten batches of one shape and type.

    Attributes:
        name: what recordings call it.
        make: the batch of a step.
        about: what it is there for.
    """

    name: str
    make: Callable[[int], np.ndarray]
    about: str

    def batches(self) -> list[np.ndarray]:
        return [self.make(step) for step in range(STEPS)]


def digest(batches: list[np.ndarray]) -> str:
    """Tells whether two machines made the same values."""
    found = hashlib.sha256()
    for batch in batches:
        found.update(f"{batch.dtype}{batch.shape}".encode())
        found.update(np.ascontiguousarray(batch).astype(batch.dtype.newbyteorder("<")).tobytes())
    return found.hexdigest()[:16]


def noise(seed: int, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Values with mean near 0 and variance near 1 in float64: sums of four uniform ones."""
    uniform = np.random.Generator(np.random.PCG64([seed, step])).random((4, *shape))
    return (((uniform[0] + uniform[1]) + uniform[2]) + uniform[3] - 2.0) * 1.75


def spread(seed: int, shape: Shape, mean: float = 0.0, sd: float = 1.0, dtype: str = "f4") -> Callable[..., np.ndarray]:
    """Noise about a mean; each channel and each step a little off, so that no two are exchangeable."""

    def make(step: int) -> np.ndarray:
        channels = np.arange(shape[-1])
        values = mean + sd * ((0.75 + 0.0625 * channels + 0.03125 * step) * noise(seed, step, shape) + 0.125 * channels)
        return values.astype(dtype)

    return make


def constant(*levels: float) -> Callable[[int], np.ndarray]:
    """Return values that are equal in each channel, and the same at every step."""
    return lambda _step: np.broadcast_to(np.float32(levels), (2, 12, 10, 8, len(levels))).copy()


def poisoned(value: float) -> Callable[[int], np.ndarray]:
    """Return values with one bad value in channel 1 of three, at the first step only."""

    def make(step: int) -> np.ndarray:
        values = spread(21, (2, 4, 4, 4, 3))(step)
        if step == 0:
            values[1, 2, 3, 0, 1] = value
        return values

    return make


def unit_range(step: int) -> np.ndarray:
    """Values of [0, 1] with variance near 5e-3."""
    return np.clip(spread(23, (2, 12, 10, 8, 2), 0.25, 0.07)(step), 0, 1)


def hounsfield(step: int) -> np.ndarray:
    """Whole numbers: half of the voxels air at −1024, the others tissue near 40."""
    values = noise(25, step, (1, 16, 16, 16, 1))
    return np.where(values < 0, -1024, np.rint(40 + 60 * values)).astype("f4")


@cache
def _image(path: Path) -> np.ndarray:
    values = np.asanyarray(nibabel.load(path).dataobj).astype("f4")
    return values if values.ndim == 4 else values[..., np.newaxis]


def window(path: Path, size: tuple[int, int, int]) -> Callable[[int], np.ndarray]:
    """Return a box of one scan that moves from step to step along its diagonal; a fourth axis is kept as channels."""

    def make(step: int) -> np.ndarray:
        values = _image(path)
        starts = [(length - part) * step // (STEPS - 1) for length, part in zip(values.shape, size, strict=False)]
        box = tuple(slice(start, start + part) for start, part in zip(starts, size, strict=True))
        return np.ascontiguousarray(values[box])[np.newaxis]

    return make


def volumes(path: Path) -> Callable[[int], np.ndarray]:
    """Two volumes of a series at each step: its fourth axis is the batch axis."""
    return lambda step: np.ascontiguousarray(np.moveaxis(_image(path)[..., 2 * step : 2 * step + 2], -1, 0))[..., None]


def cohort(step: int) -> np.ndarray:
    """Three of the twelve cases, others at each step."""
    chosen = [(3 * step + offset * (1 + step // 4)) % 12 for offset in range(3)]
    return np.stack([_image(SAMPLES / "cohort" / f"case_{index:02d}.nii.gz") for index in chosen])


def _cases() -> Iterator[Case]:
    for channels in (1, 2, 3, 5, 8, 16):
        yield Case(f"channels-{channels}", spread(channels, (2, 4, 4, 2, channels)), "few values, mean near 0")
    yield Case("batch-1", spread(11, (1, 4, 4, 2, 2)), "batch of 1")
    yield Case("batch-3", spread(12, (3, 4, 3, 2, 4)), "batch of 3")
    yield Case("one-value", spread(13, (1, 1, 1, 1, 2)), "one value a channel")
    yield Case("one-voxel-batch-2", spread(14, (2, 1, 1, 1, 4)), "one voxel, batch of 2")
    yield Case("one-voxel-batch-3", spread(15, (3, 1, 1, 1, 1)), "one voxel, batch of 3")
    yield Case("one-voxel-one-channel", spread(16, (1, 1, 1, 1, 1)), "one value in all")
    yield Case("two-values", spread(17, (1, 2, 1, 1, 3)), "two values a channel")
    yield Case("many-values", spread(18, (2, 24, 20, 16, 3)), "15,360 values a channel")
    yield Case("offset-1000", spread(19, (1, 16, 16, 12, 3), 1e3, 10.0), "mean 1000, sd near 10")
    yield Case("offset-10000", spread(20, (1, 16, 16, 12, 2), 1e4, 1.0), "mean 10,000, sd near 1")
    yield Case("tiny-variance", spread(22, (2, 4, 4, 4, 3), 0.0, 1e-4), "variance near 1e-8")
    yield Case("tiny-variance-offset", spread(24, (2, 8, 8, 4, 2), 0.5, 1e-4), "mean 0.5, sd near 1e-4")
    yield Case("constant", constant(3000.0, 1000.3, 0.0, -7.0), "each channel one value")
    yield Case("nan", poisoned(np.nan), "a NaN in channel 1 at the first step")
    yield Case("inf", poisoned(np.inf), "an Inf in channel 1 at the first step")
    yield Case("unit-range", unit_range, "values of [0, 1]")
    yield Case("hounsfield", hounsfield, "half air, half tissue")
    yield Case("half", spread(26, (2, 4, 4, 2, 3), dtype="f2"), "float16 input, mean near 0")
    yield Case("half-large", spread(27, (2, 4, 4, 2, 2), 100.0, 400.0, "f2"), "float16 input, variance past 65,504")
    yield Case("nibabel-anatomical", window(SCANS / "anatomical.nii", (32, 32, 24)), "T1 head")
    yield Case("nibabel-example4d", window(SCANS / "example4d.nii.gz", (64, 48, 24)), "two EPI volumes as channels")
    yield Case("nibabel-functional", volumes(SCANS / "functional.nii"), "volumes of a series in pairs")
    yield Case("sample-head", window(SAMPLES / "t1_head.nii.gz", (48, 56, 40)), "T1 head")
    yield Case("sample-ct", window(SAMPLES / "ct_hounsfield.nii.gz", (42, 32, 26)), "CT")
    yield Case("sample-unit-range", window(SAMPLES / "mri_unit_range.nii.gz", (32, 40, 24)), "MRI in [0, 1]")
    yield Case("sample-4channel", window(SAMPLES / "mri_4channel.nii.gz", (32, 40, 30)), "four MRI contrasts")
    yield Case("sample-series", volumes(SAMPLES / "time_series.nii.gz"), "volumes of a series in pairs")
    yield Case("sample-cohort", cohort, "three cases of a cohort")


CASES = {case.name: case for case in _cases()}
