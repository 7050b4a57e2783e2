"""A moments file knows what was taken of folders."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bnstat
from bnstat import Reading, UsageError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cohort").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "cohort" / f"{name}.npy", np.random.default_rng(0).normal(size=(1, 4, 4, 4, 1)))
    return tmp_path / "cohort"


def settings_in(file):
    return [json.loads(line)["settings"]["selection"] for line in file.read_text().splitlines()]


def test_it_is_written_only_if_something_was_asked_for(folder, tmp_path):
    bnstat.collect(folder, tmp_path / "plain.jsonl")
    bnstat.collect(folder, tmp_path / "each.jsonl", reading=Reading(each=True))
    assert settings_in(tmp_path / "plain.jsonl") == [None, None]
    assert settings_in(tmp_path / "each.jsonl") == [{"each": True}] * 2


def test_a_scan_goes_on_only_with_the_same_one(folder, tmp_path):
    target = tmp_path / "m.jsonl"
    bnstat.collect(folder, target, reading=Reading(each=True))
    with pytest.raises(UsageError, match="`each=True`"):
        bnstat.collect(folder, target, resume=True)
    assert bnstat.collect(folder, target, reading=Reading(each=True), resume=True).unchanged == 2


def test_a_scan_of_a_version_that_did_not_write_it_goes_on(folder, tmp_path):
    target = tmp_path / "m.jsonl"
    bnstat.collect(folder, target)
    target.write_text(target.read_text().replace(', "selection": null', ""))
    assert bnstat.collect(folder, target, reading=Reading(each=True), resume=True).unchanged == 2


def test_a_file_is_not_read_as_another_selection(folder, tmp_path):
    target = tmp_path / "m.jsonl"
    bnstat.collect(folder, target, reading=Reading(each=True))
    assert len(bnstat.diagnose(target).samples) == 2
    assert len(bnstat.diagnose(target, reading=Reading(each=True)).samples) == 2
    with pytest.raises(UsageError, match="was scanned without `channels="):
        bnstat.diagnose(target, reading=Reading(channels="{case}_{channel}.npy"))


@pytest.mark.parametrize(
    "wrong", [{}, {"each": False}, {"some": 1}, {"channels": "a", "each": True}, {"entity": ["x"]}]
)
def test_a_line_with_an_impossible_one_is_damaged(folder, tmp_path, wrong):
    target = tmp_path / "m.jsonl"
    bnstat.collect(folder, target)
    target.write_text(target.read_text().replace('"selection": null', f'"selection": {json.dumps(wrong)}'))
    with pytest.raises(bnstat.InputError, match="selection"):
        bnstat.diagnose(target)
