from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import nibabel as nib
import numpy as np
import pytest
from inspected import inspected
from renderers.sample import grouped, report

import bnstat
from bnstat.renderers import json as renderer

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/schema/bnstat.inspect-1.schema.json").read_text(encoding="utf-8")
)

# The contract's fields: more may be added, none renamed.
CONTRACT = {
    "": ("schema", "version", "settings", "samples", "batches", "findings", "errors"),
    "settings": ("normalizer", "framework", "axis", "batch_axis", "batch_size", "epsilon", "momentum"),
    "samples": ("source", "index", "shape", "dtype"),
    "batches": ("index", "samples", "input_shape", "axis", "reduction_axes", "channels"),
    "channels": (
        *("channel", "count", "mean", "variance", "std", "min", "max", "nan", "inf", "constant", "gain"),
        *("output_variance", "output_std", "running_mean", "running_variance", "condition_number"),
    ),
    "findings": ("rule", "name", "severity", "message", "source", "batch", "channel", "value", "threshold"),
    "errors": ("source", "message"),
}


def validated(document):
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    return document


def documents(tmp_path):
    """Of a plain volume, one with NaN, a constant one, arrays, several batches, and nothing at all."""
    nib.Nifti1Image(np.arange(24, dtype="i2").reshape(2, 3, 4), np.eye(4)).to_filename(tmp_path / "a.nii")
    np.save(tmp_path / "b.npy", np.array([np.nan, np.inf, 1.0, 2.0]).reshape(1, 4, 1))
    np.save(tmp_path / "c.npy", np.full((3, 4, 2), 7))
    inputs = [tmp_path / name for name in ("a.nii", "b.npy", "c.npy")]
    yield bnstat.diagnose(inputs[0])
    yield bnstat.diagnose([*inputs, "none.nii"], framework="torch")
    yield bnstat.diagnose(inputs[2], batch_size=2, epsilon=0.0)
    yield bnstat.diagnose(inputs[2], batch_axis="none", axis=1)
    yield inspected("none.nii")
    for normalizer in ("instance", "layer", "group:2", "rms", "renorm", "weight-init"):
        yield bnstat.diagnose(inputs[2], normalizer=normalizer)
    yield bnstat.diagnose(inputs[1], normalizer="instance", framework="torch-instance-track")
    yield bnstat.diagnose(inputs[1], normalizer="rms", framework="torch")
    yield bnstat.diagnose(inputs[2], ranks=3)
    yield grouped()
    yield report()


def test_every_document_is_valid_under_the_schema(tmp_path):
    for found in documents(tmp_path):
        validated(json.loads(renderer.render(found)))


def test_the_schema_itself_is_valid_and_refuses_what_it_should():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(renderer.render(report()))
    document["batches"][0]["channels"][0]["variance"] = "large"
    with pytest.raises(jsonschema.ValidationError):
        validated(document)


def test_the_fields_of_the_contract_are_all_there():
    document = report().to_dict()
    places = {
        "": document,
        "settings": document["settings"],
        "samples": document["samples"][0],
        "batches": document["batches"][0],
        "channels": document["batches"][0]["channels"][0],
        "findings": document["findings"][0],
        "errors": document["errors"][0],
    }
    for place, names in CONTRACT.items():
        assert set(names) <= set(places[place]), place


def test_numbers_read_back_to_the_same_bits(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(1, 50, 1)))
    found = bnstat.diagnose(tmp_path / "x.npy")
    (channel,) = json.loads(renderer.render(found))["batches"][0]["channels"]
    assert channel["variance"] == found.batches[0].channels[0].variance


def test_minimum_and_maximum_are_whole_numbers_for_unscaled_integers_only(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype="i2").reshape(2, 3, 4), np.eye(4))
    image.to_filename(tmp_path / "a.nii")
    image.header.set_slope_inter(0.5, 1)
    image.to_filename(tmp_path / "b.nii")
    plain, scaled = (renderer.render(bnstat.diagnose(tmp_path / name)) for name in ("a.nii", "b.nii"))
    assert '"max": 23,' in plain
    assert '"max": 23.0,' in scaled or '"max": 12.5,' in scaled
