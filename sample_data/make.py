"""Make the small synthetic NIfTI volumes beside this file, which README.md describes.

Bodies are painted from ellipsoids, tubes and ripples in mm. None of the data come from a person.
"""

from __future__ import annotations

import argparse
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Values = NDArray[np.float64]
Image = nibabel.Nifti1Image
Point = tuple[float, float, float]
Shape = tuple[int, int, int]
Recipe = Callable[[Generator], Image]

# Added to Hounsfield units for storage, as scanners do: the stored numbers start at 0.
HOUNSFIELD_OFFSET = 1024

# The scanner of each case in the cohort. In this order some batches of 2 come from one scanner and some from both.
SCANNERS = "AABABBBABBAA"

# float32 holds multiples of this exactly, and few different numbers compress well.
UNIT_STEP = 1 / 1024


# --- Where voxels are, and what is painted into them ---------------------------------------------------------


class Grid(NamedTuple):
    """Voxel centres in mm: right, anterior, superior. The three arrays broadcast to the shape of a volume."""

    x: Values
    y: Values
    z: Values


class Contrast(NamedTuple):
    """The brightness of the parts of a brain in one kind of image."""

    csf: float
    grey: float
    white: float


T1 = Contrast(csf=180, grey=520, white=780)
T2 = Contrast(csf=1150, grey=620, white=430)
FLAIR = Contrast(csf=90, grey=560, white=430)
EPI = Contrast(csf=1100, grey=900, white=760)
ANGIOGRAPHY = Contrast(csf=0.02, grey=0.05, white=0.042)


def make_grid(shape: Shape, voxel_mm: float, centre: Point = (0, 0, 0)) -> Grid:
    """Return the voxel centres of a volume whose middle is at `centre`."""
    axes = [(np.arange(n) - (n - 1) / 2) * voxel_mm + middle for n, middle in zip(shape, centre, strict=True)]
    return Grid(*np.meshgrid(*axes, indexing="ij", sparse=True))


def ellipsoid(grid: Grid, centre: Point, semi_axes: Point) -> Values:
    """Return the distance from a centre in units of the semi-axes, which is 1 on the surface."""
    parts = [((at - c) / a) ** 2 for at, c, a in zip(grid, centre, semi_axes, strict=True)]
    return np.asarray(np.sqrt(parts[0] + parts[1] + parts[2]))


def ripples(grid: Grid, wavelength_mm: float) -> Values:
    """Return a gyroid between about -1.5 and 1.5, whose sheets fold like a cortex."""
    x, y, z = (at * (2 * np.pi / wavelength_mm) for at in grid)
    return np.asarray(np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x))


def tube(grid: Grid, points: list[Point], radius_mm: float) -> Values:
    """Return the distance from a line through points, in radii."""
    shape = np.broadcast_shapes(*(at.shape for at in grid))
    nearest = np.full(shape, np.inf)
    for start, end in pairwise(points):
        along = [e - s for s, e in zip(start, end, strict=True)]
        away = [at - s for at, s in zip(grid, start, strict=True)]
        place = away[0] * along[0] + away[1] * along[1] + away[2] * along[2]
        place = np.clip(place / sum(a * a for a in along), 0, 1)
        squares = [(d - place * a) ** 2 for d, a in zip(away, along, strict=True)]
        nearest = np.minimum(nearest, squares[0] + squares[1] + squares[2])
    return np.asarray(np.sqrt(nearest) / radius_mm)


def inside(radius: Values, edge: float = 0.05) -> Values:
    """Return the share of each voxel that lies within radius 1. The soft edge stands for partial volume."""
    return np.clip((1 - radius) / edge + 0.5, 0, 1)


def paint(volume: Values, share: Values, brightness: float | Values) -> None:
    """Replace this share of each voxel by the brightness."""
    volume += share * (brightness - volume)


def cerebrum(grid: Grid) -> Values:
    """Return the distance from the middle of a brain, which is 1 on its surface.

    The brain is 124 mm wide, 160 mm long, and flat above the eyes.
    """
    above_eyes = np.clip((grid.y - 10) / 25, 0, 1) * np.clip((-16 - grid.z) / 25, 0, 1)
    return ellipsoid(grid, (0, 0, 0), (62, 80, 60)) + 0.5 * above_eyes


def cerebellum(grid: Grid) -> Values:
    """Return the distance from the middle of the small brain below and behind, which is 1 on its surface."""
    return ellipsoid(grid, (0, -46, -42), (46, 28, 22))


def brain_mask(grid: Grid) -> NDArray[np.bool_]:
    """Return True for each voxel inside the brain, and False for skull, skin and air."""
    return np.asarray((cerebrum(grid) <= 1) | (cerebellum(grid) <= 1))


def paint_brain(volume: Values, grid: Grid, contrast: Contrast) -> None:
    """Paint a folded brain around (0, 0, 0): cortex on white matter, ventricles, deep nuclei, cerebellum and stem."""
    r, folds = cerebrum(grid), ripples(grid, 28)
    cleft, its_banks = (0.5 * inside(np.abs(grid.x) / w, 0.5) * inside(1.4 - r, 0.1) for w in (2, 6))
    paint(volume, inside(r), contrast.csf)
    paint(volume, inside(r + 0.03 + cleft + 0.30 * np.clip(folds - 0.7, 0, 1)), contrast.grey)
    paint(volume, inside(r + 0.10 + its_banks + 0.34 * np.clip(folds - 0.1, 0, 1)), contrast.white)
    for side in (-1, 1):
        paint(volume, inside(ellipsoid(grid, (side * 14, -4, 2), (8, 15, 9)), 0.2), contrast.grey)
        paint(volume, inside(ellipsoid(grid, (side * 9, 2, 14), (6.5, 32, 8)), 0.2), contrast.csf)
        paint(volume, inside(ellipsoid(grid, (side * 19, -32, 4), (6, 9, 17)), 0.2), contrast.csf)
    small, leaves = cerebellum(grid), ripples(grid, 13)
    paint(volume, inside(small - 0.04), contrast.csf)
    paint(volume, inside(small + 0.06), contrast.grey)
    paint(volume, inside(small + 0.24 + 0.18 * leaves), contrast.white)
    paint(volume, inside(ellipsoid(grid, (0, -18, -45), (13, 13, 36)), 0.1), contrast.white)


def bias_field(grid: Grid, strength: float) -> Values:
    """Return the smooth shading of a receive coil: 1 ± strength."""
    return np.asarray(
        1 + strength * (0.5 * np.sin(grid.x / 90 + 0.4) + 0.3 * np.cos(grid.y / 70) + 0.2 * np.sin(grid.z / 60))
    )


def rician(signal: Values, sd: float, rng: Generator) -> Values:
    """Return the magnitude of a signal with noise in its real and imaginary part, as in MRI."""
    real = signal + sd * rng.standard_normal(signal.shape)
    imaginary = sd * rng.standard_normal(signal.shape)
    return np.asarray(np.sqrt(real * real + imaginary * imaginary))


# --- From values to an image -------------------------------------------------------------------------------


def as_int16(values: Values) -> NDArray[np.int16]:
    """Return whole numbers. Rounding hides the last bits, in which processors differ."""
    return np.rint(values).astype(np.int16)


def make_image(
    voxels: NDArray[np.int16] | NDArray[np.float32],
    voxel_mm: float,
    title: str,
    repetition_s: float | None = None,
) -> Image:
    """Return an image in mm around the origin. With a repetition time its fourth axis is time."""
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * voxel_mm for n in voxels.shape[:3]]
    image = Image(voxels, affine)  # type: ignore[no-untyped-call]  # nibabel leaves it unannotated
    header: Any = image.header
    header["descrip"] = f"synthetic {title}".encode()
    header.set_xyzt_units("mm", "sec" if repetition_s else None)
    if repetition_s:
        header["pixdim"][4] = repetition_s
    return image


# --- The volumes -------------------------------------------------------------------------------------------


def t1_head(rng: Generator) -> Image:
    """Return a whole T1-weighted head with air around it."""
    shape, voxel_mm = (96, 112, 80), 1.85
    grid = make_grid(shape, voxel_mm, centre=(0, 0, -2))
    volume = np.zeros(shape)
    paint_head(volume, grid)
    paint_brain(volume, grid, T1)
    return make_image(as_int16(rician(volume * bias_field(grid, 0.2), 5, rng)), voxel_mm, "T1-like head")


def paint_head(volume: Values, grid: Grid) -> None:
    """Paint scalp, muscle, skull and what lies between skull and brain, T1-weighted, without the brain."""
    face = ellipsoid(grid, (0, 18, -50), (60, 70, 60))
    head = np.minimum(ellipsoid(grid, (0, -2, -8), (74, 94, 78)), face)
    paint(volume, inside(head), 850.0)  # fat below the skin
    paint(volume, inside(head + 0.06), 380.0)  # muscle
    skull = np.minimum(cerebrum(grid) - 0.11, cerebellum(grid) - 0.16)
    paint(volume, inside(skull), 40.0)
    paint(volume, inside(np.abs(skull - 0.96) / 0.02, 0.5), 480.0)  # marrow between its two tables
    paint(volume, inside(skull + 0.07), 120.0)
    paint(volume, inside(ellipsoid(grid, (0, 62, -58), (13, 24, 20)), 0.2), 15.0)  # air in the nose
    for side in (-1, 1):
        paint(volume, inside(ellipsoid(grid, (side * 32, 66, -38), (12, 12, 12)), 0.2), 200.0)  # eyes


def mri_4channel(rng: Generator) -> Image:
    """Return a brain with a tumour as T1, T1c, T2 and FLAIR. The T1c is missing: its channel holds zeros."""
    shape, voxel_mm = (64, 80, 60), 2.1
    grid = make_grid(shape, voxel_mm, centre=(0, 0, -3))
    # Brightness of oedema, of the tumour, and of the dead tissue in its middle.
    t1, t2, flair = (
        tumour_brain(grid, contrast, lesion, rng)
        for contrast, lesion in ((T1, (440, 380, 250)), (T2, (880, 1000, 1250)), (FLAIR, (960, 820, 300)))
    )
    missing = np.zeros(shape)
    voxels = as_int16(np.stack([t1, missing, t2, flair], axis=-1))
    return make_image(voxels, voxel_mm, "MRI: T1, T1c (missing), T2, FLAIR")


def tumour_brain(grid: Grid, contrast: Contrast, lesion: Point, rng: Generator) -> Values:
    """Return one channel of a brain with a tumour, exactly 0 outside of the brain."""
    mask = brain_mask(grid)
    volume = np.zeros(mask.shape)
    paint_brain(volume, grid, contrast)
    uneven = 0.15 * ripples(grid, 19)
    for radius_mm, brightness in zip((25, 15, 8), lesion, strict=True):
        ball = ellipsoid(grid, (28, 20, 16), (radius_mm, 1.15 * radius_mm, radius_mm))
        paint(volume, inside(ball + uneven, 0.2), brightness)
    return np.where(mask, rician(volume * bias_field(grid, 0.1), 9, rng), 0)


def ct_hounsfield(rng: Generator) -> Image:
    """Return a chest in Hounsfield units, to which the header's scale factors convert the stored numbers."""
    shape, voxel_mm = (84, 64, 52), 4.4
    grid = make_grid(shape, voxel_mm)
    volume = np.full(shape, -1000.0)
    paint_chest(volume, grid)
    paint_bones(volume, grid)
    noisy = np.clip(volume + 14 * rng.standard_normal(shape), -HOUNSFIELD_OFFSET, 3071)
    image = make_image(as_int16(noisy + HOUNSFIELD_OFFSET), voxel_mm, "chest CT in Hounsfield units")
    header: Any = image.header
    header.set_slope_inter(1, -HOUNSFIELD_OFFSET)
    return image


def chest_wall(grid: Grid) -> Values:
    """Return the distance from the middle of the chest, which is 1 at the skin."""
    return ellipsoid(grid, (0, 0, -40), (168, 118, 420))


def paint_chest(volume: Values, grid: Grid) -> None:
    """Paint fat, muscle, lungs with their vessels, heart and aorta."""
    wall = chest_wall(grid)
    paint(volume, inside(wall), -100.0)
    paint(volume, inside(wall + 0.1), 40.0)
    lung_vessels = np.clip(ripples(grid, 31) + ripples(grid, 47) - 1.5, 0, 1) * 600
    for side in (-1, 1):
        lung = ellipsoid(grid, (side * 72, 0, -30), (56, 78, 135))
        paint(volume, inside(lung, 0.1), -800.0 + lung_vessels)
    paint(volume, inside(ellipsoid(grid, (-22, 26, -50), (52, 46, 58)), 0.1), 45.0)
    paint(volume, inside(ellipsoid(grid, (-20, -42, 0), (13, 13, 900)), 0.2), 50.0)
    paint(volume, inside(ellipsoid(grid, (0, -18, 60), (9, 9, 75)), 0.2), -1000.0)  # windpipe


def paint_bones(volume: Values, grid: Grid) -> None:
    """Paint spine, ribs and breastbone: spongy bone at 300 HU, hard bone at up to 1500 HU."""
    discs = inside(np.abs(np.sin(grid.z * np.pi / 30)) / 0.3, 0.5)
    spine = ellipsoid(grid, (0, -66, 0), (20, 17, 2000))
    paint(volume, inside(spine, 0.1), 700.0 - 620 * discs)
    paint(volume, inside(spine + 0.2, 0.1), 300.0 - 220 * discs)
    paint(volume, inside(ellipsoid(grid, (0, -98, 0), (7, 14, 2000)), 0.2), 600.0)
    paint(volume, inside(ellipsoid(grid, (0, -85, 0), (8, 7, 2000)), 0.2), 30.0)  # canal
    shell = inside(np.abs(chest_wall(grid) - 0.83) / 0.035, 0.5)
    slant = np.sin((grid.z - 0.35 * grid.y) * (2 * np.pi / 42))
    ribs = shell * inside(1.35 - slant, 0.3) * inside(20 / (np.abs(grid.x) + 1), 0.2)
    paint(volume, ribs, 1500.0)
    paint(volume, inside(ellipsoid(grid, (0, 96, -10), (18, 6, 80)), 0.2), 450.0)


def mri_unit_range(rng: Generator) -> Image:
    """Return an angiography scaled to [0, 1], in which a few bright vessels take most of that range."""
    shape, voxel_mm = (64, 80, 48), 2.2
    grid = make_grid(shape, voxel_mm)
    volume = np.zeros(shape)
    paint(volume, inside(ellipsoid(grid, (0, -2, -4), (69, 88, 72))), 0.022)
    paint_brain(volume, grid, ANGIOGRAPHY)
    for points, radius_mm, brightness in vessels():
        paint(volume, inside(tube(grid, points, radius_mm), 0.6), brightness)
    noisy = rician(volume * bias_field(grid, 0.1), 0.003, rng)
    steps = np.rint(noisy / noisy.max() / UNIT_STEP)
    return make_image((steps * UNIT_STEP).astype(np.float32), voxel_mm, "angiography scaled to [0, 1]")


def vessels() -> Iterator[tuple[list[Point], float, float]]:
    """Yield the arteries at the base of a brain, each as points in mm, a radius in mm and a brightness."""
    for side in (-1, 1):
        yield [(side * 22, 2, -60), (side * 20, 6, -36), (side * 12, 12, -26), (side * 13, 10, -16)], 2.2, 0.9
        yield [(side * 13, 10, -16), (side * 32, 8, -14), (side * 46, -6, 2), (side * 50, -30, 16)], 1.7, 0.6
        yield [(side * 13, 10, -16), (side * 3, 24, -12), (side * 3, 52, 6), (side * 3, 40, 40)], 1.5, 0.4
        yield [(0, -14, -22), (side * 16, -24, -16), (side * 20, -52, -6)], 1.6, 0.4
    yield [(0, -20, -60), (0, -14, -40), (0, -14, -22)], 2.0, 0.7


def cohort_case(scanner: str, rng: Generator) -> Image:
    """Return a brain with its own size, place and brightness. Scanner B is twice as bright, and its zero is higher."""
    shape, voxel_mm = (26, 32, 24), 5.2
    size, gain = rng.uniform(0.95, 1.05), rng.uniform(0.94, 1.06)
    shift_x, shift_y, shift_z = rng.uniform(-3, 3, size=3)
    grid = make_grid(shape, voxel_mm / size, centre=(shift_x, shift_y, shift_z))
    volume = np.zeros(shape)
    paint_brain(volume, grid, T1)
    seen = rician(volume * gain * bias_field(grid, 0.1), 10, rng)
    return make_image(as_int16(2 * seen + 400 if scanner == "B" else seen), voxel_mm, "brain of a cohort")


def time_series(rng: Generator) -> Image:
    """Return a brain at 20 times, 2 s apart, with a slow drift."""
    shape, voxel_mm, times = (24, 24, 12), 7.0, 20
    grid = make_grid(shape, voxel_mm)
    volume = np.zeros(shape)
    paint_brain(volume, grid, EPI)
    when = np.arange(times) / (times - 1)
    drift = 1 + 0.04 * when + 0.005 * np.sin(2 * np.pi * 2.5 * when)
    voxels = as_int16(rician(volume[..., np.newaxis] * drift, 8, rng))
    return make_image(voxels, voxel_mm, "time series with a slow drift", repetition_s=2.0)


RECIPES: dict[str, Recipe] = {
    "t1_head.nii.gz": t1_head,
    "mri_4channel.nii.gz": mri_4channel,
    "ct_hounsfield.nii.gz": ct_hounsfield,
    "mri_unit_range.nii.gz": mri_unit_range,
    **{f"cohort/case_{number:02d}.nii.gz": partial(cohort_case, scanner) for number, scanner in enumerate(SCANNERS)},
    "time_series.nii.gz": time_series,
}


# --- Writing and checking files ----------------------------------------------------------------------------


def make_bytes(name: str) -> bytes:
    """Return the uncompressed file. Its name seeds its noise, so that a new file does not change the others."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return RECIPES[name](rng).to_bytes()


def compress(content: bytes) -> bytes:
    """Compress without a file name or a time in the gzip header, which would differ from run to run."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(content)
    return packed.getvalue()


def write(folder: Path) -> None:
    """Write every file below a folder."""
    for name in RECIPES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compress(make_bytes(name)))


def header_and_voxels(content: bytes) -> tuple[nibabel.Nifti1Header, bytes]:
    """Return header and voxels of an uncompressed file, both as stored: an opened image hides its scale factors."""
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(content))  # type: ignore[no-untyped-call]
    return header, content[int(header["vox_offset"]) :]


def differences(folder: Path) -> Iterator[str]:
    """Yield a line for each file that this script would make differently. The compression does not matter."""
    for name in RECIPES:
        try:
            found = header_and_voxels(gzip.decompress((folder / name).read_bytes()))
        except Exception as error:  # whatever a damaged file makes gzip or nibabel raise
            yield f"{name}: cannot be read: {error}"
            continue
        pairs = zip(found, header_and_voxels(make_bytes(name)), strict=True)
        differing = [half for half, (one, other) in zip(("header", "voxels"), pairs, strict=True) if one != other]
        if differing:
            yield f"{name}: differs from what this script makes in its {' and '.join(differing)}"


def main() -> int:
    """Write the files, or compare them and return 1 if one differs."""
    parser = argparse.ArgumentParser(description="Make the sample volumes, or check that they are unchanged.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent, metavar="DIR")
    parser.add_argument("--check", action="store_true", help="write nothing; compare voxels and headers")
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.out)
        return 0
    found = list(differences(arguments.out))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
