"""`--help` in groups: every option under one heading, headings in one order, 80 columns."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import click
import pytest

from bnstat.cli import _COMMANDS, comparisons, groups
from bnstat.version import DOCS


def command_of(name):
    return importlib.import_module(f"bnstat.cli.{name}").command


def headings(shown):
    return re.findall(r"^([A-Z]\w+):$", shown, re.MULTILINE)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_option_is_listed_once_and_under_its_group(bnstat_run, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    shown = bnstat_run(name, "--help").out
    parts = dict(zip(headings(shown), re.split(r"^[A-Z]\w+:$", shown, flags=re.MULTILINE)[1:], strict=True))
    assert "Options" not in parts
    for param in command_of(name).params:
        if isinstance(param, click.Option):
            assert isinstance(param, groups.Option), param
            assert param.group in groups.GROUPS
            listed = [
                group
                for group, text in parts.items()
                if re.search(rf"^  (?:-\w, )?--{param.key}\b(?!-)", text, re.MULTILINE)
            ]
            assert listed == [param.group], param


@pytest.mark.parametrize("name", _COMMANDS)
def test_headings_have_one_order_and_lines_fit_80_columns(bnstat_run, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    shown = bnstat_run(name, "--help").out
    found = [heading for heading in headings(shown) if heading in groups.GROUPS]
    assert found == [group for group in groups.GROUPS if group in found]
    assert found[-1] == groups.OUTPUT
    usage, options = shown.split(f"\n{found[0]}:\n")
    assert max(map(len, options.splitlines())) <= 80
    assert max(len(line) for line in usage.splitlines() if not line.startswith("    bnstat ")) <= 80


def test_what_is_the_commands_own_comes_first_and_what_commands_share_after_it(bnstat_run):
    for name, own in (("compare", "Comparison"), ("check", "Rules"), ("plan", "Network"), ("inspect", "Input")):
        assert headings(bnstat_run(name, "--help").out)[0] == own
    assert headings(bnstat_run("inspect", "--help").out) == list(groups.GROUPS[-7:])


def test_values_are_named_as_they_are_written(bnstat_run):
    shown = bnstat_run("check", "--help").out
    for written in ("--patch XxYxZ", "--batch-axis K|none", "--momentum M|none", "--select RULE,…"):
        assert written in shown


@pytest.mark.parametrize("name", _COMMANDS)
def test_help_texts_are_sentences_that_begin_with_a_verb(name):
    options = [param for param in command_of(name).params if isinstance(param, click.Option)]
    for option in options:
        assert re.match(r"[A-Z][a-z]+ .*\.(  \[.*\])?$", option.help), option.help
        assert option.help.count("[default") + bool(option.show_default) <= 1, option.help


@pytest.mark.parametrize("arguments", [("--help",), *((name, "--help") for name in _COMMANDS)])
def test_help_says_where_the_documentation_is(bnstat_run, arguments):
    said = " ".join(bnstat_run(*arguments).out.split())
    assert f"Documentation: {DOCS} in the source code of bnstat; without it, `bnstat explain` shows every rule." in said


def test_help_defines_the_forms_of_its_values(bnstat_run):
    said = " ".join(bnstat_run("inspect", "--help").out.split())
    assert "scale:A,B (A·x + B)" in said
    assert "as in 96x96x48; one number for a cube" in said


def test_the_address_of_the_documentation_can_be_set():
    code = "from bnstat.version import DOCS; print(DOCS)"
    for given, expected in ((None, "docs/"), ("", "docs/"), ("https://x.example/bn", "https://x.example/bn/")):
        environment = {} if given is None else {"BNSTAT_DOCS_URL": given}
        ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == expected


def test_options_that_a_comparison_has_no_use_for_are_options_of_compare():
    command = command_of("compare")
    known = {param.name for param in command.params}
    for comparison in comparisons.COMPARISONS:
        assert set(comparisons.foreign(comparison, command)) < known
    assert "tolerance_noise" in comparisons.foreign("frameworks", command)
