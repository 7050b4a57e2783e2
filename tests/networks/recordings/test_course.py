"""What is said of a training is what its batches were drawn with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from recorded_steps import entered, training, write

from bnstat.workflows.recording import recording_of

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "schema" / "bnstat.recording-1.schema.json").read_text(encoding="utf-8")
)


def recorded(tmp_path, steps, **how):
    found = recording_of(write(tmp_path / "run.jsonl", list(steps), **how))
    Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    return found


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_noise_and_rho_are_those_of_the_population(tmp_path, samples):
    between, values = 0.5, 64
    found = recorded(tmp_path, training(300, samples, between=between, values=values))
    (layer,) = found.layers
    rho = between**2 / (1 + between**2)
    noise = np.sqrt((between**2 + 1 / values) / samples / (1 + between**2))
    assert layer.between_known == (samples > 1)
    assert [part.name for part in layer.parts] == ["first", "middle", "last"]
    for part in layer.parts:  # of 100 steps each, which know a standard deviation to 7 %
        assert part.recorded == 100
        np.testing.assert_allclose(part.mean_noise, noise, rtol=0.3)
        np.testing.assert_allclose(part.rho, rho, rtol=0.5)
        np.testing.assert_allclose(part.variance_ratio, [1.0 / (1 - noise**2)] * 2, rtol=0.2)
    pooled = np.mean([part.rho for part in layer.parts])
    assert pooled == pytest.approx(rho + (noise**2 - rho if samples == 1 else 0), rel=0.2)


def test_a_slow_change_of_the_weights_is_no_noise(tmp_path):
    rng = np.random.default_rng(0)
    means = np.linspace(0, 5, 300)
    steps = [(step, [entered(rng.normal(mean, 1, (2, 1, 10_000)))]) for step, mean in enumerate(means)]
    (layer,) = recorded(tmp_path, steps).layers
    assert all(part.mean_noise[0] < 0.02 for part in layer.parts)


@pytest.mark.parametrize("samples", [1, 4])
def test_running_statistics_that_are_right_settle_at_once_and_do_not_lag(tmp_path, samples):
    lags = []
    for seed in range(4):
        path = tmp_path / str(seed)
        path.mkdir()
        found = recorded(path, training(60, samples, seed=seed))
        lags.append(found.layers[0].lags)
    assert sum(lags) <= 1


def test_running_statistics_that_are_away_lag(tmp_path):
    found = recorded(tmp_path, training(120, 2, lag=0.8))
    (layer,) = found.layers
    assert (layer.lags, layer.settled_step, found.settled_step) == (True, None, None)
    np.testing.assert_allclose(layer.parts[-1].drift, 0.8, atol=0.2)
    assert any("still lag behind the batch means: norm by 0.8" in line or "by 0.7" in line for line in found.opening)


def test_the_step_from_which_running_statistics_are_near_is_found(tmp_path):
    steps = [*training(60, 4, lag=2.0, values=512), *((60 + step, one) for step, one in training(120, 4, values=512))]
    found = recorded(tmp_path, steps)
    assert found.layers[0].settled_step == found.settled_step
    assert 50 <= found.settled_step <= 70
    assert any(f"from step {found.settled_step} on" in line for line in found.opening)


def test_running_statistics_that_broke_are_named_with_their_step(tmp_path):
    whole, broken = ([0.0], [1.0]), ([np.nan], [np.nan])
    steps = [(step, [entered(np.random.default_rng(step).normal(size=(2, 1, 9)), running=whole)]) for step in range(5)]
    steps += [
        (step, [entered(np.full((2, 1, 9), np.nan if step < 7 else step), running=broken)]) for step in range(5, 9)
    ]
    found = recorded(tmp_path, steps)
    (layer,) = found.layers
    assert (layer.broken_step, layer.not_finite_steps) == (5, 2)
    assert any("NaN or Inf and stay so: norm from step 5 on" in line for line in found.opening)


def test_steps_in_which_values_overflowed_are_counted_and_left_out(tmp_path):
    steps = list(training(30, 2))
    steps[3] = (3, [entered(np.full((2, 2, 64), np.inf), running=([10, 10], [1, 1]))])
    found = recorded(tmp_path, steps)
    assert (found.layers[0].not_finite_steps, found.layers[0].broken_step) == (1, None)
    assert any("1 recorded step had NaN or Inf at norm" in line for line in found.opening)


def test_frozen_layers_and_constants_are_said(tmp_path):
    steps = [(step, [entered(np.ones((2, 1, 9)), running=([1], [1]), frozen=True)]) for step in range(4)]
    found = recorded(tmp_path, steps)
    assert (found.layers[0].frozen_steps, found.layers[0].constant) == (4, (0,))
    assert found.layers[0].parts[0].mean_noise == (None,)
    assert "1 layer was frozen: normalized with stored statistics while the network trained." in found.opening


def test_a_network_without_batch_norm_has_no_noise_to_speak_of(tmp_path):
    rng = np.random.default_rng(0)
    steps = [(step, [entered(rng.normal(size=(2, 2, 9)), kind="instance")]) for step in range(9)]
    found = recorded(tmp_path, steps)
    assert found.opening[0].startswith("No layer is a batch norm: all normalize each sample by itself")
    assert found.layers[0].parts[0].drift == ()


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_short_recording_says_what_it_can(tmp_path, steps):
    found = recorded(tmp_path, training(steps, 2))
    assert len(found.layers[0].parts) == min(steps, 3)
    assert found.opening
    assert len(found.to_rows()) == 2 * min(steps, 3)


def test_layers_of_one_noise_are_told_it_once(tmp_path):
    names = ("norm", "second", "third")
    steps = ((step, [replace(first, layer=name) for name in names]) for step, (first,) in training(30, 2))
    found = recorded(tmp_path, steps, layers=names)
    assert " At each of the other 2 it varies by 0." in found.opening[0]
    assert "most at" not in found.opening[0]
