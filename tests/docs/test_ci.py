"""The gate where it runs: the GitHub action and the pre-commit hook; test_examples runs docs/how-to/ci.md."""

from __future__ import annotations

import re
import shutil
import tomllib

import numpy as np
import pytest
from documentation.jobs import ACTION, HOOK, action, hook
from documentation.project import ROOT, Project

from bnstat.sources.names import IMAGE_ENDINGS

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")

DOCUMENT = ROOT / "docs" / "how-to" / "ci.md"
CLEAN, CONSTANT = "sample_data/t1_head.nii.gz", "sample_data/mri_4channel.nii.gz"


@pytest.fixture
def project(tmp_path):
    return Project.made(tmp_path)


def test_tables_in_the_document_fit_80_columns():
    blocks = re.findall(r"^```console\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    tables = (block for block in blocks if "batch norm as in" in block)
    others = ("$ ", '    {"rule"', "bnstat: note: ")  # commands, a file that is shown, and lines on stderr
    lines = [line for table in tables for line in table.splitlines() if not line.startswith(others)]
    assert len(lines) > 30
    assert max(map(len, lines)) <= 80


# The action


def test_nothing_in_an_input_is_pasted_into_a_script():
    steps = ACTION["runs"]["steps"]
    assert ACTION["runs"]["using"] == "composite"
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    assert not any("${{" in step.get("run", "") for step in steps)
    named = {name for step in steps for name in re.findall(r"inputs\.([\w-]+)", str(step))}
    assert named == set(ACTION["inputs"]) == {"paths", "arguments", "requirement", "python-version"}
    assert [name for name, one in ACTION["inputs"].items() if one.get("required")] == ["paths"]


def test_the_action_installs_itself_unless_told_otherwise(project):
    _, install, _ = ACTION["runs"]["steps"]
    pip = project.beside / "bnstat" / "bin" / "pip"
    pip.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    pip.chmod(0o755)
    python = project.beside / "bnstat" / "bin" / "python"
    python.write_text('#!/usr/bin/env bash\necho "python $*"\n')
    python.chmod(0o755)
    given = {"RUNNER_TEMP": str(project.beside), "GITHUB_ACTION_PATH": "/the action/at v1"}
    own = project.bash(install["run"], REQUIREMENT="", **given)
    assert own.code == 0
    assert own.output.splitlines()[0] == f"python -m venv {project.beside}/bnstat"
    assert own.output.splitlines()[-2:] == ["--", "/the action/at v1"]
    other = project.bash(install["run"], REQUIREMENT="bnstat==9; touch x", **given)
    assert other.output.splitlines()[-2:] == ["--", "bnstat==9; touch x"]
    assert not (project.folder / "x").exists()


def test_a_job_without_python_is_told_so(project):
    _, install, _ = ACTION["runs"]["steps"]
    ran = project.bash(f"PATH=/nowhere\n{install['run']}", REQUIREMENT="")
    assert (ran.code, "give the action a python-version" in ran.output) == (2, True)


@pytest.mark.parametrize(
    ("paths", "arguments", "code", "words"),
    [
        (CLEAN, "", 0, "bnstat check passed: no findings in 1 sample (Keras batch norm, batch size 1; fails on error)"),
        ("sample_data", "", 1, "::error file=sample_data/mri_4channel.nii.gz,title=BN101 zero-variance::channel 1"),
        (f"{CLEAN}\n{CONSTANT}\n", "--fail-on never", 0, "bnstat check passed: 1 error in 2 samples"),
        ("sample_data/cohort/case_0*.nii.gz\n", "--batch-size 2\n --select BN203", 0, "1 warning in 10 samples"),
        (CLEAN, "--fail-on warnings", 2, "'warnings' is not one of"),
        ("", "", 2, "no input: give a PATH"),
        (f"missing.nii\n{CONSTANT}", "", 3, "::error file=missing.nii,title=cannot be read::no such file"),
        ("nothing*.nii", "", 3, "no file matches"),
        ("--help", "", 3, "--help"),
        (CLEAN, "--select *", 2, "no rule is called '*'"),
        (CONSTANT, "--format csv", 1, "new,BN101,zero-variance,error"),
    ],
)
def test_the_action_runs_the_check_and_ends_as_it_does(project, paths, arguments, code, words):
    ran = action(project, {"paths": paths, "arguments": arguments})
    assert (ran.code, words in ran.output) == (code, True), ran.output


def test_names_with_spaces_stay_whole_and_none_is_run(project):
    name = "my data/one $(touch run) `touch run`; touch run.npy"
    (project.folder / "my data").mkdir()
    np.save(project.folder / name, np.zeros((1, 4, 4, 1)))
    ran = action(project, {"paths": name, "arguments": "--limit $(touch${IFS}run)=1"})
    assert not (project.folder / "run").exists()
    assert ran.code == 2
    ran = action(project, {"paths": name, "arguments": ""})
    assert not (project.folder / "run").exists()
    assert (ran.code, "1 error in 1 sample" in ran.output) == (1, True), ran.output
    assert action(project, {"paths": "my data/*.npy", "arguments": ""}) == ran


def test_the_action_adds_a_table_to_the_page_of_the_run(project):
    action(project, {"paths": "sample_data"})
    assert "| error | BN101 zero-variance |" in project.summary.read_text(encoding="utf-8")


# The hook


def test_the_hook_takes_what_bnstat_looks_for_in_a_folder():
    endings = re.search(r"\((\w+(?:\|[\w\\.]+)*)\)\$", HOOK["files"])[1].replace("\\", "").split("|")
    assert [f".{ending}" for ending in endings] == list(IMAGE_ENDINGS)
    assert re.search(HOOK["files"], "data/T1.NII.GZ")
    for other in ("nii", "data/notes.txt", "a.nii.md", "a.json", "a_nii"):
        assert not re.search(HOOK["files"], other)
    assert (HOOK["language"], HOOK["require_serial"]) == ("python", True)


@pytest.mark.parametrize(
    ("names", "code", "words"),
    [
        ([CLEAN], 0, "no findings"),
        ([CLEAN, CONSTANT], 1, "BN101 zero-variance"),
        ([CONSTANT, "sample_data/broken.nii"], 3, "broken.nii"),
    ],
)
def test_the_hook_ends_as_the_check_does(project, names, code, words):
    (project.folder / "sample_data/broken.nii").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    ran = hook(project, names, pass_filenames=False)
    assert (ran.code, words in ran.output) == (code, True), ran.output


def test_what_is_released_has_the_action_and_the_hook():
    with (ROOT / "pyproject.toml").open("rb") as file:
        released = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert {"action.yml", ".pre-commit-hooks.yaml", "docs"} <= set(released)
