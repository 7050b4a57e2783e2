"""Measure what reading a cohort costs: with one process and two, beside other programs, per file, and in memory.

Every time is that of a whole process. README.md beside this file says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

DEFAULT_DATA = Path(__file__).parent / "data"
# 8 volumes of 80 MB as float32, and the numbers of small ones of 16 × 16 × 16.
LARGE, SIDE = 8, 272
SMALL, FEW = 2000, 200
LINES = 100_000  # of a moments file that is read
SECTIONS = ("jobs", "small", "memory", "model", "moments")


def body(case: int, side: int) -> NDArray[np.float32]:
    """Return a body in air with smooth parts and noise, as float32."""
    numbers = np.random.default_rng(case)
    x, y, z = (np.linspace(-1, 1, side).reshape([-1 if k == axis else 1 for k in range(3)]) for axis in range(3))
    smooth = 300 + 50 * np.sin(7 * x + case) * np.cos(5 * y) * np.sin(3 * z)
    values = ((x * x + y * y + z * z) < 0.8) * (smooth + numbers.normal(0, 30, (side, side, side)))
    return values.astype(np.float32)


def save(path: Path, values: NDArray[np.generic]) -> None:
    """Save one volume if its file does not exist yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(values, np.eye(4)), path)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Data:
    """The folders of the volumes, all below one."""

    root: Path

    @property
    def large(self) -> Path:
        """The folder of 8 volumes of 80 MB, laid out for nnU-Net so that every program reads the same files."""
        return self.root / "Dataset001_Bench" / "imagesTr"

    @property
    def labels(self) -> Path:
        """The folder with a label map for each of them."""
        return self.root / "Dataset001_Bench" / "labelsTr"

    @property
    def large_plain(self) -> Path:
        """The folder of the same volumes, uncompressed."""
        return self.root / "plain"

    @property
    def one_voxel(self) -> Path:
        """The folder of as many files of one voxel."""
        return self.root / "one_voxel"

    @property
    def small(self) -> Path:
        """The folder of 2,000 files of 16 × 16 × 16 voxels."""
        return self.root / "small"

    @property
    def few(self) -> Path:
        """The folder of 200 of those."""
        return self.root / "few"

    def make(self) -> None:
        """Make the volumes that do not exist yet."""
        for case in range(LARGE):
            name = f"case_{case:03}"
            if not (self.large / f"{name}_0000.nii.gz").exists():
                values = body(case, SIDE)
                save(self.large / f"{name}_0000.nii.gz", values)
                save(self.large_plain / f"{name}.nii", values)
                save(self.labels / f"{name}.nii.gz", (values > 320).astype(np.uint8))
                # Under the image's own name too, by which the MONAI program looks for it.
                (self.labels / f"{name}_0000.nii.gz").symlink_to(f"{name}.nii.gz")
            save(self.one_voxel / f"{name}.nii.gz", np.ones((1, 1, 1), np.float32))
        numbers = np.random.default_rng(0)
        for case in range(SMALL):
            for folder in (self.small, self.few)[: 1 + (case < FEW)]:
                save(folder / f"case_{case:04}.nii.gz", numbers.integers(0, 1000, (16, 16, 16)).astype(np.int16))
        described = {"channel_names": {"0": "T1"}, "labels": {"background": 0, "body": 1}, "numTraining": LARGE}
        (self.large.parent / "dataset.json").write_text(json.dumps({**described, "file_ending": ".nii.gz"}))


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, int]:
    """Return the seconds of a process and its peak memory in bytes, including the processes that it starts."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}
    )
    said = process.stderr.read() if process.stderr is not None else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{said.decode()[-2000:]}")
    return time.perf_counter() - start, used.ru_maxrss * 1024


def scan(folder: Path, *options: str, target: Path) -> list[str]:
    """Return the command line of `bnstat scan` on a folder."""
    return [sys.executable, "-m", "bnstat", "scan", str(folder), "-o", str(target), "--quiet", *options]


def in_turns(runs: int, **calls: Callable[[], float]) -> dict[str, list[float]]:
    """Run the calls in turns, and return the seconds of each run under the name of its call."""
    for call in calls.values():  # fills the page cache and compiles the modules
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            taken[name].append(call())
    return taken


def against(limit: float, value: float, *, most: bool) -> str:
    """Return the limit as text, with "within" or "over"."""
    kept = value <= limit if most else value >= limit
    return f"{'at most' if most else 'at least'} {limit:g}: {'within' if kept else 'over'}"


def jobs(data: Data, target: Path, runs: int) -> Iterator[str]:
    """Measure two processes against one, on large files and on a few small ones."""

    def call(folder: Path, number: int) -> Callable[[], float]:
        return lambda: run(scan(folder, "--force", "--jobs", str(number), target=target))[0]

    taken = in_turns(
        runs,
        one=call(data.large, 1),
        two=call(data.large, 2),
        start_one=call(data.one_voxel, 1),
        start_two=call(data.one_voxel, 2),
        few_one=call(data.few, 1),
        few_two=call(data.few, 2),
    )
    one, two, start_one, start_two, few_one, few_two = (median(seconds) for seconds in taken.values())
    ratio = (one - start_one) / (two - start_two)
    yield f"8 × 80 MB .nii.gz: --jobs 1 {one:.2f} s, --jobs 2 {two:.2f} s, one voxel each {start_one:.2f} s"
    yield f"  one voxel taken off, --jobs 2 is {ratio:.2f} × as fast ({against(1.6, ratio, most=False)})"
    yield f"{FEW} small files: --jobs 1 {few_one:.3f} s, --jobs 2 {few_two:.3f} s"
    yield f"  ratio {few_two / few_one:.2f} ({against(1.05, few_two / few_one, most=True)})"


def small(data: Data, target: Path, runs: int) -> Iterator[str]:
    """Measure the cost of one of many small files, and of a second run over them."""
    taken = in_turns(
        runs,
        all=lambda: run(scan(data.small, "--force", "--jobs", "1", target=target))[0],
        start=lambda: run(scan(data.one_voxel, "--force", "--jobs", "1", target=target))[0],
        inspect=lambda: run([sys.executable, "-m", "bnstat", "inspect", str(data.small), "-q", "--jobs", "1"])[0],
    )
    run(scan(data.small, "--force", target=target))
    again = in_turns(runs, again=lambda: run(scan(data.small, "--resume", target=target))[0])["again"]
    each = 1e3 * (median(taken["all"]) - median(taken["start"])) / SMALL
    inspected = 1e3 * (median(taken["inspect"]) - median(taken["start"])) / SMALL
    yield f"{SMALL} small volumes: scan {each:.2f} ms each beyond start-up ({against(3, each, most=True)} ms)"
    yield f"  inspect {inspected:.2f} ms each"
    yield f"  again, nothing changed: {median(again):.2f} s ({against(3, median(again), most=True)} s)"


def memory(data: Data, target: Path, runs: int) -> Iterator[str]:  # noqa: ARG001  (memory is not noisy)
    """Measure the memory that ten times as many files need."""
    for number in ("1", "2"):
        few, many = (
            run(scan(folder, "--force", "--jobs", number, target=target))[1] for folder in (data.few, data.small)
        )
        more = (many - few) / 2**20
        yield (
            f"memory with --jobs {number}: {few / 2**20:.1f} MiB for {FEW} files, {many / 2**20:.1f} MiB for {SMALL} "
            f"({1024 * more / (SMALL - FEW):.1f} KiB a file; {against(8, more, most=True)} MiB more)"
        )


def model(data: Data, target: Path, runs: int) -> Iterator[str]:
    """Measure the seconds that one process needs for a GB of voxels, and the bytes of moments for a sample."""
    taken = in_turns(
        runs,
        plain=lambda: run(scan(data.large_plain, "--force", "--jobs", "1", target=target))[0],
        gz=lambda: run(scan(data.large, "--force", "--jobs", "1", target=target))[0],
        start=lambda: run(scan(data.one_voxel, "--force", "--jobs", "1", target=target))[0],
    )
    size = LARGE * SIDE**3 * 4 / 1e9
    on_disk = sum(path.stat().st_size for path in data.large.iterdir()) / 1e9
    start = median(taken["start"])
    plain, gz = (median(taken[name]) - start for name in ("plain", "gz"))
    run(scan(data.small, "--force", target=target))
    line = target.stat().st_size / SMALL
    yield f"start {start:.2f} s; plain {plain / size:.2f} s a GB; .gz {gz / size:.2f} s a GB of voxels"
    yield f"  ({gz / on_disk:.2f} s a GB on disk, {size / on_disk:.1f} times as many voxels)"
    yield f"{line:.0f} bytes of moments for a sample of one channel"


def moments(data: Data, target: Path, runs: int) -> Iterator[str]:
    """Measure reading a moments file of 100,000 lines, beside the standard library's parser, which checks nothing."""
    run(scan(data.few, "--force", target=target))
    lines = target.read_bytes().splitlines(keepends=True)
    known = b'"source": "'
    with target.open("wb") as file:
        for number in range(LINES):
            file.write(lines[number % FEW].replace(known, known + b"%d/" % number))

    def seconds(code: str) -> float:
        script = f"import sys, time; {code.partition(';')[0]}; start = time.perf_counter(); {code.partition(';')[2]}"
        said = subprocess.run(
            [sys.executable, "-c", f"{script}; print(time.perf_counter() - start)", str(target)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return float(said)

    taken = in_turns(
        max(runs // 3, 1),
        ours=lambda: seconds("from bnstat.reading.moments_file import examine; examine(sys.argv[1])"),
        parser=lambda: seconds("import json; [json.loads(line) for line in open(sys.argv[1], 'rb')]"),
    )
    ours, parser = (median(taken[name]) for name in ("ours", "parser"))
    yield f"{LINES:,} lines of moments: {ours:.2f} s, {1e6 * ours / LINES:.0f} µs a line; json.loads {parser:.2f} s"
    yield f"  {ours / parser:.1f} times as long as json.loads"


def main() -> None:
    """Measure the sections that were asked for, and print a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="some of the sections")
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9); a third of that beside other programs")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA / "cohorts", help="where the volumes are made (1 GB)")
    options = parser.parse_args()
    data = Data(options.data)
    data.make()
    target = options.data / "moments.jsonl"
    sections: dict[str, Callable[..., Iterator[str]]] = {
        "jobs": jobs, "small": small, "memory": memory, "model": model, "moments": moments
    }  # fmt: skip
    for name in options.only:
        for line in sections[name](data, target, options.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
