"""Files whose content is not what their name says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest


@pytest.mark.parametrize("content", [b"hello\n", b"x" * 2000, b"\\\x01\x00\x00" * 200])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.nii.gz", "it is not a gzip file, though its name ends in .gz; check what it is"),
        ("a.NII.GZ", "it is not a gzip file, though its name ends in .gz; check what it is"),
        ("a.mgz", "it is not a gzip file, though its name ends in .mgz; check what it is"),
        ("a.nii.bz2", "it is not a bzip2 file, though its name ends in .bz2; check what it is"),
        ("a.nii.zst", "it is not a Zstandard file, though its name ends in .zst; check what it is"),
        ("a.npz", "it is not a zip file, though its name ends in .npz; check what it is"),
        ("a.nii", "it is not a NIfTI image, though its name says so, or its header is damaged"),
    ],
)
def test_a_file_of_another_kind_is_not_called_truncated(refused, tmp_path, name, said, content):
    if name == "a.nii" and content[0] == ord("\\"):
        content = content[1:]
    (tmp_path / name).write_bytes(content)
    assert said in refused(3, "inspect", tmp_path / name)


def test_a_compressed_file_without_its_ending_is_told_to_be_renamed(refused, small_image, tmp_path):
    (tmp_path / "b.nii").write_bytes(gzip.compress(Path(small_image()).read_bytes()))
    assert "it is a gzip file, though its name does not end in .gz; rename it" in refused(
        3, "inspect", tmp_path / "b.nii"
    )


@pytest.mark.parametrize("size", [1, 6, 100])
def test_a_gzip_file_that_is_cut_is_still_called_truncated(refused, small_image, tmp_path, size):
    content = Path(small_image()).read_bytes()
    packed = content if content.startswith(b"\x1f\x8b") else gzip.compress(content)
    (tmp_path / "c.nii.gz").write_bytes(packed[:size])
    assert "the file is truncated" in refused(3, "inspect", tmp_path / "c.nii.gz")


@pytest.mark.parametrize("name", ["e.nii", "e.nii.gz", "e.nii.bz2", "e.mgz", "e.npy", "e.npz"])
def test_an_empty_file_is_called_empty(refused, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "the file is empty (0 bytes)" in refused(3, "inspect", tmp_path / name)
