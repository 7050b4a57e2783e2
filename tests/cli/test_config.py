"""Settings from a file: found upwards, checked key by key."""

from __future__ import annotations

import pytest

from bnstat import Override
from bnstat.cli import config
from bnstat.cli.check import command
from bnstat.errors import UsageError
from bnstat.report.limits import Limits

KEYS = config.keys_of(command)

FULL = """
framework = "torch"
batch-size = 2
ignore = ["BN401"]
baseline = "known.json"
[limits]
noise = 0.2
[[overrides]]
paths = ["phantoms/*"]
ignore = ["zero-variance"]
"""


def test_the_nearest_file_upwards_is_read(tmp_path):
    (tmp_path / "bnstat.toml").write_text(FULL)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = config.find(inner, KEYS)
    assert found.file == tmp_path / "bnstat.toml"
    assert found.values == {
        "framework": "torch",
        "batch-size": 2,
        "ignore": ["BN401"],
        "baseline": str(tmp_path / "known.json"),
    }
    assert found.limits == {"noise": 0.2}
    assert found.overrides == (Override(("phantoms/*",), ("zero-variance",), str(tmp_path)),)


def test_a_pyproject_counts_where_it_speaks_of_bnstat(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.bnstat]\nframework = "flax"\n')
    (inner / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert config.find(inner, KEYS).values == {"framework": "flax"}
    (tmp_path / "bnstat.toml").write_text('framework = "onnx"\n')
    assert config.find(inner, KEYS).values == {"framework": "onnx"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("framwork = 'torch'", "did you mean 'framework'"),
        ("batch-size = '2'", "batch-size must be a whole number, and is '2'"),
        ("batch-size = true", "batch-size must be a whole number, and is True"),
        ("select = 'BN1'", "select must be a list"),
        ("select = [1]", "select must be a list of texts"),
        ("[limits]\nnois = 1", "limits: 'nois' is not known; did you mean 'noise'"),
        ("[limits]\nnoise = 'a'", "noise must be a number"),
        ("[[overrides]]\npath = ['a']", "did you mean 'paths'"),
        ("[[overrides]]\npaths = ['a']", "each needs paths and ignore"),
        ("= 1", "is not TOML"),
        (f"seed = {'9' * 5000}", "is not TOML"),
        (f"seed = {'[' * 5000}", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_where_it_stands(tmp_path, text, words):
    (tmp_path / "bnstat.toml").write_text(text)
    with pytest.raises(UsageError, match=words) as error:
        config.find(tmp_path, KEYS)
    assert "bnstat.toml" in str(error.value)


def test_limits_are_set_by_name():
    assert config.limits_of({"small-batch": 4, "noise": 0.3}) == Limits(small_batch=4, noise=0.3)
    for given, words in (({"nose": 1.0}, "did you mean 'noise'"), ({"noise": -1.0}, "0 or more")):
        with pytest.raises(UsageError, match=words):
            config.limits_of(given)


def test_every_option_that_is_a_setting_is_a_key():
    assert {"batch-size", "batch-axis", "emulate", "patch", "labels", "fail-on", "baseline"} <= set(KEYS)
    assert KEYS["epsilon"].kinds == (float, int)
    assert KEYS["select"].kinds == (list,)
    assert KEYS["emulate"].kinds == KEYS["shuffle"].kinds == (bool,)


def test_a_file_beside_foreign_data_opens_no_connection_and_allows_no_protocol():
    assert not {"dask", "allow-protocol", "protocols", "config", "output", "update-baseline"} & set(KEYS)


def test_paths_are_relative_to_the_file(tmp_path):
    (tmp_path / "bnstat.toml").write_text("labels = 'labels/{case}.nii.gz'\npatch = '8x8x8'\nmask = '>0'\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    values = config.find(inner, KEYS).values
    assert values == {"labels": str(tmp_path / "labels/{case}.nii.gz"), "patch": "8x8x8", "mask": ">0"}
