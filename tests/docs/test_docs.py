"""The documents cannot lie: commands, options, rules and exit codes in README.md are those of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import picture
import pytest

from bnstat import cli
from bnstat.cli import exit_codes
from bnstat.sources.formats.registry import FORMATS

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


@pytest.mark.parametrize("name", sorted(picture.PICTURES))
def test_the_pictures_are_the_outputs_of_today(name):
    assert f"(docs/{name})" in README
    drawn = re.findall(r">([^<>]+)</text>", picture.draw(name))
    shown = re.findall(r">([^<>]+)</text>", (ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert drawn == shown  # `python scripts/picture.py` draws them anew


def test_the_readme_can_be_read_in_five_minutes():
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    assert len(README.split()) <= 900
    assert len(prose.split()) > 300


def test_every_command_is_in_the_readme_and_every_command_in_it_is_one():
    names = set(re.findall(r"bnstat (\w+)", " ".join(re.findall(r"`bnstat [^`]+`", README))))
    assert names == set(cli._COMMANDS)


def test_every_option_in_the_readme_is_one_of_a_command():
    context = click.Context(cli.commands)
    commands = [cli.commands.get_command(context, name) for name in cli._COMMANDS]
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= {*known, "--help"}


def test_the_exit_codes_in_the_readme_are_those_of_people_and_its_page_has_all():
    sentence = README.split("Exit codes: ", 1)[1].split("[", 1)[0]
    assert [int(code) for code in re.findall(r"\b\d+\b", sentence)] == [0, 1, 2, 3, 4]
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == {value for name, value in vars(exit_codes).items() if name.isupper()}


def test_the_page_of_formats_has_every_format_that_is_read_with_its_endings_and_extra():
    page = (ROOT / "docs/reference/formats.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in page.splitlines() if row.startswith("| ")]
    for one in FORMATS:
        endings = [*one.endings, *one.named, *one.folders]
        row = next(row for row in rows if f"`{endings[0]}`" in row[1])
        assert all(f"`{ending}`" in row[1] for ending in endings)
        assert (row[2] == f"`{one.extra}`") == (one.extra is not None)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "sample_data/README.md"])
def test_links_lead_somewhere(document):
    """Links of the documents that are not on the site, whose links are checked where it is built."""
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
        ["layers", "--help"],
        ["plan", "--help"],
        ["frameworks", "--help"],
        ["explain", "--help"],
    ):
        assert cli.run(arguments) == 0
        shown = capsys.readouterr().out
        assert "batch norm" in shown.lower().replace("-", " ").replace("batch normalization", "batch norm")
        assert max(map(len, shown.splitlines())) <= 82
