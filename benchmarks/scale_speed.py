"""Measure how the cost of a large cohort grows: `compare`, `check` and `inspect` of moments files of several sizes.

Each command is a whole process. Its processor time is compared with that of parsing the file's JSON with msgspec in the
same run, and the exponent of its growth is fitted: 1 is linear. README.md beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

DEFAULT_DATA = Path(__file__).parent / "data"

SAMPLES, CHANNELS = (12_500, 25_000, 50_000, 100_000), (1, 4)
# What is asked of each file.
COMMANDS = {
    "compare": ["compare", "{file}"],
    "check": ["check", "{file}"],
    "inspect": ["inspect", "{file}", "--batch-size", "1"],
}
# What a file takes at least: each line parsed, and nothing kept.
BASELINE = (
    "import sys, msgspec; d = msgspec.json.Decoder(); [d.decode(line) and None for line in open(sys.argv[1], 'rb')]"
)

# The targets for the largest file: seconds on two idle cores, megabytes, and the exponent.
MOST_SECONDS, MOST_MEGABYTES, MOST_EXPONENT = 5.0, 500.0, 1.1


class Run(NamedTuple):
    """What a process took."""

    wall: float
    processor: float
    megabytes: float


def made(folder: Path, samples: int, channels: int) -> Path:
    """Return a moments file of volumes with their own mean and spread, and write it if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"moments_{samples}x{channels}.jsonl"
    if path.exists():
        return path
    random, voxels = np.random.default_rng(0), 64 * 80 * 60
    means, spreads = random.normal(300, 60, (samples, channels)), random.uniform(50, 200, (samples, channels))
    highest, tails = random.integers(800, 1500, (samples, channels)), random.normal(0, 1e-14, (samples, channels))
    asked: dict[str, object] = {
        "axis": -1,
        "batch_axis": None,
        "intensity": None,
        "mask": None,
        "patches": None,
        "selection": None,
    }
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        for place in range(samples):
            numbers = zip(*(column[place].tolist() for column in (means, spreads, highest, tails)), strict=True)
            cells = [
                {"count": voxels, "mean": mean, "mean_tail": tail, "m2": spread**2 * voxels, "min": 0, "max": most}
                | {"nan": 0, "inf": 0, "varies": True}
                for mean, spread, most, tail in numbers
            ]
            shape = [64, 80, 60, channels]
            line: dict[str, object] = {
                "schema": "bnstat.moments/1",
                "source": f"cohort/case_{place:06}.nii.gz",
                "index": None,
            }
            line |= {"shape": shape, "dtype": "int16", "types": ["int16"], "tensor": shape, "axis": 4, "place": 0}
            line |= {"samples": 1, "bytes": 561558, "mtime_ns": place, "settings": asked, "channels": cells}
            file.write(json.dumps(line) + "\n")
    part.replace(path)
    return path


def ran(command: Sequence[str]) -> Run:
    """Return what a process took; raise CalledProcessError if it failed. Findings are no failure."""
    timed = (
        "import os, resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(code, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
    )
    found = subprocess.run([sys.executable, "-c", timed, *command], stdout=subprocess.PIPE, text=True, check=True)
    code, wall, processor, most = found.stdout.split()
    if int(code) > 1:
        raise subprocess.CalledProcessError(int(code), list(command))
    return Run(float(wall), float(processor), float(most) / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the power of the size that fits the times of the two largest files, where start-up counts least."""
    (small, large), (before, after) = sizes[-2:], seconds[-2:]
    return float(np.log(after / before) / np.log(large / small))


def main() -> None:
    """Run all commands on all files, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES, help="the sizes of cohorts")
    parser.add_argument("--channels", type=int, nargs="+", default=CHANNELS)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the fastest counts (3)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="where the moments files are made")
    options = parser.parse_args()
    sizes = sorted(options.samples)
    print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}; numpy {np.__version__}")
    for channels in options.channels:
        files = [made(options.data / "scale", samples, channels) for samples in sizes]
        parsed = [
            min(ran([sys.executable, "-c", BASELINE, str(file)]).processor for _ in range(options.runs))
            for file in files
        ]
        for name in options.only:
            taken: list[Run] = []
            for samples, file, base in zip(sizes, files, parsed, strict=True):
                command = [sys.executable, "-m", "bnstat", *(part.format(file=file) for part in COMMANDS[name])]
                runs = [ran(command) for _ in range(options.runs)]
                taken.append(Run(*(min(column) for column in zip(*runs, strict=True))))
                one = taken[-1]
                print(
                    f"{name:8} {samples:8,} × {channels:<3} {one.wall:7.2f} s  {one.megabytes:5.0f} MB  "
                    f"{one.processor / base:5.1f} × parsing ({base:.2f} s)"
                )
            growth = exponent(sizes, [one.processor for one in taken]) if len(sizes) > 1 else float("nan")
            limits = (
                (taken[-1].wall, MOST_SECONDS, "s"),
                (taken[-1].megabytes, MOST_MEGABYTES, "MB"),
                (growth, MOST_EXPONENT, "exponent"),
            )
            said = (
                f"{value:.3g} {unit} (limit {most:g}: {'within' if value <= most else 'over'})"
                for value, most, unit in limits
            )
            print(f"{name:8} {', '.join(said)}")


if __name__ == "__main__":
    main()
