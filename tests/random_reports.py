"""Random reports of all commands on small random data, for tests that compare what a report says with what it holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import nibabel
import numpy as np

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.renderers.check import table as check_table
from bnstat.renderers.compare_batch_sizes import table as sizes_table
from bnstat.renderers.compare_layers import table as layers_table
from bnstat.renderers.inspect import table as inspect_table
from bnstat.renderers.plan import table as plan_table

Image: Any = nibabel.Nifti1Image
# Momenta of both conventions.
_MOMENTA = (0.0, 0.01, 0.1, 0.37, 0.9, 0.997, 1.0)
# A width at which no sentence is broken into lines.
WIDE = 4000

_NORMALIZERS = ("batch", "instance", "layer", "group:1", "group:2", "rms", "renorm", "weight-init")


@dataclass(frozen=True)
class RandomReport:
    """A report and what it is shown as.

    Attributes:
        command: the function of the package that made it.
        inputs: the volumes, or the patch of a plan.
        settings: its keyword arguments.
        report: the report.
        document: its JSON document.
        screen: the lines that a person reads at a terminal that is wide enough.
        render: returns these lines for a width.
    """

    command: str
    inputs: Any
    settings: dict[str, Any]
    report: Any
    document: dict[str, Any]
    screen: str
    render: Callable[[int], str]


def random_report(seed: int) -> RandomReport:
    """Return the report with this number, of the first settings that fit their data."""
    for attempt in count():
        draw = random.Random(f"{seed} {attempt}")
        make = random.Random(seed).choice(
            (_inspect, _inspect, _check, _check, _compare, _compare, _compare_layers, _plan)
        )
        with suppress(bnstat.UsageError, bnstat.InputError):
            return make(draw)
    raise AssertionError


def _report(
    command: str, run: Callable[..., Any], inputs: Any, settings: dict[str, Any], render: Callable[..., str]
) -> RandomReport:
    report = run(inputs, **settings)

    def at(width: int) -> str:
        return render(report, width=width, every_row=True)

    return RandomReport(command, inputs, settings, report, report.to_dict(), at(WIDE), at)


def _inspect(draw: random.Random) -> RandomReport:
    settings = {**_layer(draw), "reading": _reading(draw)}
    return _report("inspect", bnstat.diagnose, _inputs(draw), settings, inspect_table.render)


def _check(draw: random.Random) -> RandomReport:
    steps = draw.choice((None, None, 1, 50, 1000))
    settings = {**_layer(draw), "reading": _reading(draw), "steps": steps}
    return _report("check", bnstat.check, _inputs(draw), settings, check_table.render)


def two_scanners(seed: int) -> RandomReport:
    """Return a check of 12 volumes of two scanners, one of which fits neither."""
    draw, generator = random.Random(seed), np.random.default_rng(seed)
    values = [generator.normal(*draw.choice(((272, 328), (905, 655))), (6, 6, 6)) for _ in range(12)]
    values[:8] = [generator.normal(*kind, (6, 6, 6)) for kind in ((272, 328), (905, 655)) for _ in range(4)]
    values[draw.randrange(12)] *= draw.choice((6.0, 20.0, 0.05))
    draw.shuffle(values)
    volumes = [Image(one.astype(np.float32), np.eye(4)) for one in values]
    settings = {"batch_size": draw.choice((1, 2)), "reading": Reading()}
    return _report("check", bnstat.check, volumes, settings, check_table.render)


def _compare(draw: random.Random) -> RandomReport:
    settings: dict[str, Any] = {
        "framework": draw.choice(_batch_presets()),
        "population": draw.choice(("finite", "infinite")),
        "draws": draw.choice((20, 100)),
        "ranks": draw.choice((1, 1, 1, 2)),
        "steps": draw.choice((None, None, None, 3)),
        "reading": _reading(draw),
    }
    if draw.random() < 0.4:
        settings["batch_sizes"] = sorted(draw.sample(range(1, 12), draw.randint(1, 3)))
    if draw.random() < 0.3:
        settings["epsilon"] = draw.choice((1e-5, 1e-3, 1.0))
    if draw.random() < 0.3:
        settings |= {f"tolerance_{name}": draw.choice((0.02, 0.1, 0.5)) for name in ("noise", "shortfall", "gap")}
    if draw.random() < 0.1:
        settings["momentum"] = draw.choice(_MOMENTA)
    return _report("compare", bnstat.compare, _inputs(draw), settings, sizes_table.render)


def _compare_layers(draw: random.Random) -> RandomReport:
    by = draw.choice(("frameworks", "normalizers", "epsilons", "intensities"))
    settings: dict[str, Any] = {**_layer(draw), "reading": _reading(draw), "by": by}
    own = {"frameworks": "framework", "normalizers": "normalizer", "epsilons": "epsilon"}
    if by in own:
        settings.pop(own[by], None)
    if by == "frameworks":
        settings.pop("normalizer", None)
        settings["values"] = draw.sample(_batch_presets(), draw.randint(2, 4))
    elif by == "normalizers":
        settings["values"] = draw.sample(_NORMALIZERS, draw.randint(2, 4))
    elif by == "intensities":
        settings["values"] = draw.sample(_INTENSITIES, draw.randint(2, 4))
    else:
        settings["values"] = sorted(draw.sample((1e-8, 1e-5, 1e-3, 0.1, 10.0), draw.randint(2, 3)))
    return _report("compare_layers", bnstat.compare_layers, _inputs(draw), settings, layers_table.render)


def _plan(draw: random.Random) -> RandomReport:
    axes = draw.choice((2, 3))
    settings: dict[str, Any] = {
        "levels": draw.randint(1, 7),
        "batch_size": draw.choice((1, 2, 4)),
        "downsample": draw.choice(("conv", "pool")),
        "head": draw.choice((None, None, "global-pool", "global-pool:512", "flatten")),
    }
    if draw.random() < 0.2 and settings["levels"] > 1:
        settings["downsample"] = [draw.choice(("conv", "pool")) for _ in range(settings["levels"] - 1)]
    patch = [draw.choice((1, 8, 20, 32, 96, 128)) for _ in range(axes)]
    return _report("plan", bnstat.plan, patch, settings, plan_table.render)


# Ways to prepare intensities, one of them too long for a row of the table.
_INTENSITIES = (
    "none",
    "zscore",
    "zscore-nonzero",
    "minmax",
    "clip:-1,1",
    "scale:1e-3,0",
    "0=clip:-1,1|minmax;*=zscore",
)


def _batch_presets() -> list[str]:
    return [name for name, preset in FRAMEWORKS.items() if preset.normalizer == "batch"]


def _layer(draw: random.Random) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "framework": draw.choice((*FRAMEWORKS, "keras", "torch")),
        "batch_size": draw.choice((1, 1, 1, 2, 3, 5)),
        "drop_last": draw.random() < 0.2,
    }
    if draw.random() < 0.4:
        settings["normalizer"] = draw.choice(_NORMALIZERS)
    if draw.random() < 0.2:
        settings["ranks"] = 2
    if draw.random() < 0.25:
        settings["epsilon"] = draw.choice((1e-8, 1e-5, 1e-3, 1.0))
    if draw.random() < 0.1:
        settings["dtype"] = draw.choice(("float16", "bfloat16"))
    if draw.random() < 0.15:
        settings["momentum"] = draw.choice(_MOMENTA)
    return settings


def _reading(draw: random.Random) -> Reading:
    kind = draw.random()
    if kind < 0.7:
        return Reading()
    if kind < 0.8:
        return Reading(preparation=Preparation(mask="nonzero"))
    if kind < 0.9:
        return Reading(preparation=Preparation(intensity=draw.choice(("zscore", "clip:-1,1", "minmax"))))
    return Reading(preparation=Preparation(patches=Patching((draw.randint(1, 4),), number=draw.choice((1, 3)))))


def _inputs(draw: random.Random) -> list[Any]:
    """Return 1 to 12 volumes of one number of channels, each channel of a random kind."""
    number, channels = draw.choice((1, 1, 2, 3, 5, 8, 10, 12)), draw.choice((1, 1, 2, 3, 4))
    shape = tuple(draw.choice((1, 2, 3, 4, 6)) for _ in range(3))
    kinds = [draw.choice(_KINDS) for _ in range(channels)]
    mixed = draw.random() < 0.1
    volumes = []
    for _ in range(number):
        if mixed:
            shape = tuple(draw.choice((1, 2, 4)) for _ in range(3))
        generator = np.random.default_rng(draw.randrange(2**32))
        values = [kind(generator, shape) for kind in (kinds if draw.random() < 0.9 else draw.sample(kinds, channels))]
        data = np.stack(values, axis=-1).astype(draw.choice((np.float32, np.float64)))
        volumes.append(Image(data[..., 0] if channels == 1 else data, np.eye(4)))
    if number > 1 and draw.random() < 0.05:
        volumes[1] = volumes[0]
    return volumes


def _constant(_: np.random.Generator, shape: Sequence[int]) -> Any:
    return np.full(shape, 3.5)


def _zeros(_: np.random.Generator, shape: Sequence[int]) -> Any:
    return np.zeros(shape)


def _own_constant(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return np.full(shape, float(generator.integers(0, 3)))


def _normal(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return generator.normal(size=shape)


def _scanner(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return generator.gamma(4.0, 100 * generator.uniform(0.3, 3), size=shape)


def _offset(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return 3e4 + generator.normal(size=shape)


def _unit(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return generator.uniform(0, 0.1, size=shape)


def _sometimes(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return generator.normal(size=shape) if generator.random() < 0.5 else np.ones(shape)


def _labels(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return (generator.random(shape) < 0.3).astype(float)


def _with_nan(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    values = generator.normal(size=shape)
    if generator.random() < 0.3:
        values.flat[0] = generator.choice((np.nan, np.inf))
    return values


def _large(generator: np.random.Generator, shape: Sequence[int]) -> Any:
    return generator.normal(size=shape) * 1e5


_KINDS = (
    *(_normal, _normal, _scanner, _scanner, _unit, _offset, _large),
    *(_constant, _zeros, _own_constant, _sometimes, _with_nan, _labels),
)
