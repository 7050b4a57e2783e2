"""The document of `bnstat layers`, as a report takes it: also one that was edited."""

from __future__ import annotations

import copy
import json
from statistics import median

import pytest
from renderers.networks import unet

from bnstat.errors import UsageError
from bnstat.renderers.json import written
from bnstat.reports.full.network import ReportedNetwork


@pytest.fixture
def document():
    return json.loads(written(unet().to_dict()))


def test_the_figures_of_a_layer_are_those_of_its_channels(document):
    network = ReportedNetwork.of(document)
    for layer, fields in zip(network.layers, document["layers"], strict=True):
        known = [value for value in fields["rho"] if value is not None]
        assert (layer.layer, layer.values, layer.dead) == (fields["layer"], fields["values"], len(fields["dead"]))
        assert (layer.rho, layer.worst_rho) == (median(known), max(known))
        assert layer.output_moved == fields["output_moved"]
    assert [layer.place for layer in network.layers] == list(range(1, len(document["layers"]) + 1))
    assert network.verdict == tuple(document["verdict"])
    assert len(network.findings) == len(document["findings"])


@pytest.mark.parametrize("field", ["model", "verdict", "layers", "findings", "output"])
def test_a_missing_field_is_named(document, field):
    del document[field]
    with pytest.raises(UsageError, match=f'has no field "{field}"'):
        ReportedNetwork.of(document)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("rho", "0.3", r'a list in its field "layers\[2\]\.rho", and has \'0\.3\''),
        ("rho", [0.1, "x"], r'a number or null in its field "layers\[2\]\.rho\[1\]", and has \'x\''),
        ("rho", [True], r'a number or null in its field "layers\[2\]\.rho\[0\]", and has True'),
        ("rho", [10**400], r'a number or null in its field "layers\[2\]\.rho\[0\]", and has 1000'),
        ("values", -1, r'a whole number of at least 0 in its field "layers\[2\]\.values", and has -1'),
        ("shape", [8, None], r'a whole number of at least 0 in its field "layers\[2\]\.shape\[1\]", and has None'),
        ("layer", 3, r'a text in its field "layers\[2\]\.layer", and has 3'),
        ("batches", [{"batch_size": 1}], r'no field "layers\[2\]\.batches\[0\]\.shortfall"'),
    ],
)
def test_a_field_of_another_type_is_named(document, field, value, said):
    document["layers"][2][field] = value
    with pytest.raises(UsageError, match=said):
        ReportedNetwork.of(document)


@pytest.mark.parametrize("wrong", [None, 1, "text", [], {}])
def test_a_layer_that_is_no_object_is_named(document, wrong):
    document["layers"][0] = wrong
    with pytest.raises(UsageError, match=r'"layers\[0\]'):
        ReportedNetwork.of(document)


def test_a_layer_without_figures_has_none(document):
    document["layers"][0] |= {"rho": [None, None], "mean_gap": [], "output_moved": None, "batches": []}
    layer = ReportedNetwork.of(copy.deepcopy(document)).layers[0]
    assert (layer.rho, layer.worst_rho, layer.mean_gap, layer.training, layer.output_moved) == (None,) * 5
