"""Measure what comparing adds to reading: `bnstat.compare` with many sizes and layers against `bnstat.diagnose`.

Both run in this process, in turns, on twelve volumes of 50 MB. The ratio of their medians counts. README.md beside
this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import nibabel as nib
import numpy as np

import bnstat
from bnstat.layers.frameworks import BATCH_NORMS

DEFAULT_DATA = Path(__file__).parent / "data"

VOLUMES, SHAPE = 12, (250, 250, 200)  # 12.5 million voxels: 50 MB as float32
SIZES = tuple(range(1, 13))
LIMIT = 1.10


def made(folder: Path) -> list[str]:
    """Return the paths of the volumes, and make those that are missing: noise, each with its own mean and spread."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = [folder / f"case_{number:02}.nii" for number in range(VOLUMES)]
    for path in paths:
        mean, spread = random.normal(300, 60), random.uniform(50, 200)
        if not path.exists():
            values = random.normal(mean, spread, SHAPE).astype(np.float32)
            nib.save(nib.Nifti1Image(values, np.eye(4)), path)  # type: ignore[no-untyped-call]
    return [str(path) for path in paths]


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Run both in turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="where the volumes are made")
    options = parser.parse_args()
    paths = made(options.data / "cohort")
    presets = list(BATCH_NORMS)

    def diagnose() -> object:
        return bnstat.diagnose(paths)

    def compare() -> object:
        return bnstat.compare(paths, batch_sizes=SIZES, frameworks=presets)

    for call in (diagnose, compare):  # fills the page cache and imports the modules
        call()
    taken = [(seconds(diagnose), seconds(compare)) for _ in range(options.runs)]
    alone, beside = (median(column) for column in zip(*taken, strict=True))
    ratios = sorted(other / one for one, other in taken)
    quarter = len(ratios) // 4
    print(f"diagnose {alone:.3f} s, compare {beside:.3f} s: {len(SIZES)} sizes, {len(presets)} layers beside the first")
    print(
        f"ratio {beside / alone:.3f} (limit {LIMIT}: {'within' if beside / alone < LIMIT else 'over'}), "
        f"middle half {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f}"
    )


if __name__ == "__main__":
    main()
