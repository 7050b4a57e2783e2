"""A file that `bnstat layers` wrote, given to a report."""

from __future__ import annotations

import json

import pytest
from renderers.networks import unet

from bnstat.errors import InputError
from bnstat.renderers.json import written
from bnstat.workflows.given_layers import given_layers


def _file(folder, text):
    file = folder / "layers.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def test_what_bnstat_layers_writes_is_read(tmp_path):
    text = written(unet().to_dict())
    network = given_layers(_file(tmp_path, text))
    assert network.document == json.loads(text)
    assert len(network.layers) == 18


@pytest.mark.parametrize(
    "text", ["", "{", "\xff\xfe", b"\xff\xfe\x00", "[" * 100_000, '{"schema": NaN}', '{"schema": "\\ud800"}']
)
def test_what_is_no_json_is_refused(tmp_path, text):
    with pytest.raises(
        InputError, match=r"layers\.json: .*(not valid JSON|not UTF-8|halves of char).*write it with: bnstat layers"
    ):
        given_layers(_file(tmp_path, text))


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"schema": "bnstat.check/1"}', '{"schema": 3}', "{}"])
def test_another_document_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"and a report takes that of bnstat layers \(bnstat.layers/1\)"):
        given_layers(_file(tmp_path, text))


def test_a_file_that_lacks_a_field_is_named_with_the_field(tmp_path):
    document = unet().to_dict()
    del document["layers"][0]["rho"]
    with pytest.raises(
        InputError, match=r'layers\.json: has no field "layers\[0\]\.rho".*write it with: bnstat layers'
    ):
        given_layers(_file(tmp_path, written(document)))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"layers\.json"):
        given_layers(str(tmp_path / "layers.json"))
