"""Blosc2 arrays against blosc2: types, byte orders, compressions and chunks; truncated files and other contents."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from damaged import damaged, read_damaged
from inspected import inspected

from bnstat.sources.opening import open_volume

blosc2 = pytest.importorskip("blosc2")

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
CHUNKS = {"its own": {}, "whole": {"chunks": (7, 6, 5)}, "odd": {"chunks": (3, 4, 5), "blocks": (2, 3, 4)}}
CODECS = ("ZSTD", "LZ4", "BLOSCLZ", "ZLIB")


def message_of(source):
    report = inspected(source)
    assert report.batches == ()
    (failure,) = report.errors
    return failure.message


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_gives_the_numbers_of_blosc2(tmp_path, same_as_numpy, voxels, dtype, endianness, chunks):
    array = (voxels / 120).round() if dtype == "bool" else voxels
    path = str(tmp_path / "x.b2nd")
    blosc2.asarray(array.astype(np.dtype(dtype).newbyteorder(endianness)), urlpath=path, **CHUNKS[chunks])
    report = same_as_numpy(path, blosc2.open(path)[:], batch_axis="none")
    assert report.samples[0].dtype == np.dtype(dtype).name


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(tmp_path, codec):
    array = np.random.default_rng(4).normal(0, 1, (3, 20, 30, 40)).astype("f4")
    path = str(tmp_path / "x.b2nd")
    blosc2.asarray(array, urlpath=path, cparams={"codec": blosc2.Codec[codec], "clevel": 8}, chunks=(1, 20, 16, 40))
    volume = open_volume(path)
    np.testing.assert_array_equal(np.concatenate([block.copy() for block in volume.blocks(999)]), array.ravel())


@pytest.mark.parametrize(("dtype", "told"), [("c8", "complex numbers"), ("S3", "which is not a number")])
def test_what_is_no_array_of_real_numbers_is_refused(tmp_path, dtype, told):
    path = str(tmp_path / "x.b2nd")
    blosc2.asarray(np.zeros((3, 4), dtype), urlpath=path)
    assert told in message_of(path)


def test_a_list_of_chunks_without_a_shape_is_no_array(tmp_path):
    path = str(tmp_path / "x.b2nd")
    blosc2.SChunk(chunksize=80, data=np.arange(40.0), urlpath=path)
    assert "no array" in message_of(path)


def test_an_array_that_no_case_is_beside_is_a_batch(tmp_path, refused):
    path = str(tmp_path / "x.b2nd")
    blosc2.asarray(np.zeros((2, 16, 16, 16), "f4"), urlpath=path)
    assert "as nnU-Net saves it" in refused(2, "inspect", path)


def test_without_blosc2_a_line_names_the_extra(tmp_path, monkeypatch, refused):
    path = tmp_path / "x.b2nd"
    blosc2.asarray(np.zeros((2, 3)), urlpath=str(path))
    monkeypatch.delitem(sys.modules, "bnstat.sources.formats.b2nd", raising=False)
    monkeypatch.setitem(sys.modules, "blosc2", None)
    assert "pip install 'bnstat[blosc2]'" in refused(3, "inspect", path)


class TestDamage:
    """The format has no checksum of its values, so only what it can tell is tried."""

    ARRAY = np.random.default_rng(1).normal(60, 30, (2, 12, 13, 14)).astype("f4")

    @pytest.fixture
    def good(self, tmp_path):
        path = tmp_path / "good.b2nd"
        blosc2.asarray(self.ARRAY, urlpath=str(path), chunks=(1, 12, 13, 14))
        return path.read_bytes()

    def test_a_thousand_files_that_are_cut_off_give_a_line(self, tmp_path, good):
        copies = (good[:length] for length in np.linspace(0, len(good) - 1, 1000).astype(int))
        lines, _ = read_damaged(tmp_path / "x.b2nd", copies, self.ARRAY.shape, self.ARRAY.ravel())
        assert lines == 1000

    def test_a_damaged_head_of_the_frame_gives_a_line_or_the_right_numbers(self, tmp_path, good):
        copies = damaged(good, 300, end=80)
        lines, same = read_damaged(tmp_path / "x.b2nd", copies, self.ARRAY.shape, self.ARRAY.ravel())
        assert lines > 200
        assert lines + same == 300
