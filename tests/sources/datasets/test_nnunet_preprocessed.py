"""Directories that nnU-Net has preprocessed: a case for each array, its label map paired and not read as a volume."""

from __future__ import annotations

import json

import numpy as np
import pytest
from inspected import inspected

from bnstat.sources.search import cases_of

PLANS = {
    "plans_name": "nnUNetPlans",
    "configurations": {
        "3d_fullres": {
            "patch_size": [8, 16, 24],
            "batch_size": 3,
            "architecture": {"arch_kwargs": {"strides": [[1, 1, 1], [2, 2, 2]]}},
        }
    },
}


def write_case(folder, name, ending, seed=0):
    draw = np.random.default_rng(seed)
    data, labels = draw.normal(0, 1, (2, 9, 10, 11)).astype("f4"), draw.integers(0, 2, (1, 9, 10, 11)).astype("i1")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(b"never unpickled")
    if ending == ".npz":
        np.savez_compressed(folder / f"{name}.npz", data=data, seg=labels)
    elif ending == ".npy":
        np.save(folder / f"{name}.npy", data)
        np.save(folder / f"{name}_seg.npy", labels)
    else:
        blosc2 = pytest.importorskip("blosc2")
        blosc2.asarray(data, urlpath=str(folder / f"{name}.b2nd"))
        blosc2.asarray(labels, urlpath=str(folder / f"{name}_seg.b2nd"))
    return data


@pytest.fixture
def preprocessed(tmp_path):
    """A data set with its plans, without any case."""
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": {}}))
    (tmp_path / "nnUNetPlans.json").write_text(json.dumps(PLANS))
    (tmp_path / "gt_segmentations").mkdir()
    np.save(tmp_path / "gt_segmentations" / "a.npy", np.zeros((9, 10, 11)))
    return tmp_path


@pytest.mark.parametrize("ending", [".b2nd", ".npy", ".npz"])
def test_a_directory_gives_a_case_for_each_array_with_its_label_map(preprocessed, ending):
    folder = preprocessed / "nnUNetPlans_3d_fullres"
    for name in "ab":
        write_case(folder, name, ending)
    found = cases_of([str(folder)])
    assert [case.files for case in found.cases] == [(f"{folder}/{name}{ending}",) for name in "ab"]
    labels = "{}.npz[seg]" if ending == ".npz" else f"{{}}_seg{ending}"
    assert [case.labels for case in found.cases] == [f"{folder}/{labels.format(name)}" for name in "ab"]
    assert {case.channels for case in found.cases} == {("T1", "FLAIR")}
    (note,) = found.notes
    assert "2 cases that nnU-Net has preprocessed; 2 label maps left out" in note
    assert "nnUNetPlans.json trains 3d_fullres on patches of 24 × 16 × 8 voxels (x × y × z) in batches of 3" in note


def test_a_case_that_was_unpacked_is_read_once(preprocessed):
    folder = preprocessed / "nnUNetPlans_3d_fullres"
    write_case(folder, "a", ".npz")
    write_case(folder, "a", ".npy")
    assert [case.files for case in cases_of([str(folder)]).cases] == [(f"{folder}/a.npy",)]


def test_the_numbers_are_those_of_the_arrays_and_channels_have_names(preprocessed):
    data = write_case(preprocessed / "nnUNetPlans_3d_fullres", "a", ".npz")
    report = inspected(preprocessed)
    np.testing.assert_allclose([one.mean for one in report.batches[0].channels], data.mean(axis=(1, 2, 3)), rtol=1e-5)
    assert report.samples[0].channels == ("T1", "FLAIR")


def test_patches_are_drawn_around_the_foreground_of_the_label_map(preprocessed, bnstat_run):
    write_case(preprocessed / "nnUNetPlans_3d_fullres", "a", ".npy")
    ran = bnstat_run("inspect", preprocessed, "--patch", "8x8x8", "--foreground", "1", "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["samples"]


def test_several_configurations_are_listed(preprocessed, refused):
    write_case(preprocessed / "nnUNetPlans_3d_fullres", "a", ".npz")
    write_case(preprocessed / "nnUNetPlans_2d", "a", ".npz")
    line = refused(3, "inspect", preprocessed)
    assert f"{preprocessed}/nnUNetPlans_3d_fullres (1 case)" in line
    assert f"{preprocessed}/nnUNetPlans_2d (1 case)" in line


def test_archives_with_something_pickled_beside_them_are_no_preprocessed_cases(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)))
    (tmp_path / "a.pkl").touch()
    found = cases_of([str(tmp_path)])
    assert [case.labels for case in found.cases] == [None]
    assert found.notes == []
