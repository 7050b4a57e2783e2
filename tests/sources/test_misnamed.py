"""Files whose content is not what their name says."""

from __future__ import annotations

import bz2
import gzip
import json
import struct
import subprocess
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from inspected import inspected

import bnstat

PLAIN = {".nii": nibabel.Nifti1Image, ".mgh": nibabel.MGHImage}
PACKED = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "twice": lambda one: gzip.compress(gzip.compress(one)),
}
# The names that a file may have wrongly, and how it is compressed all the same.
LIES = [
    *[
        (".nii", name, packed)
        for name in ("a.nii.gz", "A.NII.GZ", "a.nii.bz2", "a.mgz", "a.dat", "a")
        for packed in PACKED
    ],
    *[(".nii", "a.nii", packed) for packed in ("gzip", "bzip2", "twice")],
    *[(".nii", "a.nii.gz.gz", packed) for packed in ("plain", "gzip", "twice")],
    *[(".mgh", name, packed) for name in ("a.mgz", "a.mgh", "a.nii", "a.nii.gz") for packed in PACKED],
]
TRUE = {("A.NII.GZ", "gzip"), ("a.nii.gz", "gzip"), ("a.nii.bz2", "bzip2"), ("a.mgh", "plain"), ("a.mgz", "gzip")}
OFFSETS = {nibabel.Nifti1Image: (108, "f", 352), nibabel.Nifti2Image: (168, "q", 544)}


def lie(kind, name, packed):
    """A readable name for a case."""
    return f"{packed}-{kind[1:]}-as-{name}"


@pytest.fixture
def disguised(tmp_path, voxels):
    """Write an image, and its bytes under another name; return both paths."""

    def write(kind, name, packed, **given):
        header = (
            PLAIN[kind].header_class()
            if kind == ".mgh"
            else PLAIN[kind].header_class(endianness=given.get("endianness", "<"))
        )
        header.set_data_dtype(np.int16)
        image = PLAIN[kind](voxels.astype(np.int16), np.diag([1.0, 2.0, 3.0, 1.0]), header)
        if kind == ".nii":
            image.header.set_slope_inter(-0.5, 10.0)
        true = tmp_path / f"true{kind}"
        nibabel.save(image, true)
        (tmp_path / name).write_bytes(PACKED[packed](true.read_bytes()))
        return true, tmp_path / name

    return write


def numbers_of(path, **given):
    report = bnstat.diagnose(path, **given)
    return report.batches, [(one.shape, one.dtype) for one in report.samples]


@pytest.mark.parametrize(
    ("kind", "name", "packed"),
    [
        one
        for one in LIES
        if (one[1], one[2]) not in TRUE
        or (one[0] == ".mgh" and one[1] == "a.nii")
        or (one[0] == ".nii" and one[1] == "a.mgz")
        or (one[0] == ".mgh" and one[1] == "a.nii.gz")
    ],
    ids=lambda one: one,
)
def test_a_file_is_read_as_what_it_is_whatever_its_name_says(disguised, kind, name, packed):
    true, wrong = disguised(kind, name, packed)
    assert numbers_of(wrong) == numbers_of(true)
    (note,) = [one for one in bnstat.diagnose(wrong).notes if one.startswith(str(wrong))]
    assert "it is read as what it is, but other programs will stumble over it; to mend it, type: " in note


@pytest.mark.parametrize(
    ("kind", "name", "packed"), [one for one in LIES if (one[1], one[2]) not in TRUE and one[0] == ".nii"]
)
def test_the_command_makes_name_and_content_agree(disguised, kind, name, packed):
    true, wrong = disguised(kind, name, packed)
    (note,) = [one for one in bnstat.diagnose(wrong).notes if one.startswith(str(wrong))]
    before = set(wrong.parent.iterdir())
    subprocess.run(note.partition("type: ")[2], shell=True, check=True)
    (mended,) = {*wrong.parent.iterdir()} - before or {wrong}
    report = bnstat.diagnose(mended)
    assert report.batches == bnstat.diagnose(true).batches
    assert not [one for one in report.notes if one.startswith(str(mended))]
    assert np.array_equal(nibabel.load(mended).get_fdata(), nibabel.load(true).get_fdata())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgh", "a.mgz"])
def test_a_true_name_is_worth_no_note(disguised, name):
    _, true = disguised(".mgh" if "mg" in name else ".nii", name, "gzip" if name.endswith("z") else "plain")
    assert not [note for note in bnstat.diagnose(true).notes if str(true) in note]


def test_many_files_with_wrong_names_are_one_note(disguised, tmp_path, bnstat_run):
    _, first = disguised(".nii", "a.nii.gz", "plain")
    (tmp_path / "b.nii.gz").write_bytes(first.read_bytes())
    (tmp_path / "true.nii").unlink()
    ran = bnstat_run("inspect", tmp_path)
    assert ran.code == 0
    (note,) = [line for line in ran.lines if "stumble" in line]
    assert note.startswith(
        f"bnstat: note: {first} and 1 more file: it is not compressed, though its name ends in .nii.gz;"
    )


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        (("p.img", "p.hdr"), "p.img"),
        (("p.img.gz", "p.hdr.gz"), "p.img.gz"),
        (("p.img.gz", "p.hdr.gz"), "p.hdr.gz"),
        (("p.img", "p.hdr"), "p.hdr"),
    ],
)
@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_either_file_of_a_pair_may_be_packed_in_another_way(tmp_path, kind, files, wrong):
    values = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    nibabel.save(kind(values, np.eye(4)), tmp_path / files[0])
    expected = numbers_of(tmp_path / files[0])[0]
    content = (tmp_path / wrong).read_bytes()
    (tmp_path / wrong).write_bytes(gzip.decompress(content) if wrong.endswith(".gz") else gzip.compress(content))
    assert numbers_of(tmp_path / files[0])[0] == expected
    (note,) = [one for one in bnstat.diagnose(tmp_path / files[0]).notes if "stumble" in one]
    subprocess.run(note.partition("type: ")[2], shell=True, check=True)
    assert (tmp_path / wrong).read_bytes()[:2] == content[:2]
    assert not [one for one in bnstat.diagnose(tmp_path / files[0]).notes if "stumble" in one]


def test_voxels_that_begin_like_a_compressed_file_are_none(tmp_path):
    values = np.full((4, 4, 4), int.from_bytes(b"\x1f\x8b", "little"), np.uint16)
    nibabel.save(nibabel.Nifti1Pair(values, np.eye(4)), tmp_path / "p.img")
    report = bnstat.diagnose(tmp_path / "p.img")
    assert report.batches[0].channels[0].minimum == report.batches[0].channels[0].maximum == 0x8B1F
    assert not [note for note in report.notes if "gzip" in note]


@pytest.mark.parametrize("given", [0, 16, 348, 351])
@pytest.mark.parametrize("endianness", "<>")
@pytest.mark.parametrize("kind", OFFSETS)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "lies.nii.gz"])
def test_voxels_in_one_file_never_begin_within_its_header(tmp_path, voxels, kind, endianness, given, name):
    place, code, least = OFFSETS[kind]
    header = kind.header_class(endianness=endianness)
    header.set_data_dtype(np.int16)
    nibabel.save(kind(voxels.astype(np.int16), np.eye(4), header), tmp_path / "true.nii")
    content = bytearray((tmp_path / "true.nii").read_bytes())
    struct.pack_into(endianness + code, content, place, given)
    (tmp_path / name).write_bytes(gzip.compress(content) if name == "a.nii.gz" else content)
    assert numbers_of(tmp_path / name) == numbers_of(tmp_path / "true.nii")
    notes = [note for note in bnstat.diagnose(tmp_path / name).notes if f"begin at byte {given}," in note]
    assert len(notes) == 1
    assert f"they are read from byte {least} on, as the NIfTI standard says" in notes[0]
    if name != "a.nii.gz":
        subprocess.run(notes[0].partition("type: ")[2], shell=True, check=True, stderr=subprocess.DEVNULL)
        assert (tmp_path / name).read_bytes() == (tmp_path / "true.nii").read_bytes()


def test_voxels_in_a_file_of_their_own_begin_at_its_first_byte(tmp_path, voxels):
    nibabel.save(nibabel.Nifti1Pair(voxels.astype(np.int16), np.eye(4)), tmp_path / "p.img")
    report = bnstat.diagnose(tmp_path / "p.img")
    assert report.batches[0].channels[0].mean == pytest.approx(voxels.mean(), rel=1e-12)
    assert not [note for note in report.notes if "begin" in note]


@pytest.mark.parametrize("offset", [-1.0, float("nan"), float("inf"), 1e30])
def test_an_impossible_offset_gives_no_number(refused, disguised, offset):
    true, _ = disguised(".nii", "a.nii", "plain")
    content = bytearray(true.read_bytes())
    struct.pack_into("<f", content, 108, offset)
    true.write_bytes(content)
    assert str(true) in refused(3, "inspect", true)


@pytest.mark.parametrize(
    ("kind", "name", "packed"),
    [
        (".nii", "a.nii.gz", "plain"),
        (".nii", "a.nii", "gzip"),
        (".nii", "a.nii.gz", "twice"),
        (".nii", "a.mgz", "plain"),
        (".mgh", "a.mgh", "gzip"),
        (".mgh", "a.mgz", "plain"),
        (".nii", "a.nii", "bzip2"),
    ],
)
def test_a_misnamed_file_that_is_cut_or_damaged_gives_a_line_and_no_number(disguised, kind, name, packed):
    _, wrong = disguised(kind, name, packed)
    whole = wrong.read_bytes()
    draw = np.random.default_rng(3)
    footer = 0 if kind == ".nii" else 20  # MGH ends in scan parameters, which a file may lack
    for size in {*range(1, 60), *draw.integers(60, len(whole) - 1 - footer, 40).tolist()}:
        wrong.write_bytes(whole[:size])
        report = inspected(wrong)
        assert (report.batches, len(report.errors)) == ((), 1), size
        assert "\n" not in report.errors[0].message
    if packed == "plain":  # any voxel is as good as another
        return
    for _ in range(60):
        damaged = bytearray(whole)
        place = int(draw.integers(len(damaged)))
        damaged[place] ^= int(draw.integers(1, 256))
        wrong.write_bytes(damaged)
        report = inspected(wrong)
        assert report.batches == () or report.batches == numbers_of(wrong.with_name(f"true{kind}"))[0]


def test_labels_masks_and_scans_take_files_with_wrong_names(disguised, bnstat_run, tmp_path):
    true, wrong = disguised(".nii", "a.nii.gz", "plain")
    masked = [bnstat_run("inspect", true, "--mask", mask, "--format", "json").out for mask in (true, wrong)]
    assert [json.loads(one)["batches"] for one in masked] == [json.loads(masked[0])["batches"]] * 2
    ran = bnstat_run("scan", wrong, "-o", tmp_path / "m.jsonl", "--jobs", 1)
    assert (ran.code, "it is not compressed, though its name ends in .nii.gz" in ran.err) == (0, True)
    again = json.loads(bnstat_run("inspect", tmp_path / "m.jsonl", "--format", "json").out)
    assert again["batches"] == json.loads(bnstat_run("inspect", true, "--format", "json").out)["batches"]


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


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("packed", PACKED)
def test_a_remote_file_is_read_as_what_it_is(disguised, name, packed):
    pytest.importorskip("fsspec")
    true, wrong = disguised(".nii", name, packed)
    assert numbers_of(f"file://{wrong}") == numbers_of(true)
    odd = (name, packed) not in {("a.nii", "plain"), ("a.nii.gz", "gzip")}
    notes = [note for note in bnstat.diagnose(f"file://{wrong}").notes if "stumble" in note]
    assert len(notes) == odd
    assert "type:" not in "".join(notes)  # nothing renames it from here


def test_the_offset_of_a_remote_file_is_raised_too(disguised):
    pytest.importorskip("fsspec")
    true, other = disguised(".nii", "a.nii.gz", "gzip")
    content = bytearray(true.read_bytes())
    struct.pack_into("<f", content, 108, 0.0)
    other.write_bytes(gzip.compress(content))
    assert numbers_of(f"file://{other}") == numbers_of(true)
    assert any("begin at byte 0," in note for note in bnstat.diagnose(f"file://{other}").notes)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgh"])
def test_an_array_under_the_name_of_an_image_is_told_what_it_is(refused, tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        np.save(file, np.ones((2, 3, 4, 1)))
    said = refused(3, "inspect", tmp_path / name)
    assert "it is not a gzip file" in said or "it is NumPy .npy or .npz by its first bytes" in said


@pytest.mark.parametrize("name", ["model.pt", "last.ckpt"])
def test_a_checkpoint_among_volumes_is_told_what_reads_it(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("model/data.pkl", b"")
    (failure,) = inspected(tmp_path / name).errors
    assert failure.message.endswith(f"no volume; type: bnstat checkpoint {tmp_path / name}")
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    (failure,) = inspected(tmp_path / name).errors
    assert "it is a zip file" in failure.message
