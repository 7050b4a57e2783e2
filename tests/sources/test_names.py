"""Names of files: endings, and what files of one case share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.sources.names import ending_of, is_image, shared, stem_of

WORDS = st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.nii.gz", ".nii.gz"), ("a.b.NII.GZ", ".NII.GZ"), ("a.mgh.gz", ".mgh.gz"), ("a.tif", ".tif"), ("a", "")],
)
def test_an_ending_may_have_two_parts(name, ending):
    assert ending_of(name) == ending
    assert stem_of(name) + ending == name


def test_hidden_files_and_other_formats_are_no_images():
    assert [name for name in ("a.nii", ".a.nii", "._a.nii.gz", "a.dcm", "a.NPY") if is_image(name)] == [
        "a.nii",
        "a.NPY",
    ]


@given(WORDS, WORDS, st.lists(WORDS, min_size=2, max_size=4, unique=True), st.sampled_from("_-."))
def test_files_of_one_name_share_it_and_are_told_by_what_follows(folder, case, channels, separator):
    files = [f"{folder}/{case}{separator}{channel}.nii.gz" for channel in channels]
    assert shared(files) == (f"{folder}/{case}", tuple(channels))


@given(WORDS, WORDS, st.lists(WORDS, min_size=2, max_size=4, unique=True))
def test_files_of_one_name_in_several_folders_are_told_by_these(root, case, channels):
    assert shared([f"{root}/{one}/{case}.nii" for one in channels]) == (f"{root}/{case}", tuple(channels))


def test_files_that_share_nothing_are_called_by_their_folder():
    assert shared(["a/b/x.nii", "a/b/y.nii"]) == ("a/b", ("x", "y"))
    assert shared(["/x.nii", "/y.nii"])[1] == ("x", "y")
