"""Every number in a sentence or a table is that of the report, over random reports of all commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from claims import FREE_NUMBER, faults
from random_reports import random_report, two_scanners
from said import findings_of
from screen_lines import lines_of
from tables import faults_of_cells
from told import OF_FINDINGS, ON_SCREEN, faults_of
from wording import faults_of_widths, faults_of_wording

# The reports of one test, and the tests: together they are what a run compares. `scripts/sentences.py` compares more.
REPORTS, PARTS = 30, 4


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_said_is_what_the_report_holds(part):
    for seed in range(part * REPORTS, (part + 1) * REPORTS):
        assert not list(faults_of(random_report(seed))), f"python scripts/sentences.py --number 1 --seed {seed}"


def test_what_is_said_of_volumes_that_fit_neither_of_two_scanners_is_what_they_hold():
    told = 0
    for seed in range(6):
        report = two_scanners(seed)
        assert not list(faults_of(report))
        for said in findings_of(report):
            if "two kinds of volumes" in said.text:
                told += 1
                wrong = [replace(said, text=text) for text in wrong_numbers(said.text)]
                assert not [one.text for one in wrong if not is_caught(one, OF_FINDINGS)]
    assert told >= 3


# Before numbers of which it is known only between which they lie: what an advice brings, and gaps of other batches.
BETWEEN = re.compile(r"(?:narrows this to|normalize at most|comes closest.*gap) $")


def wrong_numbers(text: str) -> Iterator[str]:
    """Yield a text with the last digit of one number changed, for each of its numbers."""
    for match in FREE_NUMBER.finditer(text):
        if BETWEEN.search(text, 0, match.start()):
            continue
        digits = match.group().partition("e")[0]
        place = match.start() + max(at for at, letter in enumerate(digits) if letter.isdecimal())
        yield f"{text[:place]}{(int(text[place]) + 5) % 10}{text[place + 1 :]}"


def is_caught(said, claims):
    try:
        return any(True for _ in faults(said, claims))
    except (AssertionError, LookupError, ValueError):  # names and places that there are none of
        return True


@pytest.mark.parametrize("part", range(4))
def test_a_wrong_number_is_caught_wherever_it_is(part):
    missed = []
    for seed in range(100 + 5 * part, 105 + 5 * part):
        report = random_report(seed)
        for found, claims in ((findings_of(report), OF_FINDINGS), (lines_of(report), ON_SCREEN)):
            for said in found:
                unknown = said.kind in ("BN202", "BN203", "BN204") and said.need is None
                wrong = (replace(said, text=text) for text in wrong_numbers(said.text))
                missed += [one.text for one in wrong if not unknown and not is_caught(one, claims)]
    assert not missed


def first_of(command, holds=lambda _: True):
    return next(
        report for seed in range(500) if (report := random_report(seed)).command == command and holds(report.screen)
    )


@pytest.mark.parametrize("command", ["inspect", "compare", "compare_layers", "plan"])
def test_a_wrong_cell_is_caught(command):
    report = first_of(command, lambda screen: re.search(r"^ .*  \d\S*\d(?=$|  nothing$)", screen, re.MULTILINE))
    rows = list(re.finditer(r"^ .*  (\d\S*\d)(?=$|  nothing$)", report.screen, re.MULTILINE))
    place = rows[-1].end() - 1
    wrong = f"{report.screen[:place]}{(int(report.screen[place]) + 5) % 10}{report.screen[place + 1 :]}"
    assert not list(faults_of_cells(report))
    assert list(faults_of_cells(replace(report, screen=wrong)))


def test_a_wrong_channel_is_caught():
    report = first_of("inspect", lambda screen: re.search(r"zero in channel 0 of batch(?:es)? \d", screen))
    wrong = replace(report, screen=report.screen.replace("zero in channel 0 of batch", "zero in channel 1 of batch"))
    assert any(list(faults(said, ON_SCREEN)) for said in lines_of(wrong))


@pytest.mark.parametrize(
    "line",
    [
        "1 samples are too few.",
        "12 sample from 1 file",
        "1 of 2 patches are empty",
        "The variance is zero in channels 1.",
        "Ε 1e-05 changes it.",
    ],
)
def test_a_wrong_singular_or_plural_is_caught(line):
    report = first_of("inspect")
    assert not list(faults_of_wording(report))
    assert list(faults_of_wording(replace(report, screen=f"{report.screen}{line}\n")))


def test_a_line_that_parts_a_number_from_its_unit_is_caught():
    report = first_of("compare", lambda screen: " SD (" in screen)
    parted = replace(report, render=lambda width: report.render(width).replace(" SD (", "\nSD ("))
    assert not list(faults_of_widths(report))
    assert any("breaks off" in fault for fault in faults_of_widths(parted))


def test_a_number_that_is_cut_is_caught():
    report = first_of("inspect", lambda screen: re.search(r"\d\.\d{3}$", screen, re.MULTILINE))
    cut = replace(
        report, render=lambda width: re.sub(r"(\d\.\d)\d\d$", r"\1…", report.render(width), flags=re.MULTILINE)
    )
    assert any("is cut" in fault for fault in faults_of_widths(cut))


def test_running_statistics_of_a_layer_that_keeps_none_are_caught():
    report = first_of("inspect", lambda screen: re.search(r"^layer norm", screen, re.MULTILINE))
    document = {**report.document, "answer": "Evaluation mode uses the running mean."}
    assert any("no running statistics" in fault for fault in faults_of_wording(replace(report, document=document)))
