"""Where the settings of `bnstat check` come from, and one line with the right exit code for a wrong setting."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('fail-on = "eror"', "fail-on: 'eror' is not one of"),
        ('format = "yaml"', "format: 'yaml' is not one of"),
        ('batch-axis = "time"', "batch-axis: 'time' is neither"),
        ('ignore = ["zero-varianc"]', "ignore: no rule is called 'zero-varianc'; did you mean 'zero-variance'?"),
        ('[[overrides]]\npaths = ["a"]\nignore = ["BN9"]', "overrides: no rule is called 'BN9'"),
        ("[limits]\nnoise = -1", "limits: noise must be 0 or more, and is -1"),
        ("[limits]\nsmall-batch = 2.5", "small-batch must be a whole number, and is 2.5"),
        ("framwork = 'torch'", "did you mean 'framework'"),
        ("= 1", "is not TOML"),
    ],
)
def test_what_a_settings_file_says_wrong_is_said_of_that_file(refused, tmp_path, text, words):
    (tmp_path / "bnstat.toml").write_text(text)
    line = refused(2, "check", "--show-settings")
    assert words in line
    assert str(tmp_path / "bnstat.toml") in line


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nbnstat = 3", "[project]\nname = 'x'"])
def test_a_pyproject_without_a_table_on_bnstat_is_refused_where_it_is_named(refused, tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert "has no table [tool.bnstat]" in refused(2, "check", "--config", "pyproject.toml", "--show-settings")


def test_a_tool_table_that_is_none_is_nobodys_settings(bnstat_run, tmp_path):
    (tmp_path / "pyproject.toml").write_text("tool = 3")
    assert bnstat_run("check", "--show-settings").code == 0


def test_each_setting_says_where_it_came_from(bnstat_run, tmp_path, monkeypatch):
    (tmp_path / "bnstat.toml").write_text("momentum = 1\nsteps = 9\n[limits]\ngap = 0.5\nnoise = 0.5\n")
    monkeypatch.setenv("BNSTAT_CHECK_FAIL_ON", "note")
    monkeypatch.setenv("BNSTAT_CHECK_LIMIT", "noise=0.2 shortfall=0.3")
    ran = bnstat_run("check", "--show-settings", "--steps", 5)
    assert ran.code == 0
    shown = {line.split()[0]: line.split(maxsplit=2)[1:] for line in ran.out.splitlines()}
    file = str(tmp_path / "bnstat.toml")
    assert shown["momentum"] == ["1.0", file]
    assert shown["steps"] == ["5", "command line"]
    assert shown["fail-on"] == ["note", "environment"]
    assert shown["limits.gap"] == ["0.5", file]
    assert shown["limits.noise"] == ["0.2", "environment"]
    assert shown["limits.shortfall"] == ["0.3", "environment"]
    assert shown["seed"] == ["0", "default"]


def test_a_whole_number_in_a_settings_file_is_a_momentum(bnstat_run, tmp_path, small_image):
    (tmp_path / "bnstat.toml").write_text("momentum = 1\nselect = ['BN101']\n")
    assert bnstat_run("check", small_image()).code == 0


def test_no_input_is_wrong_usage(refused):
    assert "no input: give a PATH, as in bnstat check volume.nii.gz" in refused(2, "check")


def test_a_folder_without_volumes_cannot_be_read(bnstat_run, tmp_path):
    ran = bnstat_run("check", tmp_path)
    assert (ran.code, len(ran.errors), len(ran.lines)) == (3, 1, 1)
    assert "contains no image" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file; --update-baseline creates it"),
        ("[", "is not valid JSON (line 1); so it is not a bnstat baseline"),
        ("{}", "it is not a bnstat baseline, because its schema is not bnstat.baseline/1"),
        ('{"schema": "bnstat.baseline/1", "findings": 3}', "has no list of findings"),
        ('{"schema": "bnstat.baseline/1", "findings": [3]}', "one of its entries is not a finding"),
    ],
)
def test_a_baseline_that_cannot_be_read_fails(refused, tmp_path, small_image, text, words):
    if text is not None:
        (tmp_path / "known.json").write_text(text)
    assert words in refused(3, "check", small_image(), "--baseline", "known.json")


def test_a_baseline_that_cannot_be_written_fails(refused, small_image):
    line = refused(3, "check", small_image(), "-q", "--baseline", "nowhere/known.json", "--update-baseline")
    assert "nowhere/known.json: cannot be written: No such file or directory" in line


def test_a_folder_is_no_baseline(refused, tmp_path, small_image):
    line = refused(3, "check", small_image(), "--baseline", tmp_path, "--update-baseline")
    assert "it is a directory; name the file in it" in line


def test_updating_needs_a_baseline(refused, small_image):
    assert "name it with --baseline" in refused(2, "check", small_image(), "--update-baseline")


@pytest.mark.parametrize("option", ["--baseline", "--config"])
def test_an_output_is_not_written_over_what_was_read(bnstat_run, tmp_path, small_image, option):
    (tmp_path / "bnstat.toml").write_text("steps = 9\n")
    assert bnstat_run("check", small_image(), "-q", "--baseline", "known.json", "--update-baseline").code == 0
    file = tmp_path / ("known.json" if option == "--baseline" else "bnstat.toml")
    before = file.read_text()
    ran = bnstat_run("check", small_image(), "-q", option, file, "-o", file)
    assert (ran.code, file.read_text()) == (2, before)
    assert "is one of the inputs" in ran.err


def test_a_summary_that_cannot_be_written_leaves_the_annotations(bnstat_run, monkeypatch, write_image, voxels):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/summary.md")
    ran = bnstat_run("check", write_image("x.nii", voxels * 0), "-q", "--format", "github")
    assert ran.code == 3
    assert ran.out.startswith("::error file=")
    assert "nowhere/summary.md: cannot be written" in ran.err
