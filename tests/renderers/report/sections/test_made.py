"""The section on how a report was made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_page import numbers_from_nowhere, problems
from reported import all_of, channel, column, only, reported, said

import bnstat
from bnstat.renderers.report.blocks import Code, Details, Items, Table
from bnstat.renderers.report.sections import made
from bnstat.reports.finding import Failure
from bnstat.reports.full.made import Made
from bnstat.version import __version__


def _report(**changes):
    return replace(reported([[channel(1.0, 2.0)]]), made=Made(**changes))


def test_the_version_the_day_and_the_duration_are_said():
    text = said(made.section(_report(seconds=1.25, date="2026-11-29")))
    assert text.startswith(f"Made by bnstat {__version__} on 2026-11-29, in 1.25 s, from 1 volume.")
    assert said(made.section(_report())).startswith(f"Made by bnstat {__version__}, from 1 volume.")


def test_the_command_can_be_typed_again():
    command = ("bnstat", "report", "my cohort", "-o", "it's.html")
    assert only(made.section(_report(command=command)), Code).text == "bnstat report 'my cohort' -o 'it'\"'\"'s.html'"


def test_control_characters_of_a_command_are_written_out():
    assert only(made.section(_report(command=("bnstat", "report", "a\x1b[2Jb"))), Code).text.count("\x1b") == 0


def test_a_report_of_python_says_so():
    section = made.section(_report())
    assert not all_of(section, Code)
    assert "It was made in Python" in said(section)


def test_what_was_set_is_in_the_tables():
    section = made.section(_report(settings=(("batch-sizes", "2,4"),)))
    assert column(only(section, Table), "value")[0].startswith("batch norm as in ")
    given = all_of(section, Details)[0]
    assert given.summary == "1 setting that was given"
    assert (column(given.blocks[0], "setting"), column(given.blocks[0], "value")) == (["batch-sizes"], ["2,4"])


def test_inputs_that_could_not_be_read_are_listed_with_their_messages():
    errors = [Failure(f"case_{place}.nii", f"is truncated at {place}\n") for place in range(13)]
    section = made.section(reported([], errors=errors))
    (seen,) = all_of(section, Items)
    assert len(seen.texts) == 10
    assert seen.texts[0] == "case_0.nii: is truncated at 0\\n"
    assert "13 inputs could not be read" in said(section)
    assert "3 more inputs that could not be read" in [one.summary for one in all_of(section, Details)]
    assert "from inputs of which none could be read" in said(section)


def test_the_rules_and_their_thresholds_are_folded_away():
    details = all_of(made.section(_report()), Details)[-1]
    table = next(one for one in details.blocks if isinstance(one, Table))
    assert "epsilon-share" in column(table, "threshold")


def test_rules_that_had_nothing_to_judge_are_not_said_to_have_judged():
    values = np.random.default_rng(0).normal(size=(5, 4, 4, 4, 1))
    report = bnstat.report(values).report
    judging, rules = len(report.answers.judging), len(report.check.rules)
    assert 0 < judging < rules
    told = f"{judging} rules of bnstat judged the volumes, and {rules - judging} had nothing to judge;"
    assert told in said(made.section(report))
    broken = reported([], errors=[Failure("a.nii", "it is truncated")])
    assert "No rule of bnstat judged the volumes;" in said(made.section(broken))


@pytest.mark.parametrize("settings", [{}, {"batch_size": 2, "framework": "torch"}, {"normalizer": "group:1"}])
def test_every_number_is_in_the_document(settings):
    values = np.random.default_rng(0).normal(size=(5, 4, 4, 4, 1))
    report = bnstat.report(values, **settings).report
    section = made.section(report)
    assert problems([section], report.to_dict()) == []
    assert numbers_from_nowhere([section], report.to_dict()) == []
