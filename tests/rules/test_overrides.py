"""Rules that are ignored for some files."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat import Limits, Override
from bnstat.reports.finding import Finding
from bnstat.rules.overrides import dropping

CONSTANT = Finding(rule="BN101", name="zero-variance", severity="error", message="", source="data/phantoms/a.npy")


@pytest.mark.parametrize(
    ("pattern", "drops"),
    [
        ("data/phantoms/a.npy", True),
        ("phantoms/*", True),
        ("*.npy", True),
        ("data/*", True),  # the star matches slashes too
        ("phantoms", False),
        ("*.nii", False),
        ("hantoms/*", False),
    ],
)
def test_patterns_match_from_any_folder_on(pattern, drops):
    assert Override([pattern], ["BN101"]).drops(CONSTANT) is drops


@pytest.mark.parametrize(
    ("ignored", "drops"), [("BN101", True), ("zero-variance", True), ("BN1", True), ("BN2", False)]
)
def test_rules_are_named_by_code_name_or_prefix(ignored, drops):
    assert Override(["*"], [ignored]).drops(CONSTANT) is drops


def test_a_finding_about_several_files_stays():
    about_all = Finding(rule="BN202", name="batch-mean-noise", severity="warning", message="")
    assert not Override(["*"], ["BN202"]).drops(about_all)


def test_a_check_in_python_has_limits_and_overrides(tmp_path):
    np.save(tmp_path / "empty.npy", np.zeros((1, 4, 4, 4, 1), np.float32))
    np.save(tmp_path / "small.npy", np.random.default_rng(0).normal(0, 0.1, (1, 8, 8, 8, 1)).astype(np.float32))

    def codes(**given):
        return {finding.rule for finding in bnstat.check(tmp_path, select=["BN101", "BN103"], **given).findings}

    assert codes() == {"BN101", "BN103"}
    assert codes(limits=Limits(epsilon_share=0.5)) == {"BN101"}
    assert codes(overrides=[Override(["empty.npy"], ["zero-variance"])]) == {"BN103"}


def test_a_pattern_with_brackets_names_a_file_of_that_name_too():
    bracketed = Finding(rule="BN101", name="zero-variance", severity="error", message="", source="data/a[1].nii.gz")
    assert Override(["data/a[1].nii.gz"], ["BN101"]).drops(bracketed)
    assert not Override(["a[1].nii.gz"], ["BN101"]).drops(bracketed)  # from any folder on, brackets are a pattern


def test_many_overrides_drop_what_each_of_them_drops():
    findings = [
        Finding(rule=rule, name="", severity="error", message="", source=f"data/site{number % 3}/{number}.npy[0]")
        for number in range(12)
        for rule in ("BN101", "BN104")
    ]
    overrides = [
        *(Override([f"{number}.npy", f"site{number}/*"], ["BN101"]) for number in (1, 7)),
        Override(["*2.npy"], ["nan-voxels"]),
        Override(["data/site0/[3]*"], ["BN1"], "data"),
    ]
    drops = dropping(overrides)
    assert [drops(one) for one in findings] == [any(each.drops(one) for each in overrides) for one in findings]
    assert 0 < sum(map(drops, findings)) < len(findings)


def test_many_overrides_take_the_path_of_a_finding_apart_once(monkeypatch):
    taken: list[str] = []

    def counted(source: str, _: str) -> str:
        taken.append(source)
        return source

    monkeypatch.setattr("bnstat.rules.overrides.relative", counted)
    drops = dropping([Override([f"other{number}/*"], ["BN101"], "data") for number in range(200)])
    assert not drops(CONSTANT)
    assert len(taken) == 1
