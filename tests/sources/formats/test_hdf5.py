"""HDF5 files against h5py: types, byte orders, compressions and chunks; what is missing, damaged or not a number."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from damaged import damaged, read_damaged
from inspected import inspected

from bnstat.sources.formats.slabs import slabs
from bnstat.sources.opening import open_volume
from bnstat.sources.volume import PlainVoxels

h5py = pytest.importorskip("h5py")

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "longdouble"),
)
STORED = {
    "contiguous": {},
    "chunked": {"chunks": (3, 2, 5)},
    "gzip": {"chunks": (3, 6, 2), "compression": "gzip", "shuffle": True},
    "lzf": {"compression": "lzf", "fletcher32": True},
}


@pytest.fixture
def write(tmp_path):
    """Write arrays into a file, by their names."""

    def call(name="x.h5", *, libver="earliest", userblock_size=0, **arrays):
        path = tmp_path / name
        with h5py.File(path, "w", libver=libver, userblock_size=userblock_size) as file:
            for key, (array, how) in arrays.items():
                file.create_dataset(key, data=array, **how)
        return path

    return call


def message_of(source):
    report = inspected(source)
    assert report.batches == ()
    (failure,) = report.errors
    assert failure.source == str(source)
    return failure.message


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_gives_the_numbers_of_h5py(write, same_as_numpy, voxels, dtype, endianness, stored):
    array = (voxels / 120).round() if dtype == "bool" else voxels
    path = write(x=(array.astype(np.dtype(dtype).newbyteorder(endianness)), STORED[stored]))
    with h5py.File(path) as file:
        reference = file["x"][()]
    report = same_as_numpy(path, reference, batch_axis="none")
    assert report.samples[0].dtype == np.dtype(dtype).name


def test_values_in_one_piece_are_read_past_hdf5_also_behind_a_user_block(write, voxels):
    path = write(x=(voxels, {}), userblock_size=1024)
    volume = open_volume(str(path))
    assert isinstance(volume.voxels, PlainVoxels)
    np.testing.assert_array_equal(volume.held(), voxels.ravel())


def test_numbers_of_a_type_that_memory_has_not_are_converted_by_hdf5(tmp_path, voxels):
    path = tmp_path / "x.h5"
    bits = h5py.h5t.STD_I32LE.copy()
    bits.set_precision(12)
    bits.set_offset(8)
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(voxels.shape)
        h5py.Dataset(h5py.h5d.create(file.id, b"x", bits, space)).write_direct(voxels.astype(np.int32))
    np.testing.assert_array_equal(open_volume(str(path)).held(), voxels.astype(np.int32).ravel())


def test_a_dataset_is_read_in_parts(write):
    array = np.arange(40 * 30 * 20.0).reshape(40, 30, 20)
    volume = open_volume(str(write(x=(array, {"chunks": (7, 30, 5)}))))
    assert len(list(slabs((40, 3000, 3000), (7, 30, 5), 8))) > 1
    blocks = [block.copy() for block in volume.blocks(999)]
    np.testing.assert_array_equal(np.concatenate(blocks), array.ravel())


def test_an_array_is_a_batch_along_its_axis_0_as_in_npy(write):
    array = np.random.default_rng(2).normal(3, 2, (4, 3, 5, 2, 3))
    (batch,) = inspected(write(x=(array, {})), batch_size=4).batches
    assert batch.input_shape == (4, 3, 5, 2, 3)
    np.testing.assert_allclose([channel.mean for channel in batch.channels], array.reshape(-1, 3).mean(axis=0))


def test_a_shape_that_may_be_one_volume_is_refused_as_in_npy(write, refused):
    line = refused(2, "inspect", write(x=(np.zeros((16, 16, 16)), {})))
    assert "may be one volume" in line


class TestSeveralDatasets:
    def test_are_listed_with_their_shapes_and_what_to_type(self, write, refused):
        path = write(raw=(np.zeros((4, 8, 8), "f4"), {}), **{"parts/label": (np.zeros((4, 8, 8), "u1"), {})})
        line = refused(3, "inspect", path)
        assert "the file contains 2 datasets" in line
        assert f"{path}[/parts/label] (4 × 8 × 8, uint8)" in line
        assert f"{path}[/raw] (4 × 8 × 8, float32)" in line

    @pytest.mark.parametrize("key", ["/raw", "raw", "/parts", "parts/"])
    def test_one_is_chosen_by_its_name_or_that_of_its_group(self, write, key):
        path = write(raw=(np.full((2, 3), 5.0), {}), **{"parts/x": (np.full((2, 3), 7.0), {}), "o": (np.ones(2), {})})
        assert open_volume(f"{path}[{key}]").held()[0] == (7 if "parts" in key else 5)

    def test_a_wrong_name_lists_them(self, write):
        assert "no dataset '/row'; give the name of one:" in message_of(f"{write(raw=(np.ones((2, 3)), {}))}[/row]")

    def test_the_coordinates_along_axes_are_no_arrays(self, tmp_path):
        path = tmp_path / "x.h5"
        with h5py.File(path, "w") as file:
            file["values"], file["z"] = np.ones((3, 4)), np.arange(3.0)
            file["z"].make_scale("z")
        assert open_volume(str(path)).shape == (3, 4)

    def test_texts_beside_one_array_do_not_matter(self, tmp_path):
        path = tmp_path / "x.h5"
        with h5py.File(path, "w") as file:
            file["x"], file["name"] = np.ones((3, 4)), "scan"
        assert open_volume(str(path)).shape == (3, 4)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a text", "texts, lists or references"),
        (np.ones(3, "c8"), "complex numbers (complex64)"),
        (np.zeros(3, [("a", "f4"), ("b", "i2")]), "which is not a number"),
        (np.zeros((0, 3)), "no values"),
        (h5py.Empty("f4"), "no values"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_refused(tmp_path, value, told):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = value
    assert told in message_of(f"{path}[x]")


@pytest.mark.parametrize("chunks", [None, (2, 2)])
def test_values_that_were_never_written_are_noted(tmp_path, chunks):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        written = file.create_dataset("x", (4, 6), "f4", chunks=chunks, fillvalue=7)
        if chunks is not None:
            written[:2] = 1
    (note,) = [note for note in inspected(path).notes if "fill value, 7" in note]
    assert note.startswith(f"{path}: ")
    assert "3 of its 6 chunks" in note if chunks else "nothing was ever written" in note


def test_a_virtual_dataset_is_read_and_its_missing_file_is_not_taken_for_fill_values(write, tmp_path, voxels):
    source = write("source.h5", x=(voxels, {}))
    layout = h5py.VirtualLayout(voxels.shape, voxels.dtype)
    layout[:] = h5py.VirtualSource("source.h5", "x", voxels.shape)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    np.testing.assert_array_equal(open_volume(str(tmp_path / "v.h5")).held(), voxels.ravel())
    source.unlink()
    assert "source.h5, which is missing" in message_of(tmp_path / "v.h5")


def test_values_in_another_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (10,), "f4", external=[("x.raw", 0, 40)])
    assert "h5repack" in message_of(tmp_path / "x.h5")


def test_an_unknown_filter_names_the_package_to_install(write, monkeypatch):
    path = write(x=(np.ones((4, 4)), {"compression": "gzip"}))
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda _: False)
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    assert "pip install hdf5plugin" in message_of(path)


def test_without_h5py_a_line_names_the_extra(write, monkeypatch, refused):
    path = write(x=(np.ones((4, 4)), {}))
    monkeypatch.delitem(sys.modules, "bnstat.sources.formats.hdf5", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "pip install 'bnstat[hdf5]'" in refused(3, "inspect", path)


class TestMinc:
    """MINC-2 images are HDF5 files that nibabel reads."""

    def test_a_truncated_one_is_not_called_misnamed(self, nibabel_data, tmp_path):
        good = (nibabel_data / "minc2_4d.mnc").read_bytes()
        (tmp_path / "x.mnc").write_bytes(good[: len(good) // 2])
        assert "rename it" not in message_of(tmp_path / "x.mnc")

    def test_without_h5py_one_names_the_package(self, nibabel_data, monkeypatch):
        monkeypatch.setitem(sys.modules, "h5py", None)
        message = message_of(nibabel_data / "minc2_4d.mnc")
        assert "h5py" in message
        assert "rename it" not in message


class TestDamage:
    ARRAY = np.random.default_rng(1).normal(60, 30, (6, 5, 4)).astype("f4")

    def test_a_thousand_damaged_files_with_checksums_give_a_line_or_the_right_numbers(self, write, tmp_path):
        how = {"chunks": (3, 3, 2), "fletcher32": True}
        good = write(x=(self.ARRAY, how), libver="latest").read_bytes()
        copies = damaged(good, 1000)
        lines, same = read_damaged(tmp_path / "damaged.h5", copies, self.ARRAY.shape, self.ARRAY.ravel())
        assert lines > 800
        assert lines + same == 1000

    def test_damaged_compressed_chunks_give_a_line_also_without_checksums_of_the_header(self, write, tmp_path):
        path = write(x=(self.ARRAY, {"chunks": (3, 3, 2), "compression": "gzip", "fletcher32": True}))
        with h5py.File(path) as file:
            chunks = [file["x"].id.get_chunk_info(place) for place in range(8)]
        start = min(chunk.byte_offset for chunk in chunks)
        end = max(chunk.byte_offset + chunk.size for chunk in chunks)
        assert end - start == sum(chunk.size for chunk in chunks)
        good = path.read_bytes()
        copies = (bytes(copy) for copy in damaged(good, 200, start=start, end=end))
        lines, _ = read_damaged(tmp_path / "damaged.h5", copies, self.ARRAY.shape, self.ARRAY.ravel())
        assert lines == 200

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.999])
    def test_a_truncated_file_is_called_so(self, write, tmp_path, part):
        good = write(x=(self.ARRAY, {})).read_bytes()
        (tmp_path / "cut.h5").write_bytes(good[: int(len(good) * part)])
        assert "truncated" in message_of(tmp_path / "cut.h5")

    def test_what_is_no_hdf5_file_is_called_so(self, tmp_path):
        (tmp_path / "x.h5").write_bytes(b"no" * 600)
        (tmp_path / "x.hdf").write_bytes(b"\x0e\x03\x13\x01" + bytes(600))
        assert "not an HDF5 file" in message_of(tmp_path / "x.h5")
        assert "h4toh5" in message_of(tmp_path / "x.hdf")

    def test_a_chunk_of_no_bytes_gives_a_line_where_hdf5_itself_would_crash(self, write):
        path = write(x=(self.ARRAY, {"chunks": (6, 5, 4), "compression": "gzip", "fletcher32": True}))
        with h5py.File(path) as file:
            size = file["x"].id.get_chunk_info(0).size
        good, entry = path.read_bytes(), size.to_bytes(4, "little") + bytes(4)
        assert good.count(entry) == 1
        path.write_bytes(good.replace(entry, bytes(8)))
        assert "list of its chunks is damaged" in message_of(path)
