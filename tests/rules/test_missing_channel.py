"""A case that has no values in a channel, beside cases that have."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from cohorts import EMPTY, UNKNOWN, cell, patches, said, volumes

import bnstat
from bnstat import Override
from bnstat.reports.finding import Failure
from bnstat.rules import findings_of
from bnstat.rules.selection import rule_named
from bnstat.workflows.check import check

FULL = cell(50.0, 9.0)
T1_T2 = ("T1w", "T2w")


def lacks(*rows, **given):
    """The (file, channel) that are missing among volumes, or patches of volumes."""
    return [(one.source, one.channel) for one in said(volumes(rows, **given), "missing-channel")]


def test_a_channel_that_only_one_case_lacks_is_an_error_that_names_both():
    (finding,) = said(volumes([(FULL, FULL), (FULL, EMPTY), (FULL, FULL)], T1_T2), "missing-channel")
    assert (finding.severity, finding.source, finding.channel) == ("error", "case_01", 1)
    assert "channel 1 (T2w) is missing in case_01: all of its 512 values are 0" in finding.message
    assert "varies in 2 of 2 other cases" in finding.message
    assert finding.message.endswith("Supply the channel, or leave out the case.")


def test_it_takes_three_cases_and_more_than_half_of_the_others():
    assert lacks((FULL,), (EMPTY,)) == []
    assert lacks((FULL,), (EMPTY,), (EMPTY,)) == []
    assert lacks((FULL,), (FULL,), (EMPTY,), (EMPTY,)) == [("case_02", 0), ("case_03", 0)]
    assert lacks((EMPTY,), (EMPTY,), (EMPTY,)) == []


def test_what_is_not_known_neither_lacks_a_channel_nor_has_it():
    assert lacks((FULL,), (FULL,), (UNKNOWN,)) == []
    assert lacks((FULL,), (UNKNOWN,), (UNKNOWN,), (EMPTY,)) == []


def with_failure(failure, evidence):
    return replace(evidence, report=replace(evidence.report, errors=(failure,)))


def test_a_file_that_is_not_there_is_told_by_the_name_of_its_channel():
    failure = Failure("case_07", "has no file for T2w", missing=("T2w",))
    (finding,) = said(with_failure(failure, volumes([(FULL, FULL)] * 2, T1_T2)), "missing-channel")
    assert (finding.source, finding.channel) == ("case_07", 1)
    assert "case_07 has no file for channel 1 (T2w), which 2 other cases have" in finding.message
    (unknown,) = said(with_failure(failure, volumes([(FULL, FULL)] * 2)), "missing-channel")
    assert unknown.channel is None
    assert "no file for channel T2w" in unknown.message
    assert said(with_failure(failure, volumes([(FULL, FULL)], T1_T2)), "missing-channel") == ()
    plain = Failure("case_07", "is truncated")
    assert said(with_failure(plain, volumes([(FULL, FULL)] * 2, T1_T2)), "missing-channel") == ()


@pytest.mark.parametrize(("empty", "named"), [(1, False), (2, False), (8, True)])
def test_patches_of_a_volume_are_a_missing_channel_where_chance_does_not_explain_them(empty, named):
    """By the others' share of empty patches, (4 + 1)/(36 + 2), one or two are nothing to speak of, and eight are."""
    others = [[(FULL, EMPTY), *[(FULL, FULL)] * 8] for _ in range(4)]
    found = said(patches([*others, [(FULL, EMPTY)] * empty]), "missing-channel")
    assert [(one.source, one.channel) for one in found] == ([("case_04", 1)] if named else [])


@pytest.mark.parametrize(("number", "named"), [(20, True), (500, False)])
def test_what_chance_does_in_one_of_many_volumes_is_no_missing_channel(number, named):
    """A tenth of the patches is empty: all five of a volume by chance in 1 of 100,000, so in 0.5 % of 500."""
    some = [[(FULL, EMPTY), *[(FULL, FULL)] * 4] for _ in range(number // 2)]
    rest = [[(FULL, FULL)] * 5 for _ in range(number // 2)]
    found = said(patches([*some, *rest, [(FULL, EMPTY)] * 5]), "missing-channel")
    assert bool(found) == named


def test_patches_of_background_are_no_missing_channel():
    others = [[(FULL, FULL)] * 8 for _ in range(4)]
    assert said(patches([*others, [(EMPTY, EMPTY)] * 8]), "missing-channel") == ()


def cohort(tmp_path, **holes):
    """Five samples of two channels in a file each, with holes: places in which channel 1 is 0."""
    for place in range(5):
        values = np.random.default_rng(place).normal(50, 9, (1, 6, 6, 6, 2))
        if place in holes.get("at", ()):
            values[..., 1] = 0
        np.save(tmp_path / f"{place}.npy", values)
    return [tmp_path / f"{place}.npy" for place in range(5)]


def test_zero_variance_leaves_the_channel_to_the_more_exact_rule(tmp_path):
    found = check(cohort(tmp_path, at=[3]), select=["BN101", "BN405"]).findings
    assert [(one.rule, one.source, one.batch, one.channel) for one in found] == [
        ("BN405", str(tmp_path / "3.npy"), 3, 1)
    ]
    alone = check(cohort(tmp_path, at=[3]), select=["BN101"]).findings
    assert [(one.rule, one.batch, one.channel) for one in alone] == [("BN101", 3, 1)]
    most = check(cohort(tmp_path, at=[1, 2, 3, 4]), select=["BN101", "BN405"]).findings
    assert [one.rule for one in most] == ["BN101"] * 4


def test_zero_variance_speaks_where_the_more_exact_rule_is_ignored_for_a_file(tmp_path):
    paths = cohort(tmp_path, at=[1, 3])
    evidence = volumes([(FULL, EMPTY if place in (1, 3) else FULL) for place in range(5)])
    both = (rule_named("BN101"), rule_named("BN405"))
    assert [one.rule for one in findings_of(evidence, both, lambda one: one.source == "case_01")] == ["BN405"]
    found = check(paths, overrides=[Override(("1.npy",), ("BN405",))], select=["BN101", "BN405"]).findings
    assert sorted((one.rule, one.source[-5:]) for one in found) == [("BN101", "1.npy"), ("BN405", "3.npy")]


def test_a_channel_is_missing_at_any_batch_size_and_with_any_normalizer(tmp_path):
    paths = cohort(tmp_path, at=[3])
    for given in ({"batch_size": 5}, {"batch_size": 2}, {"normalizer": "instance"}, {"normalizer": "layer"}):
        found = check(paths, select=["BN405"], **given).findings
        assert [(one.source, one.channel) for one in found] == [(str(paths[3]), 1)]
    assert replace(found[0], message="").rule == "BN405"


def test_a_constant_that_a_scale_factor_puts_beyond_float64_is_no_missing_channel(tmp_path):
    random = np.random.default_rng(0)
    for place in range(9):
        values = random.normal(size=(3, 3, 3)) if place else np.full((3, 3, 3), 1e300)
        image = nibabel.Nifti1Image(values, np.eye(4))
        path = tmp_path / f"{place}.nii"
        image.to_filename(path)
        raw = bytearray(path.read_bytes())
        raw[112:116] = np.float32(1e30).tobytes()  # scl_slope
        path.write_bytes(raw)
    (tmp_path / "one").mkdir()
    (tmp_path / "0.nii").rename(tmp_path / "one" / "0.nii")
    assert "BN101" not in {one.rule for one in bnstat.check(tmp_path / "one").findings}
    check = bnstat.check(tmp_path)
    assert not {"BN101", "BN405"} & {one.rule for one in check.findings}
