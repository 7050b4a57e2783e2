"""Patches at the edge: options, what the answer says of them, and which samples batches get."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

SIZE = 10


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Three volumes, a half of each constant, and labels of two of them; in the third there is no foreground."""
    draw = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for place, name in enumerate(("a", "b", "c")):
        values = draw.integers(1, 900, (24, 20, 16), dtype=np.int16)
        values[:12] = 7
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "images" / f"{name}.nii.gz")
        labels = np.zeros(values.shape, np.uint8)
        if place < 2:
            labels[16:20, 5:9, 4:8] = 1
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "labels" / f"{name}.nii.gz")
    monkeypatch.chdir(tmp_path)  # which patches are drawn depends on the names that are given
    return Path()


@pytest.fixture
def asked(cohort):
    """Arguments for patches of the cohort."""
    return [cohort / "images", "--patch", "10x10x10", "--patches", "4"]


@pytest.fixture
def around(cohort):
    return ["--labels", cohort / "labels" / "{case}.nii.gz"]


def document(ran):
    assert ran.code == 0, ran
    return json.loads(ran.out)


def test_the_crops_of_the_answer_are_those_of_its_statistics(bnstat_run, asked):
    found = document(bnstat_run("inspect", *asked, "--format", "json", "-q"))
    assert found["settings"]["patches"]["size"] == [10, 10, 10]
    assert len(found["samples"]) == 12
    for sample, batch in zip(found["samples"], found["batches"], strict=True):
        start, size = sample["patch"]["start"], sample["patch"]["size"]
        slices = tuple(slice(at, at + length) for at, length in zip(start, size, strict=True))
        crop = nibabel.load(sample["source"]).get_fdata()[slices]
        (channel,) = batch["channels"]
        assert batch["input_shape"] == [1, 10, 10, 10, 1]
        assert channel["count"] == crop.size
        np.testing.assert_allclose(channel["mean"], crop.mean(), rtol=1e-12)
        np.testing.assert_allclose(channel["variance"], crop.var(), rtol=1e-12)
        assert (channel["min"], channel["max"]) == (crop.min(), crop.max())
        assert channel["constant"] == (crop.min() == crop.max())


def test_batches_take_patches_of_each_volume_in_turn(bnstat_run, asked):
    found = document(bnstat_run("inspect", *asked, "-b", 6, "--per-volume", 2, "--format", "json", "-q"))
    names = [sample["source"][-8] for sample in found["samples"]]
    assert names == list("aabbccaabbcc")
    assert [batch["samples"] for batch in found["batches"]] == [[*range(6)], [*range(6, 12)]]


def test_a_seed_gives_the_same_patches_and_another_others(bnstat_run, asked):
    answers = [bnstat_run("inspect", *asked, "--format", "json", "--seed", seed).out for seed in (0, 0, 1)]
    assert answers[0] == answers[1]
    assert json.loads(answers[0])["samples"] != json.loads(answers[2])["samples"]


@pytest.mark.parametrize(("size", "forced"), [(1, []), (2, [1]), (3, [2]), (6, [4, 5])])
def test_nnunets_forced_slots_are_those_around_the_foreground(bnstat_run, asked, around, size, forced):
    options = ["-b", size, "--foreground", "nnunet:0.33", *around, "--format", "json", "-q"]
    found = document(bnstat_run("inspect", *asked, *options))
    assert len(found["samples"]) == 12
    for batch in found["batches"]:
        for slot, place in enumerate(batch["samples"]):
            sample = found["samples"][place]
            has_labels = not sample["source"].endswith("c.nii.gz")
            assert sample["patch"]["foreground"] == (slot in forced and has_labels)


def test_a_volume_that_cannot_be_read_moves_no_slot(bnstat_run, cohort, asked, around):
    (cohort / "images" / "b.nii.gz").write_bytes(b"no image")
    ran = bnstat_run("inspect", *asked, "-b", 2, "--foreground", "nnunet:0.5", *around, "--format", "json", "-q")
    found = json.loads(ran.out)
    assert ran.code == 3
    assert len(found["samples"]) == 8
    assert [one["patch"]["foreground"] for one in found["samples"]] == [
        False
    ] * 8  # slot 1 is always the third volume's
    shutil.copy(cohort / "images" / "a.nii.gz", cohort / "images" / "b.nii.gz")
    found = document(bnstat_run("inspect", *asked, "-b", 3, "--foreground", "nnunet:0.7", *around, "--format", "json"))
    assert [one["patch"]["foreground"] for one in found["samples"]] == [False, True, False] * 4


def test_the_table_says_how_patches_were_drawn(bnstat_run, asked, around):
    ran = bnstat_run("inspect", *asked, "--foreground", "1", *around)
    assert (
        "12 patches of 10 × 10 × 10 from 3 volumes (4 from each, seed 0), 66.7% of them\naround a foreground voxel"
        in ran.out
    )
    assert "12 batches, each input (1, 10, 10, 10, 1)" in ran.out
    assert "no foreground in 1 volume: patches are cut anywhere in it" in ran.err


def test_one_volume_is_named_with_its_type_and_shape(bnstat_run, cohort):
    ran = bnstat_run("inspect", cohort / "images" / "a.nii.gz", "--patch", 10, "--seed", 5, "--format", "markdown")
    assert "8 patches of 10 × 10 × 10 from " in ran.out
    assert "(int16, 24 × 20 × 16; seed 5)" in ran.out


@pytest.mark.parametrize("command", ["inspect", "compare"])
def test_constant_patches_are_counted(bnstat_run, asked, command):
    ran = bnstat_run(command, *asked, "--format", "json")
    samples = json.loads(ran.out)["samples"]
    constant = sum(one["patch"]["start"][0] + SIZE <= 12 for one in samples)
    assert constant > 0
    verb = "is" if constant == 1 else "are"
    assert f"{constant} of 12 patches {verb} constant in channel 0" in ran.err


def test_compare_has_patches_of_both_kinds(bnstat_run, asked, around):
    options = ["--batch-sizes", "2", "--format", "json", "-q", "--foreground", "nnunet:0.33", *around]
    found = document(bnstat_run("compare", *asked, *options))
    kinds = [one["patch"]["foreground"] for one in found["samples"]]
    assert (len(kinds), sum(kinds)) == (24, 8)


def test_check_judges_patches(bnstat_run, asked):
    strictly = ["--limit", "constant-patches=0", "--fail-on", "warning"]
    ran = bnstat_run("check", *asked, "--format", "json", "-q", *strictly)
    assert any(one["name"] == "constant-patches" for one in json.loads(ran.out)["findings"])
    assert ran.code == 1


def test_a_batch_takes_as_many_as_all_volumes_give(bnstat_run, refused, asked):
    assert bnstat_run("inspect", *asked, "-b", 12).code == 0
    assert "a batch of 13 takes more samples than the 12 given" in refused(2, "inspect", *asked, "-b", 13)


def test_mixed_shapes_point_to_patches(refused, write_image):
    paths = [write_image(f"{size}.nii", np.ones((size, 4, 4), np.float32)) for size in (4, 5)]
    assert "--patch" in refused(2, "inspect", *paths, "-b", 2)


@pytest.mark.parametrize(
    "option", [("--patches", 4), ("--per-volume", 2), ("--foreground", 0.3), ("--labels", "x"), ("--pad", "edge")]
)
@pytest.mark.parametrize("command", ["inspect", "compare", "check"])
def test_options_of_patches_need_a_size(refused, small_image, command, option):
    message = refused(2, command, small_image(), *option)
    assert option[0] in message
    assert "--patch 96x96x96" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--patch", "a"], "as in 128x128x64"),
        (["--patch", "4x"], "as in 128x128x64"),
        (["--patch", "0"], "must be at least 1 along each axis"),
        (["--patch", "4x4"], "give one size for each axis, as in --patch 96x96x96"),
        (["--patch", "4", "--patches", "0"], "--patches must be at least 1, and is 0"),
        (["--patch", "4", "--foreground", "2"], "must be a share from 0 to 1"),
        (["--patch", "4", "--foreground", "0.5"], "--labels labels/{case}.nii.gz"),
        (["--patch", "4", "--labels", "x"], "--foreground"),
        (["--patch", "4", "--pad", "mirror"], "'zero', 'edge', 'none'"),
        (["--patch", "4", "--axis", "1"], "leave out --axis or --patch"),
    ],
)
def test_wrong_use_is_refused_in_one_line(refused, small_image, options, message):
    assert message in refused(2, "inspect", small_image(), *options)


def test_labels_that_are_missing_are_an_error_of_their_case(bnstat_run, cohort, asked, around):
    (cohort / "labels" / "b.nii.gz").unlink()
    ran = bnstat_run("inspect", *asked, "--foreground", "0.5", *around, "--format", "json")
    (error,) = json.loads(ran.out)["errors"]
    assert ran.code == 3
    assert error["source"].endswith("b.nii.gz")
    assert "its labels cannot be read" in error["message"]
    assert len(json.loads(ran.out)["samples"]) == 8


@pytest.mark.parametrize("size", ["10x10x10", "30x10x10"])
def test_kept_patches_reach_out_of_their_volumes_where_the_patches_themselves_do(bnstat_run, cohort, size):
    given = ["--patch", size, "--patches", "4"]
    assert bnstat_run("scan", cohort / "images", *given, "-o", "kept.jsonl").code == 0
    for command in ("inspect", "compare", "check"):
        notes = bnstat_run(command, "kept.jsonl").lines
        assert notes == bnstat_run(command, cohort / "images", *given).lines
        assert any("are larger than their volume (3 volumes) and are padded with zeros" in note for note in notes) == (
            size == "30x10x10"
        )
