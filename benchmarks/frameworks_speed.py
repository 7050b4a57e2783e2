"""Measure what comparing frameworks adds to reading: `bnstat compare --frameworks all` against `bnstat inspect`.

Both are whole processes on one volume of 300 MB, in turns. The ratio of their medians counts. README.md beside this
file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

DEFAULT_DATA = Path(__file__).parent / "data"
# The volume of inspect_speed.py that is read: 150 million voxels of int16.
VOLUME = "int16.nii"
LIMIT = 1.10

COMMANDS = {
    "inspect": ("inspect",),
    "compare": ("compare", "--frameworks", "all", "--no-emulate"),
}


def seconds(command: tuple[str, ...], path: Path) -> float:
    """Return the seconds that a call of bnstat takes, from its start to its end."""
    call = [sys.executable, "-m", "bnstat", command[0], str(path), *command[1:], "--quiet", "--output", os.devnull]
    start = time.perf_counter()
    subprocess.run(call, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Run both in turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="turns of each (15)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the volumes")
    options = parser.parse_args()
    path = options.data / VOLUME
    if not path.exists():
        parser.error(f"{path} is missing; `python benchmarks/inspect_speed.py --only plain` makes it")
    for command in COMMANDS.values():  # fills the page cache and compiles the modules
        seconds(command, path)
    taken = [[seconds(command, path) for command in COMMANDS.values()] for _ in range(options.runs)]
    alone, beside = (median(column) for column in zip(*taken, strict=True))
    ratios = sorted(other / one for one, other in taken)
    quarter = len(ratios) // 4
    print(f"inspect {alone:.3f} s, compare --frameworks all --no-emulate {beside:.3f} s")
    print(
        f"ratio {beside / alone:.3f} (limit {LIMIT}: {'within' if beside / alone < LIMIT else 'over'}), "
        f"middle half {ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f}"
    )


if __name__ == "__main__":
    main()
