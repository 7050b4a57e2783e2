"""The network of a MONAI bundle is what MONAI makes of its configuration, with the bundle's weights."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from bnstat.errors import InputError, UsageError
from bnstat.networks.opening import open_network

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

SMALL = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "features": [4, 4, 4, 4, 4, 4], "norm": "batch"}
BATCH = np.random.default_rng(2).normal(size=(1, 1, 16, 16, 16)).astype(np.float32)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """Return the folder of a bundle as MONAI's model zoo has them, without weights."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "spleen"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "metadata.json").write_text('{"version": "0.1.0"}')
    (folder / "configs" / "logging.conf").write_text("")
    content = {
        "imports": ["$import os"],
        "device": "$torch.device('cpu')",
        "features": "$[4] * 6",
        "network_def": {"_target_": "BasicUNet", **SMALL, "features": "@features"},
        "network": "$@network_def.to(@device)",
        "never_made": "$1 / 0",
    }
    (folder / "configs" / "train.json").write_text(json.dumps(content))
    return folder


def trained():
    from monai.networks.nets import BasicUNet

    torch.manual_seed(4)
    return BasicUNet(**SMALL).eval()


def refused(model, **keywords):
    with pytest.raises((InputError, UsageError)) as caught:
        open_network(str(model), **keywords)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_bundle_gives_its_network_with_its_weights(bundle, monkeypatch):
    assert open_network(str(bundle)).weights is None
    module = trained()
    torch.save({"model": module.state_dict()}, bundle / "models" / "model.pt")
    with torch.no_grad():
        expected = module(torch.from_numpy(BATCH)).numpy()
    for model in (bundle, bundle / "configs" / "train.json"):
        opened = open_network(str(model))
        assert opened.weights == str(bundle / "models" / "model.pt")
        passed = opened.evaluate(BATCH)
        np.testing.assert_array_equal(passed.outputs, expected)
        assert len(passed.seen) == 18
    monkeypatch.chdir(bundle)
    assert open_network(".").weights == "models/model.pt"


def test_other_weights_may_be_given(bundle, tmp_path):
    torch.save(trained().state_dict(), tmp_path / "mine.pt")
    assert open_network(str(bundle), weights=str(tmp_path / "mine.pt")).weights == str(tmp_path / "mine.pt")


def test_a_bundle_has_modules_of_its_own(bundle):
    pytest.importorskip("yaml")
    (bundle / "scripts_of_it").mkdir()
    (bundle / "scripts_of_it" / "__init__.py").touch()
    (bundle / "scripts_of_it" / "net.py").write_text(
        "import torch\nclass Net(torch.nn.Sequential):\n"
        "    def __init__(self, channels):\n        super().__init__(torch.nn.BatchNorm3d(channels))\n"
    )
    (bundle / "configs" / "train.json").unlink()
    (bundle / "configs" / "inference.yaml").write_text(
        "network_def:\n  _target_: scripts_of_it.net.Net\n  channels: 1\n"
    )
    assert [one.normalization.layer for one in open_network(str(bundle)).evaluate(BATCH).seen] == ["0"]


def test_what_is_wrong_with_a_bundle_is_one_line(bundle, tmp_path):
    config = bundle / "configs" / "train.json"
    config.write_text(json.dumps({"network_def": "$1 / 0"}))
    assert "train.json raises" in refused(bundle)
    assert "ZeroDivisionError: division by zero" in refused(bundle)
    config.write_text(json.dumps({"network_def": {"_target_": "BasicUNet", "chanels": 1}}))
    assert "unexpected keyword argument 'chanels'" in refused(bundle)
    config.write_text(json.dumps({"trainer": 1}))
    assert "it describes no network_def in train.json; give the network as module:factory" in refused(bundle)
    config.write_text("{")
    assert "train.json: the file is not valid JSON" in refused(bundle)
    config.write_text(json.dumps({"network_def": {"_target_": "BasicUNet", **SMALL}}))
    torch.save(torch.nn.Linear(1, 1).state_dict(), tmp_path / "other.pt")
    assert "none of its tensors belongs to" in refused(bundle, weights=str(tmp_path / "other.pt"))


def test_a_class_that_is_not_there_is_told_in_the_words_of_monai(bundle):
    (bundle / "configs" / "train.json").write_text('{"network_def": {"_target_": "nowhere.Net"}}')
    line = refused(bundle)
    assert "nowhere.Net" in line
    assert "None" not in line


def test_a_configuration_that_is_not_json_is_told_with_its_line(bundle):
    (bundle / "configs" / "train.json").write_text('{"network_def": ')
    assert "train.json: the file is not valid JSON (line 1" in refused(bundle)


def test_a_class_in_the_current_folder_is_found(bundle, tmp_path, monkeypatch):
    (tmp_path / "nets_in_the_current_folder.py").write_text("import torch\n\ndef make():\n    return torch.nn.ReLU()\n")
    monkeypatch.chdir(tmp_path)
    (bundle / "configs" / "train.json").write_text('{"network_def": {"_target_": "nets_in_the_current_folder.make"}}')
    assert open_network(str(bundle)).parameters == 0
