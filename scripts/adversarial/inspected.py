"""Families on `bnstat inspect`: the numbers of batches, groups and running statistics."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, Literal

from reference import layers, moments, values
from reference.balls import ONE, Ball, whole
from reference.layers import Fields, Preset

import bnstat
from adversarial import files
from adversarial.judge import Judge, lengths
from adversarial.runs import Run

BATCH_PRESETS = tuple(layers.PRESETS)
EPSILONS = (None, None, None, 0.0, 1e-8, 1e-3, 0.5, 4.0, 1e-12)


@dataclass(frozen=True)
class Sample:
    """One sample of the batched tensor.

    Attributes:
        source: the place of its file.
        index: its entry on the batch axis, or None.
        shape: of the tensor without the batch axis.
        axis: the kept axis.
        cells: its channels.
        integers: True if extremes are shown as whole numbers.
    """

    source: int
    index: int | None
    shape: tuple[int, ...]
    axis: int
    cells: tuple[moments.Cell, ...]
    integers: bool


@dataclass(frozen=True)
class Setting:
    """Files and the settings of their tensor.

    Attributes:
        paths: the files.
        samples: what they hold, in order.
        options: the options that say so.
    """

    paths: list[Path]
    samples: list[Sample]
    options: dict[str, Any]


def samples_of(paths: Sequence[Path], axis: int, batch_axis: int | str | None) -> list[Sample]:
    """Return the samples of files with their exact moments."""
    found = []
    for source, path in enumerate(paths):
        stored = values.read(path)
        tensor = values.tensor(stored, axis, batch_axis)
        several = (stored.batched and batch_axis is None) or isinstance(batch_axis, int)
        for index, channels in enumerate(tensor.places):
            cells = tuple(
                moments.cell([stored.numbers[place] for place in places], exact=stored.small_integers).affine(
                    stored.slope, stored.intercept
                )
                for places in channels
            )
            plain = stored.integers and not stored.scaled
            found.append(Sample(source, index if several else None, tensor.shape, tensor.axis, cells, plain))
    return found


def setting_of(rng: random.Random, folder: Path, *, most: int = 5, one_shape: bool = True, **drawing: Any) -> Setting:
    """Write some files, and draw which axis is kept and which has the samples."""
    kind = files.kind_of(rng, **drawing)
    shape = files.shape_of(rng, kind)
    paths = []
    number = 1 if files.voxels(shape, kind) > 10_000 else rng.choice([1, 1, 2, 3, most])
    for place in range(number):
        own = kind if rng.random() < 0.7 or kind.colours > 1 else files.kind_of(rng, **drawing)
        if own.colours != kind.colours or (own.ending == ".npy") != (kind.ending == ".npy"):
            own = kind
        size = shape if one_shape or rng.random() < 0.5 else tuple(rng.randint(1, one + 2) for one in shape)
        path = folder / f"v{place}{own.ending}"
        files.write(path, own, size, files.numbers_of(rng, own.code, files.voxels(size, own)))
        paths.append(path)
    options: dict[str, Any] = {}
    axes = len(shape) + (kind.colours > 1)
    if rng.random() < 0.2:
        batch_axis = "none" if kind.ending == ".npy" and rng.random() < 0.5 else rng.randrange(len(shape))
        if axes > 1 or batch_axis == "none":
            options["batch-axis"] = batch_axis
    taken = options.get("batch-axis")
    left = values.tensor(values.read(paths[0]), -1, taken)
    if rng.random() < 0.4:
        axis = rng.randint(1, len(left.shape))
        options["axis"] = axis if rng.random() < 0.5 else axis - len(left.shape) - 1
    if (
        kind.ending == ".npy" and options.get("axis", -1) == -1
    ):  # an array whose shape may mean something else is refused without it
        options["axis"] = len(left.shape)
    return Setting(paths, samples_of(paths, options.get("axis", -1), taken), options)


def via_of(rng: random.Random) -> str:
    """Draw how bnstat is called: seldom the slower ways."""
    return rng.choices(["python", "memory", "cli", "moments"], [70, 10, 10, 10])[0]


def batch_norm(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check batch norm: types, axes, batches, ranks, presets, ε and momentum."""
    size, ranks = rng.choice([1, 1, 2, 3, 4]), rng.choice([1, 1, 1, 2])
    setting = setting_of(rng, folder, one_shape=size * ranks > 1 or rng.random() < 0.8)
    framework = rng.choice(BATCH_PRESETS)
    preset = layers.PRESETS[framework]
    options = {**setting.options, "framework": framework}
    number = len(setting.samples)
    size = min(size, number)
    options["batch-size"] = size
    if ranks > 1 and size * ranks <= number:
        options["ranks"] = ranks
    if framework == "torch-syncbn" and "ranks" in options:  # synchronized ranks do not look at ε
        preset = replace(preset, positive=False)
    if rng.random() < 0.2:
        options["shuffle"], options["seed"] = True, rng.randrange(100)
    if rng.random() < 0.2:
        options["drop-last"] = True
    epsilon, momentum = rng.choice(EPSILONS), _momentum(rng, framework)
    if epsilon is not None:
        options["epsilon"] = epsilon
    if momentum is not None:
        options["momentum"] = momentum
    run = Run("inspect", setting.paths, options, via_of(rng))
    document, judge = run.document(folder), Judge()
    _order(judge, document, number, options)
    for place, batch in enumerate(document["batches"]):
        chosen = [setting.samples[one] for one in batch["samples"]]
        _batch(judge, f"batches[{place}]", batch, chosen, epsilon, preset, momentum)
    for place, batch in enumerate(document.get("synchronized", [])):
        chosen = [setting.samples[one] for one in batch["samples"]]
        least = min(sum(one.cells[0].count for one in chosen[k : k + size]) for k in range(0, len(chosen), size))
        if least >= preset.refuses:
            _batch(judge, f"synchronized[{place}]", batch, chosen, epsilon, preset, momentum)
    return run, judge


def _momentum(rng: random.Random, framework: str) -> float | str | None:
    if rng.random() < 0.6 or framework == "tensorflow":
        return None
    if framework in ("torch", "torch-channels-last", "torch-cuda", "torch-syncbn") and rng.random() < 0.2:
        return "none"
    return rng.choice([0.5, 0.9, 0.999, 0.1, 0.01])


def _order(judge: Judge, document: dict[str, Any], number: int, options: dict[str, Any]) -> None:
    """Check which samples are in which batch."""
    taken = [batch["samples"] for batch in document["batches"]]
    size = options["batch-size"] * options.get("ranks", 1)
    flat = [one for batch in taken for one in batch]
    if "shuffle" not in options:
        judge.same("batches[].samples", flat, list(range(len(flat))))
    judge.same("batches[].samples (each once)", len(set(flat)), len(flat))
    if options.get("drop-last"):
        judge.same("batches[].samples (all steps)", len(flat), number // size * size)
    elif "ranks" not in options:
        judge.same("batches[].samples (all)", len(flat), number)
        judge.same("batches[] (how many)", len(taken), -(-number // size))


def _batch(
    judge: Judge,
    place: str,
    batch: dict[str, Any],
    chosen: Sequence[Sample],
    epsilon: float | None,
    preset: Preset | None,
    momentum: float | str | None,
) -> list[moments.Cell]:
    """Check one batch of a batch norm, and return its cells."""
    first = chosen[0]
    shape = [len(chosen), *first.shape]
    judge.same(f"{place}.input_shape", batch["input_shape"], shape)
    judge.same(f"{place}.axis", batch["axis"], first.axis)
    judge.same(f"{place}.reduction_axes", batch["reduction_axes"], [k for k in range(len(shape)) if k != first.axis])
    cells = [moments.merge([one.cells[channel] for one in chosen]) for channel in range(len(first.cells))]
    if lengths(judge, f"{place}.channels", batch["channels"], cells):
        for channel, (found, cell) in enumerate(zip(batch["channels"], cells, strict=True)):
            here = f"{place}.channels[{channel}]"
            used = epsilon if preset is None else preset.added(epsilon)
            expected: Fields = {"channel": channel, **layers.statistics(cell, used)}
            if preset is not None:
                expected |= layers.running(cell, preset, momentum, epsilon)
            judge.fields(here, found, expected)
            extremes(judge, here, found, all(one.integers for one in chosen))
            _finite(judge, here, found, cell)
    return cells


def extremes(judge: Judge, place: str, found: dict[str, Any], integers: bool) -> None:
    """Check that extremes of unscaled integers are whole numbers."""
    if integers and found["min"] is not None:
        judge.same(f"{place} (whole numbers)", [type(found[end]).__name__ for end in ("min", "max")], ["int", "int"])


def _finite(judge: Judge, place: str, found: dict[str, Any], cell: moments.Cell) -> None:
    expected = layers.finite(cell)
    if expected is None:
        judge.same(f"{place}.finite", "finite" in found, False)
    elif "finite" not in found:
        judge.same(f"{place}.finite", None, "an object")
    else:
        judge.fields(f"{place}.finite", found["finite"], expected)


# The presets of each normalizer that has groups.
GROUPED = {
    "instance": ("torch-instance", "flax-instance", "torch-instance-track"),
    "layer": ("keras-layer", "torch-layer", "flax-layer"),
    "group": ("keras-group", "torch-group", "flax-group"),
    "rms": ("keras-rms", "torch-rms", "flax-rms"),
}


def normalizers(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check instance, layer, group and RMS norm, batch renorm, and the start of weight norm."""
    setting = setting_of(rng, folder)
    number, channels = len(setting.samples), len(setting.samples[0].cells)
    options: dict[str, Any] = {**setting.options, "batch-size": rng.randint(1, number)}
    epsilon = rng.choice(EPSILONS)
    if epsilon is not None:
        options["epsilon"] = epsilon
    kind = rng.choice([*GROUPED, "renorm", "weight-init"])
    if kind == "renorm":  # needs two batches
        kind = "renorm" if number > options["batch-size"] else "weight-init"
    groups = rng.choice([one for one in range(1, channels + 1) if channels % one == 0])
    framework = rng.choice(GROUPED[kind]) if kind in GROUPED else rng.choice(["keras", "keras2"])
    options |= {"framework": framework, "normalizer": f"group:{groups}" if kind == "group" else kind}
    run = Run("inspect", setting.paths, options, via_of(rng))
    document, judge = run.document(folder), Judge()
    chosen = [[setting.samples[one] for one in batch["samples"]] for batch in document["batches"]]
    judge.same(
        "batches[].samples", [one for batch in document["batches"] for one in batch["samples"]], [*range(number)]
    )
    if kind in GROUPED:
        used = layers.OTHERS[framework] if epsilon is None else epsilon
        groups = {"instance": channels, "group": groups}.get(kind, 1)
        for place, (batch, samples) in enumerate(zip(document["batches"], chosen, strict=True)):
            here = f"batches[{place}]"
            _groups(judge, here, batch, samples, used, groups, rms=kind == "rms", zero="torch-instance" in framework)
            if framework == "torch-instance-track":
                _running_of_items(judge, f"batches[{place}]", batch, samples)
        return run, judge
    used = 1e-3 if epsilon is None else epsilon
    if kind == "weight-init":
        used = epsilon or 0.0
    cells = [
        _batch(judge, f"batches[{place}]", batch, samples, used, None, None)
        for place, (batch, samples) in enumerate(zip(document["batches"], chosen, strict=True))
    ]
    for channel in range(channels):
        own = [batch[channel] for batch in cells]
        weight = ONE - Ball.of(0.99)
        expected = (
            layers.renorm(own, used, weight) if kind == "renorm" else [layers.weight_init(one, used) for one in own]
        )
        for place, fields in enumerate(expected):
            judge.fields(
                f"batches[{place}].channels[{channel}]", document["batches"][place]["channels"][channel], fields
            )
    return run, judge


def _groups(
    judge: Judge,
    place: str,
    batch: dict[str, Any],
    samples: Sequence[Sample],
    epsilon: float,
    groups: int,
    *,
    rms: bool,
    zero: bool,
) -> None:
    """Check the groups of each sample of a batch."""
    expected = [
        (sample, channels, cell)
        for sample, one in zip(batch["samples"], samples, strict=True)
        for channels, cell in layers.grouped(one.cells, groups)
    ]
    if not lengths(judge, f"{place}.groups", batch["groups"], expected):
        return
    for k, (found, (sample, channels, cell)) in enumerate(zip(batch["groups"], expected, strict=True)):
        here = f"{place}.groups[{k}]"
        judge.same(f"{here}.sample", found["sample"], sample)
        judge.same(f"{here}.channels", found["channels"], channels)
        judge.fields(here, found, layers.statistics(cell, epsilon, rms=rms, zero=zero))
        _finite(judge, here, found, cell)


def _running_of_items(judge: Judge, place: str, batch: dict[str, Any], samples: Sequence[Sample]) -> None:
    for channel, found in enumerate(batch["running"]):
        own = [one.cells[channel] for one in samples]
        judge.fields(f"{place}.running[{channel}]", found, layers.running_of_items(own, 0.1))


def scanned(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check the moments that `scan` writes, and that they give the bits that the files give."""
    setting = setting_of(rng, folder)
    run = Run("inspect", setting.paths, {**setting.options, "batch-size": 1}, "moments")
    by_moments, judge = run.document(folder), Judge()
    lines = [json.loads(line) for line in (folder / "moments.jsonl").read_text(encoding="utf-8").splitlines()]
    if lengths(judge, "lines", lines, setting.samples):
        for place, (line, sample) in enumerate(zip(lines, setting.samples, strict=True)):
            for channel, (found, cell) in enumerate(zip(line["channels"], sample.cells, strict=True)):
                _line(judge, f"lines[{place}].channels[{channel}]", found, cell)
    by_files = Run("inspect", setting.paths, {**setting.options, "batch-size": 1, "no-emulate": True}, "cli")
    for one, other in zip(by_files.document(folder)["batches"], by_moments["batches"], strict=True):
        judge.same("the same from the moments file", other["channels"], one["channels"])
    return run, judge


def _line(judge: Judge, place: str, found: dict[str, Any], cell: moments.Cell) -> None:
    for name, expected in (("count", cell.finite), ("nan", cell.nan), ("inf", cell.inf), ("varies", cell.varies)):
        judge.same(f"{place}.{name}", found[name], expected)
    if not cell.finite:
        return
    fields = layers.statistics(replace(cell, nan=0, inf=0), None)
    judge.fields(place, found, {"min": fields["min"], "max": fields["max"], "mean": fields["mean"]})
    variance = cell.variance_ball()
    judge.fields(place, found, {"m2": variance * whole(cell.finite)})
    if found["mean"] is not None:  # the mean and its tail together are nearer than float64 can be
        nearer = Fraction(found["mean"]) + Fraction(found["mean_tail"])
        judge.number(f"{place}.mean + mean_tail", float(nearer), fields["mean"])


def plans(rng: random.Random, folder: Path) -> tuple[Run, Judge]:  # noqa: ARG001  (as every family)
    """Check the sizes and the counts of `bnstat plan`."""
    patch, strides = (
        [rng.randint(1, 200) for _ in range(3)],
        [rng.choice([1, 2, 2, 3]) for _ in range(rng.randint(1, 6))],
    )
    downsample: Literal["conv", "pool"] = rng.choice(["conv", "pool"])
    size = rng.randint(1, 4)
    expected, judge = layers.levels(patch, strides, downsample), Judge()
    run = Run("plan", (), {"patch": "x".join(map(str, patch)), "strides": ",".join(map(str, strides))})
    if min(min(one) for one in expected) < 1:  # pooling leaves nothing
        judge.tally.refused = 1
        return run, judge
    document: dict[str, Any] = bnstat.plan(patch, strides=strides, downsample=downsample, batch_size=size).to_dict()
    for place, (found, shape) in enumerate(zip(document["levels"], expected, strict=True)):
        here, count = f"levels[{place}]", prod(shape)
        judge.same(f"{here}.shape", found["shape"], shape)
        judge.same(f"{here}.values_per_sample", found["values_per_sample"], count)
        judge.same(f"{here}.values_per_batch", found["values_per_batch"], size * count)
        judge.number(f"{here}.bessel", found["bessel"], layers.bessel(size * count) if size * count > 1 else None)
    return run, judge
