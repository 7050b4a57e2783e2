"""Examples in the documentation of rules are what the program prints."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import bnstat
from bnstat import cli
from bnstat.batch_size.confidence import FEWEST_SAMPLES
from bnstat.reading.table import read_table
from bnstat.reports.evidence import Evidence
from bnstat.reports.limits import DEFAULT_LIMITS
from bnstat.rules import RULES, findings_of
from bnstat.rules.checkpoint_rules import CHECKPOINT_RULES
from bnstat.rules.explanation import PARTS, explained
from bnstat.rules.rule import Rule
from bnstat.workflows.evidence import pooled_channels_of, sample_channels_of
from bnstat.workflows.judged_volumes import _batches
from bnstat.workflows.reference import ReferenceFile

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
EACH = pytest.mark.parametrize("rule", [*RULES, *CHECKPOINT_RULES], ids=lambda rule: rule.code)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the sample data in it, as the top folder has them."""
    (tmp_path / "sample_data").symlink_to(SAMPLE_DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(text):
    return " ".join(text.split())


def parts_of(rule):
    """An example's lines of Python, its command as arguments of bnstat, and what is printed."""
    lines = explained(rule).example.splitlines()
    python = [line.removeprefix(">>> ") for line in lines if line.startswith(">>> ")]
    (command,) = (shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ "))
    assert command[0] == "bnstat"
    printed = [line for line in lines if not line.startswith((">>> ", "$ "))]
    assert printed[0] == f"{rule.severity} {rule.code} {rule.name}"
    assert max(map(len, lines)) <= 78
    return python, command[1:], words(" ".join(printed[1:]))


def as_check_has_it(arguments):
    """The evidence that `check` judges: what inspect has of single volumes, and what is known of batches."""
    paths = [argument for argument in arguments if argument.startswith("sample_data") or argument.endswith(".npy")]
    given = {name: int(value) for name, value in pairwise(arguments) if value.isdecimal()}
    size = given.get("--batch-size", 1)
    report = bnstat.diagnose(paths)
    table = read_table(paths, -1, None, bnstat.Reading(), None, lambda _: None)
    channels = sample_channels_of(table.rows)
    then = [value for name, value in pairwise(arguments) if name == "--reference"]
    shapes = tuple(dict.fromkeys(batch.input_shape[1:] for batch in report.batches))
    curve = bnstat.compare(paths, batch_sizes=[size], population="infinite").batch_sizes[0]
    asked = replace(report.settings, batch_size=size)
    return Evidence(
        report,
        asked=asked,
        curve=curve if len(report.samples) >= FEWEST_SAMPLES else None,
        needs=_batches(table.rows, asked, DEFAULT_LIMITS)[1],
        shapes=shapes if len(shapes) > 1 else (),
        steps=given.get("--steps"),
        sample_channels=channels,
        pooled_channels=pooled_channels_of(channels),
        reference=ReferenceFile.read(then[0]).statistics if then else None,
    )


@pytest.mark.usefixtures("folder")
@EACH
def test_the_finding_of_an_example_is_that_of_today(rule, bnstat_run):
    python, arguments, printed = parts_of(rule)
    names = {}
    for line in python:
        exec(line, names)
    if arguments[0] == "check" and "--patch" not in arguments:
        found = [one.message for one in findings_of(as_check_has_it(arguments)) if one.rule == rule.code]
        assert printed in map(words, found)
    else:
        assert printed in words(bnstat_run(*arguments).out)


@pytest.mark.skipif("check" not in cli._COMMANDS, reason="there is no `bnstat check`")
@pytest.mark.usefixtures("folder")
@EACH
def test_an_example_of_check_is_what_the_command_prints(rule, bnstat_run):
    python, arguments, printed = parts_of(rule)
    names = {}
    for line in python:
        exec(line, names)
    shown = words(bnstat_run(*arguments).out)
    assert printed in shown
    assert f"{rule.code} {rule.name}" in shown


@EACH
def test_an_explanation_has_all_its_parts(rule):
    found = explained(rule)
    for field in ("summary", "what", "why", "advice", "threshold", "sources"):
        text = getattr(found, field)
        assert text.endswith((".", ")", '"')), (field, text)
        assert "\n" not in text
        assert not any(start in text for start in PARTS)
    assert len(found.summary) <= 74


def test_a_docstring_without_a_part_is_a_defect(monkeypatch):
    module = sys.modules["bnstat.rules.data.zero_variance"]
    monkeypatch.setattr(module, "__doc__", module.__doc__.replace("Threshold:", "Limit:"))
    (rule,) = (one for one in RULES if one.code == "BN101")
    assert isinstance(rule, Rule)
    with pytest.raises(ValueError, match="zero-variance: its docstring needs the parts"):
        explained(rule)
