"""What bnstat says of a run of a real layer, and how far the layer is from it.

A deviation is relative to what float32 can resolve, u = 2⁻²⁴ being its rounding:

- of a mean, to the root of the mean square of the values, √(mean² + variance);
- of a variance, to variance + u·mean square: the layer's mean is rounded to float32, which adds the square of what was
  lost. At a deviation of 1e-6 the second term is (4u)²·mean square;
- of running statistics, to the same running average of those scales;
- of outputs, to the size of the terms x/√(v + ε) and mean/√(v + ε) whose difference they are, each value being off by
  u·terms: 1 + terms for the mean, variance + √variance·terms/8 + u·terms² for the variance.

A number that bnstat calls undefined agrees with NaN and Inf only. Outputs of float16 input are compared at that type's
rounding. What of all this has to agree to 1e-6 is said by `LIMITS`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from math import inf

import numpy as np

from bnstat import Moments
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.frameworks.framework import Arithmetic, Framework
from bnstat.layers.normalizers import batch as batch_norm
from bnstat.layers.running import simulate
from bnstat.layers.settings import Settings
from conformance.cases import CASES, STEPS, digest
from conformance.layers import ADAPTERS, CUMULATIVE, Adapter, Setting

ROUNDING = 2.0**-24  # of float32, relative
TOLERANCE = 1e-6
# Rounding of float16 over that of float32.
_HALF = 2.0**13

# Up to how many values, and up to which condition number, a kind of arithmetic has to agree to 1e-6. Elsewhere a
# deviation is that of the layer's own sums: plain float32 sums lose about √n·u, and E[x²] − E[x]² loses u times the
# square of the condition number. Two passes whose sums are in float64 have no limit.
LIMITS: dict[Arithmetic, tuple[float, float]] = {
    "float64": (inf, inf),
    "tree": (inf, 4),
    "welford": (inf, 100),
    "blocked": (512, 100),
    "lanes": (512, 100),
    "sequential": (512, 100),
    "rows": (512, 100),
    "threads": (512, 100),
    "one-pass": (512, 3),
    "one-pass-cascade": (512, 3),
    "one-pass-plain": (512, 3),
    "one-pass-clamped": (512, 3),
    "one-pass-chunks": (512, 3),
    "hull": (512, 3),
    "hull-layer": (512, 3),
}


@dataclass(frozen=True)
class Expected:
    """A mean and a variance of each channel or group, with the scales that deviations are relative to."""

    mean: np.ndarray
    variance: np.ndarray
    mean_scale: np.ndarray
    variance_scale: np.ndarray

    def deviation(self, found: dict) -> float:
        """Return the largest of what a layer gave."""
        means = _deviations(self.mean, found["mean"], self.mean_scale)
        variances = _deviations(self.variance, found["variance"], self.variance_scale)
        return float(max(means.max(), variances.max()))


def _deviations(exact, found, scale):
    given = np.array(found, np.float64).ravel()
    defined = np.isfinite(exact) & np.isfinite(given)
    both_undefined = ~np.isfinite(exact) & ~np.isfinite(given)
    with np.errstate(all="ignore"):
        ratio = np.where(exact == given, 0.0, np.abs(given - exact) / scale)
    return np.where(defined, ratio, np.where(both_undefined, 0.0, inf))


@dataclass(frozen=True)
class Data:
    """Moments of the ten batches of a case: a table (samples, channels) of each step."""

    shape: tuple[int, ...]
    digest: str
    dtype: str
    tables: tuple[Moments, ...]


@cache
def data(name: str) -> Data:
    """Return the case as bnstat reads it."""
    batches = CASES[name].batches()
    tables = tuple(Moments.stack([Moments.from_array(sample) for sample in batch]) for batch in batches)
    return Data(batches[0].shape, digest(batches), str(batches[0].dtype), tables)


def settings_of(preset: Framework, setting: Setting) -> Settings:
    """bnstat's settings for those of a layer."""
    epsilon = preset.epsilon if setting.epsilon is None else setting.epsilon
    momentum = preset.momentum if setting.momentum is None else setting.momentum
    return Settings(framework=preset, epsilon=epsilon, momentum=None if momentum == CUMULATIVE else momentum)


@cache
def cells(case: str, groups: int | None) -> tuple[Moments, ...]:
    """Return the channels of a batch, or the groups of its samples, at each step: as channels of one sample."""
    return tuple(_cells(table, groups) for table in data(case).tables)


def _cells(table: Moments, groups: int | None) -> Moments:
    if groups is None:
        return table.merged(axis=0)[np.newaxis]
    samples, channels = table.shape
    return table.reshape((samples * groups, channels // groups)).merged(axis=1)[np.newaxis]


def values_of(case: str, groups: int | None) -> int:
    """Return how many values are normalized together."""
    return int(cells(case, groups)[0].count.max())


def numbers(channels, name: str) -> np.ndarray:
    """Return a field of bnstat's report as an array; undefined values are NaN."""
    return np.array([np.nan if (value := getattr(channel, name)) is None else value for channel in channels])


def expected(adapter: Adapter, preset: Framework, setting: Setting, case: str) -> dict[str, Expected]:
    """Everything that bnstat says of a run."""
    shape = data(case).shape
    groups = adapter.groups_of(shape[-1])
    settings = settings_of(preset, setting)
    items = 1 if groups is None else shape[0]
    tables = cells(case, groups) if preset.keeps_running else cells(case, groups)[:1]
    steps = [batch_norm.normalize(table, settings) for table in tables]
    first = steps[0]
    mean, variance, gain = (numbers(first, name) for name in ("mean", "variance", "gain"))
    told = {
        "batch": Expected(*_statistics(first, items)),
        "training": _output(numbers(first, "output_variance"), 0 * mean, np.abs(mean) * gain),
    }
    if preset.normalizer == "rms":
        gain = 1 / np.sqrt(mean**2 + variance + settings.epsilon)
        told["training"] = _output(variance * gain**2, mean * gain, np.abs(mean) * gain)
    if not preset.keeps_running:
        return told
    runs = _running(steps, items, settings, adapter.replaces)
    told["after_1"], told[f"after_{STEPS}"] = runs[0], runs[-1]
    told["evaluation"] = _evaluation(mean, variance, runs[-1], settings.epsilon, items)
    return told


def _output(variance, mean, terms) -> Expected:
    """Return an output whose values are differences of terms of that size."""
    return Expected(
        mean, variance, 1.0 + terms, variance + np.sqrt(variance) * terms / 8 + ROUNDING * (variance + terms**2)
    )


def _statistics(channels, items: int) -> tuple[np.ndarray, ...]:
    """Mean, variance and their scales, each averaged over items."""
    mean, variance = (numbers(channels, name).reshape(items, -1) for name in ("mean", "variance"))
    square = mean**2 + variance
    scales = np.sqrt(square), variance + ROUNDING * square
    return mean.mean(axis=0), variance.mean(axis=0), *(scale.mean(axis=0) for scale in scales)


def _running(steps, items: int, settings: Settings, replaces: bool) -> list[Expected]:
    """Return the buffers after each step; of samples that are normalized by themselves the averaged statistics."""
    preset = settings.framework
    kept = scales = None
    after = []
    for number, channels in enumerate(steps, 1):
        weight = preset.weight_at(number, settings.momentum) or 0.0
        mean, variance, *sizes = _statistics(channels, items)
        forgotten = kept is None or (weight == 1.0 and replaces)
        start = preset.running_start if forgotten else (kept.means[0], kept.variances[0])
        kept = simulate([mean], [variance], weight, preset.bessel(channels[0].count), start)
        start = preset.running_start if scales is None else (scales.means[0], scales.variances[0])
        scales = simulate([sizes[0]], [sizes[1]], weight, preset.bessel(channels[0].count), start)
        after.append(Expected(kept.means[0], kept.variances[0], scales.means[0], scales.variances[0]))
    return after


def _evaluation(mean, variance, kept: Expected, epsilon: float, items: int) -> Expected:
    """Return the first batch, normalized with the buffers of the last step."""
    gain = np.tile(1 / np.sqrt(kept.variance + epsilon), items)
    kept_mean = np.tile(kept.mean, items)
    return _output(variance * gain**2, (mean - kept_mean) * gain, (np.abs(mean) + np.abs(kept_mean)) * gain)


def refusal_of(adapter: Adapter, preset: Framework, shape: tuple[int, ...]) -> str | None:
    """Return the error message that bnstat predicts if the layer refuses to train on such a batch."""
    samples, *space, channels = shape
    count = int(np.prod(space))
    first = [samples, channels, *space]
    if preset.normalizer == "batch":
        count *= samples
    if preset.normalizer == "group":
        groups = adapter.groups_of(channels)
        count *= samples * channels // groups
        first = [samples * channels // groups, groups, *space]
    return preset.refusal.format(shape=first) if preset.refusal and count < preset.least_values else None


@dataclass(frozen=True)
class Comparison:
    """A run of a layer beside bnstat.

    Attributes:
        setting: what was set in it.
        case: what it was run on.
        held: whether it has to agree to 1e-6.
        deviations: by quantity, the largest; infinite where one of both is undefined.
        raised: the words of the error that the layer raised.
        predicted: those that bnstat predicts.
    """

    setting: str
    case: str
    held: bool
    deviations: dict[str, float]
    raised: str | None
    predicted: str | None

    @property
    def worst(self) -> float:
        return max(self.deviations.values(), default=0.0)


@cache
def condition_of(case: str, groups: int | None) -> float:
    """Return the greatest condition number of values that are normalized together, at any step, without NaN and Inf.

    That of zeros is 1: sums of them are exact.
    """
    greatest = 1.0
    for table in cells(case, groups):
        with np.errstate(all="ignore"):
            numbers = np.sqrt(1 + table.mean**2 / table.variance)[(table.nan + table.inf == 0) & (table.mean != 0)]
        greatest = max(greatest, numbers.max(initial=1.0))
    return float(greatest)


def is_held(adapter: Adapter, preset: Framework, case: str) -> bool:
    """Return True if the arithmetic of a layer is accurate on a case."""
    found = data(case)
    if found.dtype == "float16" and adapter.keeps_half:
        return False
    groups = adapter.groups_of(found.shape[-1])
    values, condition = LIMITS[preset.arithmetic.name]
    return values_of(case, groups) <= values and condition_of(case, groups) <= condition


def _biased(statistics: dict, correction: float) -> dict:
    """Statistics of a batch that were read from buffers, with the correction of their variance taken back."""
    return {"mean": statistics["mean"], "variance": [float(value) / correction for value in statistics["variance"]]}


def deviations(run: dict, adapter: Adapter, preset: Framework, setting: Setting) -> dict[str, float]:
    """Return how far a run is from what bnstat says, by quantity."""
    found = data(run["case"])
    told = expected(adapter, preset, setting, run["case"])
    values = values_of(run["case"], adapter.groups_of(found.shape[-1]))
    given = {name: run[name] for name in told if name in run}
    if "batch" in given:
        given["batch"] = _biased(given["batch"], preset.bessel(values))
    half = {"training": _HALF, "evaluation": _HALF} if found.dtype == "float16" else {}
    return {name: told[name].deviation(value) / half.get(name, 1.0) for name, value in given.items()}


def compare(run: dict, adapter: Adapter, preset: Framework) -> Comparison:
    """Compare one run of a recording with bnstat."""
    setting = next(setting for setting in adapter.settings if setting.name == run["setting"])
    raised = run["error"]["text"] if "error" in run else None
    return Comparison(
        setting=setting.name,
        case=run["case"],
        held=is_held(adapter, preset, run["case"]),
        deviations={} if raised else deviations(run, adapter, preset, setting),
        raised=raised,
        predicted=refusal_of(adapter, preset, data(run["case"]).shape),
    )


def comparisons(recording: dict, preset: Framework | None = None, cases: Collection[str] = CASES) -> list[Comparison]:
    """Compare the runs of a recording with bnstat, under its own preset or another, where the data are here."""
    adapter = ADAPTERS[recording["adapter"]]
    if adapter.missing:
        return []
    chosen = [run for run in recording["runs"] if run["case"] in cases]
    runs = [run for run in chosen if data(run["case"]).digest == run["digest"]]
    return [compare(run, adapter, preset or FRAMEWORKS[adapter.preset]) for run in runs]
