"""bnstat beside what real layers gave with an ε or a momentum of 0, below 0, huge, or no number."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from conformance.edges import DATA, EPSILONS, MOMENTA, record
from conformance.layers import ADAPTERS

ROOT = Path(__file__).parents[2]
RECORDINGS = Path(__file__).parent / "edge_recordings"
RUN = [name for name, adapter in ADAPTERS.items() if not adapter.missing]
LIVE = {"torch": [name for name in RUN if ADAPTERS[name].factory.startswith("pytorch:")], "jax": ["keras-jax"]}


def read(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def runs(name, setting):
    """Return the runs of one layer under an ε or a momentum, by their data."""
    return {run["data"]: run for run in read(name)["runs"] if run["setting"] == setting}


def is_nan(found):
    return any(value == "nan" for value in np.ravel(np.array(found["mean"], object)))


def layer(adapter):
    """Return the settings that name the layer of an adapter."""
    preset = FRAMEWORKS[adapter.preset]
    own = preset.normalizer == adapter.reduction
    momentum = {"momentum": adapter.settings[0].momentum} if preset.name == "haiku" else {}
    return {"framework": preset.name if own else preset.maker, "normalizer": adapter.normalizer, **momentum}


def reported(name, kind, **settings):
    return bnstat.diagnose(DATA[kind], batch_size=len(DATA[kind]), **(layer(ADAPTERS[name]) | settings))


def test_every_layer_was_run_with_every_value():
    for name in RUN:
        found = {run["setting"] for run in read(name)["runs"]}
        assert {f"epsilon {epsilon!r}" for epsilon in EPSILONS} <= found, name
        assert len(found) in (len(EPSILONS), len(EPSILONS) + len(MOMENTA)), name


@pytest.mark.parametrize("epsilon", [epsilon for epsilon in EPSILONS if 0 <= epsilon <= 1e38])
@pytest.mark.parametrize("name", RUN)
def test_the_report_says_what_the_layer_makes_of_an_epsilon_near_0_or_huge(name, epsilon):
    for kind, run in runs(name, f"epsilon {epsilon!r}").items():
        report = reported(name, kind, epsilon=epsilon)
        (batch,) = report.batches
        raised = run.get("training", run.get("build")).get("text")  # MLX refuses to make the layer
        told = [one.message for one in report.findings if one.rule == "BN108"]
        assert [raised in message for message in told] == ([True] if raised else [])
        if raised:
            assert {part.output for part in batch.parts} == {None}
            continue
        predicted = [part.output_nan for part in batch.parts]
        if is_nan(run["training"]):
            assert all(predicted), kind
            assert all(part["nan_possible"] for part in parts_of(report)), kind
        elif any(predicted) and rounded(batch, report):
            continue
        elif any(predicted):  # another backend of the same preset gives NaN
            preset = ADAPTERS[name].preset
            others = [other for other in RUN if ADAPTERS[other].preset == preset and other != name]
            assert any(is_nan(runs(other, f"epsilon {epsilon!r}")[kind]["training"]) for other in others), kind
        else:
            given = np.ravel(np.array(run["training"]["variance"], float))
            assert given == pytest.approx([part.output_variance for part in batch.parts], rel=1e-3, abs=1e-30)


def rounded(batch, report):
    """Return True if the report says that rounding may leave a variance, and so an output that is not NaN."""
    known = [part.prediction is not None and part.prediction.high for part in batch.parts]
    said = [one.message for one in report.findings if one.rule == "BN101"]
    return all(known) and all("or noise if rounding in float32 leaves a variance above 0" in one for one in said)


def parts_of(report):
    (batch,) = report.to_dict()["batches"]
    return batch.get("channels") or batch["groups"]


@pytest.mark.parametrize("epsilon", [epsilon for epsilon in EPSILONS if not 0 <= epsilon <= 1e38])
@pytest.mark.parametrize("name", RUN)
def test_an_epsilon_that_trains_no_network_is_refused_with_what_the_layer_does(name, epsilon):
    found = runs(name, f"epsilon {epsilon!r}")
    with pytest.raises(bnstat.UsageError, match="`epsilon` must be") as error:
        reported(name, "varying", epsilon=epsilon)
    said, given = str(error.value), {kind: run.get("training", run.get("build")) for kind, run in found.items()}
    if math.isnan(epsilon):
        assert "output of every layer would be NaN" in said
        assert all(is_nan(one) for one in given.values())
    elif epsilon > 0:
        assert "its output would be the same for all data" in said
        assert all(np.max(one["variance"]) < 1e-38 for one in given.values())
    elif "text" in given["varying"]:
        assert f'raises "{given["varying"]["text"]}"' in said
    else:
        assert "would return NaN wherever the variance is below 1e-05" in said
        assert [is_nan(given[kind]) for kind in ("faint", "zero")] == [True, True]
        assert not is_nan(given["varying"])


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("name", [name for name in RUN if FRAMEWORKS[ADAPTERS[name].preset].momentum_weighs])
def test_running_statistics_are_those_of_the_layer_at_every_momentum(name, momentum):
    found = runs(name, f"momentum {momentum!r}")
    if not found:
        pytest.skip("there are no running statistics to run it with")
    if not 0 <= momentum <= 1:
        with pytest.raises(bnstat.UsageError, match="`momentum` must be a number from 0 to 1") as error:
            reported(name, "varying", momentum=momentum)
        if math.isfinite(momentum) and ADAPTERS[name].preset != "haiku":
            assert "running variance of" in str(error.value)
        elif not math.isfinite(momentum):
            assert "would be NaN" in str(error.value)
            assert all("nan" in np.ravel(run["buffers"]["mean"]) or is_nan(run["evaluation"]) for run in found.values())
        return
    for kind, run in found.items():
        (batch,) = reported(name, kind, momentum=momentum).batches
        kept = batch.running or batch.channels
        values = [(getattr(one, "running_mean", None), getattr(one, "running_variance", None)) for one in kept]
        if batch.running:
            values = [(one.mean, one.variance) for one in kept]
        if is_nan(run["buffers"]):
            assert values == [(None, None)] * len(values)
        else:
            pairs = zip(run["buffers"]["mean"], run["buffers"]["variance"], strict=True)
            assert np.array(list(pairs)) == pytest.approx(np.array(values), rel=1e-5, abs=1e-7)


def outcome(found):
    """Return the kind of result: an error with its text, NaN, one value, or values that vary."""
    if found is None or "text" in found:
        return found
    if is_nan(found):
        return "NaN"
    return "varies" if np.max(np.array(found["variance"], float)) > 0 else "one value"


def outcomes(recording):
    return {
        (run["setting"], run["data"], mode): outcome(run.get(mode))
        for run in recording["runs"]
        for mode in ("build", "training", "evaluation")
    }


@pytest.mark.parametrize("name", [name for names in LIVE.values() for name in names])
def test_the_layer_that_runs_here_does_what_was_recorded(name):
    needed = ("keras", "jax") if ADAPTERS[name].backend == "jax" else ("torch",)
    for package in needed:
        if find_spec(package) is None:
            pytest.importorskip(package)
    if ADAPTERS[name].backend is None:
        assert outcomes(record(ADAPTERS[name])) == outcomes(read(name))
        return
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), *sys.path])}
    command = [sys.executable, "-m", "conformance.edges", name]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert outcomes(json.loads(ran.stdout)) == outcomes(read(name))
