"""Zarr against zarr: both versions, types, byte orders, compressions and chunks; OME-Zarr images; what is missing."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from inspected import inspected

from bnstat.errors import InputError
from bnstat.sources.opening import open_volume
from bnstat.sources.search import cases_of

zarr = pytest.importorskip("zarr")

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64"),
)
AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def write(path, array, zarr_format=3, **how):
    how = {"chunks": tuple(max(size // 2, 1) for size in array.shape), **how}
    zarr.create_array(store=str(path), data=array, zarr_format=zarr_format, **how)
    return path


def image(path, array, axes="tczyx", *, version=0.5, levels=2, units=None, labels=None):
    """Write an OME-Zarr image of several resolutions."""
    group = zarr.open_group(str(path), mode="w", zarr_format=3 if version >= 0.5 else 2)
    for level in range(levels):
        group.create_array(str(level), data=array[..., :: 2**level], chunks=(1,) * (array.ndim - 2) + (3, 4))
    named = [{"name": name, "type": AXES[name], **({"unit": units} if units else {})} for name in axes]
    scale = [float(place + 1) for place in range(len(axes))]
    datasets = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for level in range(levels)
    ]
    own = {"multiscales": [{"axes": named, "datasets": datasets, "version": str(version)}]}
    if labels:
        own["omero"] = {"channels": [{"label": label} for label in labels]}
    group.attrs.update({"ome": own} if version >= 0.5 else own)
    return path


def message_of(source):
    report = inspected(source)
    assert report.batches == ()
    (failure,) = report.errors
    return failure.message


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_gives_the_numbers_of_zarr(tmp_path, same_as_numpy, voxels, dtype, endianness, zarr_format):
    array = (voxels / 120).round() if dtype == "bool" else voxels
    path = write(tmp_path / "x.zarr", array.astype(np.dtype(dtype).newbyteorder(endianness)), zarr_format)
    report = same_as_numpy(path, zarr.open(str(path), mode="r")[:], batch_axis="none")
    assert report.samples[0].dtype == np.dtype(dtype).name


@pytest.mark.parametrize(
    ("zarr_format", "how"),
    [
        (3, {"compressors": None}),
        (3, {"compressors": [{"name": "gzip", "configuration": {"level": 3}}, {"name": "crc32c"}]}),
        (3, {"compressors": [{"name": "blosc", "configuration": {"cname": "zstd"}}]}),
        (3, {"shards": (6, 6, 4), "chunks": (3, 2, 2)}),
        (2, {"compressors": None, "order": "F"}),
        (2, {"chunks": (7, 6, 5)}),
    ],
)
def test_every_way_to_store_chunks_is_read(tmp_path, voxels, zarr_format, how):
    path = write(tmp_path / "x.zarr", voxels, zarr_format, **how)
    volume = open_volume(str(path))
    np.testing.assert_array_equal(np.concatenate([block.copy() for block in volume.blocks(77)]), voxels.ravel())


def test_a_store_is_read_from_a_zip_file(tmp_path, voxels):
    write(tmp_path / "x.zarr/raw", voxels)
    zarr.open_group(str(tmp_path / "x.zarr"), mode="a")
    folder = tmp_path / "x.zarr"
    with zipfile.ZipFile(tmp_path / "x.zarr.zip", "w") as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    for source in ("x.zarr.zip", "x.zarr.zip[raw]"):
        np.testing.assert_array_equal(open_volume(str(tmp_path / source)).held(), voxels.ravel())


class TestSeveralArrays:
    @pytest.fixture
    def store(self, tmp_path):
        group = zarr.open_group(str(tmp_path / "x.zarr"), mode="w")
        group.create_array("raw", data=np.full((4, 8, 8), 5, "f4"))
        group.create_array("parts/label", data=np.full((4, 8, 8), 7, "u1"))
        return tmp_path / "x.zarr"

    def test_are_listed_with_their_shapes_and_what_to_type(self, store, refused):
        line = refused(3, "inspect", store)
        assert f"{store}/parts/label (4 × 8 × 8, uint8), {store}/raw (4 × 8 × 8, float32)" in line

    @pytest.mark.parametrize(("how", "value"), [("/raw", 5), ("[raw]", 5), ("/parts", 7), ("/parts/label", 7)])
    def test_one_is_chosen_by_its_name_or_that_of_its_group(self, store, how, value):
        assert open_volume(f"{store}{how}").held()[0] == value

    def test_a_wrong_name_lists_them(self, store):
        assert "no 'row'; give one of:" in message_of(f"{store}[row]")


class TestImage:
    ARRAY = np.random.default_rng(2).normal(50, 9, (3, 2, 4, 5, 6))

    @pytest.mark.parametrize("version", [0.4, 0.5])
    @pytest.mark.parametrize("axes", ["czyx", "zyx", "cyx", "tczyx", "zcyx", "tzyx", "zyxc"])
    def test_has_channels_last_and_its_full_resolution(self, tmp_path, same_as_numpy, axes, version):
        shape = [self.ARRAY.shape["tczyx".index(name)] for name in axes]
        array = np.random.default_rng(3).normal(50, 9, shape)
        path = image(tmp_path / "x.ome.zarr", array, axes, version=version)
        last = array if "c" not in axes else np.moveaxis(array, axes.index("c"), -1)
        for source in (path, path / "0"):
            report = same_as_numpy(source, last, channels="c" in axes)
            space = [array.shape[axes.index(name)] for name in "xyz" if name in axes]
            assert list(report.batches[0].input_shape[1 : len(space) + 1]) == space

    def test_of_a_lower_resolution_is_read_if_it_is_named(self, tmp_path, same_as_numpy):
        path = image(tmp_path / "x.zarr", self.ARRAY[0], "czyx")
        same_as_numpy(path / "1", np.moveaxis(self.ARRAY[0][..., ::2], 0, -1), channels=True)

    def test_has_samples_along_time_if_asked(self, tmp_path, bnstat_run):
        path = image(tmp_path / "x.zarr", self.ARRAY)
        report = inspected(path, batch_axis=3)
        means = [[channel.mean for channel in batch.channels] for batch in report.batches]
        np.testing.assert_allclose(means, self.ARRAY.mean(axis=(2, 3, 4)), rtol=1e-12)
        ran = bnstat_run("inspect", path)
        assert any(
            "its 3 time points are reduced as space is; --batch-axis 3" in " ".join(ran.err.split()) for _ in "1"
        )

    def test_has_a_spacing_in_millimeters_where_units_are_known(self, tmp_path):
        path = image(tmp_path / "x.zarr", self.ARRAY[0], "czyx", units="micrometer")
        assert open_volume(str(path)).spacing == pytest.approx((0.004, 0.003, 0.002))
        assert open_volume(str(image(tmp_path / "y.zarr", self.ARRAY[0], "czyx"))).spacing is None

    def test_names_its_channels_in_a_note(self, tmp_path):
        path = image(tmp_path / "x.zarr", self.ARRAY[0], "czyx", labels=["DAPI", "GFP"])
        assert "its channels are DAPI, GFP" in open_volume(str(path)).notes

    def test_has_label_maps_that_are_left_out(self, tmp_path):
        path = image(tmp_path / "x.zarr", self.ARRAY[0], "czyx")
        image(path / "labels" / "cells", self.ARRAY[0, 0], "zyx")
        assert open_volume(str(path)).shape == (6, 5, 4, 2)

    def test_of_several_in_a_store_is_a_question(self, tmp_path):
        zarr.open_group(str(tmp_path / "x.zarr"), mode="w")
        for name in "01":
            image(tmp_path / "x.zarr" / name, self.ARRAY[0], "czyx")
        message = message_of(tmp_path / "x.zarr")
        assert "2 arrays or images" in message
        assert f"{tmp_path}/x.zarr/1 (2 × 4 × 5 × 6, float64)" in message


class TestFolder:
    def test_of_stores_is_a_case_each(self, tmp_path, voxels):
        for name in ("a.zarr", "deep/b.zarr"):
            write(tmp_path / name, voxels)
        found = cases_of([str(tmp_path)])
        assert [case.name for case in found.cases] == [f"{tmp_path}/a.zarr", f"{tmp_path}/deep/b.zarr"]
        assert found.failures == []


def test_missing_chunks_are_read_as_the_fill_value_with_a_note(tmp_path, same_as_numpy, voxels):
    path = write(tmp_path / "x.zarr", voxels.astype("f4"), chunks=(7, 6, 1), fill_value=-3)
    (path / "c/0/0/2").unlink()
    expected = voxels.copy()
    expected[..., 2] = -3
    report = same_as_numpy(path, expected, batch_axis="none")
    assert any("1 of its 5 chunks is not there and is read as the fill value -3" in note for note in report.notes)


@pytest.mark.parametrize(
    ("array", "told"),
    [(np.zeros((2, 3), "c8"), "complex numbers (complex64)"), (np.zeros((0, 3)), "no values")],
)
def test_what_is_no_array_of_real_numbers_is_refused(tmp_path, array, told):
    assert told in message_of(write(tmp_path / "x.zarr", array, chunks=(1, 1)))


def test_texts_are_refused(tmp_path):
    array = zarr.create_array(store=str(tmp_path / "x.zarr"), shape=(2,), dtype=str, chunks=(2,))
    array[:] = np.array(["a", "b"], dtype=object)
    assert "never unpickled" in message_of(tmp_path / "x.zarr") or "not a number" in message_of(tmp_path / "x.zarr")


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_pickled_values_are_never_unpickled(tmp_path, voxels, place):
    path = write(tmp_path / "x.zarr", voxels, 2, chunks=(7, 6, 5))
    metadata = json.loads((path / ".zarray").read_text())
    codec = {"id": "pickle", "protocol": 5}
    metadata |= {"filters": None, "compressor": None} | {place: [codec] if place == "filters" else codec}
    (path / ".zarray").write_text(json.dumps(metadata))
    (path / "0.0.0").write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
    assert "pickle" in message_of(path)
    assert not (tmp_path / "trapped").exists()


def test_an_empty_store_is_refused(tmp_path):
    zarr.open_group(str(tmp_path / "x.zarr"), mode="w")
    assert "no array of numbers" in message_of(tmp_path / "x.zarr")


def test_without_zarr_a_line_names_the_extra(tmp_path, voxels, monkeypatch, refused):
    path = write(tmp_path / "x.zarr", voxels)
    monkeypatch.delitem(sys.modules, "bnstat.sources.formats.zarr_store", raising=False)
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert "pip install 'bnstat[zarr]'" in refused(3, "inspect", path)


class TestDamage:
    ARRAY = np.random.default_rng(1).normal(60, 30, (6, 5, 4)).astype("f4")

    def damage(self, path: Path, copies: int) -> tuple[int, int]:
        """Damage a file of the store in each of so many copies; return how many give a line, and the right numbers."""
        draw = np.random.default_rng(0)
        files = sorted(one for one in path.rglob("*") if one.is_file())
        lines = same = 0
        for number in range(copies):
            file = files[number % len(files)]
            good = file.read_bytes()
            place = int(draw.integers(len(good)))
            bad = bytearray(good)
            if number % 3 == 0:
                del bad[place:]
            elif number % 3 == 1:
                bad[place] ^= 1 << int(draw.integers(8))
            else:
                bad[place : place + 9] = bytes(len(bad[place : place + 9]))
            file.write_bytes(bad)
            try:
                volume = open_volume(str(path))
                values = volume.held()
            except InputError:
                lines += 1
            else:
                if volume.shape == self.ARRAY.shape and np.array_equal(values, self.ARRAY.ravel()):
                    same += 1
                elif file.name != "zarr.json":  # the metadata have no checksum
                    pytest.fail(f"copy {number}: other numbers from a damaged {file}")
            file.write_bytes(good)
        return lines, same

    def test_a_thousand_damaged_files_give_a_line_or_the_right_numbers(self, tmp_path):
        codecs = [{"name": "zstd", "configuration": {"level": 1, "checksum": True}}, {"name": "crc32c"}]
        path = write(tmp_path / "x.zarr", self.ARRAY, chunks=(3, 5, 4), compressors=codecs)
        lines, same = self.damage(path, 1000)
        assert lines > 800
        assert same < 200

    def test_a_chunk_that_is_cut_off_gives_a_line_without_checksums_too(self, tmp_path):
        path = write(tmp_path / "x.zarr", self.ARRAY, 2, chunks=(6, 5, 4), compressors=None)
        chunk = path / "0.0.0"
        good = chunk.read_bytes()
        for length in range(0, len(good), 7):
            chunk.write_bytes(good[:length])
            with pytest.raises(InputError):
                open_volume(str(path)).held()

    def test_a_store_without_its_metadata_is_no_store(self, tmp_path, voxels):
        path = write(tmp_path / "x.zarr", voxels)
        shutil.copytree(path, tmp_path / "y.zarr")
        (tmp_path / "y.zarr" / "zarr.json").unlink()
        assert "contains no image" in message_of(tmp_path / "y.zarr")
