"""NRRD: headers written by hand against numpy, the files that they name, and headers that are not possible."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from text_headers import NUMBERS, PACKED, as_text, in_memory, save_nrrd

import bnstat
from bnstat import Preparation, Reading
from bnstat.errors import InputError
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.formats.nrrd import _DTYPES
from bnstat.sources.opening import open_volume

VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4) - 7
FOUR = np.arange(2 * 3 * 4 * 2, dtype=np.int16).reshape(2, 3, 4, 2)
ENCODINGS = ("raw", "gzip", "bzip2", "text", "hex")


def values_of(path):
    return stored_voxels(open_volume(str(path)))


def message_of(path):
    with pytest.raises(InputError) as error:
        values_of(path)
    return error.value.message


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_type_in_every_encoding_gives_the_numbers_of_numpy(
    tmp_path, same_as_numpy, voxels, dtype, endianness, encoding
):
    path = save_nrrd(tmp_path / "x.nrrd", voxels.astype(dtype), endianness=endianness, encoding=encoding)
    report = same_as_numpy(path, voxels)
    assert report.samples[0].dtype == dtype
    assert report.samples[0].shape == voxels.shape


@pytest.mark.parametrize("name", _DTYPES)
def test_every_name_of_a_type_is_known(tmp_path, name):
    dtype = np.dtype(_DTYPES[name])
    for written in (name, name.upper(), name.replace(" ", "  ")):
        path = save_nrrd(tmp_path / "x.nrrd", VOXELS, data=np.full(24, 7, dtype).tobytes(), type=written)
        assert open_volume(path).dtype == dtype
        assert set(values_of(path).ravel().tolist()) == {7}


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_the_extremes_of_integers_are_whole_numbers(tmp_path, dtype):
    limits = np.iinfo(dtype)
    data = np.array([[[limits.min, limits.max, 1]]], dtype)
    for encoding in ENCODINGS:
        path = save_nrrd(tmp_path / "x.nrrd", data, encoding=encoding)
        (channel,) = bnstat.diagnose(path).batches[0].channels
        assert (channel.minimum, channel.maximum) == (limits.min, limits.max)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 3, 2), (4, 3, 2, 2, 3), (6,)])
def test_any_number_of_axes_is_read_with_the_first_one_fastest(tmp_path, shape):
    data = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    volume = open_volume(save_nrrd(tmp_path / "x.nrrd", data))
    assert volume.shape == shape
    np.testing.assert_array_equal(stored_voxels(volume), data)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("shape", [(6, 5, 3), (6, 5, 4, 2)])
def test_an_axis_of_vectors_is_that_of_the_channels(tmp_path, same_as_numpy, shape, encoding):
    data = np.random.default_rng(2).normal(100, 9, shape)
    path = save_nrrd(tmp_path / "x.nrrd", data, channels=True, encoding=encoding, endianness=">")
    report = same_as_numpy(path, data, channels=True)
    assert report.batches[0].input_shape == (1, *shape)
    assert report.samples[0].shape == shape
    np.testing.assert_array_equal(values_of(path), data)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("list", {}),
        ("RGB-color", {}),
        ("???", {"space directions": True}),
        ("none", {"spacings": True}),
        (None, {"space directions": True}),
    ],
)
def test_the_axis_of_the_channels_is_told_by_its_kind_or_its_missing_direction(tmp_path, place, kind, fields):
    spatial = ["(0,2,0)", "(0,0,-3)", "(4.5,0,0)"]
    words = {"space directions": ["none", *spatial], "spacings": ["nan", "2", "3", "4.5"]}
    order = [1, 2, 3]
    order.insert(place, 0)
    given = {name: " ".join(words[name][axis] for axis in order) for name in fields}
    if kind is not None:
        kinds = [kind, "domain", "space", "domain"]
        given["kinds"] = " ".join(kinds[axis] for axis in order)
    stored = np.moveaxis(FOUR, 3, place)
    volume = open_volume(save_nrrd(tmp_path / "x.nrrd", stored, **given))
    np.testing.assert_array_equal(stored_voxels(volume), FOUR)
    assert volume.channels_last
    assert volume.spacing == ((2.0, 3.0, 4.5) if fields else None)
    channels = bnstat.diagnose(str(tmp_path / "x.nrrd")).batches[0].channels
    np.testing.assert_allclose([one.variance for one in channels], FOUR.astype(float).var(axis=(0, 1, 2)), rtol=1e-12)


def test_an_axis_of_time_is_none_of_channels(tmp_path):
    path = save_nrrd(tmp_path / "x.nrrd", FOUR, kinds="domain domain domain time")
    assert not open_volume(path).channels_last
    assert open_volume(path).repetition == "unknown"
    timed = {"spacings": "1 1 1 2.5", "units": '"mm" "mm" "mm" "s"'}
    timed = save_nrrd(tmp_path / "y.nrrd", FOUR, kinds="domain domain domain time", **timed)
    assert open_volume(timed).repetition == "2.5 s"
    assert "BN401" in {finding.rule for finding in bnstat.diagnose(timed).findings}
    np.testing.assert_array_equal(values_of(path), FOUR)
    assert bnstat.diagnose(path, batch_axis=3, batch_size=2).batches[0].input_shape == (2, 2, 3, 4, 1)
    # the entries of a list can be samples too
    path = save_nrrd(tmp_path / "x.nrrd", FOUR, channels=True, kinds="list domain domain domain")
    assert bnstat.diagnose(path, batch_axis=3, batch_size=2).batches[0].input_shape == (2, 2, 3, 4, 1)


def test_two_axes_of_numbers_in_a_voxel_are_refused(tmp_path):
    path = save_nrrd(tmp_path / "x.nrrd", FOUR, kinds="list vector domain domain")
    assert "2 of them are none of space or time" in message_of(path)


def test_the_numbers_are_those_of_the_same_image_as_nifti(tmp_path, write_image, voxels):
    data = voxels.astype(np.float32) * 1.1
    found = [
        bnstat.diagnose(path).batches[0].channels
        for path in (write_image("x.nii", data), save_nrrd(tmp_path / "x.nrrd", data, encoding="gzip"))
    ]
    assert found[0] == found[1]


def test_the_spacing_is_that_of_the_header(tmp_path):
    def spacing(**fields):
        return open_volume(save_nrrd(tmp_path / "x.nrrd", VOXELS, **fields)).spacing

    assert spacing() is None
    assert spacing(spacings="1 2.5 3e0") == (1.0, 2.5, 3.0)
    assert spacing(**{"space directions": "(3,4,0) ( 0, 0, 2 ) (0,1,0)"}) == (5.0, 2.0, 1.0)
    assert spacing(**{"space directions": "(0,0,0) (0,0,2) (0,1,0)"}) is None


def test_voxels_may_lie_in_a_file_beside_the_header(tmp_path):
    data = in_memory(VOXELS)
    for name, content, fields in [
        ("a.raw", data, {}),
        ("b c.raw", data, {}),
        ("d.raw", b"one\ntwo\n123" + data, {"line skip": 2, "byte skip": 3}),
        ("e.raw", b"any" + data, {"byte skip": -1}),
        ("f.raw.gz", gzip.compress(data), {"encoding": "gz"}),
        ("g.raw.gz", b"line\n" + gzip.compress(b"123" + data), {"encoding": "GZIP", "lineskip": 1, "byteskip": 3}),
        ("h.raw.bz2", bz2.compress(data), {"encoding": "bz2"}),
        ("i.txt", b"x y\r\n" + as_text(VOXELS).replace(b"\n", b", "), {"encoding": "ascii", "line skip": 1}),
        (str(tmp_path / "j.raw"), data, {}),
    ]:
        (tmp_path / name).write_bytes(content)
        path = save_nrrd(tmp_path / "x.nhdr", VOXELS, **{"data file": name, **fields})
        np.testing.assert_array_equal(values_of(path), VOXELS)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize(
    ("last", "axes"),
    [
        ("LIST\n{}", 2),
        ("LIST 2\n{}", 2),
        ("LIST 1\n{}", 1),
        ("LIST 3\n{}", 3),
        ("f%02d.raw 1 4 1", 2),
        ("./f%02d.raw 1 4 1 2", 2),
        ("f%02d.raw 1 12 1 1", 1),
        ("f%02i.raw 2 1 -1 3", 3),
    ],
)
def test_voxels_may_lie_in_several_files(tmp_path, last, axes, encoding):
    parts = {
        1: [VOXELS[:, y, z] for z in range(4) for y in range(3)],
        2: [VOXELS[:, :, z] for z in range(4)],
        3: [VOXELS[:, :, :2], VOXELS[:, :, 2:]],
    }[axes]
    names = [f"f{number:02}.raw" for number in range(1, len(parts) + 1)]
    if "-1" in last:
        names.reverse()
    for name, part in zip(names, parts, strict=True):
        (tmp_path / name).write_bytes(PACKED[encoding](in_memory(part)))
    path = save_nrrd(
        tmp_path / "x.nhdr", VOXELS, encoding=encoding, **{"data file": last.format("\n".join(names) + "\n")}
    )
    np.testing.assert_array_equal(values_of(path), VOXELS)
    whole = (tmp_path / names[1]).read_bytes()
    (tmp_path / names[1]).write_bytes(whole[:-1])
    assert "truncated" in message_of(path)
    (tmp_path / names[1]).unlink()
    assert names[1] in message_of(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_header_may_be_written_in_several_ways(tmp_path, end):
    header = (
        "NRRD00.01\n# a comment: with a colon\nType: SHORT\nDIMENSION: 3\nsizes:  2 3 4 \nEncoding: RAW\nendian: Big\n"
        "key:=value: with a colon\nkey with: a colon:=value\ncontent: any text := there is\nold min: 3\noldmax: 7\n"
        'centerings: cell cell cell\nsample units: "mm"\n\n'
    )
    (tmp_path / "x.nrrd").write_bytes(header.replace("\n", end).encode() + in_memory(VOXELS, ">"))
    np.testing.assert_array_equal(values_of(tmp_path / "x.nrrd"), VOXELS)


def test_bytes_behind_the_voxels_are_said(tmp_path):
    path = save_nrrd(tmp_path / "x.nrrd", VOXELS, data=in_memory(VOXELS) + b"123")
    np.testing.assert_array_equal(values_of(path), VOXELS)
    assert open_volume(path).notes == ("the file has 3 bytes more than the header describes, which are not read",)


@pytest.mark.parametrize("encoding", ["gzip", "bzip2", "text", "hex"])
def test_encoded_data_that_do_not_fit_the_header_are_refused(tmp_path, encoding):
    more = np.concatenate([VOXELS, VOXELS[:, :, :1]], axis=2)
    assert "longer" in message_of(save_nrrd(tmp_path / "x.nrrd", more, encoding=encoding, sizes="2 3 4"))
    said = message_of(save_nrrd(tmp_path / "x.nrrd", VOXELS, encoding=encoding, sizes="2 3 5"))
    assert "truncated" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": None}, "no field type"),
        ({"type": "char"}, "no type of a number"),
        ({"type": "block"}, "blocks of bytes"),
        ({"dimension": None}, "no field dimension"),
        ({"dimension": 0}, "dimension should be from 1"),
        ({"dimension": "three"}, "dimension should be 1 whole number"),
        ({"dimension": 4}, "sizes should be 4 whole numbers"),
        ({"sizes": None}, "no field sizes"),
        ({"sizes": "2 3 0"}, "every size must be at least 1"),
        ({"sizes": "2 3 -4"}, "every size must be at least 1"),
        ({"sizes": "2 3 four"}, "sizes should be 3 whole numbers"),
        ({"sizes": "1000000 1000000 1000000"}, "truncated"),
        ({"sizes": "1000000000000 1 1", "encoding": "gzip"}, "cannot contain"),
        ({"sizes": "1000000000000 1 1", "encoding": "text"}, "cannot contain"),
        ({"encoding": None}, "no field encoding"),
        ({"encoding": "zrl"}, "encoding is 'zrl', which is not read"),
        ({"endian": None}, "no field endian"),
        ({"endian": "middle"}, "endian should be little or big"),
        ({"endien": "big"}, "no field of NRRD"),
        ({"Sizes": "2 3 4"}, "the field sizes twice"),
        ({"line skip": -1}, "line skip is -1"),
        ({"line skip": 10**12}, "truncated"),
        ({"byte skip": -2}, "byte skip is -2"),
        ({"byte skip": 10**12}, "truncated"),
        ({"byte skip": "x"}, "byte skip should be 1 whole number"),
        ({"byte skip": -1, "encoding": "gzip"}, "only with the encoding raw"),
        ({"byte skip": 10, "encoding": "gzip"}, "truncated"),
        ({"kinds": "domain domain"}, "kinds should be 3 words"),
        ({"kinds": "domain domain domaim"}, "kinds should be 3 words"),
        ({"spacings": "1 1"}, "spacings should be 3 numbers"),
        ({"space directions": "(1,0,0) (0,1,0)"}, "space directions should be 3 vectors"),
        ({"space directions": "(1,0,0) (0,1,0) (0,0,1"}, "space directions should be 3 vectors"),
        ({"space directions": "(1,0,0) (0,1,0) (0,0,x)"}, "space directions should be 3 numbers"),
        ({"space directions": "(1,0,0) (0,1,0) ()"}, "space directions should be"),
        ({"data file": ""}, "data file is empty"),
        ({"data file": "none.raw"}, "none.raw, is missing"),
        ({"data file": "."}, "not a regular file"),
        ({"data file": "/dev/null"}, "not a regular file"),
        ({"data file": "f%s.raw 1 4 1"}, "pattern"),
        ({"data file": "f%d.raw 1 9 1"}, "names 9 data files, and its sizes need 4"),
        ({"data file": "f%d.raw 1 4 0"}, "data file is"),
        ({"data file": "f%d.raw 1 4 1 9"}, "each data file has 9 axes"),
        ({"data file": "f%d.raw 1 1000000000000 1", "sizes": "1 1 1000000000000"}, "at most 100,000"),
        ({"data file": "LIST\na.raw"}, "names 1 data files, and its sizes need 4"),
        ({"data file": "LIST x\na.raw"}, "data file should be 1 whole number"),
    ],
)
def test_a_header_that_is_not_possible_is_one_line(tmp_path, fields, said):
    settings = {"data": gzip.compress(in_memory(VOXELS))} if fields.get("encoding") in ("gzip", "zrl", None) else {}
    if "encoding" not in fields:
        settings = {"data": in_memory(VOXELS)}
    message = message_of(save_nrrd(tmp_path / "x.nrrd", VOXELS, **settings, **fields))
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"NRRD0004", "no field dimension"),
        (b"NRRD0004\n\n", "no field dimension"),
        (b"NRRD0009\ntype: short\n", "begins with 'NRRD0009'"),
        (b"hello\n", "begins with 'hello'"),
        (b"NRRD0004\nhello\n", "no field of NRRD"),
        (b"x" * 2_000_000, "too long"),
        (b"NRRD0004\n" + b"# b\n" * 150_000, "too long"),
        (bytes(500), "control characters"),
    ],
)
def test_a_file_that_is_none_is_one_line(refused, tmp_path, content, said):
    (tmp_path / "x.nrrd").write_bytes(content)
    assert said in refused(3, "inspect", tmp_path / "x.nrrd")


@pytest.mark.parametrize("name", ["x.nrrd", "x.nhdr"])
def test_an_empty_file_is_called_empty(refused, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "the file is empty" in refused(3, "inspect", tmp_path / name)


def test_a_folder_of_such_images_is_read(tmp_path, bnstat_run):
    (tmp_path / "a.raw").write_bytes(in_memory(VOXELS))
    save_nrrd(tmp_path / "a.nhdr", VOXELS, **{"data file": "a.raw"})
    save_nrrd(tmp_path / "b.nrrd", VOXELS, encoding="gzip")
    report = bnstat.diagnose(tmp_path, batch_size=2)
    assert [Path(sample.source).name for sample in report.samples] == ["a.nhdr", "b.nrrd"]
    np.testing.assert_allclose(report.batches[0].channels[0].variance, VOXELS.astype(float).var(), rtol=1e-12)
    # the second file of an image is an input too, which an output may not replace
    assert bnstat_run("scan", tmp_path / "a.nhdr", "-o", tmp_path / "a.raw").code == 2


def test_a_mask_may_be_of_this_format_with_its_axes_in_any_order(tmp_path, write_image, voxels):
    image = write_image("x.nii", voxels)
    inside = (voxels > 60).astype(np.uint8)

    def channels_of(mask):
        reading = Reading(preparation=Preparation(intensity="zscore", mask=mask))
        return bnstat.diagnose(image, reading=reading).batches[0].channels

    same = channels_of(write_image("mask.nii", inside))
    assert channels_of(save_nrrd(tmp_path / "m.nrrd", inside, encoding="gzip")) == same
    listed = save_nrrd(tmp_path / "l.nrrd", inside[:, np.newaxis], kinds="domain list domain domain")
    assert open_volume(listed).shape == (*inside.shape, 1)
    assert channels_of(listed) == same


@pytest.mark.parametrize("framework", ["torch", "flax", "keras-torch"])
def test_the_arithmetic_of_a_framework_sees_the_values_in_the_order_of_the_tensor(tmp_path, framework, write_image):
    data = (np.random.default_rng(6).normal(1e4, 1, (9, 8, 7, 2))).astype(np.float32)
    nifti = write_image("x.nii", data)
    path = save_nrrd(tmp_path / "x.nrrd", data, channels=True)
    found = [bnstat.diagnose(one, framework=framework).batches[0].channels for one in (nifti, path)]
    for one, other in zip(*found, strict=True):
        assert one.variance == pytest.approx(other.variance, rel=1e-12)


def test_the_first_bytes_tell_a_file_whose_name_does_not(tmp_path, refused):
    for name, same in (("image", True), ("image.7", True), ("x.nii", False)):
        path = save_nrrd(tmp_path / name, VOXELS)
        if same:
            np.testing.assert_array_equal(values_of(path), VOXELS)
        else:
            assert "it is NRRD by its first bytes" in refused(3, "inspect", path)
