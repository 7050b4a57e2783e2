"""What a directory stands for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from inspected import inspected

import bnstat
from bnstat.sources.search import cases_of


def files_below(path):
    """The files that a path stands for; none of it failed."""
    found = cases_of([str(path)])
    assert not found.failures
    return [case.name for case in found.cases]


@pytest.fixture
def tree(tmp_path, small_image):
    """A directory with images, other files, hidden ones, and a folder in a folder."""
    image = small_image("original.nii.gz")
    root = tmp_path / "cohort"
    for name in ("b.nii.gz", "a.NII.GZ", "deep/down/c.nii.gz", ".hidden.nii.gz", ".git/d.nii.gz", "deep/._c.nii.gz"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, root / name)
    np.save(root / "e.npy", np.ones((2, 3, 4, 1)))
    (root / "notes.txt").write_text("not an image")
    (root / "empty").mkdir()
    return root


def test_a_directory_stands_for_the_images_below_it_in_order_of_their_names(tree):
    names = [os.path.relpath(file, tree) for file in files_below(tree)]
    assert names == ["a.NII.GZ", "b.nii.gz", "deep/down/c.nii.gz", "e.npy"]


def test_files_whose_names_begin_with_a_dot_are_skipped(tree):
    assert not [file for file in files_below(tree) if "/." in file]


def test_a_directory_that_is_itself_hidden_is_searched(tree, tmp_path):
    tree.rename(tmp_path / ".cohort")
    assert len(files_below(tmp_path / ".cohort")) == 4


def test_a_hidden_file_that_is_named_is_read(tree):
    assert bnstat.diagnose(tree / ".hidden.nii.gz").errors == ()


def test_a_pair_of_files_is_one_image(tmp_path, write_image, voxels):
    import nibabel

    write_image("pair.img", voxels.astype(np.int16), nibabel.Nifti1Pair)
    assert [Path(file).name for file in files_below(tmp_path)] == ["pair.img"]


def test_a_directory_named_like_an_image_is_searched(tmp_path, small_image):
    folder = tmp_path / "case.nii"
    folder.mkdir()
    shutil.move(small_image("x.nii"), folder / "x.nii")
    assert files_below(folder) == [str(folder / "x.nii")]


@pytest.mark.parametrize("folder", ["empty", "."])
def test_a_directory_without_images_is_an_error(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    found = cases_of([str(tmp_path / folder)])
    (failure,) = found.failures
    assert found.cases == []
    assert "no image" in failure.message


def test_links_that_go_round_in_circles_end(tree):
    (tree / "deep" / "up").symlink_to(tree, target_is_directory=True)
    (tree / "loop.nii").symlink_to(tree / "loop.nii")
    (tree / "broken.nii").symlink_to(tree / "nothing.nii")
    names = [os.path.relpath(file, tree) for file in files_below(tree)]
    assert "loop.nii" in names  # its reading says that it leads nowhere, as it does of a link to a missing file
    assert names.count("b.nii.gz") == 1


def test_every_sample_names_its_file(tree):
    report = bnstat.diagnose(tree)
    assert [sample.source for sample in report.samples][:2] == [str(tree / "a.NII.GZ"), str(tree / "b.nii.gz")]
    assert [(sample.source, sample.index) for sample in report.samples][-1] == (str(tree / "e.npy"), 1)


def test_a_broken_file_in_a_directory_is_named_and_the_others_are_answered(tree):
    (tree / "b.nii.gz").write_bytes(b"")
    report = bnstat.diagnose(tree)
    assert [failure.source for failure in report.errors] == [str(tree / "b.nii.gz")]
    assert len(report.samples) == 4


def test_a_file_that_is_named_is_itself_whether_it_is_there_or_not(tmp_path):
    assert files_below(tmp_path / "missing.nii") == [str(tmp_path / "missing.nii")]


def test_a_name_that_is_too_long_is_an_error_of_that_input(tmp_path):
    report = inspected(tmp_path / ("x" * 300 + ".nii"))
    assert len(report.errors) == 1


def test_no_name_at_all_is_not_the_current_directory(tree, monkeypatch):
    monkeypatch.chdir(tree)
    try:
        report = inspected("")
    except bnstat.UsageError:
        return
    assert report.batches == ()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read_is_an_error_and_not_left_out(tree):
    (tree / "deep").chmod(0)
    try:
        report = inspected(tree)
    finally:
        (tree / "deep").chmod(0o755)
    assert report.errors


def test_a_directory_without_an_image_names_the_formats_that_are_read(tmp_path):
    (failure,) = cases_of([str(tmp_path)]).failures
    for name in ("NIfTI", "MGH", "MINC", "Analyze", ".npy"):
        assert name in failure.message


def test_a_directory_of_moments_files_names_one_of_them(tmp_path, small_image):
    folder = tmp_path / "kept[1]"
    folder.mkdir()
    (folder / "a.jsonl").write_text("{}\n")
    for name in ("c.jsonl", "b.jsonl"):
        bnstat.collect([small_image()], folder / name)
    (failure,) = cases_of([str(folder)]).failures
    assert f"no image, but 2 moments files; give one of them, as in {folder / 'b.jsonl'}" in str(failure)
