"""The documents cannot lie: commands, options, rules and exit codes in README.md are those of the program."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from bnstat import cli
from bnstat.cli import exit_codes
from bnstat.cli.check import command as check_command
from bnstat.cli.compare import command as compare_command
from bnstat.cli.explain import command as explain_command
from bnstat.cli.frameworks import command as frameworks_command
from bnstat.cli.inspect import command as inspect_command
from bnstat.cli.plan import command as plan_command
from bnstat.cli.scan import command as scan_command
from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS
from bnstat.rules import RULES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def in_the_top_folder(monkeypatch):
    monkeypatch.chdir(ROOT)


def section(name):
    """What stands between a marker and the next end marker, without fences."""
    inside = README.split(f"<!-- {name} -->", 1)[1].split("<!-- end -->", 1)[0]
    return [line for line in inside.strip().splitlines() if not line.startswith("```")]


def test_the_main_command_runs_on_the_sample_data(capsys):
    (line,) = section("main-command")
    install, run = line.split(" && ")
    assert install == "pip install ."
    assert cli.run(shlex.split(run)[1:]) == 0
    assert "BN101 zero-variance" in capsys.readouterr().out


def test_the_test_command_is_one_line_that_ci_runs():
    (line,) = section("test-command")
    assert line.startswith("pip install '.[test]' && pytest")
    assert "test-command" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_picture_is_the_output_of_today():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import picture
    finally:
        sys.path.pop(0)
    drawn = re.findall(r">([^<>]+)</text>", picture.draw())
    shown = re.findall(r">([^<>]+)</text>", picture.PICTURE.read_text(encoding="utf-8"))
    assert drawn == shown


def options_of(*commands):
    """The options that commands have, long and short."""
    parameters = (parameter for command in commands for parameter in command.params)
    return sorted({option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)})


COMMANDS = (
    inspect_command,
    compare_command,
    check_command,
    explain_command,
    plan_command,
    scan_command,
    frameworks_command,
)


@pytest.mark.parametrize("option", options_of(*COMMANDS))
def test_every_option_is_in_the_readme(option):
    if option.startswith("-") and option not in ("--debug", "--help"):
        assert option in README


def test_every_option_in_the_readme_is_one_of_a_command():
    known = options_of(*COMMANDS)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= set(known)


def test_the_rules_in_the_readme_are_those_there_are():
    rows = re.findall(r"^\| (BN\d+) \| ([\w-]+) \| (\w+) \|", README, re.MULTILINE)
    assert rows == [(rule.code, rule.name, rule.severity) for rule in RULES]


def test_the_pages_of_rules_are_written_from_their_docstrings():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import rules
    finally:
        sys.path.pop(0)
    on_disk = {file.name: file.read_text(encoding="utf-8") for file in rules.FOLDER.iterdir()}
    assert on_disk == rules.pages()  # `python scripts/rules.py` writes them anew


def test_the_exit_codes_in_the_readme_are_those_there_are():
    rows = re.findall(r"^\| ([\d, ]+) \|", README.split("### Exit codes", 1)[1], re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == {value for name, value in vars(exit_codes).items() if name.isupper()}


@pytest.mark.parametrize("name", ["keras", "torch"])
def test_presets_in_the_readme_have_their_values(name):
    framework = FRAMEWORKS[name]
    assert f"`{framework.name}` (ε {framework.epsilon:g}, momentum {framework.momentum:g}" in README


def test_every_batch_norm_is_in_the_readme():
    table = README.split("### Whose batch norm?", 1)[1].split("###", 1)[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", table)) >= set(BATCH_NORMS)
    assert f"`bnstat frameworks` lists all {len(FRAMEWORKS)}" in README


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_in_the_readme_runs(block, capsys):
    exec(block, {})
    assert "[1. 0.] [False  True]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "sample_data/README.md",
        "docs/architecture.md",
        "docs/how-to/activations.md",
        "docs/arithmetic.md",
        "docs/how-to/ci.md",
        "docs/how-to/preprocessing.md",
        "docs/reference/data-sets.md",
        "docs/how-to/patches.md",
        "docs/how-to/clusters.md",
        "docs/rules/README.md",
    ],
)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target


@pytest.mark.parametrize(
    "line",
    re.findall(
        r"^bnstat inspect sample_data.*$", (ROOT / "sample_data/README.md").read_text(encoding="utf-8"), re.MULTILINE
    ),
)
def test_commands_for_the_sample_data_run(line, capsys):
    assert cli.run(shlex.split(line)[1:]) == 0
    assert "batch norm as in" in capsys.readouterr().out


def test_help_fits_80_columns_and_says_what_the_tool_is_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (
        ["--help"],
        ["inspect", "--help"],
        ["compare", "--help"],
        ["check", "--help"],
        ["plan", "--help"],
        ["frameworks", "--help"],
        ["explain", "--help"],
    ):
        assert cli.run(arguments) == 0
        shown = capsys.readouterr().out
        assert "batch norm" in shown.lower().replace("-", " ").replace("batch normalization", "batch norm")
        assert max(map(len, shown.splitlines())) <= 82
