"""Measure what the page of `bnstat report` costs: its size, its time beside `bnstat check`, memory, the second pass.

Every time is that of a whole process, and the programs run in turns. README.md beside this file says what the numbers
mean.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import nibabel
import numpy as np

DEFAULT_DATA = Path(__file__).parent / "data" / "report"
# Of the cohort: volumes, some of them for the memory, channels, and voxels along each axis.
MANY, FEW, CHANNELS, SIDE = 500, 50, 4, 16
# Larger volumes, of which a second pass is worth measuring.
LARGE, LARGE_SIDE = 12, 128
# One volume in so many has a channel that is constant, so that it is shown with its slices.
BROKEN_ONE_IN = 10
SECTIONS = ("size", "time", "memory", "passes")


def make(folder: Path, number: int, side: int, channels: int) -> None:
    """Make volumes of noise that do not exist yet, with means that differ from volume to volume."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in range(number):
        path = folder / f"case_{case:03}.nii.gz"
        if not path.exists():
            numbers = np.random.default_rng(case)
            level = numbers.normal(300, 40, channels)
            values = numbers.normal(level, 60, (side, side, side, channels)).astype(np.int16)
            if case % BROKEN_ONE_IN == BROKEN_ONE_IN - 1:
                values[..., channels - 1] = 0
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)  # type: ignore[no-untyped-call]


def bnstat(*arguments: object) -> list[str]:
    """Return the command line of a command."""
    return [sys.executable, "-m", "bnstat", *map(str, arguments), "--quiet"]


def run(command: Sequence[str]) -> tuple[float, int]:
    """Return the seconds of a process and its peak memory in bytes; one that fails ends the benchmark."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr is not None else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{said.decode()[-2000:]}")
    return time.perf_counter() - start, used.ru_maxrss * 1024


def in_turns(runs: int, **calls: Callable[[], float]) -> dict[str, float]:
    """Run the calls in turns, and return the median of the seconds of each under its name."""
    for call in calls.values():  # fills the page cache and compiles the modules
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            taken[name].append(call())
    return {name: median(seconds) for name, seconds in taken.items()}


def within(limit: float, value: float, unit: str) -> str:
    """Return the limit as text, with "within" or "over"."""
    return f"at most {limit:,.4g} {unit}: {'within' if value <= limit else 'over'}"


class Data:
    """The volumes and moments files, all below one folder."""

    def __init__(self, root: Path) -> None:
        self.many, self.few, self.large = root / "many", root / "few", root / "large"
        self.moments, self.page = root / "many.jsonl", root / "page.html"
        self.large_moments = root / "large.jsonl"

    def make(self) -> None:
        """Make what does not exist yet."""
        make(self.many, MANY, SIDE, CHANNELS)
        make(self.few, FEW, SIDE, CHANNELS)
        make(self.large, LARGE, LARGE_SIDE, 1)
        for folder, file in ((self.many, self.moments), (self.large, self.large_moments)):
            if not file.exists():
                run(bnstat("scan", folder, "-o", file))

    def report(self, *paths: Path) -> Callable[[], float]:
        """Return a call that writes the page of these paths, and returns the seconds that it takes."""
        return lambda: run(bnstat("report", *paths, "-o", self.page, "-b", 4, "--framework", "torch"))[0]


def size(data: Data, runs: int) -> Iterator[str]:  # noqa: ARG001  (a size is not noisy)
    """Measure the bytes of the page: of the cohort, of its moments alone, and of one volume."""
    for title, path, most in (
        (f"{MANY} volumes × {CHANNELS} channels, from moments", data.moments, 5e6),
        (f"{MANY} volumes × {CHANNELS} channels, from files", data.many, 5e6),
        ("one volume of 4 channels", data.few / "case_000.nii.gz", 3e5),
        ("one volume that has findings", data.few / f"case_{BROKEN_ONE_IN - 1:03}.nii.gz", 3e5),
    ):
        run(bnstat("report", path, "-o", data.page))
        found = data.page.stat().st_size
        yield f"{title}: {found / 1e3:,.0f} kB ({within(most / 1e3, found / 1e3, 'kB')})"


def seconds(data: Data, runs: int) -> Iterator[str]:
    """Measure the page of a moments file beside the check of the same file."""
    taken = in_turns(
        runs,
        report=data.report(data.moments),
        check=lambda: run(bnstat("check", data.moments, "-b", 4, "--framework", "torch", "--fail-on", "never"))[0],
        one=data.report(data.few / "case_000.nii.gz", data.few / "case_001.nii.gz", *sorted(data.few.iterdir())[2:4]),
    )
    limit = 1.5 * taken["check"] + 2
    yield (
        f"moments of {MANY} volumes: report {taken['report']:.2f} s, check {taken['check']:.2f} s "
        f"({within(limit, taken['report'], 's')}, which is 1.5 × check + 2 s)"
    )
    yield f"  ratio {taken['report'] / taken['check']:.2f}; the page of 4 volumes {taken['one']:.2f} s"


def memory(data: Data, runs: int) -> Iterator[str]:  # noqa: ARG001  (memory is not noisy)
    """Measure the memory that ten times as many volumes need, read from their files in one process."""
    few, many = (run(bnstat("report", folder, "-o", data.page, "--jobs", 1))[1] for folder in (data.few, data.many))
    kept = [run(bnstat("check", folder, "--jobs", 1, "--fail-on", "never"))[1] for folder in (data.few, data.many)]
    yield (
        f"memory: {few / 2**20:.0f} MiB for {FEW} volumes, {many / 2**20:.0f} MiB for {MANY} "
        f"({(many - few) / 1024 / (MANY - FEW):.0f} KiB a volume)"
    )
    yield f"  check: {kept[0] / 2**20:.0f} MiB for {FEW} volumes, {kept[1] / 2**20:.0f} MiB for {MANY}"


def passes(data: Data, runs: int) -> Iterator[str]:
    """Measure the second pass over the voxels beside the first: histograms, zeros and slices beside moments."""
    taken = in_turns(
        runs,
        both=lambda: run(bnstat("report", data.large, "-o", data.page, "--jobs", 1))[0],
        none=lambda: run(bnstat("report", data.large_moments, "-o", data.page))[0],
        first=lambda: run(bnstat("check", data.large, "--jobs", 1, "--fail-on", "never"))[0],
        start=lambda: run(bnstat("check", data.large_moments, "--fail-on", "never"))[0],
    )
    first = taken["first"] - taken["start"]
    second = taken["both"] - taken["none"] - first
    yield (
        f"{LARGE} volumes of {LARGE_SIDE}³: first pass {first:.2f} s, second pass {second:.2f} s, "
        f"{second / first:.2f} times as long"
    )


def main() -> None:
    """Measure the sections that were asked for, and print a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="some of the sections")
    parser.add_argument("--runs", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="where the volumes are made (70 MB)")
    options = parser.parse_args()
    data = Data(options.data)
    data.make()
    sections = {"size": size, "time": seconds, "memory": memory, "passes": passes}
    for name in options.only:
        for line in sections[name](data, options.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
