"""What is suggested in place of a path that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.sources.neighbours import meant_by

THERE = ("t1_head.nii", "sub-02/anat/sub-02_T1w.nii.gz", "cohort/a.nii.gz", "masks/brain.mgz", "list.json")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in THERE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("t1_haed.nii", "t1_head.nii"),
        ("t1_head.nii.gz", "t1_head.nii"),
        ("T1_HEAD.NII", "t1_head.nii"),
        ("t1_head", "t1_head.nii"),
        ("sub-02/anat/sub-02_T1w.nii", "sub-02/anat/sub-02_T1w.nii.gz"),
        ("sub-2/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_T1w.nii.gz"),
        ("sub-2/ant/sub-02_T1W.nii", "sub-02/anat/sub-02_T1w.nii.gz"),
        ("cohrt", "cohort"),
        ("cohrt/", "cohort/"),
        ("cohort/b.nii.gz", None),
        ("sub-03/anat/sub-03_T1w.nii.gz", None),
        ("t2_head.nii", None),
        ("lsit.json", "list.json"),
        ("nothing/like/this.nii", None),
        ("masks/brian.mgz", "masks/brain.mgz"),
        ("t1_head.nii", None),
        ("", None),
        ("a\0b", None),
        ("x" * 5000, None),
    ],
)
def test_a_neighbour_of_the_same_name_or_of_one_that_is_like_it_is_suggested(folder, typed, meant):
    assert meant_by(typed) == meant
    if typed and "\0" not in typed:
        absolute = meant_by(f"{folder}/{typed}")
        assert absolute == (meant and f"{folder}/{meant}")


@given(st.text(max_size=30))
def test_whatever_is_typed_only_what_exists_is_suggested(typed):
    meant = meant_by(typed)
    assert meant is None or (Path(meant).exists() and meant != typed)


def test_the_suggestion_is_in_the_one_line_of_the_error(refused, small_image):
    there = Path(small_image("t1_head.nii"))
    typed = there.with_name("t1_haed.nii")
    assert refused(3, "inspect", typed) == f"bnstat: error: {typed}: no such file; did you mean {there}?"
    assert "no such file; check the path" in refused(3, "inspect", there.with_name("other.nii"))
    said = refused(2, "inspect", there, "--mask", typed)
    assert f"--mask: '{typed}' is not known, and no such file exists; did you mean {there}?" in said


def test_a_missing_second_file_is_named(refused, write_image, voxels):
    import nibabel
    import numpy as np

    pair = Path(write_image("pair.img", voxels.astype(np.int16), nibabel.Nifti1Pair))
    pair.with_suffix(".hdr").unlink()
    said = refused(3, "inspect", pair)
    assert said.endswith(f"its second file, {pair.with_suffix('.hdr')}, is missing; copy it to the same folder")


@pytest.mark.parametrize(
    "asked",
    [
        ("inspect", "IMAGE", "--plans"),
        ("inspect", "IMAGE", "--monai"),
        ("check", "IMAGE", "--reference"),
        ("plan",),
        ("compare", "IMAGE", "--group-by"),
    ],
)
def test_a_missing_file_of_settings_names_its_neighbour_and_a_folder_is_none(small_image, tmp_path, refused, asked):
    (tmp_path / "settings.json").write_text("{}")
    call = [small_image() if one == "IMAGE" else one for one in asked]
    column = ":site" if asked[-1] == "--group-by" else ""
    said = refused(3, *call, f"{tmp_path / 'setings.json'}{column}")
    assert f"setings.json: no such file; did you mean {tmp_path / 'settings.json'}?" in said
    assert "it is a directory; name the file in it" in refused(3, *call, f"{tmp_path}{column}")


def test_what_is_in_a_file_is_named_in_brackets_and_not_behind_a_slash(tmp_path, refused, small_image):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    said = refused(3, "inspect", f"{tmp_path}/x.h5/group/raw")
    assert f"{tmp_path}/x.h5 is a file and no folder; what is in it is named in brackets, as in" in said
    assert f"'{tmp_path}/x.h5[group/raw]'" in said
    image = small_image()
    assert f"{image} is a file and no folder; leave out what follows it" in refused(3, "inspect", f"{image}/0")
