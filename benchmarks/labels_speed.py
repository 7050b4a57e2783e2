"""Measure what counting distinct values costs while a volume is read: processor time with the count and without it.

Both run in turns in one process, on label maps and on a scan that the script makes. README.md beside this file says
what the numbers mean.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bnstat.moments.counting import Counting
from bnstat.moments.one_pass import scan_volume
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

NIFTI: Any = nib.Nifti1Image  # nibabel has no types


def volumes() -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield volumes of 16 million voxels: regions of 20 and of 4 voxels, a few large ones, and a scan."""
    rng = np.random.default_rng(0)
    for name, side, dtype in (("regions of 20", 20, "u2"), ("regions of 4", 4, "u2"), ("codes in int64", 20, "i8")):
        shape = (240 // side, 240 // side, 280 // side)
        regions = rng.integers(0, 180, shape) * 67
        for axis in range(3):
            regions = np.repeat(regions, side, axis=axis)
        yield name, regions.astype(dtype)
    lesion = np.zeros((240, 240, 280), np.uint8)
    lesion[80:140, 90:150, 100:180], lesion[100:120, 100:130, 120:150] = 2, 4
    yield "one lesion", lesion
    yield "scan", rng.normal(500, 90, (240, 240, 280)).astype(np.int16)


def seconds(path: Path, *, counts: bool) -> float:
    """Return the processor time of reading a volume once."""
    (part,) = plan_case(Case.of(str(path)), -1, None).parts
    counting = Counting(part.volume, part.arrangement, thorough=False) if counts else None
    start = time.process_time()
    scan_volume(part.volume, part.arrangement, None, counting)
    if counting is not None:
        counting.found()
    return time.process_time() - start


def main() -> None:
    """Run all in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, values in volumes():
            for ending in (".nii", ".nii.gz"):
                path = Path(folder) / f"volume{ending}"
                image = NIFTI(values, np.eye(4), dtype=values.dtype)
                nib.save(image, path)
                seconds(path, counts=True)
                taken = [[seconds(path, counts=counts) for counts in (True, False)] for _ in range(options.runs)]
                with_count, without = (median(turn[place] for turn in taken) for place in (0, 1))
                print(f"{name}, {ending}: {without * 1e3:.0f} ms without the count, ratio {with_count / without:.2f}")


if __name__ == "__main__":
    main()
