"""Bands for a layer's variance: against what the real layers gave, and against exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arithmetic_cases import recorded, script
from hypothesis import given
from hypothesis import strategies as st

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS, FLOAT64
from bnstat.layers.arithmetic.bounds import StoredValues, bound
from bnstat.layers.arithmetic.emulation import emulate
from bnstat.layers.arithmetic.running_sums import Layout

LAYERS = recorded("bands")


def recorded_prediction(layer, row, arithmetic=None):
    return script("sweep").predicted(layer, row, arithmetic)


def band(arithmetic, epsilon=1e-3, dtype="float32", upcasts=True, **changes):
    """The bounds of quite ordinary data, with these changes."""
    data = {"count": 10**6, "mean": 1000.0, "variance": 100.0, "minimum": 900.0, "maximum": 1100.0}
    values = StoredValues(**{**data, "channels": 3, "constant": False, "rounded": False, **changes})
    return bound(ARITHMETICS[arithmetic], values, epsilon=epsilon, dtype=dtype, upcasts=upcasts)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_band_holds_what_every_recorded_layer_computed(layer):
    assert len(LAYERS[layer]) > 250
    for row in LAYERS[layer]:
        prediction = recorded_prediction(layer, row)
        assert prediction.low <= row[-1] <= prediction.high, row


@pytest.mark.parametrize("layer", [name for name in LAYERS if name.startswith("keras-") and "axis1" not in name])
def test_the_hull_holds_every_backend_of_keras(layer):
    if "sync" in layer:
        return
    for row in LAYERS[layer]:
        prediction = recorded_prediction(layer, row, "hull")
        assert prediction.low <= row[-1] <= prediction.high, row


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_the_exact_variance_lies_in_the_band(arithmetic):
    prediction = band(arithmetic)
    assert prediction.low <= 100.0 <= prediction.high


@given(
    seed=st.integers(0, 1000),
    offset=st.sampled_from((0.0, 1.0, 1e3, 1e6, -1e7)),
    scale=st.sampled_from((1e-3, 1.0, 50.0)),
    size=st.integers(2, 50),
    dtype=st.sampled_from(("float32", "float16")),
)
def test_rounding_the_input_stays_in_the_band(seed, offset, scale, size, dtype):
    data = np.random.default_rng(seed).standard_normal(size) * scale + offset
    if dtype == "float16":
        data = np.clip(data, -6e4, 6e4)
    cast = data.astype(dtype).astype(np.float64)
    values = StoredValues(
        count=size,
        mean=data.mean(),
        variance=data.var(),
        minimum=data.min(),
        maximum=data.max(),
        constant=data.min() == data.max(),
        channels=1,
    )
    prediction = bound(FLOAT64, values, epsilon=None, dtype=dtype)
    assert prediction.low <= cast.var() <= prediction.high


def test_ordinary_images_are_accurate_in_most_arithmetics_and_large_offsets_in_few():
    near = {name for name in ARITHMETICS if band(name, count=10**5, mean=100.0, minimum=0.0).accurate}
    assert near >= {"float64", "tree", "welford", "one-pass"}
    far = [name for name in ARITHMETICS if band(name, mean=1e5, minimum=99e3, maximum=101e3).accurate]
    assert far == ["float64", "welford", "tree", "hull-layer"]


def test_a_constant_channel_is_exact_in_float64_only_up_to_the_rounding_of_its_mean():
    constant = {"mean": 3000.0, "variance": 0.0, "minimum": 3000.0, "maximum": 3000.0, "constant": True}
    assert band("float64", **constant).accurate
    sequential = band("sequential", **constant, count=589_824)
    assert sequential.low == 0.0
    assert sequential.high > 31.0  # what TensorFlow computed
    assert not sequential.accurate


def test_only_a_one_pass_variance_that_is_not_clamped_can_be_negative():
    far = {"mean": 1e4, "variance": 1.0, "minimum": 9990.0, "maximum": 10010.0}
    for name, arithmetic in ARITHMETICS.items():
        prediction = band(name, **far)
        unclamped = arithmetic.negative == "possible"
        assert (prediction.low < 0) == unclamped
        assert prediction.nan_possible == unclamped
    assert not band("one-pass", **far, epsilon=1e6).nan_possible
    assert band("one-pass", **far, epsilon=None).nan_possible


def test_tensorflow_with_axis_1_is_accurate_for_one_sample_only():
    assert band("blocked", samples=1).high < 101.0
    assert band("blocked", samples=2).high > 101.0
    assert band("blocked").high == band("blocked", samples=2).high


def test_pytorch_sums_samples_of_one_voxel_as_it_does_channels_last():
    assert band("float64", count=1000, samples=1000) == band("threads", count=1000)
    assert band("float64", count=1000, samples=500).high < band("threads", count=1000).high


def test_a_long_sum_bounds_the_variance_by_nothing_but_0():
    prediction = band("sequential", count=2**25)
    assert prediction.low == 0.0
    assert math.isfinite(prediction.high)


# What real layers gave for 125,000 values: normal ones of sd 2e17 about 0, and equal ones.
@pytest.mark.parametrize(
    ("arithmetic", "mean", "variance", "nan"),
    [
        *[(name, 0.0, 4e34, False) for name in ("float64", "threads", "tree", "sequential", "lanes", "blocked")],
        *[(name, 0.0, 4e34, False) for name in ("one-pass-clamped", "one-pass-chunks", "one-pass-plain")],
        *[(name, 3e33, 0.0, True) for name in ("threads", "tree", "sequential", "welford", "one-pass-cascade")],
        *[(name, 1e30, 0.0, True) for name in ("welford", "one-pass-clamped", "one-pass-chunks", "hull-layer")],
        ("float64", 3e33, 0.0, False),
        ("tree", 1e30, 0.0, False),
    ],
)
def test_sums_of_squares_beyond_float32_are_infinite_and_the_output_nan_where_two_of_them_meet(
    arithmetic, mean, variance, nan
):
    reach = 5 * math.sqrt(variance)
    data = {"mean": mean, "variance": variance, "minimum": mean - reach, "maximum": mean + reach}
    prediction = band(arithmetic, **data, constant=variance == 0.0, count=125_000, voxels=125_000)
    assert prediction.high == math.inf
    assert not prediction.accurate
    assert prediction.nan_possible == nan


def test_float16_overflows_past_65504():
    past = band("float64", maximum=7e4, dtype="float16")
    assert past.overflows
    assert past.nan_possible
    assert math.isnan(past.low)
    assert math.isnan(past.high)
    wide = band("float64", mean=0.0, variance=7e4, minimum=-900.0, dtype="float16")
    assert wide.running_overflows
    assert not wide.overflows  # the layer itself computes in float32
    kept = band("sequential", mean=0.0, variance=7e4, minimum=-900.0, dtype="float16", upcasts=False)
    assert kept.overflows
    assert kept.high == math.inf
    squares = band("one-pass", dtype="float16", upcasts=False)  # 1000² is beyond, though the variance is not
    assert squares.overflows
    assert squares.nan_possible
    assert not band("one-pass", dtype="bfloat16", upcasts=False).overflows


# mean, variance, deviation of Haiku's result from it, in data that were measured (262,144 values)
@pytest.mark.parametrize(
    ("dtype", "mean", "variance", "layer"),
    [
        ("float16", 100.0, 97.7838, 88.0),
        ("bfloat16", 100.0, 97.777, 128.0),
        ("bfloat16", 1000.0, 911.19, 0.0),
        ("bfloat16", 100.0, 0.26855, 0.0),
        ("float16", 0.0, 0.96817, 0.96826172),
    ],
)
def test_haiku_computes_in_the_half_type(dtype, mean, variance, layer):
    prediction = band(
        "one-pass", mean=mean, variance=variance, minimum=mean - 150, maximum=mean + 150, dtype=dtype, upcasts=False
    )
    assert prediction.low <= layer <= prediction.high


@pytest.mark.parametrize("kind", ["head", "normal 10000 1", "constant 1000.3", "unit", "spike"])
@pytest.mark.parametrize("arithmetic", ["lanes", "threads", "sequential"])
def test_bands_hold_what_reading_the_voxels_gives(kind, arithmetic):
    x = script().make_values(kind, (2, 30, 30, 30, 2), np.random.default_rng(3)).astype(np.float32)
    rows = x.reshape(2, -1, 2)
    got = emulate(
        ARITHMETICS[arithmetic], lambda: (np.ascontiguousarray(s.T) for s in rows), Layout(2, 27_000, 2), threads=1
    )
    for channel, values in enumerate(x.reshape(-1, 2).T.astype(np.float64)):
        ends = values.min(), values.max()
        prediction = band(
            arithmetic,
            count=54_000,
            mean=values.mean(),
            variance=values.var(),
            minimum=ends[0],
            maximum=ends[1],
            channels=2,
            constant=ends[0] == ends[1],
        )
        assert prediction.low <= got.variance[channel] <= prediction.high
