"""Rules of `check` that had nothing to judge: a note says so where silence could be taken for a verdict."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat

BETWEEN = "BN202 to BN205"


def samples(number: int, channels: int = 1) -> np.ndarray:
    """Samples that differ by less than any limit."""
    return np.random.default_rng(0).normal(50.0, 9.0, (number, 6, 6, 6, channels))


def told(*arrays: np.ndarray, **settings: object) -> list[str]:
    """The notes of a check."""
    return list(bnstat.check(list(arrays), **settings).notes)


@pytest.mark.parametrize("select", [(), ("BN2",), ("BN204",)])
def test_samples_with_different_numbers_of_channels_have_no_curve_and_a_note(select):
    (note,) = [note for note in told(samples(12), samples(1, 4), select=select) if BETWEEN in note]
    assert note == (
        "the samples have 1 and 4 channels, so BN202 to BN205 (how batch statistics differ between samples) were not "
        "judged; check each kind of volume by itself"
    )
    assert not told(samples(12), select=select)


def test_three_numbers_of_channels_are_listed():
    assert any("have 1, 2 and 3 channels," in note for note in told(samples(8), samples(1, 2), samples(1, 3)))


def test_too_few_samples_are_said_before_their_channels():
    notes = told(samples(2), samples(1, 4))
    assert any("3 samples cannot tell" in note for note in notes)
    assert not any(BETWEEN in note for note in notes)


def test_a_note_on_rules_that_are_not_asked_for_is_not_told():
    assert not told(samples(12), samples(1, 4), select=["BN1"])
    assert not told(samples(12), samples(1, 4), ignore=["BN2"])


@pytest.mark.parametrize(
    ("normalizer", "why"), [("instance", "has no batch statistics"), ("renorm", "corrects for them")]
)
def test_a_layer_that_these_rules_do_not_judge_is_named_where_they_are_selected(normalizer, why):
    (note,) = told(samples(12), normalizer=normalizer, select=["BN203"])
    assert why in note
    assert BETWEEN in note
    assert not told(samples(12), normalizer=normalizer)


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ("BN206", "`steps`"),
        ("data-drift", "`reference`"),
        ("BN107", "`size=(96, 96, 96)`"),
        ("BN405", "3 volumes or more, and there are 2"),
    ],
)
def test_a_rule_that_is_selected_and_lacks_its_data_says_what_it_needs(rule, needed):
    (note,) = told(samples(1), samples(1), select=[rule])
    assert needed in note
    assert "not judged" in note
    assert not any(needed in one for one in told(samples(1), samples(1)))


def test_odd_volumes_among_eight_are_not_judged_and_it_says_so():
    (note,) = told(*(samples(1) for _ in range(8)))
    assert note == "odd-volume (BN207) was not judged: it needs 12 volumes or more, and there are 8"
    assert not told(*(samples(1) for _ in range(12)))


def test_on_the_command_line_the_note_is_told_and_names_options(bnstat_run, tmp_path):
    np.save(tmp_path / "one.npy", samples(12))
    np.save(tmp_path / "four.npy", samples(1, 4))
    ran = bnstat_run("check", tmp_path / "one.npy", tmp_path / "four.npy", "--select", "BN2")
    assert ran.code == 0
    assert "bnstat: note: the samples have 1 and 4 channels" in ran.err
    assert "it needs --patch 96x96x96" not in ran.err
    assert "--patch 96x96x96" in bnstat_run("check", tmp_path / "one.npy", "--select", "BN107").err
