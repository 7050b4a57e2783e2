"""Lists of many entries that cannot be read: each is counted, and so many are told as a person may want to see."""

from __future__ import annotations

import json

import pytest

from bnstat.sources.search import cases_of

MANY = 3000


def listed(folder, entries):
    (folder / "list.json").write_text(json.dumps({"training": entries}))
    return str(folder / "list.json")


def test_a_case_that_is_listed_many_times_is_one_failure(tmp_path):
    found = cases_of([listed(tmp_path, [{"image": "a.nii"}] * MANY)])
    assert len(found.cases) == len(found.failures) == 1
    assert "lists the case 3,000 times, so it is read once" in found.failures[0].message


@pytest.mark.parametrize(
    "entry",
    [{"nothing": 1}, {"image": "http://[x/a.nii"}, {"image": "\0.nii"}, {"image": 3}, None, {"image": "\ud800"}],
)
def test_entries_that_cannot_be_taken_are_counted(tmp_path, entry):
    found = cases_of([listed(tmp_path, [{"image": "a.nii"}, *[entry] * MANY])])
    assert [case.files for case in found.cases] == [(str(tmp_path / "a.nii"),)]
    assert len(found.failures) == 1001
    assert found.failures[-1].message.startswith("2,000 more entries of it cannot be taken")


def test_a_bad_entry_leaves_the_others(tmp_path):
    found = cases_of([listed(tmp_path, [{"image": "http://[x"}, {"image": "a.nii"}, {"image": "s3://b/c.nii"}])])
    assert len(found.cases) == 1
    assert len(found.failures) == 2


@pytest.mark.parametrize(
    "bad", ["http://[x", "ftp://h/a.nii", "foo::bar://x", "http://\u2100/a.nii", "x\0y", "\ud800.nii"]
)
def test_a_bad_name_beside_others_is_its_own_failure(bad, small_image):
    found = cases_of([bad, small_image()])
    assert len(found.cases) == len(found.failures) == 1


def test_errors_keep_no_frames_alive(tmp_path):
    from bnstat.reading.table import plan_cases

    failures = []
    plan_cases(cases_of([listed(tmp_path, [{"image": f"{one}.nii"} for one in range(1100)])]).cases, -1, None, failures)
    assert len(failures) == 1100
    assert all(one.__traceback__ is one.__cause__ is one.__context__ is None for one in failures)


def test_ten_lines_and_a_count_tell_of_many_missing_files(bnstat_run, tmp_path):
    ran = bnstat_run("check", listed(tmp_path, [{"image": f"case_{one:05}.nii"} for one in range(MANY)]))
    assert ran.code == 3
    assert len(ran.errors) < 15
    assert "2,990 more inputs cannot be read" in ran.err


def test_json_is_promised_only_where_there_is_an_answer(tmp_path, bnstat_run, small_image):
    for number in range(12):
        (tmp_path / f"{number}.nii").write_text("x")
    answered = bnstat_run("inspect", tmp_path)
    assert "2 more inputs cannot be read; correct these first, or see all of them with --format json" in answered.err
    refused = bnstat_run("compare", tmp_path, small_image(), "--group-by", "unknown")
    assert "2 more inputs cannot be read; correct these first\n" in refused.err
