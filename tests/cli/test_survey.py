"""Folders with several kinds of file on the command line: what each layout gives, for every command."""

from __future__ import annotations

import json
import shlex

import nibabel
import numpy as np
import pytest

SHAPE = (6, 5, 4)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def scan(seed, shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)


def labels(seed, shape=SHAPE):
    return (np.random.default_rng(seed).random(shape) > 0.8).astype(np.uint8)


@pytest.fixture
def bids(tmp_path):
    """Four subjects with anatomy, a series and diffusion, and derivatives."""
    root = tmp_path / "bids"
    for number in range(1, 5):
        subject = f"sub-0{number}"
        save(root / f"{subject}/anat/{subject}_T1w.nii.gz", scan(number))
        save(root / f"{subject}/anat/{subject}_FLAIR.nii.gz", scan(10 + number))
        save(root / f"{subject}/func/{subject}_task-rest_bold.nii.gz", scan(20 + number, (*SHAPE, 3)))
        save(root / f"{subject}/dwi/{subject}_dwi.nii.gz", scan(30 + number, (*SHAPE, 2)))
        derived = root / f"derivatives/prep/{subject}/anat"
        save(derived / f"{subject}_desc-brain_mask.nii.gz", labels(number))
        save(derived / f"{subject}_dseg.nii.gz", labels(number))
        save(derived / f"{subject}_desc-preproc_T1w.nii.gz", scan(number))
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": "1.10.0"}))
    return root


@pytest.fixture
def brats(tmp_path):
    """Three cases of four modalities with labels."""
    root = tmp_path / "brats"
    for number in range(3):
        case = f"BraTS-GLI-0000{number}-000"
        for place, modality in enumerate(("t1c", "t1n", "t2f", "t2w")):
            save(root / case / f"{case}-{modality}.nii.gz", scan(10 * number + place))
        save(root / case / f"{case}-seg.nii.gz", labels(number))
    return root


@pytest.fixture
def totalsegmentator(tmp_path):
    """Three cases of three shapes, each with a folder of masks."""
    root = tmp_path / "total"
    for number in range(3):
        shape = (6 + number, 5, 4)
        save(root / f"s000{number}/ct.nii.gz", scan(number, shape))
        for organ in ("liver", "spleen", "vertebrae_L1"):
            save(root / f"s000{number}/segmentations/{organ}.nii.gz", labels(number, shape))
    return root


def commands(path, tmp_path):
    """The commands that read paths."""
    return [
        ("inspect", path),
        ("compare", path, "--batch-sizes", "1,2"),
        ("check", path),
        ("scan", path, "-o", tmp_path / "m.jsonl"),
    ]


def test_several_suffixes_are_a_question_in_every_command(bnstat_run, bids, tmp_path):
    for command in commands(bids, tmp_path):
        ran = bnstat_run(*command)
        assert ran.code == 2
        (line,) = ran.lines
        for part in ("T1w (4 files)", "FLAIR (4 files)", "bold (4 files)", "dwi (4 files)", "--each"):
            assert part in line
        assert "dseg" not in line


def test_derivatives_that_are_named_are_a_question_of_three_kinds(bnstat_run, bids):
    ran = bnstat_run("inspect", bids / "derivatives/prep")
    assert ran.code == 2
    assert "3 suffixes" in ran.lines[0]


@pytest.mark.parametrize("option", ["--suffix", "--channels"])
def test_the_command_in_the_question_can_be_pasted(bnstat_run, bids, option):
    (line,) = bnstat_run("inspect", bids).lines
    typed = next(shlex.split(part.partition("; ")[0]) for part in line.split("as in: bnstat ")[1:] if option in part)
    ran = bnstat_run(*typed, "--format", "json")
    assert ran.code == 0
    report = json.loads(ran.out)
    assert len(report["samples"]) == 4
    assert report["samples"][0]["channels"] == (["T1w"] if option == "--suffix" else ["T1w", "FLAIR"])


def test_every_file_is_a_sample_where_that_is_asked_for(bnstat_run, brats):
    ran = bnstat_run("inspect", brats, "--each", "--format", "json")
    assert (ran.code, len(json.loads(ran.out)["samples"])) == (0, 15)
    assert not any("left out" in line for line in ran.lines)


def test_modalities_are_channels_by_name_and_labels_are_counted(bnstat_run, brats, tmp_path):
    for command in commands(brats, tmp_path):
        ran = bnstat_run(*command)
        assert ran.code == 0
        assert any("joined t1c, t1n, t2f, t2w as channels and left out 3 label files" in line for line in ran.lines)
        assert any("--channels takes others; --each takes every file" in line for line in ran.lines)


def test_channels_of_a_layout_have_the_numbers_of_the_files_one_by_one(bnstat_run, brats):
    ran = bnstat_run("inspect", brats, "--format", "json", "--quiet")
    report = json.loads(ran.out)
    assert len(report["samples"]) == 3
    for sample, batch in zip(report["samples"], report["batches"], strict=True):
        for file, channel in zip(sample["files"], batch["channels"], strict=True):
            alone = json.loads(bnstat_run("inspect", file, "--format", "json", "--quiet").out)
            (one,) = alone["batches"][0]["channels"]
            told = ("count", "mean", "variance", "std", "min", "max", "nan", "inf", "constant", "gain", "running_mean")
            assert [channel[name] for name in told] == [one[name] for name in told]
            assert channel["name"] in file


def test_the_images_of_a_layout_with_a_folder_of_masks_are_read(bnstat_run, totalsegmentator):
    ran = bnstat_run("inspect", totalsegmentator, "--format", "json")
    report = json.loads(ran.out)
    assert [sample["shape"] for sample in report["samples"]] == [[6, 5, 4], [7, 5, 4], [8, 5, 4]]
    assert [sample["channels"] for sample in report["samples"]] == [["ct"]] * 3
    assert any("left out 9 label files (segmentations)" in line for line in ran.lines)


def test_the_labels_that_a_survey_pairs_give_the_foreground(bnstat_run, brats):
    options = ("--patch", "3", "--patches", "4", "--foreground", "1", "--format", "json", "--quiet")
    ran = bnstat_run("inspect", brats, *options)
    assert ran.code == 0
    given = bnstat_run("inspect", brats, *options, "--labels", brats / "{case}/{case}-seg.nii.gz")
    paired = [batch["channels"] for batch in json.loads(ran.out)["batches"]]
    assert paired == [batch["channels"] for batch in json.loads(given.out)["batches"]]


def test_a_scan_goes_on_only_with_the_same_kind(bnstat_run, bids, tmp_path):
    target = tmp_path / "m.jsonl"
    assert bnstat_run("scan", bids, "-o", target, "--suffix", "T1w").code == 0
    assert bnstat_run("scan", bids, "-o", target, "--suffix", "T1w", "--resume").code == 0
    other = bnstat_run("scan", bids, "-o", target, "--suffix", "FLAIR", "--resume")
    assert other.code == 2
    assert "--suffix T1w, not --suffix FLAIR" in other.lines[-1]
    assert bnstat_run("inspect", target).code == 0
    assert bnstat_run("inspect", target, "--suffix", "FLAIR").code == 2


def test_an_entity_takes_the_files_that_have_it(bnstat_run, bids):
    ran = bnstat_run("inspect", bids, "--entity", "task=rest", "--batch-axis", 3, "--format", "json")
    assert (ran.code, len(json.loads(ran.out)["samples"])) == (0, 12)


def test_a_kind_of_one_name_and_several_channels_needs_no_note_on_names(bnstat_run, bids):
    ran = bnstat_run("inspect", bids, "--suffix", "bold")
    assert ran.code == 0
    assert not any("names 1 channel" in line for line in ran.lines)


def test_a_kind_is_asked_of_one_named_file_as_of_several(bids, refused, bnstat_run):
    image = bids / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    assert bnstat_run("inspect", image, "--suffix", "T1w", "--list").code == 0
    assert f"{image}: there is no suffix 'FLAIR', which --suffix names; there is T1w (1 file)" in refused(
        2, "inspect", image, "--suffix", "FLAIR"
    )
    assert "no name has the entity 'task'" in refused(2, "inspect", image, "--entity", "task=rest")


def test_a_list_of_suffixes_is_told_the_option_that_joins(bids, refused):
    assert "to join several kinds as channels, type --channels T1w,FLAIR" in refused(
        2, "inspect", bids, "--suffix", "T1w,FLAIR"
    )


def test_a_kind_found_by_the_end_of_names_has_the_name_that_was_asked_for(totalsegmentator, bnstat_run):
    ran = bnstat_run("inspect", totalsegmentator, "--suffix", "liver", "--list", "--format", "json")
    assert [case["channels"] for case in json.loads(ran.out)["cases"]] == [["liver"]] * 3


def test_what_a_data_set_does_not_heed_is_said(tmp_path, bnstat_run):
    for number in range(2):
        for kind in ("t1", "flair"):
            save(tmp_path / f"{kind}_{number}.nii.gz", scan(number))
    listed = [{"t1": f"t1_{number}.nii.gz", "flair": f"flair_{number}.nii.gz"} for number in range(2)]
    (tmp_path / "list.json").write_text(json.dumps({"training": listed}))
    for asked in (("--suffix", "t1"), ("--each",)):
        ran = bnstat_run("inspect", tmp_path / "list.json", *asked, "--list")
        assert (ran.code, f"so {asked[0]} changed nothing" in ran.err) == (0, True)


@pytest.mark.parametrize("option", ["--mask", "--labels"])
def test_a_label_map_in_the_folder_of_each_image_is_named_once(totalsegmentator, bnstat_run, option):
    more = ("--patch", "4", "--foreground", "0.5") if option == "--labels" else ()
    asked = (*more, "--format", "json")
    found = []
    for root in (totalsegmentator, totalsegmentator / "s0001"):
        ran = bnstat_run("inspect", root, option, "{folder}/segmentations/liver.nii.gz", *asked)
        assert ran.code == 0, ran.err
        report = json.loads(ran.out)
        name = str(totalsegmentator / "s0001/ct.nii.gz")
        place = next(number for number, one in enumerate(report["samples"]) if one["source"].startswith(name))
        found.append(report["batches"][place]["channels"][0]["count"])
    assert found[0] == found[1]
    said = bnstat_run("inspect", totalsegmentator, option, "{folder}/nothing.nii.gz", *asked)
    assert (said.code, "s0000/nothing.nii.gz: no such file" in said.err) == (3, True)


def test_a_mask_in_the_folder_of_an_image_is_that_mask(totalsegmentator, bnstat_run):
    image = totalsegmentator / "s0000/ct.nii.gz"
    liver = totalsegmentator / "s0000/segmentations/liver.nii.gz"
    by_folder, by_name = (
        bnstat_run("inspect", image, "--mask", mask, "--format", "json").out
        for mask in ("{folder}/segmentations/liver.nii.gz", liver)
    )
    assert json.loads(by_folder)["batches"] == json.loads(by_name)["batches"]
