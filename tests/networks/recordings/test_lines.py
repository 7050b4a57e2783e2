"""A line of a recording has the numbers of its batch, as plain arithmetic gives them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from recorded_steps import SETTINGS, entered

from bnstat.networks.recordings.entered import Described
from bnstat.networks.recordings.lines import end_line, start_line, step_line

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "schema" / "bnstat.training-1.schema.json").read_text(encoding="utf-8")
)


def parsed(line):
    """The fields of a line, which follow the schema."""
    fields = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    Draft202012Validator(SCHEMA).validate(fields)
    return fields


def layer_of(batch, batch_size=None, **about):
    """The one layer of a line."""
    (layer,) = parsed(step_line(7, batch_size or len(batch), [entered(batch, **about)]))["layers"]
    return layer


@pytest.mark.parametrize("mean", [0.0, 3.0, 1e4])
def test_figures_are_those_of_float64_to_nine_digits(mean):
    batch = (np.random.default_rng(0).normal(mean, 2.0, (3, 2, 5, 4, 3))).astype("f4")
    layer = layer_of(batch)
    channels = batch.astype("f8").swapaxes(0, 1).reshape(2, 3, -1)
    expected = {
        "mean": channels.mean((1, 2)),
        "variance": channels.var((1, 2)),
        "within": channels.var(2).mean(1),
        "between": channels.mean(2).var(1),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(layer[name], values, rtol=2e-9, err_msg=name)
    np.testing.assert_allclose(np.add(layer["within"], layer["between"]), layer["variance"], rtol=2e-9)
    assert (layer["shape"], layer["axis"], layer["constant"], layer["not_finite"]) == ([3, 2, 5, 4, 3], 1, [], [])


def test_layers_of_different_batch_axes_keep_their_figures():
    rng = np.random.default_rng(1)
    batches = [rng.normal(size=shape) for shape in ((2, 3, 4), (8, 1, 4), (2, 1, 9))]
    listed = [entered(batch, f"norm{place}") for place, batch in enumerate(batches)]
    layers = parsed(step_line(0, 2, listed))["layers"]
    for layer, batch in zip(layers, batches, strict=True):
        np.testing.assert_allclose(layer["mean"], batch.mean((0, 2)), rtol=1e-8)
        np.testing.assert_allclose(layer["variance"], batch.var((0, 2)), rtol=1e-8)
    assert layers[1]["between"] is None  # 8 windows of 2 samples are no samples
    assert layers[0]["between"] is not None


def test_a_batch_of_one_has_nothing_between_samples():
    layer = layer_of(np.random.default_rng(0).normal(size=(1, 2, 8)))
    assert (layer["within"], layer["between"]) == (None, None)


def test_a_constant_is_said_and_has_variance_zero_whatever_its_value():
    batch = np.random.default_rng(0).normal(size=(2, 3, 8)).astype("f4")
    batch[:, 1] = np.float32(0.1)
    layer = layer_of(batch)
    assert (layer["constant"], layer["variance"][1], layer["between"][1]) == ([1], 0.0, 0.0)
    assert layer["mean"][1] == pytest.approx(float(np.float32(0.1)), rel=5e-9)
    batch[1, 1] = 3.0  # each sample is constant, and the batch is not
    assert layer_of(batch)["constant"] == []


def test_nan_and_inf_are_null_and_their_channels_are_named():
    batch = np.random.default_rng(0).normal(size=(2, 3, 8)).astype("f4")
    batch[0, 0, 0], batch[1, 2] = np.nan, np.inf
    layer = layer_of(batch, running=([np.nan, 1.0, 2.0], [np.inf, 1.0, 2.0]))
    assert layer["not_finite"] == [0, 2]
    for name in ("mean", "variance", "within", "between"):
        assert [value is None for value in layer[name]] == [True, False, True], name
    assert layer["running_mean"] == [None, 1.0, 2.0]
    assert layer["running_variance"] == [None, 1.0, 2.0]


def test_numbers_near_the_ends_of_float64_stay():
    layer = layer_of(np.zeros((1, 3, 1)), running=([1e-300, 1.234567891234e-5, 1e300], [5e-324, 1.0, 1.7e308]))
    assert layer["running_mean"] == [1e-300, 1.23456789e-5, 1e300]
    assert layer["running_variance"] == [5e-324, 1.0, 1.7e308]


def test_the_start_and_the_end_follow_the_schema():
    start = start_line({**SETTINGS, "every": 50}, [Described("a.norm", "batch", 1e-5, None, 4)])
    assert parsed(start)["layers"] == [
        {"layer": "a.norm", "kind": "batch", "epsilon": 1e-5, "momentum": None, "channels": 4}
    ]
    assert parsed(end_line(12))["steps"] == 12
