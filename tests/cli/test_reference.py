"""`bnstat check --reference`: today's data compared with a moments file, and data that cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bnstat.errors import UsageError
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading import moments_file
from bnstat.reading.settings import Reading
from bnstat.workflows.check import check
from bnstat.workflows.reference import ReferenceFile


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def volume(name, *, seed=0, times=1.0, plus=0.0, slope=(1.0, 0.0), shape=(9, 8, 7)):
    """A volume of integers about 100, times and plus something, with a slope and an intercept in its header."""
    values = np.random.default_rng(seed).integers(0, 200, shape)
    image = nib.Nifti1Image(np.rint(values * times + plus).astype(np.int16), np.eye(4))
    image.header.set_slope_inter(*slope)
    nib.save(image, name)
    return name


@pytest.fixture
def kept(bnstat_run):
    """Moments of six volumes."""
    names = [volume(f"then{seed}.nii", seed=seed) for seed in range(6)]
    assert bnstat_run("scan", *names, "-o", "kept.jsonl", "-q").code == 0
    return "kept.jsonl"


def found(bnstat_run, *args):
    ran = bnstat_run("check", *args, "--format", "json", "-q")
    document = json.loads(ran.out)
    return document, [(one["rule"], one["channel"]) for one in document["findings"]]


def test_the_same_data_have_not_drifted_and_others_have(bnstat_run, kept):
    same = [f"then{seed}.nii" for seed in range(6)]
    document, rules = found(bnstat_run, *same, "--reference", kept)
    assert rules == []
    assert document["settings"]["reference"] == kept
    moved = [volume(f"now{seed}.nii", seed=seed, plus=60) for seed in range(6)]
    document, rules = found(bnstat_run, *moved, "--reference", kept)
    assert rules == [("BN208", 0)]
    values = [nib.load(name).get_fdata() for name in same]
    deviation = np.sqrt(np.mean([one.var() for one in values]) + np.var([one.mean() for one in values]))
    assert document["findings"][0]["value"] == pytest.approx(60 / deviation, rel=1e-12)
    assert document["findings"][0]["source"] is None


@pytest.mark.parametrize(("times", "rules"), [(1 + 1e-6, [("BN208", 0)]), (1 - 1e-6, [])])
def test_drift_is_found_at_its_limit_and_not_below(bnstat_run, kept, times, rules):
    moved = [volume(f"now{seed}.nii", seed=seed, plus=60) for seed in range(6)]
    document, _ = found(bnstat_run, *moved, "--reference", kept)
    limit = document["findings"][0]["value"] / times
    assert found(bnstat_run, *moved, "--reference", kept, "--limit", f"drift={limit!r}")[1] == rules


def test_a_slope_in_the_header_is_part_of_the_values(bnstat_run, kept):
    """Stored twice as large with a slope of a half: the same values. Without it: others."""
    halved = [volume(f"now{seed}.nii", seed=seed, times=2, slope=(0.5, 0.0)) for seed in range(6)]
    assert found(bnstat_run, *halved, "--reference", kept)[1] == []
    plain = [volume(f"now{seed}.nii", seed=seed, times=2) for seed in range(6)]
    document, rules = found(bnstat_run, *plain, "--reference", kept)
    assert rules == [("BN208", 0)]
    assert "the standard deviation changed by 100 %" in document["findings"][0]["message"]


def test_kept_moments_may_be_held_against_kept_moments(bnstat_run, kept):
    assert found(bnstat_run, kept, "--reference", kept)[1] == []


def test_it_is_a_warning_that_fails_where_warnings_do(bnstat_run, kept):
    now = volume("now.nii", plus=60)
    assert bnstat_run("check", now, "--reference", kept).code == 0
    ran = bnstat_run("check", now, "--reference", kept, "--fail-on", "warning")
    assert ran.code == 1
    assert "BN208 data-drift" in ran.out
    for kind in ("junit", "sarif", "github", "gitlab", "markdown", "csv", "jsonl"):
        assert "BN208" in bnstat_run("check", now, "--reference", kept, "--format", kind, "-q").out


@pytest.mark.usefixtures("kept")
def test_a_settings_file_names_it_relative_to_itself(bnstat_run, tmp_path, monkeypatch):
    (tmp_path / "bnstat.toml").write_text('reference = "kept.jsonl"\n[limits]\ndrift-spread = 5\n')
    (tmp_path / "inner").mkdir()
    volume("inner/now.nii", plus=60)
    monkeypatch.chdir(tmp_path / "inner")
    document, rules = found(bnstat_run, "now.nii")
    assert rules == [("BN208", 0)]
    assert document["settings"]["limits"]["drift_spread"] == 5
    shown = {line.split()[0]: line.split()[1] for line in bnstat_run("check", "--show-settings").out.splitlines()}
    assert shown["reference"] == str(tmp_path / "kept.jsonl")
    assert (shown["limits.drift"], shown["limits.odd-volume"]) == ("0.1", "8.0")


def test_a_reference_that_no_rule_uses_is_said_so(bnstat_run, kept):
    ran = bnstat_run("check", volume("now.nii", plus=60), "--reference", kept, "--select", "BN1")
    assert ran.code == 0
    assert "kept.jsonl is not used, because its rule, data-drift (BN208), is not selected" in ran.err


def test_a_baseline_entry_of_drift_is_stale_only_beside_a_reference(bnstat_run, kept):
    now = volume("now.nii", plus=60)
    assert bnstat_run("check", now, "--reference", kept, "--baseline", "b.json", "--update-baseline").code == 0
    assert "stale" not in bnstat_run("check", now, "--baseline", "b.json").out
    same = bnstat_run("check", "then0.nii", "--baseline", "b.json", "--reference", kept, "--limit", "drift=9")
    assert "baseline entry no longer found" in same.out.replace("\n", " ")


def test_another_number_of_channels_is_refused_before_anything_is_read(refused, kept):
    line = refused(2, "check", volume("two.nii", shape=(9, 8, 7, 2)), "--reference", kept)
    assert "kept.jsonl has 1 channel and two.nii has 2" in line


def test_another_axis_is_refused(refused, bnstat_run):
    square = volume("square.nii", shape=(7, 7, 7, 7))
    assert bnstat_run("scan", square, "-o", "kept.jsonl", "--axis", "1", "-q").code == 0
    line = refused(2, "check", square, "--reference", "kept.jsonl")
    assert "keeps axis 1 of 1 × 7 × 7 × 7 × 7, and of square.nii axis 4" in line
    assert bnstat_run("check", square, "--reference", "kept.jsonl", "--axis", "1", "-q").code == 0


@pytest.mark.parametrize(("axis", "same"), [("4", "-1"), ("-1", "4")])
def test_an_axis_may_be_given_from_either_end(bnstat_run, axis, same):
    name = volume("x.nii", shape=(9, 8, 7, 2))
    assert bnstat_run("scan", name, "-o", "kept.jsonl", "--axis", axis, "-q").code == 0
    assert bnstat_run("check", name, "--reference", "kept.jsonl", "--axis", same, "-q").code == 0


PATCHES = Patching((8, 8, 8), foreground="0.33")


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        (
            Preparation(intensity="zscore"),
            Preparation(),
            'was scanned with `intensity="zscore"`; check with',
        ),
        (
            Preparation(),
            Preparation(mask="nonzero"),
            'was scanned without `mask="nonzero"`; check with',
        ),
        (Preparation(patches=PATCHES), Preparation(), "was scanned with `size=(8, 8, 8)`; check with"),
        (
            Preparation(patches=PATCHES),
            Preparation(patches=replace(PATCHES, size=(8, 8, 4))),
            "was scanned with `size=(8, 8, 8)`, not `size=(8, 8, 4)`; check with",
        ),
        (
            Preparation(patches=PATCHES),
            Preparation(patches=replace(PATCHES, foreground=None)),
            'was scanned with `foreground="0.33"`; check with',
        ),
    ],
)
def test_moments_of_another_preparation_are_refused_with_what_differs(kept, then, now, words):
    held = prepared(kept, then)
    with pytest.raises(UsageError, match=r"^kept\.jsonl was scanned ") as refusal:
        held.require_preparation(now)
    assert words in str(refusal.value)
    held.require_preparation(then)


def test_which_patches_are_drawn_does_not_matter(kept):
    again = replace(PATCHES, seed=5, number=2, per_volume=2, labels="elsewhere/{case}.nii")
    prepared(kept, Preparation(patches=PATCHES)).require_preparation(Preparation(patches=again))


def prepared(file, preparation):
    """Return the moments file as if the voxels had been preprocessed."""
    held = ReferenceFile.read(file)
    settings = replace(held.moments.settings, preparation=preparation)
    return ReferenceFile(file, replace(held.moments, settings=settings))


def test_a_check_refuses_them_before_a_voxel_is_read(kept):
    lines = [
        replace(line, settings=replace(line.settings, preparation=Preparation("zscore")))
        for line in moments_file.read_moments(kept).lines
    ]
    Path("other.jsonl").write_text("".join(map(moments_file.line_of, lines)), encoding="utf-8")
    with pytest.raises(UsageError, match='was scanned with `intensity="zscore"`; check with'):
        check("then0.nii", reference="other.jsonl")
    with pytest.raises(UsageError, match='was scanned with `intensity="zscore"`; check with'):
        check(kept, reference="other.jsonl")
    with pytest.raises(UsageError, match='was scanned without `intensity="zscore"`; check'):
        check("then0.nii", reference=kept, reading=Reading(preparation=Preparation("zscore")))
    assert check("other.jsonl", reference="other.jsonl").findings == ()


def test_a_reference_that_cannot_be_read_fails(refused, tmp_path):
    now = volume("now.nii")
    assert "nowhere.jsonl: no such file" in refused(3, "check", now, "--reference", "nowhere.jsonl")
    (tmp_path / "text.jsonl").write_text("hello\n")
    assert "text.jsonl: not a moments file" in refused(3, "check", now, "--reference", "text.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    assert "empty.jsonl" in refused(3, "check", now, "--reference", "empty.jsonl")


def test_an_output_is_not_written_over_the_reference(bnstat_run, kept, tmp_path):
    before = (tmp_path / kept).read_bytes()
    ran = bnstat_run("check", volume("now.nii"), "--reference", kept, "-o", kept, "-q")
    assert (ran.code, (tmp_path / kept).read_bytes()) == (2, before)


def test_what_a_cut_reference_lacks_is_a_note(bnstat_run, kept, tmp_path):
    text = (tmp_path / kept).read_text()
    (tmp_path / "cut.jsonl").write_text(text[:-20])
    ran = bnstat_run("check", "then0.nii", "--reference", "cut.jsonl")
    assert "cut.jsonl: skipped what an interrupted scan left: its last line is incomplete" in ran.err


def test_a_reference_that_is_a_volume_is_one_line_that_says_what_to_give(refused, write_image):
    path = write_image("a.nii.gz", np.ones((2, 2, 2)))
    assert "not a moments file; give one that bnstat scan wrote" in refused(3, "check", path, "--reference", path)
