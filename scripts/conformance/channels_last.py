"""Compare PyTorch's channels-last layers with bnstat in random shapes, and count what differs.

    python scripts/conformance/channels_last.py --runs 2000
    ATEN_CPU_CAPABILITY=default python scripts/conformance/channels_last.py --runs 2000
    ATEN_CPU_CAPABILITY=avx2 python scripts/conformance/channels_last.py --record

Each run draws a shape, values, a number of threads and a number of groups. Batch norm and group norm of the installed
PyTorch then compute them with channels_last_3d. With the threads known, and the CPU capability that PyTorch uses, the
emulation must have the same bits. Bands must hold the layer's variance: those from moments, and those from voxels with
and without threads. `--record` measures fixed cases of group norm for the capability that PyTorch uses, and writes them
to tests/recordings/arithmetic-grouped-torch.json beside those of other capabilities.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import arithmetic
import numpy as np
import torch

import bnstat
from bnstat.layers.arithmetic.arithmetics import THREADS
from bnstat.layers.arithmetic.emulation import Emulated, emulate
from bnstat.layers.arithmetic.grouped import Capability, emulate_groups
from bnstat.layers.arithmetic.running_sums import Layout

RECORDING = "grouped-torch"

VALUES = (
    *("normal 1000 0.001", "normal 1000 1", "normal 30000 5", "normal 1e6 1", "normal 0 10", "normal 0 3e-5"),
    *("normal -500 100", "constant 1000.3", "constant 65504", "unit", "spike"),
)
CHANNELS = (*range(1, 18), 20, 24, 31, 32, 33, 48, 60, 64, 65, 96, 128, 130)
THREAD_COUNTS = tuple(range(1, 33))
# Values of the largest case.
MOST = 200_000

# samples, voxels of a sample, channels, groups: around the widths of registers, and the voxels that threads share
GROUPED_SHAPES = (
    *((1, 2, 2, 1), (3, 5, 4, 2), (1, 50, 20, 2), (2, 17, 32, 4), (1, 333, 9, 3), (2, 1023, 6, 3), (1, 64, 66, 2)),
    *((1, 1024, 4, 2), (2, 1500, 4, 2), (3, 2003, 6, 1), (1, 5000, 8, 8), (1, 1331, 16, 4)),
)
GROUPED_VALUES = ("normal 1000 10", "normal 30000 5", "constant 1000.3", "spike", "head")
RECORDED_THREADS = (1, 2, 3, 7, 64)


def capability() -> Capability:
    """Return the instructions that this PyTorch uses."""
    return cast(Capability, torch.backends.cpu.get_cpu_capability().lower())


def batch_norm(x: arithmetic.Floats, threads: int) -> tuple[Any, Any]:
    """Return the mean and the unbiased variance that batch norm leaves in its buffers."""
    torch.set_num_threads(threads)
    layer: Any = torch.nn.BatchNorm3d(x.shape[-1], momentum=1.0)
    layer(torch.from_numpy(x).permute(0, 4, 1, 2, 3))
    return layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()


def group_norm(x: arithmetic.Floats, groups: int, threads: int, *, strided: bool = True) -> tuple[Any, Any]:
    """Return the mean and 1/√variance of each group of each sample.

    Args:
        x: the batch, channels last.
        groups: groups of the channels.
        threads: threads of PyTorch.
        strided: False to make the tensor by `contiguous`, which leaves one channel or one voxel as it was.
    """
    torch.set_num_threads(threads)
    tensor = torch.from_numpy(x).permute(0, 4, 1, 2, 3)
    if not strided:
        tensor = tensor.contiguous().contiguous(memory_format=torch.channels_last_3d)
    voxels = x[0, ..., 0].size
    _, mean, scale = torch.native_group_norm(tensor, None, None, len(x), x.shape[-1], voxels, groups, 0.0)
    return mean.numpy().ravel().copy(), scale.numpy().ravel().copy()


@dataclass
class Found:
    """What a sweep found of a layer.

    Attributes:
        runs: cases.
        variances: variances that were compared.
        emulated: those that were compared to the bit.
        mismatches: cases whose emulation has other bits.
        outside: cases with a variance that is out of a band.
    """

    runs: int = 0
    variances: int = 0
    emulated: int = 0
    mismatches: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it by the words of the output."""
        return {
            "runs": self.runs,
            "variances": self.variances,
            "to the bit": self.emulated,
            "mismatches": self.mismatches,
            "out of band": self.outside,
        }


@dataclass(frozen=True)
class Drawn:
    """One random case."""

    label: str
    x: arithmetic.Floats
    threads: int
    groups: int

    @property
    def layout(self) -> Layout:
        """The sizes of the batch."""
        return Layout(len(self.x), self.x[0, ..., 0].size, self.x.shape[-1])

    def voxels(self) -> Iterator[arithmetic.Floats]:
        """Yield the samples as an emulation takes them."""
        return (np.ascontiguousarray(one.reshape(-1, one.shape[-1]).T) for one in self.x)


def draw(rng: np.random.Generator) -> Drawn:
    """Return a random case of at least two values a channel."""
    while True:
        samples, channels = int(rng.integers(1, 5)), int(rng.choice(CHANNELS))
        most = int(rng.choice((4, 33, 300, 1100, 5001)))
        voxels, threads = int(rng.integers(1, most)), int(rng.choice(THREAD_COUNTS))
        if samples * voxels > 1 and samples * voxels * channels <= MOST:
            break
    groups = int(rng.choice([one for one in range(1, channels + 1) if channels % one == 0]))
    values = str(rng.choice(VALUES))
    x = arithmetic.make_values(values, (samples, 1, 1, voxels, channels), rng).astype(np.float32)
    return Drawn(
        f"{values} | {samples} x {voxels} x {channels}, {groups} groups, {threads} threads", x, threads, groups
    )


def compare_batch(case: Drawn, path: Path, found: Found) -> None:
    """Compare batch norm in one case."""
    mean, unbiased = batch_norm(case.x, case.threads)
    count = case.layout.count
    variance = unbiased.astype(np.float64) * (count - 1) / count
    if case.layout.channels > 1:
        fma = capability() != "default"
        mine = emulate(THREADS, case.voxels, case.layout, threads=case.threads, fma=fma)
        found.emulated += len(variance)
        if not (_equal(mine.mean, mean) and _equal(mine.unbiased, unbiased)):
            found.mismatches.append(case.label)
        variance = np.asarray(mine.variance)  # before it was rounded to float32
    _compare_bands(case, path, found, "batch", variance)


def compare_group(case: Drawn, path: Path, found: Found) -> None:
    """Compare group norm in one case, in both layouts where these are not told apart."""
    if case.layout.rows * case.layout.channels // case.groups < 2:
        return
    ambiguous = case.layout.rows == 1 or case.layout.channels == 1
    for strided in (True, False) if ambiguous else (True,):
        mean, scale = group_norm(case.x, case.groups, case.threads, strided=strided)
        with np.errstate(divide="ignore"):
            variance = np.nan_to_num(1.0 / scale.astype(np.float64) ** 2, posinf=0.0)
        if not ambiguous:
            mine = _grouped(case)
            if mine.variance is not None:
                found.emulated += len(variance)
                with np.errstate(divide="ignore"):
                    same = _equal((1.0 / np.sqrt(mine.variance)).astype(np.float32), scale)
                if not (same and _equal(mine.mean, mean)):
                    found.mismatches.append(case.label)
                variance = mine.variance
        _compare_bands(case, path, found, f"group:{case.groups}", variance)


def _grouped(case: Drawn) -> Emulated:
    return emulate_groups(case.voxels, case.layout, case.groups, threads=case.threads, capability=capability())


def _equal(left: Any, right: Any) -> bool:
    return np.array_equal(left, right, equal_nan=True)


def _compare_bands(case: Drawn, path: Path, found: Found, normalizer: str, variance: Any) -> None:
    """Compare the layer's variances with each way of predicting them, as a user gets them."""
    np.save(path, case.x)
    known = capability() != "default"  # squares are fused in what a user gets
    ways: dict[str, dict[str, Any]] = {"moments": {"emulate": False}, "any threads": {}}
    if known:
        ways["threads"] = {"threads": case.threads}
    for way, options in ways.items():
        report = bnstat.diagnose(
            path, framework="torch-channels-last", normalizer=normalizer, axis=4, batch_size=len(case.x), **options
        )
        predictions = [part.prediction for part in report.batches[0].parts]
        for one, layer in zip(predictions, variance.tolist(), strict=True):
            if one is None:
                continue
            room = 3e-7 * abs(layer)  # what a variance was found from is itself rounded to float32
            if not (one.low or 0.0) - room <= layer <= (np.inf if one.high is None else one.high) + room:
                found.outside.append(f"{case.label}, {way}: {layer} not in {one.low} … {one.high}")
                break
    found.runs += 1
    found.variances += len(variance)


def sweep(runs: int, seed: int) -> dict[str, Any]:
    """Compare both layers in so many random cases."""
    found = {"batch": Found(), "group": Found()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npy"
        for number in range(runs):
            case = draw(np.random.Generator(np.random.PCG64([seed, number])))
            compare_batch(case, path, found["batch"])
            compare_group(case, path, found["group"])
    about = {"torch": torch.__version__, "capability": capability(), "seed": seed}
    return {**about, **{name: one.as_json() for name, one in found.items()}}


def record() -> None:
    """Measure the fixed cases of group norm, and keep what was recorded with other capabilities."""
    path = arithmetic.RECORDINGS / f"arithmetic-{RECORDING}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    rows[capability()] = [
        [*_fixed(place, number), groups, threads, *_measured(_fixed(place, number), groups, threads)]
        for place, (samples, voxels, channels, groups) in enumerate(GROUPED_SHAPES)
        for number in range(len(GROUPED_VALUES))
        for threads in (RECORDED_THREADS if voxels >= 1024 else RECORDED_THREADS[:1])
    ]
    columns = [*("values", "samples", "rows", "channels", "seed", "groups", "threads"), "mean bits", "1/√variance bits"]
    arithmetic.write(RECORDING, {**arithmetic.environment(), "columns": columns, "rows": rows})


def _fixed(place: int, number: int) -> list[Any]:
    """Return the values, the sizes and the seed of a fixed case."""
    samples, voxels, channels, _ = GROUPED_SHAPES[place]
    return [GROUPED_VALUES[number], samples, voxels, channels, 70_000 + 100 * place + number]


def _measured(fixed: list[Any], groups: int, threads: int) -> list[list[int]]:
    values, samples, voxels, channels, seed = fixed
    x = arithmetic.Case(values, samples, (voxels, 1, 1), channels, seed).make()
    return [arithmetic.bits(one) for one in group_norm(x, groups, threads)]


def main() -> None:
    """Sweep, or record, as asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args()
    if options.record:
        record()
        return
    found = sweep(options.runs, options.seed)
    if options.format == "json":
        print(json.dumps(found))
        return
    print(f"PyTorch {found['torch']}, {found['capability']}, seed {options.seed}")
    for name in ("batch", "group"):
        one = found[name]
        print(
            f"{name} norm: {one['runs']} runs, {one['variances']} variances; {one['to the bit']} emulated, "
            f"{len(one['mismatches'])} mismatches; {len(one['out of band'])} runs out of band"
        )
        for line in (*one["mismatches"], *one["out of band"])[:20]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
