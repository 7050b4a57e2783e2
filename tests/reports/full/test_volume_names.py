"""The names of volumes: below their common folder, short in plots, and never two alike."""

from __future__ import annotations

import pytest
from reported import channel, reported

ONE = [channel(10.0 + place, 2.0) for place in range(3)]


def _each(*channels):
    return [[one] for one in channels]


def test_names_are_shown_below_the_folder_that_all_have_in_common():
    found = reported(_each(*ONE), ["data/site_a/01.nii.gz", "data/site_b/01.nii.gz", "data/c.nii.gz"]).volume_names
    assert found.folder == "data/"
    assert found.full == ("site_a/01.nii.gz", "site_b/01.nii.gz", "c.nii.gz")
    assert found.short == ("site_a/01", "site_b/01", "c")


def test_folders_that_begin_alike_are_not_cut_inside_a_name():
    assert reported(_each(*ONE[:2]), ["data/case_1.nii", "data/case_2.nii"]).volume_names.folder == "data/"


@pytest.mark.parametrize(
    ("source", "folder", "name"),
    [
        ("data/a.nii", "data/", "a.nii"),
        ("a.npz[x/y]", "", "a.npz[x/y]"),
        ("data/", "", "data/"),
        ("https://a.org/data/a.nii", "https://a.org/data/", "a.nii"),
    ],
)
def test_the_folder_of_the_only_volume_is_said_once(source, folder, name):
    found = reported(_each(ONE[0]), [source]).volume_names
    assert (found.folder, *found.full) == (folder, name)


@pytest.mark.parametrize(
    "sources",
    [
        ["a.nii", "a.nii"],
        ["a  b.nii", "a b.nii"],
        ["a\nb.nii", "a\\nb.nii"],
        ["a.nii", "a.nii", "a.nii (no. 1)"],
        ["x" * 40 + "1" + "y" * 40 + ".nii", "x" * 40 + "2" + "y" * 40 + ".nii"],
    ],
)
def test_no_two_volumes_look_alike(sources):
    found = reported(_each(*(channel(1.0, 1.0) for _ in sources)), sources).volume_names
    for names in (found.full, found.short):
        assert len({" ".join(name.split()) for name in names}) == len(sources)
