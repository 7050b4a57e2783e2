"""A Keras model says of its normalizations what Keras computes, on each backend that is installed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("in_keras.py")
SCHEMA = json.loads((ROOT / "docs" / "schema" / "bnstat.training-1.schema.json").read_text(encoding="utf-8"))
# Keras computes in float32; bnstat in float64, of the same values.
CLOSE = 1e-6


@pytest.fixture(scope="module", params=["torch", "jax"])
def found(request):
    """What the script printed, with a backend of its own."""
    for package in ("keras", request.param):
        if find_spec(package) is None:  # importing them here would choose a backend for this process
            pytest.importorskip(package)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        env={**os.environ, "KERAS_BACKEND": request.param, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


def test_every_layer_is_seen_in_the_order_in_which_it_runs(found):
    batch = [3, 6, 6, 6, 4]
    assert found["evaluation"]["layers"] == [
        ["twice", "batch", batch, 4],
        ["twice#2", "batch", batch, 4],
        ["inner/deep", "batch", batch, 4],
        ["group", "group", batch, 4],
        ["tokens", "layer", batch, 4],
        ["whole", "layer", batch, 4],
        ["rms", "rms", batch, 4],
        ["second", "batch", batch, 2],
    ]
    assert (found["evaluation"]["groups"], found["evaluation"]["momentum"]) == (2, 0.9)
    assert (found["evaluation"]["missed"], found["evaluation"]["channels_last"]) == ([], True)
    assert found["evaluation"]["parameters"] == 0


def test_moments_are_those_of_what_the_graph_says_enters(found):
    assert max(value for layer in found["evaluation"]["far"].values() for value in layer) < CLOSE
    assert found["evaluation"]["together"] == {"tokens": 4, "whole": None, "rms": 4, "group": None}
    assert found["evaluation"]["places"] < CLOSE


def test_watching_changes_no_bit_and_no_layer(found):
    assert found["evaluation"]["same outputs"]
    assert found["evaluation"]["unchanged"]
    assert found["evaluation"]["own call"] == []


def test_a_training_pass_is_that_of_keras_with_dropout_off(found):
    training = found["training"]
    assert max(training["far"]) < CLOSE
    assert training["outputs"] < 1e-4
    assert training["repeatable"]
    assert training["stored"][0] == 0.0
    assert training["stored"][1] != 0.0  # the first call of the same pass has updated them
    assert training["one value"] == 1


def test_a_switched_layer_uses_the_statistics_of_the_sample(found):
    switching = found["switching"]
    assert switching["far"] < CLOSE
    assert all(switching[name] for name in ("changed", "restored", "entering"))
    assert switching["second"] == "twice#2"


def test_statistics_are_saved_into_a_model_that_opens_with_them(found):
    assert found["saving"] == {"mean": [1.0, 2.0, 3.0, 4.0], "outputs": True}


def test_a_subclassed_model_is_watched_and_what_it_cannot_show_is_said(found):
    subclassed = found["subclassed"]
    assert len(subclassed["layers"]) == 1
    assert max(subclassed["far"]) < CLOSE
    assert [sentence.partition(" is ")[0].split()[1] for sentence in subclassed["missed"]] == ["(OddNorm)"]
    assert subclassed["outputs"] == [3, 4, 4, 4, 3]


def test_what_a_backend_compiles_is_run_step_by_step(found):
    assert found["compiled_parts"] in ({}, {"layers": ["jitted"], "missed": []})


def test_the_type_that_a_layer_saw_is_said(found):
    assert found["mixed_precision"] == {"dtypes": ["bfloat16"], "output": "float32"}


def test_an_interrupted_pass_leaves_the_model_as_it_was(found):
    assert found["interruption"] == {"unchanged": True, "own call": [], "kept": True}


@pytest.mark.parametrize(
    ("case", "kind", "said"),
    [
        ("code", "InputError", "it contains Python code (a Lambda layer), which is never run"),
        ("damaged", "InputError", "damaged.keras: Keras cannot read it"),
        ("missing", "InputError", "mod.keras: no such file; did you mean model.keras?"),
        ("shape", "UsageError", "cannot be run on a batch of shape (1, 6, 6, 6, 3): Input 0"),
        ("layer", "UsageError", "normalization called nothing; "),
        ("load", "UsageError", "group of model.keras stores no running statistics"),
        ("ending", "UsageError", "statistics.pt: a Keras model is saved as .keras; end the name so"),
        ("folder", "OutputError", "cannot be written: No such file or directory"),
    ],
)
def test_a_failure_is_one_line(found, case, kind, said):
    error, message = found["refusals"][case]
    assert error == kind
    assert said in message
    assert "\n" not in message
    assert "\x1b" not in message


def test_a_fit_is_recorded_step_by_step(found):
    recording = found["recording"]
    assert recording["steps"] == [0, 4, 8]
    assert recording["resumed"] == [0, 4, 8, 12, 16]
    assert recording["layers"] == [["twice", "twice#2", "group"]] * 3
    assert max(recording["far"]) < CLOSE
    assert recording["running"] == pytest.approx(0.1, rel=1e-5)  # after the first call of the step
    for line in recording["lines"]:
        Draft202012Validator(SCHEMA).validate(line)


def test_a_recorded_fit_trains_as_another_one_and_leaves_the_model_as_it_was(found):
    assert found["recording"]["same training"]
    assert found["recording"]["own call"] == []


def test_weights_enter_a_subclassed_model_before_its_first_batch(found):
    assert found["weights_of_a_subclassed_model"]
