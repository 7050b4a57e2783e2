"""`check --reference dataset_fingerprint.json`: today's foreground compared with that of nnU-Net's fingerprint."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import nnunet_cases
import numpy as np
import pytest

from bnstat import UsageError
from bnstat.workflows.check import check

RECORDING = Path(__file__).parents[1] / "recordings" / "nnunet-run.json"
NAME = "Dataset501_CtMr"
FINGERPRINT = json.loads(RECORDING.read_text(encoding="utf-8"))["datasets"][NAME]["fingerprint"]
PROPERTIES = "foreground_intensity_properties_per_channel"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(FINGERPRINT)
    return nnunet_cases.write(tmp_path, NAME)


def save(content):
    Path("dataset_fingerprint.json").write_text(json.dumps(content))


def moved(channel, **changes):
    table = {key: dict(row) for key, row in FINGERPRINT[PROPERTIES].items()}
    table[str(channel)] |= changes
    save(FINGERPRINT | {PROPERTIES: table})


@pytest.fixture
def found(bnstat_run):
    def call(*options, name=NAME):
        ran = bnstat_run("check", name, "--reference", "dataset_fingerprint.json", "--format", "json", *options)
        assert ran.code in (0, 1), ran
        return json.loads(ran.out)

    return call


def drifts(document):
    return [(one["channel"], one["message"]) for one in document["findings"] if one["rule"] == "BN208"]


def foreground(channel):
    """Return mean and deviation over the foreground, each case with equal weight."""
    inside = [
        nnunet_cases.volume(NAME, case, channel)[nnunet_cases.labels(case) > 0].astype(float)
        for case in range(nnunet_cases.CASES)
    ]
    means = [one.mean() for one in inside]
    return np.mean(means), np.sqrt(np.mean([one.var() for one in inside]) + np.var(means))


def test_the_foreground_of_the_same_data_is_that_of_the_fingerprint(found):
    # nnU-Net draws 250,000 foreground voxels of each case, so that its numbers are near those of all of them
    for channel in range(2):
        mean, deviation = foreground(channel)
        theirs = FINGERPRINT[PROPERTIES][str(channel)]
        assert theirs["mean"] == pytest.approx(mean, abs=0.01 * deviation)
        assert theirs["std"] == pytest.approx(deviation, rel=0.01)
    document = found()
    assert drifts(document) == []
    assert document["settings"]["reference"] == "dataset_fingerprint.json"
    assert any("the foreground of the label maps is compared" in note for note in document["notes"])


def test_foreground_that_has_moved_is_found_with_its_size(found):
    mean, deviation = foreground(1)
    moved(1, mean=mean - deviation, std=deviation)
    ((channel, message),) = drifts(found())
    assert channel == 1
    assert "compared with 4 samples of dataset_fingerprint.json, in the foreground of the label maps, " in message
    assert "the mean moved by 1 standard deviations" in message or "by 1.00 standard deviations" in message
    assert "nnUNetv2_extract_fingerprint" in message


@pytest.mark.parametrize(
    "options",
    [
        ("--mask", "labels"),
        ("--mask", "Dataset501_CtMr/labelsTr/{case}.nii.gz"),
        ("--intensity", "zscore"),
        ("--patch", "8x8x8", "--foreground", "0.5"),
        ("--patch", "8x8x8", "--foreground", "0.5", "--labels", "Dataset501_CtMr/labelsTr/{case}.nii.gz"),
    ],
)
def test_like_is_compared_with_like_whatever_else_is_asked(found, options):
    mean, deviation = foreground(0)
    moved(0, mean=mean + 0.5 * deviation, std=deviation)
    ((_, message),) = drifts(found(*options))
    assert "the mean moved by 0.5 standard deviations" in message


def test_other_rules_judge_all_voxels_as_without_a_reference(found, bnstat_run):
    plain = json.loads(bnstat_run("check", NAME, "--format", "json").out)
    assert found()["findings"] == plain["findings"]


def test_data_without_label_maps_are_refused_with_what_to_do(refused, tmp_path):
    for file in (tmp_path / NAME / "labelsTr").iterdir():
        file.unlink()
    line = refused(2, "check", NAME, "--reference", "dataset_fingerprint.json")
    assert "has statistics of foreground voxels only, and" in line
    assert "--mask labels/{case}.nii.gz" in line


def test_a_case_without_foreground_is_left_out(found, tmp_path):
    file = tmp_path / NAME / "labelsTr" / "case_002.nii.gz"
    image = nibabel.load(file)
    nibabel.save(nibabel.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine), file)
    document = found()
    assert len(document["samples"]) == 4
    assert any("case_002" in note and "so it is not compared" in note for note in document["notes"])


@pytest.mark.parametrize("mask", ["nonzero", ">0"])
def test_a_threshold_is_no_foreground(refused, mask):
    line = refused(2, "check", NAME, "--reference", "dataset_fingerprint.json", "--mask", mask)
    assert f"--mask {mask} is a threshold" in line


def test_another_number_of_channels_is_refused(refused):
    save(FINGERPRINT | {PROPERTIES: {"0": FINGERPRINT[PROPERTIES]["0"]}})
    assert "has 1 channel and" in refused(2, "check", NAME, "--reference", "dataset_fingerprint.json")


def test_moments_have_no_foreground(refused, bnstat_run):
    assert bnstat_run("scan", NAME, "-o", "m.jsonl", "-q").code == 0
    assert "has moments and no voxels" in refused(2, "check", "m.jsonl", "--reference", "dataset_fingerprint.json")


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"0": {}},
        {"0": {"mean": "1", "std": 2}},
        {"1": {"mean": 1, "std": 2}},
        {"0": {"mean": 10**400, "std": 1}},
        [1],
        3,
    ],
)
def test_a_fingerprint_that_lacks_a_number_is_an_error(refused, table):
    save(FINGERPRINT | {PROPERTIES: table})
    assert "extract the fingerprint again" in refused(3, "check", NAME, "--reference", "dataset_fingerprint.json")


@pytest.mark.parametrize("content", ["{}", "[", '{"foreground_intensity_properties_per_channel": {}}'])
def test_another_file_is_no_reference(refused, content):
    Path("x.json").write_text(content)
    assert "or a dataset_fingerprint.json of nnU-Net" in refused(3, "check", NAME, "--reference", "x.json")


def test_arrays_in_python_have_no_label_maps():
    with pytest.raises(UsageError, match="an array has no label map"):
        check(np.zeros((4, 8, 8, 8, 2)), reference="dataset_fingerprint.json")


def test_a_generator_of_paths_is_read_twice(tmp_path):
    found = check((name for name in [str(tmp_path / NAME)]), reference="dataset_fingerprint.json")
    assert len(found.samples) == 4
    assert not [one for one in found.findings if one.rule == "BN208"]


def test_a_mask_of_labels_is_the_foreground_of_the_data_set(bnstat_run):
    ran = bnstat_run("inspect", NAME, "--mask", "labels", "--format", "json")
    for case, batch in enumerate(json.loads(ran.out)["batches"]):
        for channel, part in enumerate(batch["channels"]):
            inside = nnunet_cases.volume(NAME, case, channel)[nnunet_cases.labels(case) > 0].astype(float)
            assert part["count"] == inside.size
            assert part["mean"] == pytest.approx(inside.mean(), rel=1e-12)
            assert part["variance"] == pytest.approx(inside.var(), rel=1e-12)


def test_a_mask_of_labels_needs_label_maps(refused):
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)), "alone.nii")
    line = refused(3, "inspect", "alone.nii", "--mask", "labels")
    assert "alone.nii: it has no label map, which --mask labels needs" in line


def test_a_scan_with_a_mask_of_labels_is_resumed_until_the_labels_change(bnstat_run, tmp_path):
    asked = ("scan", NAME, "--mask", "labels", "-o", "m.jsonl")
    assert bnstat_run(*asked, "-q").code == 0
    assert "0 read in this run, 4 unchanged" in bnstat_run(*asked, "--resume").err
    file = tmp_path / NAME / "labelsTr" / "case_001.nii.gz"
    image = nibabel.load(file)
    nibabel.save(nibabel.Nifti1Image(np.ones(image.shape, np.uint8), image.affine), file)
    assert "1 read in this run, 3 unchanged" in bnstat_run(*asked, "--resume").err


def test_a_reference_whose_rule_is_not_selected_is_not_used(found):
    document = found("--ignore", "BN208")
    assert drifts(document) == []
    assert any("is not used, because its rule" in note for note in document["notes"])
