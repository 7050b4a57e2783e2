"""Measure `bnstat inspect` against reading, inflating and importing, which it cannot do without.

Every number is the time or the peak memory of a whole process. Programs that are compared take turns, and the ratio
of their medians counts. README.md beside this file says what each number means.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that measures never imports numpy: see `run_once`
    import numpy as np
    from numpy.typing import NDArray

MIB = 1 << 20

DEFAULT_DATA = Path(__file__).parent / "data"
BNSTAT = Path(sys.executable).with_name("bnstat")

# The sections that --only names.
SECTIONS = ("plain", "gz", "memory", "start-up", "steps")


# --- The volumes ---------------------------------------------------------------------------------------------

SHAPE = (500, 500, 600)  # 150 million voxels: 600 MB as float32, 300 MB as int16
SLAB = 10  # slices made at a time
STEPS_PER_UNIT = 4  # the float32 volume holds quarters, so that gzip makes it 2 to 3 times smaller
MOST_12_BIT = 4095

# The body: mean and amplitude of its smooth part, and its noise. With the air around it the mean is about 300 and
# the standard deviation about 150.
BODY_MEAN, WAVE_AMPLITUDE, BODY_NOISE, AIR_NOISE = 365, 35, 12, 3
# Of each wave in the smooth part: radians along each axis from the centre to the edge, and the phase.
WAVES = ((3, 1, 2, 0), (-2, 7, 5, 1), (11, -6, 4, 2), (8, 9, -17, 3))


@dataclass(frozen=True)
class FileType:
    """One of the four types of file that are measured, with the limit of its time."""

    dtype: str
    suffix: str
    time_limit: float

    @property
    def name(self) -> str:
        """The name in the table, as in "float32 .nii.gz"."""
        return f"{self.dtype} {self.suffix}"

    @property
    def section(self) -> str:
        """The section of the table that has its time."""
        return "gz" if self.suffix == ".nii.gz" else "plain"

    @property
    def floor(self) -> str:
        """The name of the work that every reader must do, which the time is compared with."""
        return "inflating" if self.section == "gz" else "reading"

    def big(self, folder: Path) -> Path:
        """Return the path of the file with 150 million voxels."""
        return folder / f"{self.dtype}{self.suffix}"

    def usual(self, folder: Path) -> Path:
        """Return the path of the file that steps are measured on."""
        return folder / f"{self.dtype}_usual{self.suffix}"

    def tiny(self, folder: Path) -> Path:
        """Return the path of the file with one voxel, whose time is that of a program before it reads voxels."""
        return folder / f"{self.dtype}_one_voxel{self.suffix}"


FILE_TYPES = (
    FileType("float32", ".nii", 2.0),
    FileType("int16", ".nii", 2.5),
    FileType("float32", ".nii.gz", 1.15),
    FileType("int16", ".nii.gz", 1.15),
)
# The volumes that steps are measured on, of a usual size: 52 and 26 MB. The mask is where a value is above the air.
STEPS_SHAPE, ABOVE_AIR = (256, 256, 200), 400
# What each step adds is its processor time over that of the plain pass: one read ahead in a thread counts too.
STEPS_LIMIT = 1.5
STEPS = (
    ("--mask", "mask.nii"),
    ("--mask", "nonzero"),
    ("--mask", ">100"),
    ("--intensity", "zscore"),
    ("--intensity", "zscore-nonzero"),
    ("--intensity", "minmax"),
    ("--intensity", "clip:0,500|zscore"),
    ("--intensity", "clip:p1,p99"),
    ("--intensity", "scale-percentile:1,99,0,1"),
)
MEMORY_LIMIT_MIB = 32.0
START_LIMIT = 1.15
HELP_LIMIT = 1.2


def make_missing(folder: Path, sections: Sequence[str]) -> None:
    """Make the volumes that these sections read and that are not in the folder yet."""
    folder.mkdir(parents=True, exist_ok=True)
    needed = [((1, 1, 1), [file_type.tiny(folder) for file_type in FILE_TYPES])]
    if "steps" in sections:
        usual = [file_type.usual(folder) for file_type in FILE_TYPES]
        needed.append((STEPS_SHAPE, [*usual, folder / "mask.nii"]))
    if {*sections} - {"start-up", "steps"}:  # which read smaller ones
        needed.append((SHAPE, [file_type.big(folder) for file_type in FILE_TYPES]))
    for shape, paths in needed:
        missing = [path for path in paths if not path.exists()]
        if missing:
            say(f"making {', '.join(path.name for path in missing)} in {folder}")
            in_own_process(shape, missing)


def in_own_process(shape: tuple[int, int, int], paths: list[Path]) -> None:
    """Make volumes in another process, so that numpy stays out of this one."""
    maker = multiprocessing.get_context("spawn").Process(target=make_volumes, args=(shape, paths))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit("the volumes could not be made")


def make_volumes(shape: tuple[int, int, int], paths: list[Path]) -> None:
    """Write the same voxels to files of several types, a slab at a time."""
    unfinished = {path: path.with_name(f"unfinished_{path.name}") for path in paths}
    files = {path: open_volume(unfinished[path]) for path in paths}
    for path, file in files.items():
        write_header(file, dtype_of(path), shape)
    for slab in slabs(shape):
        for path, file in files.items():
            file.write(stored(slab, dtype_of(path)))
    for path, file in files.items():
        file.close()
        unfinished[path].rename(path)  # a file with its proper name is a whole one


def dtype_of(path: Path) -> str:
    return path.name.split(".")[0].split("_")[0]


def open_volume(path: Path) -> IO[bytes]:
    if path.suffix != ".gz":
        return path.open("wb")
    igzip: Any = import_module("isal.igzip")
    file: IO[bytes] = igzip.open(path, "wb", compresslevel=1)
    return file


def write_header(file: IO[bytes], dtype: str, shape: tuple[int, int, int]) -> None:
    nibabel: Any = import_module("nibabel")
    header = nibabel.Nifti1Header()
    header.set_data_dtype("uint8" if dtype == "mask" else dtype)
    header.set_data_shape(shape)
    header.set_data_offset(352)
    header.set_slope_inter(1, 0)
    header.write_to(file)


def slabs(shape: tuple[int, int, int]) -> Iterator[NDArray[np.float32]]:
    """Yield slabs of a body in air as an MRI scanner sees it: whole numbers from 0 to 4095."""
    import numpy as np  # noqa: PLC0415

    random = np.random.default_rng(20)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    for first in range(0, shape[2], SLAB):
        part = z[:, :, first : first + SLAB]
        smooth = sum(np.sin(a * x + b * y + c * part + phase) for a, b, c, phase in WAVES)
        body = x**4 + y**4 + part**4 < 1
        noise = random.standard_normal(body.shape, dtype=np.float32) * np.where(body, BODY_NOISE, AIR_NOISE)
        magnitude = np.abs(body * (BODY_MEAN + WAVE_AMPLITUDE * smooth) + noise)
        yield np.clip(np.round(magnitude * STEPS_PER_UNIT), 0, MOST_12_BIT).astype(np.float32)


def stored(slab: NDArray[np.float32], dtype: str) -> bytes:
    """Return the bytes of a slab, the first axis fastest as in NIfTI."""
    if dtype == "mask":
        return (slab > ABOVE_AIR).astype("uint8").tobytes(order="F")
    scaled = slab / STEPS_PER_UNIT if dtype == "float32" else slab
    return scaled.astype(dtype).tobytes(order="F")


# --- The programs --------------------------------------------------------------------------------------------

IMPORTS = "import click, numpy, nibabel, rich.console, rich.table"
# The least that a program with click does for --help.
LEAST_HELP = """
import click
@click.group()
def commands():
    "Greet."
commands(["--help"])
"""

# These two print the seconds that they took, without those of starting Python.
READ = """
import sys, time
buffer = memoryview(bytearray(1 << 20))
start = time.perf_counter()
with open(sys.argv[1], "rb", buffering=0) as file:
    while file.readinto(buffer):
        pass
print(time.perf_counter() - start)
"""
INFLATE = """
import sys, time
from isal import igzip
buffer = memoryview(bytearray(1 << 20))
start = time.perf_counter()
with igzip.open(sys.argv[1], "rb") as file:
    while file.readinto(buffer):
        pass
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Program:
    """A command line that is measured; `times_itself` is True if it prints the seconds that count."""

    name: str
    argv: tuple[str, ...]
    times_itself: bool = False


@dataclass(frozen=True)
class Sample:
    """The cost of one run of a program; `seconds` counts, which is its own measure if it times itself."""

    seconds: float
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Group:
    """The runs of programs that took turns, and the number of cores that other processes used meanwhile."""

    samples: Samples
    cores_elsewhere: float | None


def python(name: str, code: str, *arguments: Path, times_itself: bool = False) -> Program:
    return Program(name, (sys.executable, "-c", code, *map(str, arguments)), times_itself)


def inspect(name: str, path: Path, *options: str) -> Program:
    return Program(name, (str(BNSTAT), "inspect", str(path), *options, "-q", "--format", "json", "-o", os.devnull))


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of every program, without settings of this shell that favour one of them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BNSTAT_")}
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE"):
        kept.pop(name, None)
    # A checkout may have no byte code beside it, as installed packages have. So all byte code is kept here.
    kept["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    return kept


def run_once(program: Program, env: dict[str, str]) -> Sample:
    """Run a program to its end.

    Linux counts the peak of the process that starts another into that of the one started, so this process must stay
    smaller than any that it measures. That is why it imports the standard library alone.
    """
    output = subprocess.PIPE if program.times_itself else subprocess.DEVNULL
    start = time.perf_counter()
    with subprocess.Popen(program.argv, stdin=subprocess.DEVNULL, stdout=output, env=env) as process:
        printed = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen would wait for it again
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode} from: {' '.join(program.argv)}")
    return Sample(
        seconds=float(printed) if program.times_itself else wall,
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    )


def take_turns(programs: Sequence[Program], runs: int, env: dict[str, str]) -> Group:
    """Run each program once to warm the page cache, then all of them in turn."""
    for program in programs:
        run_once(program, env)
    samples: Samples = {program.name: [] for program in programs}
    start, before = time.perf_counter(), used_elsewhere()
    for _ in range(runs):
        for program in programs:
            samples[program.name].append(run_once(program, env))
    after, took = used_elsewhere(), time.perf_counter() - start
    return Group(samples, None if before is None or after is None else max(after - before, 0.0) / took)


def used_elsewhere() -> float | None:
    """Return the seconds of cores that other processes used since the machine started; None if unknown.

    They include the time that a host took from a virtual machine, which disturbs a measurement as much.
    """
    counts = Path("/proc/stat")
    if not counts.exists():
        return None
    user, nice, system, _, _, irq, softirq, stolen = map(int, counts.read_text(encoding="ascii").split()[1:9])
    used = (user + nice + system + irq + softirq + stolen) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return used - own.user - own.system - own.children_user - own.children_system


# --- The numbers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The options of this script."""

    data: Path
    runs: int
    sections: tuple[str, ...]
    json: Path | None
    env: dict[str, str]


@dataclass(frozen=True)
class Row:
    """One number of the table, with the ends of the middle half of the rounds."""

    section: str
    what: str
    value: float
    low: float
    high: float
    unit: str
    limit: float | None
    cores_elsewhere: float | None

    @property
    def verdict(self) -> str:
        """The word beside its limit; empty if there is no limit."""
        if self.limit is None:
            return ""
        return "within" if self.value <= self.limit else "over"


@dataclass
class Measured:
    """The numbers of one run of this script."""

    rows: list[Row] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)

    def take_turns(self, group: str, programs: Sequence[Program], runs: int, options: Options) -> Group:
        """Measure programs that are compared, and keep every run."""
        say(f"measuring {group}")
        self.groups[group] = found = take_turns(programs, runs, options.env)
        return found


@dataclass(frozen=True)
class Difference:
    """The time of a program on a big file, less its time on one voxel."""

    big: str
    tiny: str


def seconds(group: Group, of: str | Difference) -> list[float]:
    """Return the seconds of each round."""
    if isinstance(of, Difference):
        return [a - b for a, b in zip(seconds(group, of.big), seconds(group, of.tiny), strict=True)]
    return [sample.seconds for sample in group.samples[of]]


def median_seconds(group: Group, of: str | Difference) -> float:
    if isinstance(of, Difference):
        return median_seconds(group, of.big) - median_seconds(group, of.tiny)
    return median(seconds(group, of))


def middle_half(rounds: Iterable[float]) -> tuple[float, float]:
    """Return the ends of the middle half: the lowest and the highest quarter show luck more than noise."""
    ranked = sorted(rounds)
    quarter = len(ranked) // 4
    return ranked[quarter], ranked[-1 - quarter]


def time_row(
    section: str, what: str, group: Group, over: str | Difference, under: str | Difference, limit: float | None = None
) -> Row:
    """Return the ratio of two times as a row."""
    ratio = median_seconds(group, over) / median_seconds(group, under)
    # A disturbance while one voxel is read can make a difference negative, and its ratio meaningless.
    rounds = [a / b for a, b in zip(seconds(group, over), seconds(group, under), strict=True) if b > 0]
    return Row(section, what, ratio, *middle_half(rounds or [ratio]), "×", limit, group.cores_elsewhere)


def memory_row(
    section: str, what: str, group: Group, of: str, minus: str | None = None, limit: float | None = None
) -> Row:
    """Return a peak of memory as a row, or its distance from another peak."""
    base = median(sample.peak_bytes / MIB for sample in group.samples[minus]) if minus else 0.0
    peaks = [sample.peak_bytes / MIB - base for sample in group.samples[of]]
    return Row(section, what, median(peaks), *middle_half(peaks), "MiB", limit, group.cores_elsewhere)


def measure_file_type(measured: Measured, file_type: FileType, options: Options) -> None:
    """Measure time and memory of bnstat on one type of file, with reading or inflating it and with the imports."""
    big, tiny = file_type.big(options.data), file_type.tiny(options.data)
    floor = INFLATE if file_type.floor == "inflating" else READ
    programs = (
        inspect("bnstat big", big),
        python("floor", floor, big, times_itself=True),
        inspect("bnstat tiny", tiny),
        python("imports", IMPORTS),
    )
    group = measured.take_turns(file_type.name, programs, options.runs, options)
    own = Difference("bnstat big", "bnstat tiny")
    # Seconds mean nothing on another machine, but they show if this run was disturbed.
    say(f"  bnstat {median_seconds(group, own):.3f} s, {file_type.floor} {median_seconds(group, 'floor'):.3f} s")
    if file_type.section in options.sections:
        what = f"{file_type.name}: time / {file_type.floor} it"
        measured.rows.append(time_row(file_type.section, what, group, own, "floor", file_type.time_limit))
    if "memory" in options.sections:
        what = f"{file_type.name}: peak − that of the imports"
        measured.rows.append(memory_row("memory", what, group, "bnstat big", "imports", MEMORY_LIMIT_MIB))


def measure_start(measured: Measured, options: Options) -> None:
    """Measure the start. Its programs are short, so they run twice as often and once more."""
    programs = (
        inspect("bnstat one voxel", FILE_TYPES[0].tiny(options.data)),
        python("imports", IMPORTS),
        Program("bnstat --help", (str(BNSTAT), "--help")),
        python("least --help", LEAST_HELP),
    )
    group = measured.take_turns("start-up", programs, 2 * options.runs + 1, options)
    measured.rows += [
        time_row("start-up", "one voxel / the imports", group, "bnstat one voxel", "imports", START_LIMIT),
        time_row("start-up", "--help / that of an empty program", group, "bnstat --help", "least --help", HELP_LIMIT),
    ]


def measure_steps(measured: Measured, file_type: FileType, options: Options) -> None:
    """Measure the processor time of masks and intensity steps against that of the plain pass."""
    path = file_type.usual(options.data)
    plain = inspect("plain", path)
    steps = [
        inspect(f"{name} {value}", path, name, str(options.data / value) if value.endswith(".nii") else value)
        for name, value in STEPS
    ]
    group = measured.take_turns(f"steps of {file_type.name}", [plain, *steps], options.runs, options)
    spent = {name: [one.cpu_seconds for one in samples] for name, samples in group.samples.items()}
    for step in steps:
        ratio = median(spent[step.name]) / median(spent["plain"])
        rounds = [a / b for a, b in zip(spent[step.name], spent["plain"], strict=True)]
        what = f"{file_type.name} {step.name}"
        measured.rows.append(Row("steps", what, ratio, *middle_half(rounds), "×", STEPS_LIMIT, group.cores_elsewhere))


# --- The command line ----------------------------------------------------------------------------------------


def parse(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(description="Measure bnstat inspect against reading, inflating and importing.")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the volumes (about 1.4 GB)")
    parser.add_argument("--runs", type=int, default=7, help="rounds of each comparison (default: 7)")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="measure these alone")
    parser.add_argument("--json", type=Path, help="write every single run to this file too")
    given = parser.parse_args(argv)
    if given.runs < 1:
        parser.error("--runs must be at least 1")
    if not BNSTAT.exists():
        parser.error(f"{BNSTAT} is missing: install bnstat for the Python that runs this")
    folder = given.data.resolve()
    return Options(folder, given.runs, tuple(given.only), given.json, environment(folder))


def measure(options: Options) -> Measured:
    """Return the numbers of the sections that were asked for."""
    measured = Measured()
    if "start-up" in options.sections:
        measure_start(measured, options)
    for file_type in FILE_TYPES:
        if file_type.section in options.sections or "memory" in options.sections:
            measure_file_type(measured, file_type, options)
        if "steps" in options.sections:
            measure_steps(measured, file_type, options)
    measured.rows.sort(key=lambda row: SECTIONS.index(row.section))
    return measured


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: the machine and the versions."""
    names = ("bnstat", "numpy", "nibabel", "isal", "click", "rich")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": usable,
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in names},
    }


def processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def facts(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['processor']}, {found['cores']} cores, load {found['load'][0]}; {found['system']}"
    yield f"Python {found['python']}, " + ", ".join(f"{name} {at}" for name, at in found["versions"].items())


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the rows as text, with a heading above each section."""
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            yield ""
            yield f"{section:<50}{'median':>11}{'middle half':>18}{'elsewhere':>11}{'limit':>10}"
        value = f"{figure(row, row.value)} {row.unit}"
        spread = f"{figure(row, row.low)} – {figure(row, row.high)}"
        elsewhere = "" if row.cores_elsewhere is None else f"{row.cores_elsewhere:.2f}"
        limit = "" if row.limit is None else f"{figure(row, row.limit)} {row.unit}"
        yield f"  {row.what:<48}{value:>11}{spread:>18}{elsewhere:>11}{limit:>10}  {row.verdict}".rstrip()


def figure(row: Row, number: float) -> str:
    return f"{number:.1f}" if row.unit == "MiB" else f"{number:.2f}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write_json(path: Path, options: Options, found: dict[str, Any], measured: Measured) -> None:
    rows = [asdict(row) | {"verdict": row.verdict or None} for row in measured.rows]
    groups = {name: asdict(group) for name, group in measured.groups.items()}
    whole = {"machine": found, "runs": options.runs, "rows": rows, "groups": groups}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    found = machine()
    print(*facts(found), sep="\n", flush=True)
    make_missing(options.data, options.sections)
    measured = measure(options)
    print(*table(measured.rows), sep="\n")
    if options.json:
        write_json(options.json, options, found, measured)


if __name__ == "__main__":
    main()
