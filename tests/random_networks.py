"""Random measurements of networks, for tests that compare what a report says with what it holds."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from bnstat.networks.normalization import Kind
from bnstat.networks.results import BatchSizeResult, LayerResult, Measured, ModelResult
from bnstat.networks.settings import Measuring
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.layers import Layers
from bnstat.rules import judged
from bnstat.rules.network_rules import NETWORK_RULES
from bnstat.sources.sample import Patch, Sample

_KINDS: tuple[Kind, ...] = ("batch", "instance", "group", "layer", "rms")
_SIZES = ((), (1,), (1,), (1, 2), (2, 8), (4,), (1, 2, 4))


def random_layers(seed: int) -> Layers:
    """Return the report with this number."""
    draw = random.Random(f"network {seed}")
    count = draw.choice((0, 1, 1, 2, 3, 5, 9, 30)) if draw.random() < 0.9 else 60
    samples = draw.choice((1, 2, 9, 9, 48))
    sizes = draw.choice(_SIZES)
    trains = draw.random() < 0.8
    kinds = draw.choice((("batch",), ("batch",), ("instance",), _KINDS, ("group", "layer"), ("batch", "instance")))
    switch = trains and draw.random() < 0.6
    output = draw.choice(("classes", "values"))
    fresh = draw.choice((0.0, 0.0, 0.0, 0.3, 1.0))
    chosen = [draw.choice(kinds) for _ in range(count)]
    batched = trains and "batch" in chosen
    stops = {size: draw.randrange(count) for size in sizes if batched and draw.random() < 0.25}
    layers = tuple(
        _layer(draw, place, kind, samples, fresh, switch, output if switch else None)
        | {"batches": _batches(draw, place, kind, sizes, stops) if batched else ()}
        for place, kind in enumerate(chosen)
    )
    results = tuple(LayerResult(**one) for one in layers)
    pattern = ("*norm*",) if count and draw.random() < 0.15 else ()
    counts = Counter(chosen)
    if pattern:
        counts[draw.choice(_KINDS)] += draw.randint(0, 3)
    moved = [one.output_moved for one in results if one.output_moved is not None]
    measured = Measured(
        ModelResult(
            draw.choice(("nets.py:unet", "model.onnx", "pkg.nets:make")),
            draw.choice((None, "runs/best.pt")),
            "pytorch" if trains else draw.choice(("pytorch", "onnx", "keras")),
            draw.randint(1, 10**8),
            {kind: counts[kind] for kind in _KINDS if counts[kind]},
            trains,
        ),
        results,
        missed=("A folded batch norm cannot be seen.",) if draw.random() < 0.1 else (),
        samples=samples,
        output=output if moved else None,
        output_moved=_share(draw, output) if moved and draw.random() < 0.8 else None,
    )
    findings = judged(NetworkEvidence(measured), NETWORK_RULES)
    inputs, preparation = _inputs(draw, samples)
    asked = Measuring(batch_sizes=sizes, switch=switch, layers=pattern)
    return Layers(measured, asked, inputs, preparation, findings=findings)


def _inputs(draw: random.Random, samples: int) -> tuple[tuple[Sample, ...], Preparation]:
    if draw.random() < 0.5:
        return tuple(Sample(f"{place}.npy", None, (8, 8, 8), "float32") for place in range(samples)), Preparation()
    patched = tuple(
        Sample(f"{place // 2}.npy", None, (64, 64, 64), "int16", patch=Patch((place, 0, 0), (8, 8, 8)))
        for place in range(samples)
    )
    return patched, Preparation(patches=Patching(size=(8, 8, 8), number=2))


def _layer(
    draw: random.Random, place: int, kind: str, samples: int, fresh: float, switch: bool, output: str | None
) -> dict[str, Any]:
    channels, side = draw.randint(1, 6), draw.choice((1, 2, 4, 8))
    stored = kind in ("batch", "instance") and draw.random() < (0.9 if kind == "batch" else 0.2)
    alike = draw.random() < 0.2
    moved = stored and switch and draw.random() < 0.95
    never = stored and draw.random() < fresh
    return {
        "layer": f"block_{place}.norm" + ("#2" if draw.random() < 0.1 else ""),
        "kind": kind,
        "functional": draw.random() < 0.1,
        "groups": channels if kind == "group" else None,
        "shape": (channels, side, side, side),
        "axis": 0,
        "dtype": draw.choice(("float32", "float32", "float16", "bfloat16")),
        "channels": channels,
        "values": side**3 * (channels if kind in ("layer", "rms") else 1),
        "epsilon": draw.choice((1e-5, 1e-3)),
        "momentum": 0.1 if stored else None,
        "samples": samples,
        "rho": _figures(draw, channels, lambda: _share(draw)) if samples > 1 else (None,) * channels,
        "dead": _some(draw, channels, 0.05),
        "constant_in_a_sample": _some(draw, channels, 0.1),
        "not_finite": _some(draw, channels, 0.03),
        "epsilon_share": _figures(draw, channels, lambda: _share(draw) * draw.choice((0.001, 0.01, 1.0))),
        "mean_gap": _figures(draw, channels, lambda: 10 ** draw.uniform(-4, 2)) if stored else (),
        "variance_ratio": _ratios(draw, channels, alike) if stored else (),
        "eval_output_variance": _figures(draw, channels, lambda: 10 ** draw.uniform(-1, 1)) if stored else (),
        "output_moved": _share(draw, output) if moved else None,
        "largest": _figures(draw, channels, lambda: 10 ** draw.uniform(-1, 5)),
        "never_updated": never,
    }


def _ratios(draw: random.Random, channels: int, alike: bool) -> tuple[float | None, ...]:
    spread = 0.1 if alike else 1.0
    return _figures(draw, channels, lambda: 10 ** draw.uniform(-spread, spread))


def _batches(
    draw: random.Random, place: int, kind: str, sizes: tuple[int, ...], stops: dict[int, int]
) -> tuple[BatchSizeResult, ...]:
    """Return training batches: real ones up to a layer that stops them, and behind it what shapes say."""
    found = []
    for size in sizes:
        channels_unknown = (None,) * 6
        values = draw.choice((1, 8, 512)) * size
        stop = stops.get(size)
        if stop is not None and place >= stop:
            raises = place == stop or draw.random() < 0.3
            words = "Expected more than 1 value" if place == stop else None
            count = 1 if raises and draw.random() < 0.8 else values
            found.append(BatchSizeResult(size, 0, count, channels_unknown, channels_unknown, raises, words))
            continue
        noise = _figures(draw, 6, lambda: 10 ** draw.uniform(-3, 0)) if kind == "batch" else channels_unknown
        lost = tuple(None if one is None else one**2 - draw.choice((0.0, 1e-4)) for one in noise)
        found.append(BatchSizeResult(size, draw.randint(2, 32), values, noise, lost))
    return tuple(found)


def _figures(draw: random.Random, channels: int, value: Any) -> tuple[float | None, ...]:
    if draw.random() < 0.05:
        return (None,) * channels
    return tuple(None if draw.random() < 0.1 else value() for _ in range(channels))


def _share(draw: random.Random, output: str | None = None) -> float:
    """Return a share, sometimes at an end; a relative RMS may be more than 1."""
    if draw.random() < 0.15:
        return draw.choice((0.0, 1e-6, 0.05, 1.0))
    return draw.random() ** draw.choice((1, 2, 6)) * (1.5 if output == "values" else 1.0)


def _some(draw: random.Random, channels: int, chance: float) -> tuple[int, ...]:
    return tuple(channel for channel in range(channels) if draw.random() < chance)
