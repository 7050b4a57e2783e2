"""`--mask labels`: the label map of each case is its mask."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, describe, nnunet_v2, save, values

import bnstat
from bnstat.errors import InputError

LABELLED = bnstat.Reading(preparation=bnstat.Preparation(mask="labels"))


@pytest.fixture
def dataset(tmp_path):
    """Cases of two files each, with label maps of some classes."""
    root = nnunet_v2(tmp_path / "ds")
    for case in CASES:
        classes = np.random.default_rng(CASES.index(case)).integers(0, 3, values(case, 0).shape).astype(np.uint8)
        save(root / "labelsTr" / f"{case}.nii.gz", classes)
    return root


def expected(root, case, channel):
    inside = np.asanyarray(nibabel.load(root / "labelsTr" / f"{case}.nii.gz").dataobj) > 0
    return values(case, channel)[inside].astype(np.float64)


def test_statistics_are_those_of_the_voxels_with_a_label(dataset):
    report = bnstat.diagnose(dataset, reading=LABELLED)
    for case, batch in zip(CASES, report.batches, strict=True):
        for channel in range(len(CHANNELS)):
            inside, found = expected(dataset, case, channel), batch.channels[channel]
            assert found.count == inside.size
            assert (found.mean, found.variance) == pytest.approx((inside.mean(), inside.var()), rel=1e-12)


def test_it_equals_a_mask_that_is_named_for_each_case(dataset):
    named = bnstat.Reading(preparation=bnstat.Preparation(mask=f"{dataset}/labelsTr/{{case}}.nii.gz"))
    assert bnstat.diagnose(dataset, reading=LABELLED).batches == bnstat.diagnose(dataset, reading=named).batches


def test_a_scan_keeps_it_and_its_file_serves_with_and_without_the_option(dataset, bnstat_run, tmp_path):
    kept = tmp_path / "m.jsonl"
    assert bnstat_run("scan", dataset, "--mask", "labels", "-o", kept).code == 0
    direct = json.loads(bnstat_run("inspect", dataset, "--mask", "labels", "--format", "json").out)
    for options in ((), ("--mask", "labels")):
        assert json.loads(bnstat_run("inspect", kept, *options, "--format", "json").out)["batches"] == direct["batches"]
    assert "--mask labels" in bnstat_run("inspect", kept, "--mask", "nonzero").err
    # a label map that has changed is read again
    save(dataset / "labelsTr" / f"{CASES[0]}.nii.gz", np.ones(values(CASES[0], 0).shape, np.uint8))
    again = bnstat_run("scan", dataset, "--mask", "labels", "-o", kept, "--resume")
    assert "1 read in this run, 2 unchanged" in again.err


@pytest.mark.parametrize("steps", ["zscore", "zscore:mask", "clip:0,200|minmax"])
def test_steps_with_it_are_those_with_a_mask_that_is_named(dataset, steps):
    masks = ("labels", f"{dataset}/labelsTr/{{case}}.nii.gz")
    readings = [bnstat.Reading(preparation=bnstat.Preparation(intensity=steps, mask=mask)) for mask in masks]
    one, other = (bnstat.diagnose(dataset, reading=reading).batches for reading in readings)
    assert one == other


def test_a_case_without_labels_is_a_line_and_the_others_are_read(tmp_path, bnstat_run):
    entries = [{"image": f"{case}.nii.gz", "label": f"{case}_seg.nii.gz"} for case in CASES]
    for case in CASES:
        save(tmp_path / f"{case}.nii.gz", values(case, 0))
        save(tmp_path / f"{case}_seg.nii.gz", (values(case, 0) > 0).astype(np.uint8))
    del entries[1]["label"]
    ran = bnstat_run("inspect", describe(tmp_path, {"training": entries}), "--mask", "labels", "--format", "json")
    assert (ran.code, len(json.loads(ran.out)["samples"]), len(ran.errors)) == (3, 2, 1)
    assert f"{CASES[1]}.nii.gz: it has no label map, which --mask labels needs; name the label maps" in ran.errors[0]


def test_a_file_that_is_named_has_no_labels(small_image, refused, tmp_path):
    image = small_image()
    assert "it has no label map, which --mask labels needs" in refused(3, "inspect", image, "--mask", "labels")
    ran = refused(3, "scan", image, "--mask", "labels", "-o", tmp_path / "m.jsonl", "-q")
    assert "it has no label map, which --mask labels needs" in ran
    with pytest.raises(InputError, match="has no label map"):
        bnstat.diagnose(np.ones((1, 2, 3, 4)), reading=LABELLED)


def test_labels_of_another_shape_are_a_line(dataset, bnstat_run):
    save(dataset / "labelsTr" / f"{CASES[1]}.nii.gz", np.ones((2, 2, 2), np.uint8))
    ran = bnstat_run("inspect", dataset, "--mask", "labels")
    assert (ran.code, len(ran.errors)) == (3, 1)
    assert "a mask needs the spatial axes of the image" in ran.errors[0]


def test_a_label_map_that_is_gone_is_a_line(dataset):
    for case in CASES:
        (dataset / "labelsTr" / f"{case}.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match="its mask cannot be used"):
        bnstat.diagnose(dataset, reading=LABELLED)


@pytest.mark.parametrize("typed", ["label", "Labels", "lables"])
def test_a_mistyped_word_is_suggested(refused, small_image, typed):
    assert "did you mean 'labels'?" in refused(2, "inspect", small_image(), "--mask", typed)
