"""A file that is among the inputs more than once is noted once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.sources.case import Case
from bnstat.sources.repeated import repeated


@pytest.fixture
def image(small_image, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return Path(small_image("a.nii.gz")).relative_to(tmp_path)


def notes_of(paths):
    return [note for note in bnstat.diagnose(paths).notes if "among the inputs" in note]


def other_names(image):
    (image.parent / "folder").mkdir()
    Path("folder/link.nii.gz").symlink_to(image.absolute())
    os.link(image, "hard.nii.gz")
    Path("linked").symlink_to("folder", target_is_directory=True)
    return [
        "./a.nii.gz",
        "folder/../a.nii.gz",
        str(image.absolute()),
        "folder/link.nii.gz",
        "linked/link.nii.gz",
        "hard.nii.gz",
    ]


def test_every_name_of_a_file_is_seen_through(image):
    for name in other_names(image):
        assert notes_of(["a.nii.gz", name]) == [
            f"a.nii.gz is among the inputs twice, also as {name}; its values count each time, so give it once"
        ]


def test_many_are_one_note(image):
    shutil.copy(image, "b.nii.gz")
    assert notes_of(["a.nii.gz"] * 3 + ["b.nii.gz", "./b.nii.gz"]) == [
        "a.nii.gz is among the inputs 3 times; so is 1 more file; its values count each time, so give it once"
    ]


def test_copies_and_arrays_of_one_archive_are_different_files(image):
    shutil.copy(image, "b.nii.gz")
    np.savez("x.npz", a=np.ones((1, 2, 3, 4)), b=np.ones((1, 2, 3, 4)))
    assert notes_of(["a.nii.gz", "b.nii.gz", "x.npz[a]", "x.npz[b]"]) == []
    assert len(notes_of(["x.npz[a]", "./x.npz[a]"])) == 1


def test_arrays_in_memory_are_never_the_same():
    values = np.ones((1, 2, 3, 4))
    assert notes_of([values, values]) == []


def test_a_file_in_two_cases_or_twice_in_one_is_noted():
    assert "t1.nii is among the inputs twice" in repeated([Case("a", ("t1.nii", "t2.nii")), Case("b", ("t1.nii",))])[0]
    assert "t1.nii is among the inputs twice" in repeated([Case("a", ("t1.nii", "t1.nii"))])[0]


@pytest.mark.usefixtures("image")
def test_scan_notes_it_too_unless_the_name_is_the_same_and_it_is_read_once(bnstat_run):
    ran = bnstat_run("scan", "a.nii.gz", "./a.nii.gz", "-o", "m.jsonl")
    assert ran.err.count("among the inputs") == 1
    assert "among the inputs" not in bnstat_run("scan", "a.nii.gz", "a.nii.gz", "-o", "n.jsonl").err
    again = bnstat_run("inspect", "m.jsonl")
    assert again.err.count("among the inputs") == 1
