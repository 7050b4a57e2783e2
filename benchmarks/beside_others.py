"""Measure bnstat beside the programs that people use for the same: time, memory, and how right the variance is.

One command makes the volumes, runs every program that is installed in turns, and prints a table as Markdown, with the
machine and the versions. README.md beside this file says how to install the others.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median

import inspect_speed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "beside-others.md"
VOLUMES = ("float32.nii", "float32.nii.gz", "int16.nii", "int16.nii.gz")

# Programs that print the mean and the variance of one volume as JSON.
NUMPY = """
import sys, json, nibabel
data = nibabel.load(sys.argv[1]).get_fdata()
print(json.dumps([float(data.mean()), float(data.var()), float(data.min()), float(data.max())]))
"""
TORCH = """
import sys, json, nibabel, numpy, torch
data = nibabel.load(sys.argv[1]).get_fdata(dtype=numpy.float32)
variance, mean = torch.var_mean(torch.from_numpy(data), correction=0)
print(json.dumps([mean.item(), variance.item()]))
"""
SIMPLEITK = """
import sys, json, SimpleITK
statistics = SimpleITK.StatisticsImageFilter()
image = SimpleITK.ReadImage(sys.argv[1])
statistics.Execute(image)
count = image.GetNumberOfPixels()
print(json.dumps([statistics.GetMean(), statistics.GetVariance() * (count - 1) / count]))
"""

# Programs that compute statistics of a folder laid out for nnU-Net, case by case, with two processes.
MONAI = """
import pathlib, sys
from monai.apps.auto3dseg import DataAnalyzer
if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    data = {"training": [{"image": str(path), "label": str(root / "labelsTr" / path.name.replace("_0000", ""))}
            for path in sorted((root / "imagesTr").glob("*.nii.gz"))]}
    DataAnalyzer(data, dataroot="", output_path=sys.argv[2] + "/stats.yaml", device="cpu", worker=2,
                 image_key="image", label_key="label", average=True).get_all_case_stats()
"""
NNUNET = """
import os, pathlib, sys
if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1]).parent
    os.environ.update(nnUNet_raw=str(root), nnUNet_preprocessed=sys.argv[2], nnUNet_results=sys.argv[2])
    pathlib.Path(sys.argv[2], pathlib.Path(sys.argv[1]).name).mkdir(parents=True, exist_ok=True)
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    DatasetFingerprintExtractor(pathlib.Path(sys.argv[1]).name, 2).run(overwrite_existing=True)
"""


@dataclass(frozen=True)
class Program:
    """A program that is measured: the name in the table, and its command line without the file."""

    name: str
    command: tuple[str, ...]
    answers: bool = True  # False for one that prints no mean and variance


@dataclass(frozen=True)
class Cost:
    """The cost of one run, and what the program printed."""

    seconds: float
    processor_seconds: float
    peak_mib: float
    printed: str


def run(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a program to its end; its peak is that of its largest process.

    Raises:
        SystemExit: if the program fails.
    """
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment) as process,
    ):
        printed = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        taken = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)[:200]} failed:\n{said.read()[-2000:].decode(errors='replace')}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 2**20, printed.decode())


def in_turns(commands: dict[str, list[str]], runs: int, environment: dict[str, str]) -> dict[str, list[Cost]]:
    """Run every program once to warm the page cache, and then in turns."""
    for command in commands.values():
        run(command, environment)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(run(command, environment))
    return costs


# --- One volume ----------------------------------------------------------------------------------------------


def programs(python: str) -> list[Program]:
    """Return the programs for one volume that are installed, bnstat first."""
    found = [Program("bnstat inspect", (sys.executable, "-m", "bnstat", "inspect", "-q", "--format", "json"))]
    for name, module, code in (
        ("nibabel + numpy, float64", "nibabel", NUMPY),
        ("torch.var_mean, float32", "torch", TORCH),
        ("SimpleITK", "SimpleITK", SIMPLEITK),
    ):
        if has(python, module):
            found.append(Program(name, (python, "-c", code)))
    if shutil.which("mrstats"):
        outputs = [word for name in ("mean", "std", "count") for word in ("-output", name)]
        found.append(Program("mrstats of MRtrix3", ("mrstats", "-quiet", *outputs)))
    return found


def has(python: str, module: str) -> bool:
    """Return True if an interpreter can import a module."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def variance_in(printed: str) -> float:
    """Return the population variance that a program printed."""
    if printed.lstrip().startswith("{"):
        return float(json.loads(printed)["batches"][0]["channels"][0]["variance"])
    if printed.lstrip().startswith("["):
        return float(json.loads(printed)[1])
    _, deviation, count = map(float, printed.split())  # mrstats, which divides by n − 1
    return deviation**2 * (count - 1) / count


def exact_variance(file: Path) -> float:
    """Return the variance of a volume, rounded once: its voxels are whole numbers, or whole quarters."""
    code = (
        "import sys, nibabel, numpy\n"
        "from fractions import Fraction\n"
        "voxels = numpy.asanyarray(nibabel.load(sys.argv[1]).dataobj).reshape(-1, order='F')\n"
        "total = squares = 0\n"
        "for first in range(0, voxels.size, 1 << 22):\n"
        "    whole = (voxels[first : first + (1 << 22)] * 4).astype(numpy.int64)\n"
        "    total, squares = total + int(whole.sum()), squares + int((whole * whole).sum())\n"
        "n = voxels.size\n"
        "print(float(Fraction(squares * n - total * total, 16 * n * n)))\n"
    )
    return float(subprocess.run([sys.executable, "-c", code, str(file)], check=True, capture_output=True).stdout)


def one_volume(data: Path, names: Sequence[str], python: str, runs: int, environment: dict[str, str]) -> Iterator[str]:
    """Yield the tables of programs that read one volume."""
    for name in names:
        file = data / name
        exact = exact_variance(data / f"{name.partition('.')[0]}.nii")
        commands = {program.name: [*program.command, str(file)] for program in programs(python)}
        costs = in_turns(commands, runs, environment)
        yield f"\n## One volume: {name}, 150 million voxels, {file.stat().st_size / 1e6:.0f} MB on disk\n"
        yield "| program | seconds | × bnstat | processor seconds | peak MiB | error of the variance |"
        yield "|---|--:|--:|--:|--:|--:|"
        first = median(cost.seconds for cost in costs["bnstat inspect"])
        for program, each in costs.items():
            error = abs(variance_in(each[0].printed) / exact - 1)
            yield f"| {program} {figures(each, first)} | {'none' if not error else f'{error:.0e}'} |"


def figures(costs: Sequence[Cost], first: float) -> str:
    """Return the columns of time and memory: medians over the runs."""
    seconds = median(cost.seconds for cost in costs)
    return (
        f"| {seconds:.2f} | {seconds / first:.2f} | {median(cost.processor_seconds for cost in costs):.2f} "
        f"| {median(cost.peak_mib for cost in costs):.0f}"
    )


# --- A cohort ------------------------------------------------------------------------------------------------


def cohort(data: Path, python: str, runs: int, environment: dict[str, str]) -> Iterator[str]:
    """Yield the table of programs that read 8 volumes with two processes."""
    code = "import sys; from pathlib import Path; from scan_speed import Data; Data(Path(sys.argv[1])).make()"
    subprocess.run([sys.executable, "-c", code, str(data / "cohorts")], check=True, cwd=Path(__file__).parent)
    root = data / "cohorts" / "Dataset001_Bench"
    with tempfile.TemporaryDirectory() as folder:
        scan = (sys.executable, "-m", "bnstat", "scan", "-q", "--force", "--jobs", "2", "-o", f"{folder}/m.jsonl")
        commands = {"bnstat scan": [*scan, str(root / "imagesTr")]}
        for name, module, text in (
            ("DataAnalyzer of MONAI", "monai", MONAI), ("fingerprint of nnU-Net", "nnunetv2", NNUNET)
        ):  # fmt: skip
            if has(python, module):
                script = Path(folder) / f"{module}_cohort.py"  # a file, which processes that it starts can import
                script.write_text(text, encoding="utf-8")
                commands[name] = [python, str(script), str(root), folder]
        costs = in_turns(commands, runs, environment)
    yield "\n## A cohort: 8 volumes of 272³ voxels as .nii.gz, two processes\n"
    yield "| program | seconds | × bnstat | processor seconds | peak MiB of the largest process |"
    yield "|---|--:|--:|--:|--:|"
    first = median(cost.seconds for cost in costs["bnstat scan"])
    for name, each in costs.items():
        yield f"| {name} {figures(each, first)} |"


# --- The page ------------------------------------------------------------------------------------------------


def machine(python: str) -> Iterator[str]:
    """Yield what the numbers depend on: the machine and the versions."""
    packages = ("numpy", "nibabel", "torch", "SimpleITK", "monai", "nnunetv2")
    code = (
        "import json, sys\nfrom importlib import metadata\nfound = {}\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        found[name] = metadata.version(name)\n"
        "    except metadata.PackageNotFoundError:\n        pass\n"
        "print(json.dumps(found))"
    )
    said = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True).stdout
    versions = {"bnstat": metadata.version("bnstat"), **json.loads(said)}
    if shutil.which("mrstats"):
        told = subprocess.run(["mrstats", "-version"], check=True, capture_output=True, text=True).stdout
        versions["MRtrix3"] = told.split()[2]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"{inspect_speed.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
    yield f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start; "
    yield ", ".join(f"{name} {version}" for name, version in versions.items()) + "."


def page(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Beside other programs\n"
    yield "<!-- Written by `python benchmarks/beside_others.py --write`. -->\n"
    yield (
        "How long one waits for mean and variance with bnstat, and with the programs that people use for them. Every\n"
        "time is that of a whole process, with its start, from files in the page cache. The programs took turns, and\n"
        f"the medians of {options.runs} runs are shown. The ratios are what counts; the seconds are this machine's.\n"
        "They do not compute the same: bnstat also finds zero variances, NaN and label maps on the way, and what\n"
        "float32 makes of the sums. The error is that of the variance, dividing by n, relative to the exact value:\n"
        "2e-16 is one step of float64.\n"
    )
    yield from machine(options.python)
    environment = inspect_speed.environment(options.data)
    if options.volumes:
        yield from one_volume(options.data, options.volumes, options.python, options.runs, environment)
    if not options.no_cohort:
        yield from cohort(options.data, options.python, options.runs, environment)


def main() -> None:
    """Make what is missing, measure, and print the page or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=inspect_speed.DEFAULT_DATA, help="where the volumes are made (2.4 GB)"
    )
    parser.add_argument("--runs", type=int, default=5, help="turns of each program (5)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the other packages")
    parser.add_argument("--volumes", nargs="*", choices=VOLUMES, default=list(VOLUMES), help="some of the volumes")
    parser.add_argument("--no-cohort", action="store_true", help="measure single volumes alone")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} in docs/")
    options = parser.parse_args()
    options.data = options.data.resolve()
    inspect_speed.make_missing(options.data, ("plain", "gz"))
    lines = []
    for line in page(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
