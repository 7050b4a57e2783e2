"""Files that a pattern joins into cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, monai, nnunet_v2, save, values
from hypothesis import given
from hypothesis import strategies as st
from inspected import inspected

import bnstat
from bnstat import Reading, UsageError
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.datasets.pattern import Pattern, join
from bnstat.sources.search import cases_of
from bnstat.sources.selection import Selection


def joined(pattern, *names):
    return join(FoundCases([Case.of(name) for name in names]), Pattern.of(pattern))


def cases(pattern, *names):
    found = joined(pattern, *names)
    assert found.failures == []
    return [(case.name, case.channels, case.files) for case in found.cases]


@pytest.mark.parametrize(
    ("pattern", "names", "name", "channels"),
    [
        ("{case}_{channel}.nii.gz", ["d/B1_t1.nii.gz", "d/B1_flair.nii.gz"], "d/B1", ("flair", "t1")),
        ("*_{channel}.nii.gz", ["d/B1_t1.nii.gz", "d/B1_flair.nii.gz"], "d/B1", ("flair", "t1")),
        ("B1_{channel}.nii.gz", ["d/B1_t1.nii.gz", "d/B1_flair.nii.gz"], "d/B1", ("flair", "t1")),
        ("{case}_{channel:t1,flair}.nii.gz", ["d/B1_flair.nii.gz", "d/B1_t1.nii.gz"], "d/B1", ("t1", "flair")),
        ("{channel}.nii", ["d/B1/t2.nii", "d/B1/t1.nii"], "d/B1", ("t1", "t2")),
        ("{case}/{channel}.nii", ["d/B1/t2.nii", "d/B1/t1.nii"], "d/B1", ("t1", "t2")),
        ("{case}/{case}_{channel}.nii", ["d/B1/B1_t2.nii", "d/B1/B1_t1.nii"], "d/B1/B1", ("t1", "t2")),
        ("{channel}/{case}.nii", ["d/t1/B1.nii", "d/t2/B1.nii"], "d/B1", ("t1", "t2")),
        ("{channel}_{case}.nii", ["d/t1_B1.nii", "d/t2_B1.nii"], "d/B1", ("t1", "t2")),
        ("x_{channel}_{case}.nii", ["d/x_t1_B1.nii", "d/x_t2_B1.nii"], "d/x_B1", ("t1", "t2")),
        ("./d/{case}_{channel}.nii", ["d/a_b_t1.nii", "d/a_b_t2.nii"], "d/a_b", ("t1", "t2")),
        ("{channel}.nii", ["t1.nii", "t2.nii"], "t1.nii", ("t1", "t2")),
        ("{case}_{channel}.nii", ["s3://b/k/x_1.nii", "s3://b/k/x_2.nii"], "s3://b/k/x", ("1", "2")),
        ("a+b({channel}).nii", ["a+b(1).nii", "a+b(2).nii"], "a+b()", ("1", "2")),
    ],
)
def test_what_stands_for_the_channel_is_its_name_and_the_rest_the_case(pattern, names, name, channels):
    ((found, listed, files),) = cases(pattern, *names)
    assert (found, listed) == (name, channels)
    assert sorted(files) == sorted(names)
    for channel, file in zip(channels, files, strict=True):
        assert channel in file


@given(st.lists(st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), min_size=1, max_size=5, unique=True))
def test_the_order_in_which_files_are_given_does_not_matter(names):
    files = [f"d/{case}_{channel}.nii" for case in names for channel in ("t1", "t2")]
    forward, backward = cases("{case}_{channel}.nii", *files), cases("{case}_{channel}.nii", *reversed(files))
    assert sorted(forward) == sorted(backward)
    assert {name for name, *_ in forward} == {f"d/{case}" for case in names}


@pytest.mark.parametrize("pattern", ["{case}/{case}_{channel:FLAIR,T1}.nii.gz", "{case}_{channel:FLAIR,T1}.nii.gz"])
def test_folders_of_cases_give_the_numbers_of_a_data_set_of_them(tmp_path, pattern):
    listing = monai(tmp_path / "ds")
    settings = {"batch_size": 3, "framework": "torch"}
    report = bnstat.diagnose(listing.parent, reading=Reading(channels=pattern), **settings)
    assert report.batches == bnstat.diagnose(listing, **settings).batches
    assert report.batches[0].names == CHANNELS
    assert any("3 files" in note and "_seg" in note for note in report.notes)


def test_labels_that_are_taken_for_a_channel_are_a_note(tmp_path):
    listing = monai(tmp_path / "ds")
    report = inspected(listing.parent, reading=Reading(channels="{case}/{case}_{channel}.nii.gz"))
    assert report.batches[0].names == (*CHANNELS, "seg")
    assert any("{channel:FLAIR,T1}" in note for note in report.notes)


def test_a_case_that_lacks_a_channel_is_named_and_the_rest_goes_on(tmp_path):
    listing = monai(tmp_path / "ds")
    (listing.parent / CASES[0] / f"{CASES[0]}_T1.nii.gz").unlink()
    reading = Reading(channels="{case}/{case}_{channel:FLAIR,T1}.nii.gz")
    report = inspected(listing.parent, reading=reading)
    assert [(Path(one.source).name, one.missing) for one in report.errors] == [(CASES[0], ("T1",))]
    assert len(report.samples) == 2


def test_a_channel_that_a_case_has_twice_is_an_error_of_that_case():
    found = joined("{case}_{channel}.nii*", "a_1.nii", "a_2.nii", "b_1.nii", "b_1.nii", "b_2.nii")
    assert [case.name for case in found.cases] == ["a"]
    assert ["given 2 times" in one.message for one in found.failures] == [True]


def test_where_no_file_fits_one_that_was_found_is_shown(tmp_path):
    file = save(tmp_path / "a_t1.nii.gz", values(CASES[0], 0))
    report = inspected(file, reading=Reading(channels="{case}-{channel}.nii.gz"))
    (failure,) = report.errors
    assert failure.source == file
    assert "neither this file nor another matches" in failure.message


def test_cases_of_a_data_set_stay_as_they_are(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    for name in ("x", "y"):
        save(tmp_path / "more" / f"a_{name}.nii.gz", values(CASES[0], 0))
    found = cases_of([str(root), str(tmp_path / "more")], Selection("{case}_{channel}.nii.gz"))
    assert [case.channels for case in found.cases] == [CHANNELS] * 3 + [("x", "y")]


def test_arrays_are_put_together_too(tmp_path):
    data = np.random.default_rng(0).normal(size=(4, 3, 3, 2))
    np.save(tmp_path / "a_1.npy", data)
    np.save(tmp_path / "a_2.npy", 2 * data)
    np.save(tmp_path / "whole.npy", np.concatenate([data, 2 * data], axis=-1))
    files = [tmp_path / "a_1.npy", tmp_path / "a_2.npy"]
    joint = bnstat.diagnose(files, batch_size=4, reading=Reading(channels="{case}_{channel}.npy"))
    whole = bnstat.diagnose(tmp_path / "whole.npy", batch_size=4)
    assert joint.batches == whole.batches  # two channels a file: one name for each would be a guess


@pytest.mark.parametrize(
    "pattern",
    [
        "x.nii",
        "",
        "{case}.nii",
        "{channel}_{channel}.nii",
        "{chan}.nii",
        "{channel:}.nii",
        "{channel:a,a}.nii",
        "{channel",
        "{}",
    ],
)
def test_a_pattern_that_cannot_be_is_refused(pattern):
    with pytest.raises(UsageError, match="`channels="):
        Pattern.of(pattern)
