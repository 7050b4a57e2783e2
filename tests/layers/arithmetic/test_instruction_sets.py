"""Bands and emulations beside what layers computed of hard data on several instruction sets."""

from __future__ import annotations

import numpy as np
import pytest
from arithmetic_cases import script, swept

import bnstat
from bnstat.layers.arithmetic.arithmetics import THREADS
from bnstat.layers.arithmetic.emulation import emulate
from bnstat.layers.arithmetic.running_sums import Layout

SWEPT = swept()
LAYERS = [(name, layer) for name, content in SWEPT.items() for layer in content["rows"]]


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_the_band_holds_what_every_layer_computed_on_every_instruction_set(name, layer):
    rows = SWEPT[name]["rows"][layer]
    assert {row[0].split(" | ")[0] for row in rows} == set(script("sweep").KINDS)
    for row in rows:
        prediction = script("sweep").predicted(layer, row)
        assert prediction.low <= row[-1] <= prediction.high, row


@pytest.mark.parametrize("name", SWEPT)
def test_no_layer_computed_a_variance_below_minus_epsilon_that_was_not_foreseen(name):
    for layer, (_, _, unforeseen) in SWEPT[name]["nan"].items():
        assert unforeseen == 0, layer
    for layer, rows in SWEPT[name]["rows"].items():
        for row in rows:
            assert row[-1] >= -1e-3 or script("sweep").predicted(layer, row).nan_possible, row


def test_every_part_was_measured_on_each_of_its_instruction_sets():
    expected = {f"{part}-{name}" for part, sets in script("sweep").INSTRUCTION_SETS.items() for name in sets}
    assert set(SWEPT) == expected
    assert all(name.endswith(content["instruction_set"]) for name, content in SWEPT.items())


@pytest.mark.parametrize("name", [name for name, content in SWEPT.items() if content.get("bits")])
def test_pytorch_fuses_products_and_sums_where_the_instruction_set_can(name):
    fma = SWEPT[name]["instruction_set"] != "default"
    rows = SWEPT[name]["bits"]
    assert len(rows) >= 10
    for kind, samples, voxels, channels, seed, threads, mean, variance in rows:
        made = script().Case(kind, samples, (voxels, 1, 1), channels, seed).make().reshape(-1, channels)
        layout = Layout(samples, voxels, channels)
        found = emulate(THREADS, lambda x=made: [np.ascontiguousarray(x.T)], layout, threads=threads, fma=fma)
        assert script().bits(found.mean) == mean
        assert script().bits(found.unbiased) == variance


@pytest.mark.parametrize(
    ("framework", "emulate_sums", "processors"),
    [
        ("torch-channels-last", True, "x86-64 with AVX2 or AVX-512"),
        ("torch-channels-last", False, None),
        ("keras-tensorflow", True, "x86-64"),
        ("onnx", True, "x86-64"),
        ("keras-torch", True, None),
    ],
)
def test_a_prediction_names_the_processors_for_which_it_holds(tmp_path, framework, emulate_sums, processors):
    path = tmp_path / "volume.npy"
    np.save(path, np.random.default_rng(0).normal(1000.0, 10.0, (1, 8, 9, 10, 2)).astype(np.float32))
    report = bnstat.diagnose(path, framework=framework, emulate=emulate_sums)
    fields = report.to_fields()["batches"][0]["channels"]
    assert [one["predicted_on"] for one in fields] == [processors] * 2
