"""Settings from a file: found upwards, checked key by key."""

from __future__ import annotations

import pytest

from bnstat import Override
from bnstat.cli import check, compare, config, frameworks, inspect, plan
from bnstat.errors import UsageError
from bnstat.reports.limits import Limits

COMMANDS = {"inspect": inspect, "compare": compare, "check": check, "plan": plan, "frameworks": frameworks}
BY_COMMAND = {name: config.keys_of(module.command) for name, module in COMMANDS.items()}
KEYS = BY_COMMAND["check"]

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


def loaded(folder, text, command="check"):
    (folder / "bnstat.toml").write_text(text)
    return config.load(folder / "bnstat.toml", command, BY_COMMAND)


def test_a_file_has_values_limits_and_overrides(tmp_path):
    found = loaded(tmp_path, FULL)
    assert found.file == tmp_path / "bnstat.toml"
    assert found.values == {
        "framework": "torch",
        "batch-size": 2,
        "ignore": ["BN401"],
        "baseline": str(tmp_path / "known.json"),
    }
    assert found.limits == {"noise": 0.2}
    assert found.overrides == (Override(("phantoms/*",), ("zero-variance",), str(tmp_path)),)


def test_the_table_of_a_command_is_stronger_than_the_common_one(tmp_path):
    text = """
    framework = "torch"
    batch-size = 2
    fail-on = "warning"
    limits = {noise = 0.3, gap = 0.3}
    [check]
    batch-size = 4
    [check.limits]
    gap = 0.4
    [[check.overrides]]
    paths = ["a"]
    ignore = ["BN1"]
    [compare]
    draws = 7
    """
    found, file = loaded(tmp_path, text), str(tmp_path / "bnstat.toml")
    assert found.values == {"framework": "torch", "batch-size": 4, "fail-on": "warning"}
    assert found.limits == {"noise": 0.3, "gap": 0.4}
    assert len(found.overrides) == 1
    assert found.own == {"batch-size", "limits", "overrides"}
    assert found.origins == {
        "framework": file,
        "fail-on": file,
        "batch-size": f"{file} [check]",
        "limits.noise": file,
        "limits.gap": f"{file} [check]",
    }
    # what this command does not know holds for others
    assert loaded(tmp_path, text, "inspect").values == {"framework": "torch", "batch-size": 2}
    assert loaded(tmp_path, text, "inspect").limits == {}
    assert loaded(tmp_path, text, "compare").values == {"framework": "torch", "batch-size": 2, "draws": 7}
    assert loaded(tmp_path, text, "frameworks").values == {}


def test_an_option_may_have_the_name_of_a_command(tmp_path):
    text = 'frameworks = "keras,torch"\n'
    assert loaded(tmp_path, text, "compare").values == {"frameworks": "keras,torch"}
    assert loaded(tmp_path, text, "frameworks").values == {}
    assert loaded(tmp_path, '[frameworks]\nformat = "csv"\n', "frameworks").values == {"format": "csv"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[inspect]\nfail-on = 'note'",
            "[inspect]: 'fail-on' is no option of bnstat inspect; remove it, or put it into the table of check",
        ),
        ("[inspect]\nbatchsize = 2", "[inspect]: 'batchsize' is not known; did you mean 'batch-size'"),
        ("[inspect]\nlimits = {noise = 1}", "'limits' is no option of bnstat inspect"),
        ("[chekc]\nsteps = 2", "'chekc' is not known; did you mean 'check'"),
        ("draws = 'many'", "draws must be a whole number"),
        ("colour = 'x'", "'colour' is not known"),
        ("color = 'never'", "'color' is not known"),
        ("[compare]\nplot = 'x.svg'", "[compare]: 'plot' is not known"),
        ("[check.limits]\nnois = 1", "[check] limits: 'nois' is not known; did you mean 'noise'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "frameworks"])
def test_a_key_that_no_command_knows_is_refused_by_every_command(tmp_path, text, words, command):
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, text, command)
    assert words in str(error.value)


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
        (f"seed = 0x{'f' * 5000}", "does not fit into 64 bits"),
        ('baseline = "a\\u0000b"', "has a NUL character"),
        (f"seed = {'[' * 5000}", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_where_it_stands(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as error:
        loaded(tmp_path, text)
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
    values = loaded(tmp_path, "labels = 'labels/{case}.nii.gz'\npatch = '8x8x8'\nmask = '>0'\n").values
    assert values == {"labels": str(tmp_path / "labels/{case}.nii.gz"), "patch": "8x8x8", "mask": ">0"}
    (tmp_path / "sites.csv").write_text("case,site\n")
    values = loaded(tmp_path, "labels = 's3://bucket/{case}.nii.gz'\ngroup-by = 'sites.csv:site'\n", "compare").values
    assert values == {"labels": "s3://bucket/{case}.nii.gz", "group-by": str(tmp_path / "sites.csv:site")}
    for other in ("directory", "participants.tsv:site"):  # the second is looked for in the folder of the data
        assert loaded(tmp_path, f"group-by = '{other}'", "compare").values == {"group-by": other}


def test_files_in_steps_of_a_channel_are_relative_to_the_file(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    text = "CT = ct:a.json|zscore;*=clip:0,1|ct:b.json;1=ct:gone.json"
    values = loaded(tmp_path, f"intensity = '{text}'\n").values
    folder = tmp_path
    assert values["intensity"] == f"CT = ct:{folder}/a.json|zscore;*=clip:0,1|ct:{folder}/b.json;1=ct:gone.json"
    several = loaded(tmp_path, "intensities = 'none,0=ct:a.json;*=clip:0,1,ct:b.json'\n", "compare").values
    assert several["intensities"] == f"none,0=ct:{folder}/a.json;*=clip:0,1,ct:{folder}/b.json"


def test_a_file_writes_no_file():
    written = {"output", "plot", "save-population", "resume", "force", "update-baseline"}
    assert not written & {key for keys in BY_COMMAND.values() for key in keys}
