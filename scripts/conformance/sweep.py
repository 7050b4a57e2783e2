"""Measure how much of its band each layer uses, over sizes, kinds of data and instruction sets.

    python scripts/conformance/sweep.py keras-torch avx2                      one part on one instruction set
    python scripts/conformance/sweep.py keras-torch avx2 --every FILE         … and every row that it measured
    python scripts/conformance/sweep.py --read FILE …                         the table of rows that were kept

`run.py` runs every part on every instruction set that the processor has, with bnstat on the path. The data are made to
be hard: constants, one bright voxel, a mean far from 0, halves, ramps, whole numbers, denormal numbers, heads in air. A
recording, tests/recordings/arithmetic-sweep-*.json, keeps the rows that use most of their bands, and those with NaN.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS
from bnstat.layers.arithmetic.bounds import Bounds, StoredValues, bound

# The layers, beside this file.
arithmetic: Any = importlib.import_module("arithmetic")

# What holds a framework to an instruction set; it is read when the framework is imported.
TORCH = {"default": {"ATEN_CPU_CAPABILITY": "default"}, "avx2": {"ATEN_CPU_CAPABILITY": "avx2"}}
XLA = {
    "sse4.2": {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    "avx2": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
}
TENSORFLOW = {
    "sse4.1-onednn": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2-onednn": {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"},
}
INSTRUCTION_SETS: dict[str, dict[str, dict[str, str]]] = {
    "torch": TORCH,
    "torch-channels-last": TORCH,
    "keras-torch": TORCH,
    "keras-jax": XLA,
    "flax": {"avx2": XLA["avx2"]},
    "haiku": {"avx2": XLA["avx2"]},
    "tensorflow": TENSORFLOW,
    "keras-tensorflow": {"avx2-eigen": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
    "onnx": {"sse": {}},
}

# Spatial axes: few values, odd sizes, cubes, flat volumes, and densely around where PyTorch's cascades change levels.
SPATIAL = (
    *((10, 1, 1), (1, 5, 6), (5, 5, 4), (7, 6, 7), (566, 1, 1), (10, 10, 10), (13, 15, 16), (16, 16, 16)),
    *((17, 16, 16), (20, 21, 24), (32, 32, 31), (32, 32, 33), (1, 181, 217), (64, 64, 24), (50, 60, 66), (64, 64, 64)),
    *((64, 64, 72), (70, 71, 64), (64, 90, 64), (75, 75, 72), (64, 128, 56), (77, 78, 79), (64, 128, 64)),
    *((65, 128, 64), (82, 82, 82), (1000, 600, 1), (91, 109, 91), (96, 128, 128), (128, 128, 127), (160, 128, 102)),
)
CHANNELS = (1, 2, 3, 4, 8)
KINDS = (
    *("constant", "bright in constant", "bright in zeros", "offset", "halves", "rising", "falling"),
    *("integers", "denormal", "head", "steps"),
)
# Keras' ε, with which a variance is said to become NaN or not.
EPSILON = 1e-3
# Parts that compile for each shape, and are measured in half of them.
COMPILED = ("keras-jax", "flax", "haiku", "onnx")
# Rows of a recording for each layer and kind of data, of few values and of so many or more.
KEPT, MANY = 2, 10_000
# Of the cases whose results are recorded to the bit every so many are run here too, with so many threads.
EVERY, THREADS = 9, (1, 3)
# Values of the largest batch: of most parts, and of those that take less or more time than these.
MOST = 400_000
MOST_OF = {"keras-torch": 5_000_000, "keras-jax": 2_500_000, "torch": 700_000, "tensorflow": 70_000}
COLUMNS = ["case", "count", "channels", "mean", "variance", "minimum", "maximum", "layer mean", "layer variance"]


def values_of(kind: str, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the values of one channel, in the order of the tensor."""
    size = 10.0 ** rng.uniform(-2.0, 4.0)
    x = np.full(count, size)
    place = int(rng.choice([0, count // 2, int(rng.integers(count)), count - 1]))
    if kind == "bright in constant":
        x[place] *= 10.0 ** rng.uniform(0.5, 9.0)
    elif kind == "bright in zeros":
        x[:] = 0.0
        x[place] = size
    elif kind == "offset":
        x = size * (1.0 + 10.0 ** rng.uniform(-6.0, -1.0) * rng.standard_normal(count))
    elif kind == "halves":
        x[count // 2 :] *= 10.0 ** rng.uniform(-6.0, 1.0)
    elif kind in ("rising", "falling"):
        x *= np.linspace(0.0, 1.0, count) ** rng.choice([0.5, 1.0, 3.0])
        x = x if kind == "rising" else x[::-1]
    elif kind == "integers":
        x = rng.integers(int(rng.choice([-1000, 0, 4000])), 4096, count).astype(float)
    elif kind == "denormal":
        x = 10.0 ** rng.uniform(-44.0, -36.0) * rng.gamma(2.0, 1.0, count)
    elif kind == "head":
        x = np.where(rng.random(count) < 0.6, 0.0, size * rng.gamma(9.0, 1.0, count))
    elif kind == "steps":  # what is added to the first value is lost, half a unit of it each time
        x[:] = x[0] * 2.0 ** -rng.uniform(10.0, 26.0)
        x[: max(1, int(rng.integers(1, 5)))] = size
    return x.astype(np.float32)


def batches(most: int, *, every: bool) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield every kind of data in every shape, each channel with values of its own; a label says what they are.

    Args:
        most: values of the largest batch.
        every: False takes only every other number of channels for each shape.
    """
    for place, spatial in enumerate(SPATIAL):
        for turn, channels in enumerate(CHANNELS):
            count = math.prod(spatial)
            samples = 2 if (place + channels) % 4 == 0 else 1
            if samples * count * channels > most or not (every or (place + turn) % 2 == 0):
                continue
            for number, kind in enumerate(KINDS):
                rng = np.random.Generator(np.random.PCG64([place, channels, number]))
                x = np.stack([values_of(kind, samples * count, rng) for _ in range(channels)], axis=-1)
                yield f"{kind} | {samples} x {spatial} x {channels}", x.reshape(samples, *spatial, channels)


def measure(part: str, most: int) -> dict[str, list[list[Any]]]:
    """Return what each layer makes of every channel, in rows as `arithmetic.py` records them."""
    layers = {name: layer for name, layer in arithmetic.PARTS[part]().items() if "-jit" not in name}
    rows: dict[str, list[list[Any]]] = {name: [] for name in layers}
    for label, x in batches(most, every=part not in COMPILED):
        exact = x.reshape(-1, x.shape[-1]).astype(np.float64)
        moments = exact.mean(axis=0), exact.var(axis=0), exact.min(axis=0), exact.max(axis=0)
        for name, layer in layers.items():
            first = x[:1] if "first" in name else x
            if len(first) != len(x):
                continue
            means, variances = (np.asarray(one, np.float64).reshape(-1) for one in layer(x))
            for channel in range(x.shape[-1]):
                numbers = [*(of[channel] for of in moments), means[channel], variances[channel]]
                rows[name].append([label, len(exact), x.shape[-1], *map(float, numbers)])
    return rows


def predicted(layer: str, row: list[Any], name: str | None = None) -> Bounds:
    """Return bnstat's bounds for a recorded row, as from moments.

    Args:
        layer: a recorded layer, such as "keras-jax tree".
        row: a row of a recording.
        name: an arithmetic; None for the layer's own.
    """
    case, count, channels, mean, variance, minimum, maximum, *_ = row
    constant, first = minimum == maximum, layer.endswith("first")
    values = StoredValues(
        count=count,
        mean=mean,
        variance=0.0 if constant else variance,
        minimum=minimum,
        maximum=maximum,
        constant=constant,
        channels=1 if first else channels,
        samples=1 if first or "|" not in case else int(case.split(" | ")[1].split(" x ")[0]),
        inner=first or channels == 1,
        rounded=False,
    )
    return bound(ARITHMETICS[name or layer.split()[1]], values, epsilon=EPSILON)


def used(layer: str, row: list[Any]) -> float:
    """Return how much of its half of the band a layer's variance uses: over 1 it is outside.

    A variance of 0 where the band ends at 0 uses none: it was clamped, or its squares are below the least float32.
    """
    band = predicted(layer, row)
    exact = 0.0 if row[5] == row[6] else row[4]
    found = row[-1]
    if math.isnan(found):
        return math.inf
    if found == band.low == 0.0:
        return 0.0
    room = band.high - exact if found > exact else exact - band.low
    return 0.0 if found == exact else abs(found - exact) / room if room else math.inf


def table(rows: dict[str, list[list[Any]]], instruction_set: str) -> str:
    """Return the largest part of the band that was used, for each layer and kind of data, and what is said of NaN."""
    lines = [f"{'layer':40} {'set':14} {'kind':20} {'cases':>6} {'used':>8} {'where'}"]
    for layer, measured in rows.items():
        kinds = defaultdict(list)
        for row in measured:
            kinds[row[0].split(" | ")[0]].append((used(layer, row), row))
        for kind, found in kinds.items():
            most, row = max(found, key=lambda one: one[0])
            lines.append(f"{layer:40} {instruction_set:14} {kind:20} {len(found):6} {most:8.3f} {row[0]}")
    return "\n".join(lines)


def says_nan(rows: dict[str, list[list[Any]]]) -> dict[str, list[int]]:
    """Return for each layer how often NaN is said to be possible and happens, is only said, and only happens."""
    counted = {}
    for layer, measured in rows.items():
        said = [predicted(layer, row).nan_possible for row in measured]
        found = [not row[-1] + EPSILON >= 0.0 for row in measured]
        pairs = list(zip(said, found, strict=True))
        counted[layer] = [pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True))]
    return counted


def worst(rows: dict[str, list[list[Any]]]) -> dict[str, list[list[Any]]]:
    """Return the rows that a recording keeps: of each layer and kind those that are hardest, of few and of many values.

    These use most of their bands. Bands of constants may be a few numbers, so there it is the largest deviation.
    """
    kept: dict[str, list[list[Any]]] = {}
    for layer, measured in rows.items():
        kinds = defaultdict(list)
        for row in measured:
            kinds[row[0].split(" | ")[0], row[1] >= MANY].append(row)
        for (kind, _), found in kinds.items():
            hardest = sorted(found, key=lambda row: -_deviation(row) if kind == "constant" else -used(layer, row))
            kept.setdefault(layer, []).extend(hardest[:KEPT])
    return kept


def _deviation(row: list[Any]) -> float:
    """Return the variance that a layer gives a constant, relative to its square."""
    return abs(row[-1]) / row[3] ** 2 if row[3] and not math.isnan(row[-1]) else math.inf


def in_every_bit() -> list[list[Any]]:
    """Return rows of PyTorch's channels-last kernel, as `arithmetic.measure_torch_threads` does."""
    import torch

    rows = []
    for case in arithmetic.emulated_cases()[::EVERY]:
        if case.channels == 1 or case.samples * math.prod(case.spatial) < 2:
            continue
        for threads in THREADS:
            rows.append([*arithmetic.key_of(case), threads, *arithmetic.torch_last(torch, case.make(), threads)])
    return rows


def write(part: str, content: dict[str, Any], rows: dict[str, list[list[Any]]]) -> None:
    """Write a recording: the rows that use most of their bands, and how many there were in all."""
    counted = {layer: len(measured) for layer, measured in rows.items()}
    content = {**content, "columns": COLUMNS, "cases": counted, "nan": says_nan(rows), "rows": worst(rows)}
    arithmetic.write(f"sweep-{part}-{content['instruction_set']}", content)


def listed() -> dict[str, dict[str, Any]]:
    """Return for each recording the environment that it needs, and the arguments with which this file makes it."""
    needs = arithmetic.environments()
    return {
        f"sweep-{part}-{name}": {
            "environment": needs[part],
            "arguments": [part, name, "--most", str(MOST_OF.get(part, MOST))],
        }
        for part, sets in INSTRUCTION_SETS.items()
        for name in sets
    }


def main() -> None:
    """Measure one part on one instruction set, or read rows that were kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=INSTRUCTION_SETS)
    parser.add_argument("instruction_set", nargs="?")
    parser.add_argument("--every", type=Path, help="write every row here")
    parser.add_argument("--read", type=Path, nargs="+", help="files that --every wrote")
    parser.add_argument("--list", action="store_true", help="each recording with its environment and arguments")
    parser.add_argument("--record", action="store_true", help="write recordings of what is read, for the part")
    parser.add_argument("--most", type=int, default=5_000_000, help="values of the largest case")
    options = parser.parse_args()
    if options.list:
        print(json.dumps(listed()))
        return
    if options.read:
        for path in options.read:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows = content.pop("rows")
            print(table(rows, content["instruction_set"]))
            if options.record:
                write(options.part, content, rows)
        return
    os.environ.update(INSTRUCTION_SETS[options.part][options.instruction_set])
    rows = measure(options.part, options.most)
    bits = in_every_bit() if options.part == "torch-channels-last" else []
    content = {**arithmetic.environment(), "instruction_set": options.instruction_set, "bits": bits}
    if options.every:
        options.every.write_text(json.dumps({**content, "rows": rows}), encoding="utf-8")
    write(options.part, content, rows)
    print(table(rows, options.instruction_set))


if __name__ == "__main__":
    main()
