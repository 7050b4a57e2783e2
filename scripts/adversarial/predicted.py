"""Families on predictions of a layer's own float32 arithmetic, beside PyTorch's layers where it is installed."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from reference import sums, values

from adversarial import files
from adversarial.judge import Judge
from adversarial.runs import Run

HAS_TORCH = importlib.util.find_spec("torch") is not None
SEQUENTIAL = ("keras-tensorflow", "keras2-nonfused", "tensorflow")
# What a float32 result may be off by after the conversions from 1/√variance back to a variance.
SINGLE = 2.0**-21


def _array(rng: random.Random, folder: Path, channels: int) -> tuple[Path, tuple[int, ...]]:
    """Write a batch (N, X, Y, Z, C) of float32."""
    shape = (rng.choice([1, 1, 2, 3]), *(rng.randint(1, 7) for _ in range(3)), channels)
    count = files.voxels(shape, files.Kind(".npy", "f"))
    mean, deviation = rng.choice([(0, 1), (1000, 10), (1e4, 1), (0.3, 0.07), (-500, 300), (1e6, 30), (3, 0)])
    numbers = [files.stored(rng.gauss(mean, deviation), "f") for _ in range(count)]
    path = folder / "batch.npy"
    files.write(path, files.Kind(".npy", "f"), shape, numbers)
    return path, shape


def _columns(path: Path) -> list[list[Fraction]]:
    """Return the values of each channel, over the batch, in C order."""
    stored = values.read(path)
    samples = values.tensor(stored).places
    channels = range(len(samples[0]))
    return [
        [Fraction(stored.numbers[place]) for sample in samples for place in sample[channel]] for channel in channels
    ]


def emulation(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check emulated means and variances to the bit: against sums made here, and against PyTorch's own layer."""
    channels = rng.randint(2, 7)
    path, shape = _array(rng, folder, channels)
    framework = rng.choice(["torch-channels-last", "torch-channels-last", *SEQUENTIAL])
    number = rng.choice([1, 1, 2, 3])
    options: dict[str, Any] = {"framework": framework, "batch-size": shape[0], "emulate": True, "axis": 4}
    if framework == "torch-channels-last":
        options["threads"] = number
    run, judge = Run("inspect", [path], options, rng.choice(["python", "python", "cli"])), Judge()
    (batch,) = run.document(folder)["batches"]
    columns = _columns(path)
    few = shape[1:4] == (1, 1, 1) or len(columns[0]) < 2
    ours = [_exact_sums(column, framework, number) for column in columns]
    for channel, (found, (mean, variance, _)) in enumerate(zip(batch["channels"], ours, strict=True)):
        if found["prediction"] == "emulated":
            place = f"batches[0].channels[{channel}]"
            judge.same(f"{place}.predicted_mean", found["predicted_mean"], float(mean))
            judge.same(f"{place}.predicted_variance", found["predicted_variance"], float(variance))
    if framework == "torch-channels-last" and HAS_TORCH and not few:
        for channel, (layer, (mean, _, unbiased)) in enumerate(zip(_torch(path, number), ours, strict=True)):
            judge.same(f"PyTorch's mean of channel {channel}", layer[0], float(mean))
            judge.same(f"PyTorch's unbiased variance of channel {channel}", layer[1], float(unbiased))
    return run, judge


def _exact_sums(column: Sequence[Fraction], framework: str, number: int) -> tuple[Fraction, Fraction, Fraction]:
    if framework in SEQUENTIAL:
        return (*sums.sequential(column), Fraction(0))
    return sums.threads(column, number)


def _torch(path: Path, number: int) -> list[tuple[float, float]]:
    """Return mean and unbiased variance of each channel, as the layer with channels last keeps them."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        tensor = torch.from_numpy(np.load(path)).permute(0, 4, 1, 2, 3)
        layer: Any = torch.nn.BatchNorm3d(tensor.shape[1], momentum=1.0)
        layer(tensor)
    finally:
        torch.set_num_threads(before)
    return list(zip(layer.running_mean.tolist(), layer.running_var.tolist(), strict=True))


def bands(rng: random.Random, folder: Path) -> tuple[Run, Judge]:
    """Check that the variance of PyTorch's real layers lies in the band, and its running statistics at bnstat's."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    channels = rng.choice([1, 2, 4, 6])
    path, shape = _array(rng, folder, channels)
    name = rng.choice(["torch", "torch-channels-last", "torch-instance", "torch-layer", "torch-group"])
    options: dict[str, Any] = {"framework": name, "batch-size": shape[0], "axis": 4}
    groups = rng.choice([one for one in (1, 2, 3) if channels % one == 0])
    if name == "torch-group":
        options["normalizer"] = f"group:{groups}"
    run, judge = Run("inspect", [path], options), Judge()
    (batch,) = run.document(folder)["batches"]
    # a copy, because of one channel the strides may look like channels last
    x = torch.from_numpy(np.moveaxis(np.load(path), -1, 1)).clone(memory_format=torch.contiguous_format)
    if name == "torch-channels-last":
        x = x.contiguous(memory_format=torch.channels_last_3d)
    parts = {"torch-instance": channels, "torch-layer": 1, "torch-group": groups}.get(name)
    if parts is None:
        if x.numel() == channels:
            return run, judge
        _batch_norm(judge, batch["channels"], x, np.load(path).astype(np.float64))
        return run, judge
    cells = x.reshape(shape[0] * parts, -1)
    if cells.shape[1] < 2 or name == "torch-instance":
        return run, judge
    _, _, scale = torch.native_layer_norm(cells, cells.shape[1:], None, None, 0.0)
    if name == "torch-group":
        _, _, scale = torch.native_group_norm(
            x, None, None, shape[0], channels, cells.numel() // shape[0] // channels, groups, 0.0
        )
    for place, (found, gain) in enumerate(zip(batch["groups"], scale.double().reshape(-1).tolist(), strict=True)):
        variance = 1.0 / gain**2
        if found["predicted_variance_high"] is not None:
            low, high = found["predicted_variance_low"], found["predicted_variance_high"]
            judge.at_most(f"batches[0].groups[{place}].predicted_variance_low", low * (1 - SINGLE), variance)
            judge.at_most(f"PyTorch's variance of group {place}", variance, high * (1 + SINGLE) + 1e-38)
    return run, judge


def _batch_norm(judge: Judge, found: Sequence[dict[str, Any]], x: Any, exact: Any) -> None:  # noqa: ANN401
    """Compare the layer's variance with the band, and its buffers after one step with bnstat's."""
    import torch  # noqa: PLC0415

    layer: Any
    once: Any
    layer, once = (torch.nn.BatchNorm3d(x.shape[1], momentum=momentum) for momentum in (1.0, None))
    layer(x)
    once.momentum = 0.1
    once(x)
    count = x.numel() // x.shape[1]
    for channel, one in enumerate(found):
        variance = layer.running_var[channel].item() * (count - 1) / count
        if one["predicted_variance_high"] is not None:
            low, high = one["predicted_variance_low"], one["predicted_variance_high"]
            judge.at_most(f"channels[{channel}].predicted_variance_low", low * (1 - SINGLE), variance)
            judge.at_most(f"PyTorch's variance of channel {channel}", variance, high * (1 + SINGLE) + 1e-38)
        size = abs(exact[..., channel]).max()
        mean = once.running_mean[channel].item()
        judge.at_most(f"channels[{channel}].running_mean", abs(one["running_mean"] - mean), 1e-6 * size)
        if x.is_contiguous():  # other sums are not accurate, and the band says so
            off = abs(one["running_variance"] - once.running_var[channel].item())
            judge.at_most(
                f"channels[{channel}].running_variance",
                off,
                1e-6 * (1 + one["running_variance"]) + (size * 2.0**-24) ** 2,
            )
