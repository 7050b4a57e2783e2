"""The list of formats: what is known of a file by its name and its first bytes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import pytest

from bnstat.errors import InputError
from bnstat.sources.formats import registry
from bnstat.sources.formats.registry import FORMATS, ending_of, format_of, format_within, split_key


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.nii.gz", "NIfTI"), ("A.NII", "NIfTI"), ("a.hdr", "Analyze"), ("a.x.mgz", "MGH"), ("a.dcm", "DICOM")],
)
def test_a_name_tells_the_format(name, known):
    assert format_of(name).name == known


def test_a_key_in_brackets_does_not_hide_the_format():
    assert format_of("x.npz[a.nii]").batched
    assert format_of("x.npy[a]") is None
    assert split_key("a/x.NPZ[b[0]]") == ("a/x.NPZ", "b[0]")
    assert split_key("x.nii[0]") == ("x.nii[0]", None)


def test_a_file_whose_name_has_brackets_has_no_key(tmp_path):
    path = tmp_path / "x.npz[a]"
    path.write_bytes(b"")
    assert split_key(str(path)) == (str(path), None)


def test_endings_are_lower_case_and_belong_to_one_format_each():
    endings = [ending for one in FORMATS for ending in (*one.endings, *one.named, *one.folders)]
    assert len(set(endings)) == len(endings)
    assert all(ending == ending.lower() and ending_of(f"x{ending}") == ending for ending in endings)
    for one in FORMATS:
        assert {*one.seconds, *one.keyed} <= {*one.endings, *one.named, *one.folders}


def test_the_opener_of_every_format_exists():
    for one in FORMATS:
        for name in filter(None, (one.opener, one.named_files) if one.extra is None else ()):
            module, function = name.split(":")
            assert callable(getattr(import_module(f"bnstat.sources.formats.{module}"), function))


def test_first_bytes_tell_a_format(tmp_path):
    path = tmp_path / "x"
    for one in FORMATS:
        for place, text in one.starts:
            path.write_bytes(bytes(place) + text + b"...")
            assert format_within(str(path)) is one
    path.write_bytes(b"DICM")
    assert format_within(str(path)) is None
    assert format_within(str(tmp_path / "none")) is None


def test_a_format_without_its_package_says_what_to_install(monkeypatch):
    name = "bnstat.sources.formats.arrays"
    monkeypatch.setitem(sys.modules, name, None)
    needs = replace(format_of("a.npy"), name="Kind", extra="kind", package="kindpy")
    with pytest.raises(InputError, match=r"reading Kind needs kindpy; run: pip install 'bnstat\[kind\]'"):
        needs.open("a.npy")


def test_the_list_imports_no_format():
    code = (
        "import sys, bnstat.sources.formats.registry; "
        "assert not [name for name in sys.modules if name.startswith(('numpy', 'nibabel'))]"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert registry.IMAGE_ENDINGS[0] == ".nii"
