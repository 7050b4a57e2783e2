"""Measure `bnstat inspect` on MetaImage and NRRD against NIfTI with the same voxels, plain and compressed.

All are whole processes, in turns. The ratio of their medians counts. README.md beside this file says what the numbers
mean.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import IO, Any

DEFAULT_DATA = Path(__file__).parent / "data"
# The volumes of inspect_speed.py whose voxels are copied: 150 million of int16.
PLAIN, PACKED = "int16.nii", "int16.nii.gz"
SHAPE = "500 500 600"
OFFSET = 352
LIMIT = 1.10

META = f"""ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = {{packed}}
DimSize = {SHAPE}
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""
NRRD = f"""NRRD0004
type: short
dimension: 3
sizes: {SHAPE}
encoding: {{packed}}
endian: little

"""
# The header of each file, and the NIfTI file that it is compared with.
HEADERS = {
    "int16.mha": (META.format(packed=False), PLAIN),
    "int16.nrrd": (NRRD.format(packed="raw"), PLAIN),
    "int16_packed.mha": (META.format(packed=True), PACKED),
    "int16_packed.nrrd": (NRRD.format(packed="gzip"), PACKED),
}


def make_missing(folder: Path) -> None:
    """Write the files that are not there yet: a header of text, and the voxels of the NIfTI file."""
    for name, (header, original) in HEADERS.items():
        path = folder / name
        if path.exists():
            continue
        unfinished = path.with_name(f"unfinished_{name}")
        with (folder / PLAIN).open("rb") as voxels, unfinished.open("wb") as file:
            voxels.seek(OFFSET)
            file.write(header.encode("ascii"))
            if original == PLAIN:
                shutil.copyfileobj(voxels, file, 1 << 22)
            else:
                pack(voxels, file)
        unfinished.rename(path)  # a file with its proper name is a whole one


def pack(voxels: IO[bytes], file: IO[bytes]) -> None:
    """Compress with gzip, which MetaImage and NRRD both may have."""
    igzip: Any = import_module("isal.igzip")
    with igzip.open(file, "wb", compresslevel=1) as packed:
        shutil.copyfileobj(voxels, packed, 1 << 22)


def seconds(path: Path) -> float:
    """Return the seconds that a call of bnstat takes, from its start to its end."""
    call = [sys.executable, "-m", "bnstat", "inspect", str(path), "--quiet", "--output", os.devnull]
    start = time.perf_counter()
    subprocess.run(call, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Run all in turns, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="turns of each (15)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the volumes")
    options = parser.parse_args()
    for name in (PLAIN, PACKED):
        if not (options.data / name).exists():
            parser.error(f"{options.data / name} is missing; `python benchmarks/inspect_speed.py --only gz` makes it")
    make_missing(options.data)
    names = (PLAIN, PACKED, *HEADERS)
    for name in names:  # fills the page cache and compiles the modules
        seconds(options.data / name)
    taken = [{name: seconds(options.data / name) for name in names} for _ in range(options.runs)]
    for name, (_, original) in HEADERS.items():
        other, one = (median(turn[each] for turn in taken) for each in (name, original))
        print(
            f"{name} {other:.3f} s, {original} {one:.3f} s: ratio {other / one:.3f} "
            f"(limit {LIMIT}: {'within' if other / one < LIMIT else 'over'})"
        )


if __name__ == "__main__":
    main()
