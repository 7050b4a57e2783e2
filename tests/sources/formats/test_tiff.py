"""TIFF against tifffile: ImageJ, OME and plain files, types, byte orders, compressions; damage and what is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from damaged import damaged, read_damaged
from inspected import inspected

from bnstat.sources.opening import open_volume
from bnstat.sources.volume import PlainVoxels

tifffile = pytest.importorskip("tifffile")

DTYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
)
STORED = {
    "whole": {},
    "zlib": {"compression": "zlib"},
    "strips": {"compression": "zlib", "rowsperstrip": 3},
    "tiles": {"tile": (16, 16), "compression": "zlib"},
    "apart": {"contiguous": False, "metadata": None},
}


def message_of(source):
    report = inspected(source)
    assert report.batches == ()
    (failure,) = report.errors
    return failure.message


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_gives_the_numbers_of_tifffile(tmp_path, same_as_numpy, voxels, dtype, endianness, stored):
    array = ((voxels / 120).round() if dtype == "bool" else voxels).astype(dtype)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, array, byteorder=endianness, photometric="minisblack", **STORED[stored])
    report = same_as_numpy(path, tifffile.imread(path))
    assert report.samples[0].dtype == dtype
    assert report.samples[0].shape == (5, 6, 7, 1)
    np.testing.assert_array_equal(open_volume(str(path)).held(), tifffile.imread(path).ravel())


def test_pages_in_one_piece_are_read_past_tifffile(tmp_path, voxels):
    tifffile.imwrite(tmp_path / "x.tif", voxels)
    assert isinstance(open_volume(str(tmp_path / "x.tif")).voxels, PlainVoxels)


def test_a_large_file_of_the_newer_kind_is_read(tmp_path, voxels):
    tifffile.imwrite(tmp_path / "x.tif", voxels, bigtiff=True, compression="zlib")
    np.testing.assert_array_equal(open_volume(str(tmp_path / "x.tif")).held(), voxels.ravel())


class TestAxes:
    @pytest.mark.parametrize("axes", ["ZCYX", "CYX", "ZYX", "TZCYX"])
    def test_of_imagej_put_channels_last(self, tmp_path, same_as_numpy, axes):
        array = np.random.default_rng(1).integers(
            0, 999, [{"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}[one] for one in axes]
        )
        tifffile.imwrite(tmp_path / "x.tif", array.astype("u2"), imagej=True, metadata={"axes": axes})
        last = np.moveaxis(array, axes.index("C"), -1) if "C" in axes else array
        same_as_numpy(tmp_path / "x.tif", last, channels="C" in axes)

    @pytest.mark.parametrize("axes", ["CZYX", "TCZYX", "ZYX"])
    def test_of_ome_put_channels_last(self, tmp_path, same_as_numpy, axes):
        array = np.random.default_rng(1).normal(0, 9, [{"T": 2, "Z": 3, "C": 4, "Y": 5, "X": 6}[one] for one in axes])
        path = tmp_path / "x.ome.tif"
        tifffile.imwrite(path, array, compression="zlib", metadata={"axes": axes})
        last = np.moveaxis(array, axes.index("C"), -1) if "C" in axes else array
        same_as_numpy(path, last, channels="C" in axes)

    @pytest.mark.parametrize("planar", ["contig", "separate"])
    def test_of_red_green_and_blue_are_channels(self, tmp_path, same_as_numpy, planar):
        array = np.random.default_rng(1).integers(0, 255, (4, 8, 9, 3)).astype("u1")
        stored = array if planar == "contig" else array.transpose(0, 3, 1, 2)
        tifffile.imwrite(tmp_path / "x.tif", stored, photometric="rgb", planarconfig=planar, compression="zlib")
        same_as_numpy(tmp_path / "x.tif", array, channels=True)

    def test_without_names_are_slices_with_a_note(self, tmp_path, voxels):
        tifffile.imwrite(tmp_path / "x.tif", voxels, metadata=None)
        volume = open_volume(str(tmp_path / "x.tif"))
        assert volume.shape == (5, 6, 7, 1)
        assert "its 7 pages are read as slices" in volume.notes[0]

    def test_of_a_single_page_are_those_of_an_image(self, tmp_path, same_as_numpy, voxels):
        tifffile.imwrite(tmp_path / "x.tif", voxels[0])
        same_as_numpy(tmp_path / "x.tif", voxels[0])


def test_pages_of_several_shapes_are_a_question(tmp_path, refused):
    path = tmp_path / "x.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.full((3, 8, 9), 5, "u1"), photometric="minisblack")
        writer.write(np.full((4, 5), 7, "f4"))
    line = refused(3, "inspect", path)
    assert f"{path}[0] (3 × 8 × 9, uint8), {path}[1] (4 × 5, float32)" in line
    assert [open_volume(f"{path}[{number}]").held()[0] for number in (0, 1)] == [5, 7]
    assert "no array '2'" in message_of(f"{path}[2]")


def test_complex_numbers_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((8, 8), "c8"))
    assert "complex numbers" in message_of(tmp_path / "x.tif")


def test_a_palette_is_refused(tmp_path):
    tifffile.imwrite(
        tmp_path / "x.tif", np.zeros((8, 8), "u1"), photometric="palette", colormap=np.zeros((3, 256), "u2")
    )
    assert "palette" in message_of(tmp_path / "x.tif")


def test_inverted_gray_is_read_as_stored_with_a_note(tmp_path, same_as_numpy, voxels):
    tifffile.imwrite(tmp_path / "x.tif", voxels.astype("u1"), photometric="miniswhite")
    assert any("MINISWHITE" in note for note in same_as_numpy(tmp_path / "x.tif", voxels).notes)


def test_a_compression_without_its_decoder_names_what_to_install(tmp_path, monkeypatch, voxels):
    tifffile.imwrite(tmp_path / "x.tif", voxels, compression="zlib")
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", {})
    assert "compressed as ADOBE_DEFLATE; to read them, type: pip install imagecodecs" in message_of(tmp_path / "x.tif")


def test_pages_in_another_file_that_is_missing_are_not_taken_for_zeros(tmp_path, voxels):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, voxels[:4], metadata={"axes": "ZYX"}, photometric="minisblack")
    gone = '<TiffData FirstZ="{0}" IFD="0" PlaneCount="1"><UUID FileName="gone.ome.tif">urn:uuid:1</UUID></TiffData>'
    with tifffile.TiffFile(path) as tiff:
        text = tiff.ome_metadata.replace('SizeZ="4"', 'SizeZ="7"')
    text = text.replace("</Pixels>", "".join(gone.format(z) for z in range(4, 7)) + "</Pixels>")
    tifffile.imwrite(path, voxels[:4], description=text.encode(), metadata=None, photometric="minisblack")
    assert "in other files, which are missing" in message_of(path)


def test_without_tifffile_a_line_names_the_extra(tmp_path, voxels, monkeypatch, refused):
    tifffile.imwrite(tmp_path / "x.tif", voxels)
    monkeypatch.delitem(sys.modules, "bnstat.sources.formats.tiff", raising=False)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert "pip install 'bnstat[tiff]'" in refused(3, "inspect", tmp_path / "x.tif")


class TestDamage:
    ARRAY = np.random.default_rng(1).normal(60, 30, (6, 25, 24)).astype("f4")

    @pytest.mark.parametrize(
        "how", [{}, {"compression": "zlib"}, {"imagej": True, "metadata": {"axes": "ZYX"}}, {"metadata": None}]
    )
    def test_files_that_are_cut_off_give_a_line(self, tmp_path, how):
        tifffile.imwrite(tmp_path / "good.tif", self.ARRAY, **how)
        good = (tmp_path / "good.tif").read_bytes()
        copies = (good[:length] for length in np.linspace(0, len(good) - 1, 250).astype(int))
        lines, same = read_damaged(tmp_path / "x.tif", copies, (24, 25, 6, 1), self.ARRAY.ravel())
        assert lines + same == 250
        assert same <= 1  # without the last byte of a text behind the last page

    def test_damaged_compressed_pages_give_a_line(self, tmp_path):
        path = tmp_path / "good.tif"
        tifffile.imwrite(path, self.ARRAY, compression="zlib", rowsperstrip=5)
        with tifffile.TiffFile(path) as tiff:
            first, last = tiff.pages[0], tiff.pages[-1]
            start, end = first.dataoffsets[0], last.dataoffsets[-1] + last.databytecounts[-1]
            inner = [(page.offset, page.dataoffsets[0]) for page in tiff.pages]
        good, copies = path.read_bytes(), []
        for copy in damaged(good, 400, start=start, end=end):
            changed = [place for place in range(min(len(good), len(copy))) if good[place] != copy[place]]
            if not any(head <= place < data for place in changed for head, data in inner):
                copies.append(copy)
        assert len(copies) > 200
        lines, _ = read_damaged(tmp_path / "x.tif", copies, (24, 25, 6, 1), self.ARRAY.ravel())
        assert lines == len(copies)

    def test_a_damaged_header_never_ends_in_a_traceback(self, tmp_path):
        tifffile.imwrite(tmp_path / "good.tif", self.ARRAY)
        good, lines = (tmp_path / "good.tif").read_bytes(), 0
        for copy in damaged(good, 400, end=300):
            (tmp_path / "x.tif").write_bytes(copy)
            lines += bool(inspected(tmp_path / "x.tif").errors)
        assert lines > 100
