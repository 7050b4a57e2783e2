"""Known findings pass, new ones fail, fixed ones are stale."""

from __future__ import annotations

import json

import pytest

from bnstat.errors import InputError
from bnstat.reports.finding import Finding
from bnstat.rules import baseline


def finding(source, rule="BN101", channel=0, batch=0, value=0.0):
    return Finding(rule, "zero-variance", "error", "…", source, batch, channel, value)


@pytest.fixture
def files(tmp_path):
    """Two files in a folder beside the baseline."""
    (tmp_path / "data").mkdir()
    found = [tmp_path / "data" / name for name in ("a.nii", "b.nii")]
    for file in found:
        file.touch()
    return [str(file) for file in found]


@pytest.fixture
def saved(tmp_path, files):
    """A baseline that knows channel 0 of both files, as it is read again."""
    first = baseline.Baseline(tmp_path / "baseline.json")
    baseline.save(first.updated([finding(file) for file in files], ()))
    return baseline.load(str(tmp_path / "baseline.json"))


def test_an_entry_is_code_relative_path_and_channel_and_nothing_else(saved):
    document = json.loads(saved.file.read_text())
    assert document["findings"][0] == {"rule": "BN101", "name": "zero-variance", "path": "data/a.nii", "channel": 0}


def test_values_and_numbers_of_batches_may_change(saved, files):
    new, known = saved.split([finding(files[0], batch=7, value=3.0), finding(files[0], channel=1), finding(files[1])])
    assert [one.channel for one in new] == [1]
    assert len(known) == 2


def test_findings_about_several_files_are_known_too(saved):
    cohort = finding(None, "BN202", None)
    new, _ = saved.split([cohort])
    assert new == (cohort,)
    assert saved.updated([cohort], ()).split([cohort])[1] == (cohort,)


def test_what_is_fixed_is_stale(saved, files):
    (stale,) = saved.stale([finding(files[0])], files, {"BN101"})
    assert (stale.path, stale.rule, stale.channel) == ("data/b.nii", "BN101", 0)


def test_what_was_not_looked_at_is_not_stale_unless_it_is_gone(saved, files, tmp_path):
    assert saved.stale([finding(files[0])], files[:1], {"BN101"}) == ()
    assert saved.stale([], files, {"BN104"}) == ()  # another rule judged
    (tmp_path / "data" / "b.nii").unlink()
    (stale,) = saved.stale([finding(files[0])], files[:1], {"BN101"})
    assert stale.path == "data/b.nii"


def test_an_update_keeps_entries_of_files_that_were_not_read(saved, files):
    updated = saved.updated([finding(files[0], channel=5)], saved.stale([], files[:1], {"BN101"}))
    assert {(one.path, one.channel) for one in updated.entries} == {("data/a.nii", 5), ("data/b.nii", 0)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "its schema is not bnstat.baseline/1"),
        ('{"schema": "other"}', "its schema is not bnstat.baseline/1"),
        ('{"schema": "bnstat.baseline/1", "findings": [{"rule": "BN101"}]}', "one of its entries is not a finding"),
        ('{"schema": "bnstat.baseline/1", "findings": [3]}', "one of its entries is not a finding"),
    ],
)
def test_what_is_no_baseline_is_one_line(tmp_path, text, words):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InputError, match=words):
        baseline.load(str(tmp_path / "b.json"))


def test_a_missing_baseline_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match="`update_baseline` creates it"):
        baseline.load(str(tmp_path / "none.json"))
    assert baseline.load(str(tmp_path / "none.json"), missing=True).entries == ()


def test_no_findings_are_a_baseline_too(tmp_path):
    baseline.save(baseline.Baseline(tmp_path / "empty.json"))
    assert baseline.load(str(tmp_path / "empty.json")).entries == ()
