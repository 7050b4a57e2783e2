"""Measure what large cohorts cost: how `compare`, `check` and `inspect` grow with the samples, and single large cases.

Each command is a whole process. The processor time of a growing file is compared with that of parsing its JSON with
msgspec in the same run, and the exponent of the growth is fitted: 1 is linear. Every figure stands beside its target.
README.md beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

DEFAULT_DATA = Path(__file__).parent / "data"

SAMPLES, CHANNELS = (12_500, 25_000, 50_000, 100_000), (1, 4)
# What is asked of each file of the cohorts that grow.
COMMANDS = {
    "compare": ["compare", "{file}"],
    "check": ["check", "{file}"],
    "inspect": ["inspect", "{file}", "--batch-size", "1"],
}
# What a file takes at least: each line parsed, and nothing kept.
BASELINE = (
    "import sys, msgspec; d = msgspec.json.Decoder(); [d.decode(line) and None for line in open(sys.argv[1], 'rb')]"
)

# The targets for the largest file: seconds of the processor, megabytes, and the exponent.
MOST_SECONDS, MOST_MEGABYTES, MOST_EXPONENT = 5.0, 500.0, 1.1

# Samples of the cohort on which single options are measured, the overrides among them, and the side of wide files.
SOME, OVERRIDES, WIDE = 8_000, 200, 1_000
NORMALIZERS = "batch,instance,layer,group:1,rms,renorm,weight-init"


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
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
        "done.returncode > 1 and sys.stderr.buffer.write(done.stderr)\n"
    )
    found = subprocess.run([sys.executable, "-c", timed, *command], stdout=subprocess.PIPE, text=True, check=True)
    code, wall, processor, most = found.stdout.split()
    if int(code) > 1:
        raise subprocess.CalledProcessError(int(code), list(command))
    return Run(float(wall), float(processor), float(most) / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def exponent(sizes: Sequence[int], seconds: Sequence[float], start_up: float) -> float:
    """Return the power of the size that fits times best: the slope of a line through their logarithms.

    Args:
        sizes: the samples of each file.
        seconds: the processor time of the command on each.
        start_up: its processor time on one sample, which is subtracted from the others.
    """
    beyond = np.maximum(np.array(seconds) - start_up, 1e-3)
    return float(np.polyfit(np.log(sizes), np.log(beyond), 1)[0])


# --- Single cases ---------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A command on one kind of file, and how many seconds of the processor it may take."""

    made: Callable[[Path], Path]
    command: Sequence[str]
    seconds: float


def array(samples: int, channels: int) -> Callable[[Path], Path]:
    """Return what makes an array whose samples have one value in each channel."""

    def maker(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"array_{samples}x{channels}.npy"
        if not path.exists():
            np.save(path, np.random.default_rng(0).normal(100, 20, (samples, channels)).astype(np.float32))
        return path

    return maker


def cohort(samples: int, channels: int) -> Callable[[Path], Path]:
    """Return what makes a moments file, and beside it a table with a group for each sample, and overrides."""

    def maker(folder: Path) -> Path:
        path = made(folder, samples, channels)
        names = [f"case_{place:06}.nii.gz" for place in range(samples)]
        rows = [f"{name},site {place}\n" for place, name in enumerate(names)]
        (folder / "groups.csv").write_text("name,site\n" + "".join(rows), encoding="utf-8")
        rules = [f'[[overrides]]\npaths = ["cohort/{name}", "*/{name}/*"]\nignore = ["BN303"]\n' for name in names]
        (folder / "overrides.toml").write_text("".join(rules[:OVERRIDES]), encoding="utf-8")
        return path

    return maker


CASES = {
    "wide-compare": Case(cohort(WIDE, WIDE), ["compare", "{file}"], 10.0),
    "wide-check": Case(cohort(WIDE, WIDE), ["check", "{file}"], 10.0),
    "wide-inspect": Case(cohort(WIDE, WIDE), ["inspect", "{file}", "--batch-size", "1"], 10.0),
    "array-20000x30": Case(array(20_000, 30), ["inspect", "{file}", "--batch-size", "1"], 2.0),
    "array-100000x10": Case(array(100_000, 10), ["inspect", "{file}", "--batch-size", "1"], 10.0),
    "frameworks": Case(cohort(SOME, 1), ["compare", "{file}", "--frameworks", "all"], 10.0),
    "normalizers": Case(cohort(SOME, 1), ["compare", "{file}", "--normalizers", NORMALIZERS], 10.0),
    "steps": Case(cohort(SOME, 1), ["compare", "{file}", "--steps", "1000"], 5.0),
    "group-by": Case(cohort(SOME, 1), ["compare", "{file}", "--group-by", "{folder}/groups.csv:site"], 5.0),
    # a framework with a finding for each sample, of which overrides drop some
    "overrides": Case(
        cohort(SOME, 1), ["check", "{file}", "--framework", "keras2", "--config", "{folder}/overrides.toml"], 5.0
    ),
}


def fastest(arguments: Sequence[str], file: Path, times: int) -> Run:
    """Return the least that a command of bnstat took in several runs: each of the numbers by itself."""
    parts = [part.format(file=file, folder=file.parent) for part in arguments]
    runs = [ran([sys.executable, "-m", "bnstat", *parts]) for _ in range(times)]
    return Run(*(min(column) for column in zip(*runs, strict=True)))


def judged(*figures: tuple[float, float, str]) -> str:
    """Return numbers with their units, each beside its limit."""
    return ", ".join(
        f"{value:.3g} {unit} (limit {most:g}: {'within' if value <= most else 'over'})" for value, most, unit in figures
    )


def growth(name: str, channels: int, sizes: Sequence[int], options: argparse.Namespace) -> None:
    """Print what a command takes on files of several sizes, and how that grows."""
    folder, taken = options.data / "scale", []
    start_up = fastest(COMMANDS[name], made(folder, 1, channels), options.runs)
    for samples in sizes:
        file = made(folder, samples, channels)
        parsed = [ran([sys.executable, "-c", BASELINE, str(file)]).processor for _ in range(options.runs)]
        one = fastest(COMMANDS[name], file, options.runs)
        taken.append(one)
        print(
            f"{name:8} {samples:8,} × {channels:<3} {one.processor:7.2f} s  {one.megabytes:5.0f} MB  "
            f"{one.processor / min(parsed):5.1f} × parsing ({min(parsed):.2f} s); {one.wall:.2f} s by the clock",
            flush=True,
        )
    figures = [(taken[-1].processor, MOST_SECONDS, "s"), (taken[-1].megabytes, MOST_MEGABYTES, "MB")]
    if len(sizes) > 1:
        power = exponent(sizes, [one.processor for one in taken], start_up.processor)
        figures.append((power, MOST_EXPONENT, "exponent"))
    print(f"{name:8} {judged(*figures)}", flush=True)


def main() -> None:
    """Run all commands on all files, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES, help="the sizes of cohorts that grow")
    parser.add_argument("--channels", type=int, nargs="+", default=CHANNELS, help="their channels")
    parser.add_argument("--only", nargs="+", choices=[*COMMANDS, *CASES], default=[*COMMANDS, *CASES])
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the fastest counts (3)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="where the files are made")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}; numpy {np.__version__}")
    for channels in options.channels:
        for name in COMMANDS:
            if name in options.only:
                growth(name, channels, sorted(options.samples), options)
    for name, case in CASES.items():
        if name in options.only:
            one = fastest(case.command, case.made(options.data / "scale"), options.runs)
            figures = judged((one.processor, case.seconds, "s"), (one.megabytes, MOST_MEGABYTES, "MB"))
            print(f"{name:15} {figures}; {one.wall:.2f} s by the clock", flush=True)


if __name__ == "__main__":
    main()
