"""Write docs/faults.md: what the rules find, miss and report wrongly on volumes with planted faults and on real scans.

Volumes are drawn from seeds, so the table is the same each time. This script decides what is true of a volume with
numpy in float64, on the values that nibabel or numpy read back, and without bnstat.

    python scripts/faults.py
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chance
import nibabel as nib
import numpy as np
import two_kinds
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.rules import RULES
from bnstat.workflows.check import check
from bnstat.workflows.scan import collect

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "faults.md"
VOLUMES, COHORTS, NEIGHBOURS = 200, 24, 24

Values = NDArray[np.float64]
# A rule, a sample and a channel; None if a finding is about all samples or all channels.
Place = tuple[str, int | None, int | None]

# The arithmetics by how they compute a variance. The rules must report whatever a plain emulation of these gets wrong,
# and must report nothing that a bound on rounding excludes.
ONE_PASS = ("one-pass", "one-pass-cascade", "one-pass-clamped", "hull")
SEQUENTIAL = ("sequential", "hull")
ARITHMETIC = ("BN301", "BN302", "BN303")
UNIT = 2.0**-24
FLOAT16_MAX = 65504.0
NIFTI: Any = nib.Nifti1Image  # nibabel has no types


@dataclass
class Volume:
    """A file that was made, with the settings of its check and the faults that were planted in it."""

    path: Path
    framework: str = "keras"
    planted: set[Place] = field(default_factory=set)
    time: bool = False
    axis: int = -1


@dataclass
class Tally:
    """Counts of one rule."""

    planted: int = 0
    found: int = 0
    true: int = 0
    false: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


# --- faults: each changes one channel of (samples, x, y, z, channels), and returns the rule that has to report it ---


def _constant(values: Values, channel: int, rng: np.random.Generator) -> str:
    values[..., channel] = rng.choice([0.0, 1.0, -3.0, 100.0])
    return "BN101"


def _nan(values: Values, channel: int, rng: np.random.Generator) -> str:
    _some(values, channel, rng, np.nan)
    return "BN104"


def _inf(values: Values, channel: int, rng: np.random.Generator) -> str:
    _some(values, channel, rng, rng.choice([np.inf, -np.inf]))
    return "BN105"


def _some(values: Values, channel: int, rng: np.random.Generator, put: float) -> None:
    """Put a value into one to five voxels of each sample."""
    for sample in values[..., channel].reshape(len(values), -1) if values.shape[-1] == 1 else values:
        flat = sample.reshape(-1, 1 if values.shape[-1] == 1 else values.shape[-1])
        column = 0 if values.shape[-1] == 1 else channel
        flat[rng.choice(len(flat), min(len(flat), int(rng.integers(1, 6))), replace=False), column] = put


def _scaled_to(share: tuple[float, float], code: str) -> Callable[[Values, int, np.random.Generator, float], str]:
    """Return a fault that scales a channel until ε has a share of variance + ε between these two."""

    def plant(values: Values, channel: int, rng: np.random.Generator, epsilon: float) -> str:
        part = rng.uniform(*share)
        for sample in values:
            inside = sample[..., channel]
            deviation = np.sqrt(epsilon * (1 - part) / part)
            sample[..., channel] = (inside - inside.mean()) / inside.std() * deviation
        return code

    return plant


_tiny = _scaled_to((0.55, 0.99), "BN102")
_dominated = _scaled_to((0.02, 0.45), "BN103")


def _beyond_float16(values: Values, channel: int, rng: np.random.Generator) -> str:
    _some(values, channel, rng, float(rng.choice([-1.0, 1.0]) * rng.uniform(65600, 90000)))
    return "BN106"


def _offset(values: Values, channel: int, rng: np.random.Generator, framework: str) -> str | None:
    """Raise the mean to 10,000 to 30,000 standard deviations. Which rule has to report it depends on the arithmetic."""
    inside = values[..., channel]
    unit = (inside - inside.mean()) / inside.std()
    values[..., channel] = unit + rng.uniform(1e4, 3e4)
    return {"one-pass-clamped": "BN302", "one-pass": "BN301", "one-pass-cascade": "BN301", "hull": "BN301"}.get(
        FRAMEWORKS[framework].arithmetic.name
    )


def _drift(values: Values, channel: int, rng: np.random.Generator, framework: str) -> str | None:
    """Move the mean by 150 to 300 standard deviations.

    That is too much for Keras on PyTorch, and too little for a negative variance.
    """
    inside = values[..., channel]
    values[..., channel] += inside.std() * rng.choice([-1.0, 1.0]) * rng.uniform(150, 300)
    return "BN303" if framework == "keras-torch" else None


FAULTS = ("constant", "nan", "inf", "tiny", "epsilon", "float16", "offset", "drift", "scales")
PLAIN = {"constant": _constant, "nan": _nan, "inf": _inf, "float16": _beyond_float16}
WHOLE = ("single", "channels-first", "time")
SETTINGS = ("keras", "keras", "keras", "torch", "keras-torch", "haiku", "flax", "flax-two-pass", "keras-tensorflow")


def make(index: int, folder: Path) -> Volume:
    """Make a random volume with no, one or two faults."""
    rng = np.random.default_rng([20, index])
    whole = str(rng.choice(WHOLE)) if rng.random() < 0.2 else ""
    if whole == "single":
        return _single(index, folder, rng)
    if whole == "channels-first":
        return _channels_first(index, folder, rng)
    channels = int(rng.integers(1, 5)) if whole != "time" else int(rng.integers(2, 6))
    faults = [str(one) for one in rng.choice(FAULTS, min(channels, int(rng.integers(0, 3))), replace=False)]
    if channels < 3 and "scales" in faults:
        faults = ["scales"] if channels == 2 else []
    framework = str(rng.choice(SETTINGS))
    samples = 1 if whole == "time" else int(rng.integers(1, 3))
    values = _background(rng, samples, channels)
    volume = Volume(folder, framework, time=whole == "time")
    if whole == "time":
        volume.planted.add(("BN401", 0, None))
    _plant(values, faults, volume, rng)
    volume.path = _written(values, faults, folder / f"{index:03}", rng, volume.time)
    return volume


def _background(rng: np.random.Generator, samples: int, channels: int) -> Values:
    """Return faultless noise, with a random mean and standard deviation in each channel."""
    shape = (samples, *(int(size) for size in rng.integers(5, 15, 3)), channels)
    deviation = rng.uniform(30.0, 300.0) * rng.uniform(0.5, 2.0, channels)
    mean = deviation * rng.uniform(-4.0, 4.0, channels)
    return np.asarray(rng.normal(size=shape) * deviation + mean)


def _plant(values: Values, faults: list[str], volume: Volume, rng: np.random.Generator) -> None:
    """Plant each fault in a channel of its own, and the fault of scales in the last channel."""
    epsilon = FRAMEWORKS[volume.framework].epsilon or 0.0
    for channel, fault in enumerate(faults):
        code: str | None
        if fault == "scales":
            values[..., -1] *= 1e4 if "float16" not in faults else 1e-2
            if values.shape[-1] > 1:
                volume.planted.update(("BN404", sample, None) for sample in range(len(values)))
            continue
        if fault in PLAIN:
            code = PLAIN[fault](values, channel, rng)
        elif fault in ("offset", "drift"):
            code = (_offset if fault == "offset" else _drift)(values, channel, rng, volume.framework)
        else:
            code = (_tiny if fault == "tiny" else _dominated)(values, channel, rng, epsilon)
        if code:
            volume.planted.update((code, sample, channel) for sample in range(len(values)))


def _written(values: Values, faults: list[str], stem: Path, rng: np.random.Generator, time: bool) -> Path:
    """Write the values in a data type that can hold the faults: an array, or a volume with or without a slope."""
    whole_numbers = not set(faults) & {"nan", "inf", "tiny", "epsilon", "offset", "drift"}
    if len(values) > 1:
        kinds = ["<f4", "<f8", ">f4", *(["<i4"] if whole_numbers else []), *(["<f2"] if not faults else [])]
        path = stem.with_suffix(".npy")
        np.save(path, (np.rint(values) if whole_numbers else values).astype(str(rng.choice(kinds))))
        return path
    data = values[0] if values.shape[-1] > 1 else values[0, ..., 0]
    kinds = ["<f4", "<f8", ">f4", *(["<i4", "scaled"] if whole_numbers else [])]
    kind = str(rng.choice(kinds))
    path = stem.with_suffix(str(rng.choice([".nii", ".nii.gz"])))
    if kind == "scaled":  # whole numbers times a slope: a constant stays constant
        image = NIFTI(np.rint(data).astype("<i4"), np.eye(4))
        image.header.set_slope_inter(float(rng.choice([0.5, 2.0])), float(rng.choice([0.0, -7.0])))
    else:
        image = NIFTI((np.rint(data) if kind == "<i4" else data).astype(kind), np.eye(4))
    if time:
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_zooms((1.0, 1.0, 1.0, 2.0))
    nib.save(image, path)
    return path


def _single(index: int, folder: Path, rng: np.random.Generator) -> Volume:
    channels = int(rng.integers(1, 9))
    path = folder / f"{index:03}.npy"
    np.save(path, rng.normal(size=(1, 1, 1, 1, channels)).astype("<f4"))
    # a preset with channels first cannot tell from one voxel where the channels are
    return Volume(path, str(rng.choice(["keras", "torch"])), planted={("BN201", 0, None)}, axis=4)


def _channels_first(index: int, folder: Path, rng: np.random.Generator) -> Volume:
    size = int(rng.integers(16, 33))
    path = folder / f"{index:03}.npy"
    np.save(path, rng.normal(3.0, 40.0, (1, int(rng.integers(1, 5)), size - 3, size, size + 2)).astype("<f4"))
    return Volume(path, str(rng.choice(["keras", "keras-jax"])), planted={("BN402", 0, None)})


# --- what is true, by numpy in float64 ---


def tensor_of(path: Path) -> Values:
    """Return the values as a batched tensor of shape (samples, …, channels)."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path), dtype=np.float64)
    image: Any = nib.load(path)
    values = image.get_fdata(dtype=np.float64)
    return np.asarray(values[None] if values.ndim > 3 else values[None, ..., None])


def truth(values: Values, framework: str, time: bool = False) -> set[Place]:
    """Return all that is true of these samples, each a batch by itself.

    Of the arithmetic it has only what a plain emulation gets wrong.
    """
    found: set[Place] = set()
    for index, sample in enumerate(values):
        columns = sample.reshape(-1, sample.shape[-1]).T
        for channel, column in enumerate(columns):
            found |= {(code, index, channel) for code in _of_channel(column, framework)}
        found |= {(code, index, None) for code in _of_sample(columns, values.shape)}
        found |= {("BN406", index, channel) for channel in _labelled(columns)}
        if time:
            found.add(("BN401", index, None))
    return found


def _labelled(columns: Values) -> Iterator[int | None]:
    """Yield the channels with few distinct whole values; None if all have, or if the channels are judged together."""
    judged = [columns.ravel()] if len(columns) > 8 else list(columns)
    found = []
    for channel, column in enumerate(judged):
        finite = np.unique(column[np.isfinite(column)])
        few = 2 <= finite.size <= 8 and column.size >= 16 * finite.size
        if few and np.array_equal(finite, np.rint(finite)) and finite[0] >= (-1 if finite.size > 2 else 0):
            found.append(channel)
    if len(columns) > 1 and len(found) == len(judged):
        yield None
    else:
        yield from found


def _of_channel(column: Values, framework: str) -> Iterator[str]:
    epsilon = FRAMEWORKS[framework].epsilon or 0.0
    finite = column[np.isfinite(column)]
    if np.isnan(column).any():
        yield "BN104"
    if np.isinf(column).any():
        yield "BN105"
    if finite.size and np.abs(finite).max() > FLOAT16_MAX:
        yield "BN106"
    if finite.size < column.size or column.size < 2:
        return
    variance = column.var()
    if column.min() == column.max():
        yield "BN101"
    elif variance < epsilon:
        yield "BN102"
    elif epsilon / (variance + epsilon) > 0.01:
        yield "BN103"
    yield from _of_arithmetic(column, framework)


def _of_sample(columns: Values, shape: tuple[int, ...]) -> Iterator[str]:
    if columns.shape[1] == 1:
        yield "BN201"
    deviations = [column.std() for column in columns if np.isfinite(column).all() and column.min() < column.max()]
    if deviations and max(deviations) > 100 * min(deviations):
        yield "BN404"
    space = len(shape) > 3 and shape[1] <= 4 and shape[-1] >= max(8, 4 * shape[1])
    if space and max(shape[-2:]) <= 2 * min(shape[-2:]):
        yield "BN402"


def _of_arithmetic(column: Values, framework: str) -> Iterator[str]:
    """Yield BN30x if a rule on arithmetic has to report: a plain emulation in float32 is off by more than the limit."""
    variance, epsilon = column.var(), FRAMEWORKS[framework].epsilon or 0.0
    most = 0.01 * variance if variance else epsilon
    if any(abs(found - variance) > most for found in _emulated(column, FRAMEWORKS[framework].arithmetic.name)):
        yield "BN30x"


def _emulated(column: Values, arithmetic: str) -> Iterator[float]:
    single = column.astype(np.float32)
    if arithmetic in ONE_PASS:
        for mean in (np.mean, _plain_mean):
            yield float(mean(single * single)) - float(mean(single)) ** 2
    if arithmetic in SEQUENTIAL:
        yield float(_plain_mean((single - _plain_mean(single)) ** 2))


def _plain_mean(values: NDArray[np.float32]) -> np.float32:
    """Return the mean, summed value after value in float32."""
    return np.float32(np.add.accumulate(values.ravel(), dtype=np.float32)[-1] / np.float32(values.size))


def may_be_off(column: Values, framework: str) -> bool:
    """Return True if a bound on rounding allows what a rule on arithmetic says.

    The bound holds for sums in any order (Higham 2002, 4.2).
    """
    variance, size = float(column.var()), column.size
    square = float(np.square(column).mean())
    one_pass = (3 * size + 4) * UNIT * (variance + square)
    two_passes = (size * UNIT) ** 2 * square + size * UNIT * variance
    rounding = 2 * UNIT * float(np.abs(column).max()) * np.sqrt(variance)
    one = FRAMEWORKS[framework].arithmetic.name in ONE_PASS
    bound = rounding + (one_pass if one else two_passes)
    return bool(bound > (0.01 * variance if variance else FRAMEWORKS[framework].epsilon or 0.0))


# --- counting ---


def places_of(volume: Volume) -> set[Place]:
    """Return the findings of a check on this volume, each as rule, sample and channel."""
    result = check(volume.path, framework=volume.framework, axis=volume.axis)
    if result.errors:
        raise AssertionError(result.errors)
    return {(one.rule, one.batch, one.channel) for one in result.findings}


def judge(volume: Volume, tallies: dict[str, Tally]) -> None:
    """Count the faults planted in a volume, those of them that were found, and the other findings."""
    values = tensor_of(volume.path)
    true = truth(values, volume.framework, volume.time)
    found = places_of(volume)
    said = f"{volume.path.name} ({volume.framework})"
    for place in volume.planted:
        tallies[place[0]].planted += 1
        tallies[place[0]].found += place in found
    spoken = {place[1:] for place in found if place[0] in ARITHMETIC}
    for place in volume.planted | true:
        if place not in found and not (place[0] == "BN30x" and place[1:] in spoken):
            code = "BN303" if place[0] == "BN30x" else place[0]
            tallies[code].missed.append(f"{said}: {place}")
    for place in found - volume.planted:
        if place in true or (place[0] in ARITHMETIC and _allowed(values, place, volume.framework)):
            tallies[place[0]].true += 1
        else:
            tallies[place[0]].false += 1
            tallies[place[0]].wrong.append(f"{said}: {place}")


def _allowed(values: Values, place: Place, framework: str) -> bool:
    _, sample, channel = place
    return may_be_off(values[sample or 0].reshape(-1, values.shape[-1])[:, channel or 0], framework)


def empty() -> dict[str, Tally]:
    """Return counts of 0 for every rule."""
    return {rule.code: Tally() for rule in RULES}


def evaluate(volumes: int, cohorts: int, neighbours: int) -> dict[str, Tally]:
    """Return the counts for a number of volumes, of cohorts, and of cohorts in which a volume is unlike the others."""
    tallies = empty()
    with tempfile.TemporaryDirectory() as folder:
        for index in range(volumes):
            judge(make(index, Path(folder)), tallies)
        for index in range(cohorts):
            judge_cohort(index, Path(folder) / f"cohort{index}", tallies)
        for index in range(neighbours):
            judge_neighbours(index, Path(folder) / f"neighbours{index}", tallies)
    return tallies


# --- cohorts: faults that only several volumes show ---


def judge_cohort(index: int, folder: Path, tallies: dict[str, Tally]) -> None:
    """Judge several volumes at batch size 2, with equal or different means, and with one shape or two."""
    rng = np.random.default_rng([21, index])
    shift, mixed, few = float(rng.choice([0.0, 1.0, 3.0])), bool(rng.random() < 0.4), bool(rng.random() < 0.2)
    steps = int(rng.choice([0, 100, 1000]))
    folder.mkdir()
    samples = []
    for number in range(5 if few else 12):
        shape = (8, 9 if mixed and number == 3 else 8, 8)
        values = rng.normal(100.0 + 40.0 * shift * rng.normal(), 40.0, shape).astype("<f4")
        nib.save(NIFTI(values, np.eye(4)), folder / f"{number:02}.nii")
        samples.append(values.astype(np.float64))
    result = check(folder, batch_size=2, steps=steps or None)
    found = {one.rule for one in result.findings}
    true = between(samples, 2, 1e-3) if not few else set()
    true |= {code for code, _, _ in odd_volumes([one[..., None] for one in samples])}
    true |= ({"BN403"} if mixed else set()) | ({"BN206"} if steps and 0.99**steps > 0.01 else set())
    for code in true:
        tallies[code].planted += 1
        tallies[code].found += code in found
        if code not in found:
            tallies[code].missed.append(f"{folder.name}: {code}")
    for code in found - true:
        tallies[code].false += 1
        tallies[code].wrong.append(f"{folder.name}: {code}")


def between(samples: list[Values], size: int, epsilon: float) -> set[str]:
    """Return the rules on differences between samples that hold at a batch size, for samples of a larger set."""
    means = np.array([one.mean() for one in samples])
    variances = np.array([one.var() for one in samples])
    apart = float(means.var(ddof=1))
    whole = float(variances.mean()) + apart
    found = set()
    if np.sqrt(apart / size / whole) > 0.1:
        found.add("BN202")
    if apart / size / whole > 0.1:
        found.add("BN203")
    if _gap(means, variances, size, epsilon) > 0.1:
        found.add("BN204")
    return found | ({"BN205"} if found else set())


def _gap(means: Values, variances: Values, size: int, epsilon: float, draws: int = 20_000) -> float:
    """Return the RMS difference of the outputs in training and in evaluation mode, over drawn batches."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(0, len(means), (draws, size))
    spread = means.mean() + (means - means.mean()) * np.sqrt(len(means) / (len(means) - 1))
    batch_mean = spread[chosen].mean(axis=1)
    batch_variance = variances[chosen].mean(axis=1) + spread[chosen].var(axis=1)
    settled = batch_variance.mean() + epsilon
    gains = 1 / np.sqrt(settled) - 1 / np.sqrt(batch_variance + epsilon)
    squares = batch_variance * gains**2 + (batch_mean - means.mean()) ** 2 / settled
    return float(np.sqrt(squares.mean()))


# --- neighbours: one case that is unlike the others, and data that differ from earlier data ---

BESIDE = ("BN101", "BN207", "BN208", "BN405")


def judge_neighbours(index: int, folder: Path, tallies: dict[str, Tally]) -> None:
    """Judge twenty cases of two channels: one may lack a channel, one may be odd, and all may have drifted."""
    rng = np.random.default_rng([22, index])
    shift, spread = rng.choice([0.0, 0.0, 0.0, 0.3, -0.5], 2), rng.choice([1.0, 1.0, 1.0, 1.3, 0.8], 2)
    (folder / "then").mkdir(parents=True)
    (folder / "now").mkdir()
    for number in range(20):
        save_case(folder / "then" / f"{number:02}.nii", rng.normal(160.0 + 8.0 * rng.normal(), 40.0, (7, 8, 9, 2)), rng)
    planted: set[Place] = set()
    for number in range(20):
        values = rng.normal(160.0 + 40.0 * shift + 8.0 * rng.normal(), 40.0 * spread, (7, 8, 9, 2))
        if number == 4 and rng.random() < 0.6:
            values[..., 1] = 0
            planted.add(("BN405", number, 1))
        if number == 11 and rng.random() < 0.6:
            channel = int(rng.integers(2))
            values[..., channel] = (
                values[..., channel] * rng.choice([6.0, 0.01]) if rng.random() < 0.6 else 1024.0 + values[..., channel]
            )
            planted.add(("BN207", number, channel))
        save_case(folder / "now" / f"{number:02}.nii", values, rng)
    collect(folder / "then", folder / "then.jsonl")
    then, now = ([tensor_of(path)[0] for path in sorted((folder / name).iterdir())] for name in ("then", "now"))
    true = odd_volumes(now) | drifted(then, now)
    result = check(folder / "now", reference=str(folder / "then.jsonl"), select=BESIDE)
    found: set[Place] = {
        (one.rule, None if one.source is None else int(Path(one.source).stem), one.channel) for one in result.findings
    }
    planted |= {place for place in true if place[0] == "BN208"}
    count(planted, planted | true, found, folder.name, tallies)


def save_case(path: Path, values: Values, rng: np.random.Generator) -> None:
    """Save a case as float32, or as whole numbers with a slope and an intercept."""
    if rng.random() < 0.5:
        image = NIFTI(values.astype("<f4"), np.eye(4))
    else:
        slope, intercept = float(rng.choice([0.5, 2.0])), float(rng.choice([0.0, 64.0]))
        image = NIFTI(np.rint(np.where(values == 0, 0, (values - intercept) / slope)).astype("<i2"), np.eye(4))
        image.header.set_slope_inter(slope, intercept)
    nib.save(image, path)


def count(planted: set[Place], true: set[Place], found: set[Place], said: str, tallies: dict[str, Tally]) -> None:
    """Count the planted faults, those of them that were found, those that were missed, and the other findings."""
    for place in planted:
        tallies[place[0]].planted += 1
        tallies[place[0]].found += place in found
    for place in true - found:
        tallies[place[0]].missed.append(f"{said}: {place}")
    for place in found - planted:
        tallies[place[0]].true += place in true
        tallies[place[0]].false += place not in true
        if place not in true:
            tallies[place[0]].wrong.append(f"{said}: {place}")


def odd_volumes(samples: list[Values]) -> set[Place]:
    """Return the volumes whose mean or standard deviation is 8 robust deviations from the median.

    Standard deviations are compared as logarithms. If all means have one sign, a mean has to be that far
    both as it is and as its logarithm. The volumes also have to be 3 times as far out as all others on their side.
    Where none is, and the cohort is of two kinds, deviations are from the median of the nearer kind.
    """
    found: set[Place] = set()
    for channel in range(samples[0].shape[-1]):
        columns = {place: one[..., channel] for place, one in enumerate(samples) if np.ptp(one[..., channel])}
        if len(columns) < 12:
            continue
        means = np.array([one.mean() for one in columns.values()])
        deviations = np.array([one.std() for one in columns.values()])
        least = float(0.05 * np.median(deviations))
        scales = [(means, least)]
        if np.all(means > 0) or np.all(means < 0):
            scales.append((np.log(np.abs(means)), least / float(np.abs(np.median(means)))))
        out = _out(means, scales) | _out(deviations, [(np.log(deviations), 0.05)])
        found |= {("BN207", place, channel) for place, one in zip(columns, out, strict=True) if one}
    return found


def _out(values: Values, scales: list[tuple[Values, float]]) -> NDArray[np.bool_]:
    """Return which volumes are far from all others on every scale, or else from both of two kinds, if these are few."""
    above = values > np.median(values)
    out = _apart(np.min([_robust(*scale) for scale in scales], axis=0), above)
    kinds = [found for scale in scales if (found := two_kinds.scores(*scale)) is not None]
    if out.any() or len(kinds) < len(scales):
        return out
    beside = _apart(np.min(kinds, axis=0), above)
    return beside if beside.sum() <= max(3, 0.1 * len(values)) else out


def _apart(score: Values, above: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which volumes are beyond 8 and, with all that are farther, 3 times as far as the rest on their side."""
    found = np.zeros(len(score), bool)
    for side in (above, ~above):
        for place in np.flatnonzero(side & (score > 8)):
            nearer = score[side & (score < score[place])]
            found |= side & (score >= score[place]) & (score[place] >= 3 * nearer.max(initial=0.0))
    return found


def _robust(values: Values, least: float) -> Values:
    away = np.abs(values - np.median(values))
    return np.asarray(away / max(1.4826 * float(np.median(away)), least))


def drifted(then: list[Values], now: list[Values]) -> set[Place]:
    """Return the channels whose mean moved by 0.1 of the old standard deviation, or whose deviation by a tenth."""
    found: set[Place] = set()
    for channel in range(then[0].shape[-1]):
        (old, unit), (new, width) = (
            (float(every.mean()), float(every.std()))
            for every in (np.concatenate([one[..., channel].ravel() for one in group]) for group in (then, now))
        )
        if abs(new - old) > 0.1 * unit or abs(width / unit - 1) > 0.1:
            found.add(("BN208", None, channel))
    return found


# --- real scans ---


def scans() -> list[Path]:
    """Return the volumes of sample_data/ and of nibabel's tests that nibabel reads as an image."""
    data = Path(nib.__file__).parent / "tests" / "data"
    kinds = (".nii", ".nii.gz", ".mgz", ".mnc", ".BRIK", ".BRIK.gz", ".REC")
    own = sorted((ROOT / "sample_data").rglob("*.nii.gz"))
    return own + sorted(file for file in data.iterdir() if file.name.endswith(kinds))


def of_scan(path: Path) -> tuple[list[tuple[str, bool]], str]:
    """Return the findings on one scan with default settings, each with True if it is true.

    The text says what was missed, or why the scan cannot be read.
    """
    try:
        result = check(path)
    except InputError as error:
        return [], error.message.replace(str(path), path.name)
    values = tensor_of(path)
    true = truth(values, "keras", any(sample.repetition for sample in result.samples))
    rows: Counter[tuple[str, bool]] = Counter()
    for one in result.findings:
        place = (one.rule, one.batch, one.channel)
        fact = place in true or (one.rule in ARITHMETIC and _allowed(values, place, "keras"))
        rows[f"{one.rule} {one.name}", fact] += 1
    said = {(one.rule, one.batch, one.channel) for one in result.findings}
    missed = {place[0] for place in true - said}
    spoken = any(one.rule in ARITHMETIC for one in result.findings)
    rest = sorted(missed - ({"BN30x"} if spoken else set()))
    found = [(f"{name} ({count}×)" if count > 1 else name, fact) for (name, fact), count in rows.items()]
    return found, f"missed: {', '.join(rest)}" if rest else ""


# --- the page ---


def page(tallies: dict[str, Tally]) -> str:
    """Return the text of docs/faults.md."""
    lines = [
        "# Planted faults",
        "",
        "This page shows what the rules of `bnstat check` find, what they miss, and what they report wrongly.",
        "`python scripts/faults.py` writes it, and `tests/docs/test_faults.py` runs a part of it.",
        "",
        "The data are made with known faults:",
        "",
        f"- {VOLUMES} volumes with no, one or two faults: NIfTI and `.npy`; float16 to float64 and int32, in both byte",
        "  orders, with and without a slope; one or two samples, 1 to 8 channels, seven presets;",
        f"- {COHORTS} cohorts of 5 or 12 volumes, judged at batch size 2;",
        f"- {NEIGHBOURS} cohorts of 20 cases beside 20 other cases. One case may lack a channel, one may be odd, and",
        "  all may have drifted.",
        "",
        "The script decides what is true without bnstat: with numpy in float64, on the values that are read back. The",
        "columns are:",
        "",
        "- *planted*: faults that were made;",
        "- *found*: planted faults that were reported;",
        "- *missed*: faults, planted or not, that are there and were not reported;",
        "- *also true*: findings that were not planted and are true;",
        "- *false*: findings that are not true.",
        "",
        "In the cohorts of 5 or 12 volumes, everything that numpy finds true counts as planted. So does all drift.",
        "",
        "| rule | severity | planted | found | missed | also true | false |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for rule in RULES:
        one = tallies[rule.code]
        lines.append(
            f"| {rule.code} {rule.name} | {rule.severity} | {one.planted} | {one.found} | {len(one.missed)} | "
            f"{one.true} | {one.false} |"
        )
    lines += [
        "",
        "The rules on arithmetic say what a layer *may* compute. They count as missed if a plain emulation in float32",
        "is off by more than the limit and none of them reports it. They count as false if a bound for sums in any",
        "order (Higham 2002, 4.2) excludes what they report. For channels-first-suspected this script takes the rule's",
        "own definition of such a shape, so the row shows no more than how the files were made. None of these files",
        "is a label map; [Label maps](label-maps.md) shows what label-map-suspected says of atlases, masks and scans.",
        "",
        *chance.tables(),
        "## Scans",
        "",
        "These are all findings with default settings on `sample_data/` and on the scans of nibabel's own tests. A",
        "file that cannot be read is an error and not a finding. Some of nibabel's scans are damaged or empty on",
        "purpose.",
        "",
        "| scan | finding | true |",
        "|---|---|---|",
    ]
    for path in scans():
        found, why = of_scan(path)
        name = path.relative_to(ROOT / "sample_data") if ROOT in path.parents else Path("nibabel") / path.name
        lines += [f"| {name.as_posix()} | {text} | {'yes' if fact else 'no'} |" for text, fact in found]
        if why or not found:
            lines.append(f"| {name.as_posix()} | {why or 'none'} | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page, and print what was missed or reported wrongly."""
    tallies = evaluate(VOLUMES, COHORTS, NEIGHBOURS)
    for code, one in tallies.items():
        for what, rows in (("missed", one.missed), ("false", one.wrong)):
            for row in rows:
                print(code, what, row)
    PAGE.write_text(page(tallies), encoding="utf-8")


if __name__ == "__main__":
    main()
