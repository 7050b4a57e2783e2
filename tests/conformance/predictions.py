"""What bnstat predicts of a layer's own arithmetic, beside every variance that a real layer was recorded to have.

Four kinds of recording, all judged by the code that users get:

- batch statistics of the layers on `CASES` (`recordings/`), predicted by `bnstat.diagnose`;
- the same layers' outputs, where a layer gives no statistics: of data with variance v an output y has the variance
  v/(v̂ + ε), so the layer's v̂ is v/var(y) − ε, as exactly as float32 outputs say it (`_between`);
- hard cases, each made again from its seed (`tests/recordings/arithmetic-emulated-*.json`), by `bnstat.diagnose`;
- hard cases with millions of values (`arithmetic-bands-*.json`), of which moments are kept: they go through
  `bnstat.layers.predictions.predict`, as those of a file do.

A deviation or the width of a band is relative to the exact variance. Of data whose variance is 0 there is none: the
band has to hold the layer's result there too, but neither counts towards the largest deviation or the widest band.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import inf, isfinite, isnan
from pathlib import Path

import numpy as np
from arithmetic_cases import recorded, script

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.frameworks.framework import Framework
from conformance.agreement import TOLERANCE
from conformance.cases import CASES, digest
from conformance.from_moments import filled, moments_of
from conformance.layers import ADAPTERS, Adapter

RECORDINGS = Path(__file__).parent / "recordings"

# Ways of predicting: from moments alone, with the voxels read again, and the latter without a number of threads.
MOMENTS, VOXELS, ANY_THREADS = "moments", "voxels", "voxels, any threads"

# No band is wider than this many times the largest deviation that was measured for its preset.
WIDEST = 50.0


@dataclass(frozen=True)
class Judged:
    """One variance of a layer beside its prediction.

    Attributes:
        case: what the data were.
        way: how it was predicted.
        kind: "emulated", "accurate" or "bounded".
        exact: the variance in float64.
        found: least and greatest that the layer's can have been: one number where it was recorded itself.
        band: the prediction's; infinite where it is undefined.
        equal: whether it is equal to the bit; None where that is not claimed.
    """

    case: str
    way: str
    kind: str
    exact: float
    found: tuple[float, float]
    band: tuple[float, float]
    equal: bool | None = None

    @property
    def held(self) -> bool:
        """Return True if the band holds what the layer gave. NaN and Inf only if the prediction is undefined."""
        if isnan(self.found[0]) or self.found[0] == inf:
            return self.band == (-inf, inf)
        return self.band[0] <= self.found[1] and self.found[0] <= self.band[1]

    @property
    def deviation(self) -> float | None:
        """Relative, the least that it can have been; None of a variance of 0, or where something is undefined."""
        if not self.exact or not all(map(isfinite, (*self.found, *self.band))):
            return None
        low, high = self.found
        return max(low - self.exact, self.exact - high, 0.0) / self.exact

    @property
    def width(self) -> float | None:
        """How far the farther end of the band is from the exact variance, relative."""
        if self.deviation is None:
            return None
        return max(self.band[1] - self.exact, self.exact - self.band[0]) / self.exact


# Whose bands are wider than `WIDEST`, and why that is.
_SURE = (
    "the band allows for all roundings to go one way, which those of millions of values did not do; from voxels the "
    "variance is emulated"
)
WIDER = {
    ("onnx", "batch"): _SURE,
    ("mlx", "batch"): _SURE,
    ("tensorflow-fused", "batch"): _SURE,
    ("keras2", "batch"): _SURE,
}


@cache
def judged(preset: str, normalizer: str) -> tuple[Judged, ...]:
    """Everything that was recorded of a preset's layers."""
    found = _of_layers(preset, normalizer), _of_seeds(preset, normalizer), _of_moments(preset, normalizer)
    return tuple(one for some in found for one in some)


def compared() -> list[tuple[str, str]]:
    """Presets and normalizers that were recorded, and have predictions: no RMS norm has."""
    pairs = [
        (preset, adapter.normalizer)
        for preset in FRAMEWORKS
        for adapter in ADAPTERS.values()
        if (adapter.preset == preset or (preset, adapter.preset) == ("keras", "keras-jax")) and not adapter.missing
    ]
    return [pair for pair in dict.fromkeys(pairs) if pair[1] != "rms"]


@dataclass(frozen=True)
class Summary:
    """All variances of a preset, normalizer and way of predicting.

    Attributes:
        way: how they were predicted.
        kinds: how many were predicted of each kind.
        equal: how many are equal to the bit, of those that are emulated.
        held: how many are in their band.
        deviation: the largest, relative.
        width: the widest band, relative; None where variances are emulated, and a band is one number.
    """

    way: str
    kinds: dict[str, int]
    equal: int
    held: int
    deviation: float
    width: float | None

    @property
    def count(self) -> int:
        return sum(self.kinds.values())

    @property
    def ratio(self) -> float | None:
        return None if self.width is None else self.width / self.deviation


def summaries(preset: str, normalizer: str) -> list[Summary]:
    """Return a summary for each way of predicting."""
    return [_summary(way, [one for one in judged(preset, normalizer) if one.way == way]) for way in ways_of(preset)]


def _summary(way: str, found: list[Judged]) -> Summary:
    widths = [one.width for one in found if one.width is not None]
    return Summary(
        way=way,
        kinds={kind: sum(one.kind == kind for one in found) for kind in ("accurate", "bounded", "emulated")},
        equal=sum(one.equal is True for one in found),
        held=sum(one.held for one in found),
        deviation=max(one.deviation for one in found if one.deviation is not None),
        width=None if way == VOXELS else max(widths),
    )


# --- Layers on CASES ---


def adapters_of(preset: str, normalizer: str) -> list[Adapter]:
    """Return the layers that stand for a preset; for plain "keras" those of its backends."""
    names = ("keras-jax", "keras-torch", "keras-tensorflow") if preset == "keras" else (preset,)
    return [
        adapter
        for adapter in ADAPTERS.values()
        if adapter.preset in names and adapter.normalizer == normalizer and not adapter.missing
    ]


def ways_of(preset: str) -> tuple[str, ...]:
    """Return how a preset's variances are predicted: from moments, and where sums are sequential also from voxels."""
    of_voxels = {"threads": (VOXELS, ANY_THREADS), "sequential": (VOXELS,), "lanes": (VOXELS,), "rows": (VOXELS,)}
    return (MOMENTS, *of_voxels.get(FRAMEWORKS[preset].arithmetic.name, ()))


def _of_layers(preset: str, normalizer: str) -> Iterator[Judged]:
    for adapter in adapters_of(preset, normalizer):
        recording = json.loads((RECORDINGS / f"{adapter.name}.json").read_text(encoding="utf-8"))
        first = recording["runs"][0]["setting"]
        for run in recording["runs"]:
            # other settings have the same statistics
            same_data = run["setting"] == first and "error" not in run
            if same_data and digest(CASES[run["case"]].batches()) == run["digest"]:
                yield from _of_run(run, adapter, preset)


def _of_run(run: dict, adapter: Adapter, preset: str) -> Iterator[Judged]:
    batch = CASES[run["case"]].make(0)
    from_outputs = "batch" not in run
    if batch.dtype == np.float16 and (from_outputs or preset == "torch-instance-track"):
        return  # outputs, or those buffers, are rounded to float16 and say too little
    for way in ways_of(preset):
        parts, epsilon = _predicted(preset, adapter.normalizer, batch, way, threads=1)
        if from_outputs:
            yield from _from_outputs(run, parts, epsilon, way)
        else:
            half = batch.dtype == np.float16 and not FRAMEWORKS[preset].upcasts
            yield from _from_statistics(run, parts, FRAMEWORKS[preset], way, "float16" if half else "float32")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _predicted(preset: str, normalizer: str, batch: np.ndarray, way: str, threads: int | None):
    """Return the parts of a report on a batch, as a user gets it, and ε."""
    path = Path(_folder().name) / "batch.npy"
    np.save(path, batch)
    report = bnstat.diagnose(
        path,
        batch_size=len(batch),
        axis=batch.ndim - 1,
        framework="keras" if preset == "keras-group" else preset,  # which has no name of its own for instance norm
        normalizer=normalizer,
        dtype=str(batch.dtype),
        emulate=way != MOMENTS,
        threads=None if way == ANY_THREADS else threads,
    )
    return report.batches[0].parts, report.settings.epsilon


def _from_statistics(
    run: dict, parts, preset: Framework, way: str, dtype: str = "float32", *, normalizes: bool = False
) -> Iterator[Judged]:
    """Beside the variances that a layer itself gave; those of instance norm are averaged over samples.

    They are those of its buffers, or with `normalizes` those that it normalizes with, which are biased.
    """
    unbiased = preset.unbiased_running_variance and not normalizes
    variances = np.array(run["batch"]["variance"], dtype).astype(np.float64)  # recorded are the shortest decimals
    channels = len(variances)
    for channel, found in enumerate(variances.tolist()):
        mine = parts[channel::channels]
        if any(part.prediction is None for part in mine):
            continue
        ends = [_ends(part.prediction) for part in mine]
        biased = found / preset.bessel(mine[0].count) if unbiased else found
        kinds = {part.prediction.kind for part in mine}
        emulated = kinds == {"emulated"}
        yield Judged(
            case=f"{run['case']}, channel {channel}",
            way=way,
            kind="accurate" if kinds == {"accurate"} else "emulated" if emulated else "bounded",
            exact=float(np.mean([part.variance for part in mine])),
            found=(_slack(biased, -1), _slack(biased, 1)) if unbiased else (biased, biased),
            band=(float(np.mean([end[0] for end in ends])), float(np.mean([end[1] for end in ends]))),
            equal=_is_met(mine[0], found, preset, unbiased=unbiased) if emulated else None,
        )


def _is_met(part, found: float, preset: Framework, *, unbiased: bool) -> bool:
    """Return True if an emulated variance is the layer's to the bit."""
    variance, count = part.prediction.variance, part.count
    if not unbiased:
        return _same(np.float32(variance), found)
    if preset.arithmetic.name != "rows":
        return _same(kept(variance, count, preset), found)
    # The sum itself is not known: one sum has to give this variance, times float32's 1/n, and that of the buffers.
    near = np.float32(variance * count)
    steps = np.arange(-4, 5, dtype=np.int32) if near > 0 else np.zeros(1, np.int32)
    sums = (near.view(np.int32) + steps).view(np.float32)
    own = sums * (np.float32(1.0) / np.float32(count)) == np.float32(variance)
    return bool((own & (sums / np.float32(max(count - 1, 1)) == np.float32(found))).any())


def _slack(number: float, sign: int) -> float:
    """Dividing by n/(n − 1) again leaves the rounding to float32 of what was multiplied."""
    return number + sign * abs(number) * 2.0**-23


def _ends(prediction) -> tuple[float, float]:
    if prediction.low is None or prediction.high is None:
        return -inf, inf
    return prediction.low, prediction.high


def kept(variance: float, count: int, preset: Framework) -> np.float32:
    """Return what an emulated variance becomes in a buffer of float32 that holds one batch alone."""
    if not preset.unbiased_running_variance:
        return np.float32(variance)
    if preset.fused:  # Bessel's factor is itself rounded to float32
        return np.float32(variance) * (np.float32(count) / np.float32(max(count - 1, 1)))
    return np.float32(np.float64(np.float32(variance * count)) / max(count - 1, 1))


def _same(predicted: np.float32, found: float) -> bool:
    return bool(np.float32(predicted).view(np.uint32) == np.float32(found).view(np.uint32))


def _from_outputs(run: dict, parts, epsilon: float, way: str) -> Iterator[Judged]:
    for part, output in zip(parts, np.array(run["training"]["variance"], np.float64).ravel(), strict=True):
        if part.prediction is not None and part.variance > 0:
            yield Judged(
                case=f"{run['case']}, sample {part.sample}, group {part.group}",
                way=way,
                kind=part.prediction.kind,
                exact=part.variance,
                found=_between(part, float(output), epsilon),
                band=_ends(part.prediction),
            )


def _between(part, output: float, epsilon: float) -> tuple[float, float]:
    """Return what a layer's variance can have been, by the variance of its output in float32.

    The scale of an output's rounding is that of `agreement`: terms are |mean| times the gain. Roundings of few values
    do not cancel.
    """
    if isnan(output):  # the root of a negative number
        return -inf, -epsilon
    terms = abs(part.mean) * (output / part.variance) ** 0.5
    cancelled = min(part.count**0.5, 8.0)
    error = TOLERANCE * (output + output**0.5 * terms / cancelled + 2.0**-24 * (output + terms**2))
    most = part.variance / (output - error) - epsilon if output > error else inf
    return part.variance / (output + error) - epsilon, most


# --- Hard cases made again from their seeds ---

_SEEDED = {
    "torch-channels-last threads": ("torch-channels-last", 5),
    "tf-moments sequential": ("tensorflow", 5),
    "tf-fused-4d onednn": ("tensorflow-fused", 4),
    "tf-fused-5d eigen": ("tensorflow-fused", 5),
    "onnx lanes": ("onnx", 5),
    "mlx rows": ("mlx", 5),
}


def _of_seeds(preset: str, normalizer: str) -> Iterator[Judged]:
    if normalizer != "batch":
        return
    for layer, rows in recorded("emulated").items():
        name, axes = _SEEDED[layer]
        if name == preset:
            for row in rows:
                yield from _of_seed(row, FRAMEWORKS[preset], axes)


def _of_seed(row: list, preset: Framework, axes: int) -> Iterator[Judged]:
    kind, samples, voxels, channels, seed, threads, _, bits = row
    found = np.array(bits, np.uint32).view(np.float32).astype(np.float64).tolist()
    case = f"{kind}, {samples} × {voxels} × {channels}"
    run = {"case": case if threads is None else f"{case}, {threads} threads", "batch": {"variance": found}}
    made = script().Case(kind, samples, (voxels, *[1] * (axes - 3)), channels, seed)
    for way in ways_of(preset.name):
        if way == ANY_THREADS and samples * voxels * channels > 10_000:
            continue  # twelve emulations each
        parts = _of_case(preset.name, made, way, threads if way == VOXELS else None)
        yield from _from_statistics(run, parts, preset, way, normalizes=preset.name == "mlx")


@cache
def _of_case(preset: str, made, way: str, threads: int | None):
    return _predicted(preset, "batch", made.make(), way, threads)[0]


# --- Hard cases of which moments are kept ---

_BACKENDS = ("keras-jax", "keras-torch", "keras-tensorflow")


def _preset_of(layer: str) -> str:
    """Return the preset of a recorded layer: of "flax-jit one-pass-clamped", "keras-instance-torch instance"."""
    words = layer.split(maxsplit=1)[0].removesuffix("-jit").split("-")
    if words[0] == "keras" and words[1] in ("instance", "group", "layer"):
        return "keras-layer" if words[1] == "layer" else "keras-group"
    return "-".join(words)


def _normalizer_of(layer: str) -> str:
    """Return the normalizer of a recorded layer: batch, or the name's last word; "first" is one channel of a sample."""
    last = layer.rsplit(maxsplit=1)[-1]
    return last if last in ("instance", "group", "layer") else FRAMEWORKS[_preset_of(layer)].normalizer


def _of_moments(preset: str, normalizer: str) -> Iterator[Judged]:
    presets = _BACKENDS if preset == "keras" else _SAME_KERNEL.get(preset, (preset,))
    for layer, rows in (recorded("bands") | recorded("norms")).items():
        if _preset_of(layer) in presets and _normalizer_of(layer) == normalizer.split(":", maxsplit=1)[0]:
            for row in rows:
                yield from _of_row(row, preset, layer)


# Instance norm computes alike whether it keeps running statistics or not.
_SAME_KERNEL = {"torch-instance-track": ("torch-instance",)}


def _of_row(row: list, preset: str, layer: str) -> Iterator[Judged]:
    case, count, channels, mean, variance, minimum, maximum, _, found = row
    kind = _normalizer_of(layer)
    samples, channels = _sizes(case) if "|" in case else (1, channels)
    samples = samples if kind == "batch" else 1
    groups = {"group": script().groups_of(channels), "layer": 1}.get(kind, channels)
    if layer.endswith("first"):  # each channel by itself, as a sample of one channel
        channels = groups = 1
    voxels = count // samples // (channels // groups)
    moments = moments_of((samples, channels), voxels, mean, variance, minimum, maximum)
    settings = {"framework": "keras" if preset == "keras-group" else preset}
    settings["normalizer"] = f"group:{groups}" if kind == "group" else kind
    (part, *_) = filled((samples, voxels, 1, 1, channels), moments, settings).parts
    if part.prediction is not None:
        yield Judged(case, MOMENTS, part.prediction.kind, part.variance, (found, found), _ends(part.prediction))


def _sizes(case: str) -> tuple[int, int]:
    """Samples and channels of "normal 0 1 | 3 x (2, 3, 4) x 2"."""
    samples, _, channels = case.split(" | ")[1].split(" x ")
    return int(samples), int(channels)
