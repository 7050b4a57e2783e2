"""Every command takes settings from a file, and says where each came from."""

from __future__ import annotations

import json

import pytest

from bnstat.cli import _COMMANDS

IMAGE = ("inspect", "compare", "check")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def shown(ran):
    """Return the value and the origin of each setting."""
    assert ran.code == 0, ran
    rows = (line.split(maxsplit=2) for line in ran.out.splitlines())
    return {name: (value, origin) for name, value, origin in rows}


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_shows_its_settings_without_an_input(bnstat_run, tmp_path, name):
    (tmp_path / "bnstat.toml").write_text('format = "json"\nbatch-size = 3\n')
    found = shown(bnstat_run(name, "--show-settings"))
    file = str(tmp_path / "bnstat.toml")
    if name == "scan":  # whose answer is a file of one format
        assert set(found.values()) & {("json", file)} == set()
        assert found["axis"] == ("-1", "default")
    else:
        assert found["format"] == ("json", file)
    if name in (*IMAGE, "plan"):
        assert found["batch-size"] == ("3", file)


def test_the_nearest_file_upwards_is_read(bnstat_run, tmp_path, monkeypatch):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.bnstat]\nframework = "flax"\n')
    (inner / "pyproject.toml").write_text('[project]\nname = "bnstat-user"\n')
    monkeypatch.chdir(inner)
    assert shown(bnstat_run("inspect", "--show-settings"))["framework"] == ("flax", str(tmp_path / "pyproject.toml"))
    (tmp_path / "bnstat.toml").write_text('framework = "onnx"\n')
    assert shown(bnstat_run("inspect", "--show-settings"))["framework"] == ("onnx", str(tmp_path / "bnstat.toml"))
    (inner / "other.toml").write_text('framework = "torch"\n')
    ran = bnstat_run("inspect", "--config", "other.toml", "--show-settings")
    assert shown(ran)["framework"] == ("torch", "other.toml")


def test_a_project_file_that_is_not_about_bnstat_is_not_judged(bnstat_run, tmp_path):
    (tmp_path / "pyproject.toml").write_text("= 1")
    assert shown(bnstat_run("inspect", "--show-settings"))["framework"] == ("keras", "default")


def test_command_line_environment_own_table_common_table_default_in_this_order(bnstat_run, tmp_path, monkeypatch):
    file = tmp_path / "bnstat.toml"
    file.write_text("""
    seed = 1
    ranks = 1
    batch-size = 1
    epsilon = 0.1
    [inspect]
    seed = 2
    ranks = 2
    batch-size = 2
    [check]
    seed = 3
    """)
    monkeypatch.setenv("BNSTAT_INSPECT_SEED", "4")
    monkeypatch.setenv("BNSTAT_INSPECT_RANKS", "4")
    found = shown(bnstat_run("inspect", "--seed", 5, "--show-settings"))
    assert found["seed"] == ("5", "command line")
    assert found["ranks"] == ("4", "environment")
    assert found["batch-size"] == ("2", f"{file} [inspect]")
    assert found["epsilon"] == ("0.1", str(file))
    assert found["dtype"] == ("float32", "default")
    assert shown(bnstat_run("compare", "--show-settings"))["seed"] == ("1", str(file))


def test_the_settings_that_are_shown_are_those_that_are_used(bnstat_run, tmp_path, small_image):
    image = small_image()
    (tmp_path / "bnstat.toml").write_text('framework = "torch"\nformat = "json"\n[inspect]\nepsilon = 0.5\n')
    found = json.loads(bnstat_run("inspect", image).out)["settings"]
    assert (found["framework"], found["epsilon"]) == ("torch", 0.5)
    assert json.loads(bnstat_run("check", image).out)["settings"]["epsilon"] == 1e-5
    assert json.loads(bnstat_run("inspect", image, "--framework", "keras").out)["settings"]["framework"] == "keras"


@pytest.mark.parametrize("name", IMAGE)
def test_what_is_for_another_command_does_not_disturb(bnstat_run, tmp_path, small_image, name):
    (tmp_path / "bnstat.toml").write_text('fail-on = "never"\nlevels = 3\ndraws = 5\n[limits]\nnoise = 0.2\n')
    assert bnstat_run(name, small_image(), "-q").code == 0


def test_a_format_that_another_command_has_is_refused_with_where_it_belongs(refused, tmp_path):
    (tmp_path / "bnstat.toml").write_text('format = "junit"')
    line = refused(2, "inspect", "--show-settings")
    assert f"{tmp_path / 'bnstat.toml'}: format: 'junit' is not one of" in line
    assert "into its own table, as in [check]" in line
    (tmp_path / "bnstat.toml").write_text('[inspect]\nformat = "junit"')
    line = refused(2, "inspect", "--show-settings")
    assert f"{tmp_path / 'bnstat.toml'} [inspect]: format: 'junit' is not one of" in line
    assert "own table" not in line


def test_a_settings_file_may_ask_for_a_comparison(bnstat_run, tmp_path, small_image):
    (tmp_path / "bnstat.toml").write_text('[compare]\nframeworks = "keras,torch"\nformat = "json"\ndraws = 9\n')
    found = json.loads(bnstat_run("compare", small_image()).out)
    assert [one["framework"] for one in found["frameworks"]] == ["keras", "torch"]
    # the command line asks for another one
    assert "batch_sizes" in json.loads(bnstat_run("compare", small_image(), "--batch-sizes", 1).out)


def settings_of(ran):
    settings = json.loads(ran.out)["settings"]
    return settings["patch"], settings["batch_size"]


def test_a_patch_for_every_command_does_not_disturb_a_plans_file(bnstat_run, tmp_path):
    (tmp_path / "bnstat.toml").write_text("patch = 32\nbatch-size = 4\n")
    (tmp_path / "plans.json").write_text(
        '{"configurations": {"3d_fullres": {"patch_size": [8, 16, 16], "batch_size": 2,'
        ' "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]]}}}'
    )
    ran = bnstat_run("plan", "plans.json", "--format", "json")
    assert settings_of(ran) == ([16, 16, 8], 2)
    assert settings_of(bnstat_run("plan", "--levels", 2, "--format", "json")) == ([32, 32, 32], 4)


def test_scan_needs_its_output(refused, small_image):
    assert "no output: give a file for the moments, as in -o moments.jsonl" in refused(2, "scan", small_image())
