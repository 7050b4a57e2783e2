"""Tests of the page of planted faults, on a part of them: what the rules find, miss and report wrongly."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from bnstat.rules import RULES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def faults():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("faults")
    finally:
        sys.path.pop(0)


def test_no_planted_fault_is_missed_and_nothing_is_said_that_does_not_hold(faults):
    tallies = faults.evaluate(30, 4, 4)
    assert sum(one.planted for one in tallies.values()) > 30
    assert {code: one.missed for code, one in tallies.items() if one.missed} == {}
    assert {code: one.wrong for code, one in tallies.items() if one.wrong} == {}


def test_what_is_found_on_the_sample_data_and_on_nibabels_scans_is_true(faults, nibabel_data):
    found = {path.name: faults.of_scan(path) for path in faults.scans()}
    assert nibabel_data.is_dir()
    assert len(found) > 30
    for name, (findings, why) in found.items():
        assert all(fact for _, fact in findings), name
        assert not why.startswith("missed"), name
    errors = {rule.code for rule in RULES if rule.severity == "error"}
    grave = {(name, text.split()[0]) for name, (findings, _) in found.items() for text, _ in findings}
    assert {one for one in grave if one[1] in errors} == {
        ("mri_4channel.nii.gz", "BN101"),
        ("resampled_anat_moved.nii", "BN104"),
    }


def test_rules_on_many_volumes_seldom_speak_by_chance(faults):
    chance = faults.chance
    for draw in chance.DISTRIBUTIONS.values():
        assert chance.odd_by_chance(draw, 200, 20) <= 0.1
    assert chance.odd_by_chance(chance.DISTRIBUTIONS["normal"], 1000, 10) == 0
    assert chance.odd_found(chance.DISTRIBUTIONS["normal"], 200, 20, 16) == 1
    assert chance.drift_by_chance(0.3, 8, 40) > 0.5
    assert chance.drift_by_chance(0.3, 1000, 10) < 0.2
    assert chance.missing_by_chance(0.3, 4, 400, 10) == 0


def test_the_page_shows_how_often_rules_speak_by_chance(faults):
    text = faults.PAGE.read_text("utf-8")
    row = re.compile(rf"^\| (.+?) \|{len(faults.chance.SIZES) * r' ([0-9.e+]+) % [|]'}$", re.M)
    shares = {found[1]: list(map(float, found.groups()[1:])) for found in row.finditer(text)}
    for name in faults.chance.DISTRIBUTIONS:
        assert shares[name][-1] <= 3
        assert shares[f"{name}, 30 away"][-1] > 80
    assert shares[f"{faults.chance.TWO_SITES}, 30 beyond one of them"][1] > 80
    assert len(shares) == 4 * len(faults.chance.DISTRIBUTIONS) + 3 + 6


def test_the_page_has_every_rule_and_counts_no_fault_as_missed(faults):
    rows = re.findall(
        r"^\| (BN\d+) \S+ \| \w+ \| (\d+) \| (\d+) \| (\d+) \| \d+ \| (\d+) \|$", faults.PAGE.read_text("utf-8"), re.M
    )
    assert [row[0] for row in rows] == [rule.code for rule in RULES]
    for _, planted, found, missed, false in rows:
        assert (planted, missed, false) == (found, "0", "0")
