"""MetaImage: headers written by hand against numpy, the files that they name, and headers that are not possible."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from text_headers import NUMBERS, as_text, in_memory, save_metaimage

import bnstat
from bnstat import Patching, Preparation, Reading
from bnstat.errors import InputError
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.opening import open_volume

VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4) - 7


def values_of(path):
    return stored_voxels(open_volume(str(path)))


def message_of(path):
    with pytest.raises(InputError) as error:
        values_of(path)
    return error.value.message


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_type_in_either_byte_order_gives_the_numbers_of_numpy(
    tmp_path, same_as_numpy, voxels, dtype, endianness, compressed
):
    path = save_metaimage(tmp_path / "x.mha", voxels.astype(dtype), endianness=endianness, compressed=compressed)
    report = same_as_numpy(path, voxels)
    assert report.samples[0].dtype == dtype
    assert report.samples[0].shape == voxels.shape
    assert report.notes == bnstat.diagnose(path, framework="keras").notes


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint64"])
def test_the_extremes_of_integers_are_whole_numbers(tmp_path, dtype):
    limits = np.iinfo(dtype)
    data = np.array([[[limits.min, limits.max, 1]]], dtype)
    for path in (
        save_metaimage(tmp_path / "x.mha", data),
        save_metaimage(tmp_path / "y.mha", data, BinaryData=False, data=as_text(data)),
    ):
        (channel,) = bnstat.diagnose(path).batches[0].channels
        assert (channel.minimum, channel.maximum) == (limits.min, limits.max)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 3, 2), (4, 3, 2, 2, 3), (6,)])
def test_any_number_of_axes_is_read_with_the_first_one_fastest(tmp_path, shape):
    data = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    volume = open_volume(save_metaimage(tmp_path / "x.mha", data))
    assert volume.shape == shape
    np.testing.assert_array_equal(stored_voxels(volume), data)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(6, 5, 3), (6, 5, 4, 2)])
def test_the_components_of_a_voxel_are_channels(tmp_path, same_as_numpy, shape, compressed):
    data = np.random.default_rng(2).normal(100, 9, shape)
    path = save_metaimage(tmp_path / "x.mha", data, channels=True, compressed=compressed, endianness=">")
    report = same_as_numpy(path, data, channels=True)
    assert report.batches[0].input_shape == (1, *shape)
    assert report.samples[0].shape == shape
    np.testing.assert_array_equal(values_of(path), data)


def test_components_can_be_samples(tmp_path):
    data = np.random.default_rng(3).normal(size=(4, 3, 2, 5))
    report = bnstat.diagnose(save_metaimage(tmp_path / "x.mha", data, channels=True), batch_axis=3, batch_size=5)
    assert report.batches[0].input_shape == (5, 4, 3, 2, 1)
    np.testing.assert_allclose(report.batches[0].channels[0].variance, data.var(), rtol=1e-12)


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_the_numbers_are_those_of_the_same_image_as_nifti(tmp_path, write_image, voxels, framework):
    data = voxels.astype(np.float32) * 1.1
    found = [
        bnstat.diagnose(path, framework=framework).batches[0].channels
        for path in (write_image("x.nii", data), save_metaimage(tmp_path / "x.mha", data))
    ]
    assert found[0] == found[1]


def test_the_spacing_is_that_of_the_header(tmp_path):
    def spacing(**fields):
        return open_volume(save_metaimage(tmp_path / "x.mha", VOXELS, **fields)).spacing

    assert spacing() == (1.0, 1.5, 2.0)
    assert spacing(ElementSize="3 4 5") == (1.0, 1.5, 2.0)
    assert spacing(ElementSpacing=None, ElementSize="3 4 5") == (3.0, 4.0, 5.0)
    assert spacing(ElementSpacing=None) is None
    assert spacing(ElementSpacing="1 -1 0") is None


def test_voxels_may_lie_in_a_file_beside_the_header(tmp_path):
    data = in_memory(VOXELS, ">")
    for name, content, fields in [
        ("a.raw", data, {}),
        ("b c.raw", data, {}),
        ("d.raw", b"1234" + data, {"HeaderSize": 4}),
        ("e.raw", b"any" + data, {"HeaderSize": -1}),
        ("f.zraw", zlib.compress(data), {"compressed": True}),
        ("g.zraw", gzip.compress(data), {"compressed": True}),
        ("h.zraw", b"12" + zlib.compress(data), {"compressed": True, "HeaderSize": 2}),
        (str(tmp_path / "i.raw"), data, {}),
    ]:
        (tmp_path / name).write_bytes(content)
        path = save_metaimage(tmp_path / "x.mhd", VOXELS, endianness=">", ElementDataFile=name, **fields)
        np.testing.assert_array_equal(values_of(path), VOXELS)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("last", "axes"),
    [
        ("LIST\n{}", 2),
        ("LIST 2\n{}", 2),
        ("LIST 2D\n{}", 2),
        ("LIST 1\n{}", 1),
        ("f%02d.raw", 2),
        ("f%02d.raw 1", 2),
        ("f%02d.raw 1 4", 2),
        ("f%02d.raw 1 4 1", 2),
    ],
)
def test_voxels_may_lie_in_several_files(tmp_path, last, axes, compressed):
    parts = [VOXELS[:, :, z] for z in range(4)]
    if axes == 1:
        parts = [part[:, y] for part in parts for y in range(3)]
    names = [f"f{number:02}.raw" for number in range(1, len(parts) + 1)]
    for name, part in zip(names, parts, strict=True):
        data = in_memory(part)
        (tmp_path / name).write_bytes(zlib.compress(data) if compressed else data)
    path = save_metaimage(
        tmp_path / "x.mhd", VOXELS, compressed=compressed, ElementDataFile=last.format("\n".join(names))
    )
    np.testing.assert_array_equal(values_of(path), VOXELS)
    (tmp_path / names[1]).write_bytes(b"\x78")
    assert "truncated" in message_of(path)
    (tmp_path / names[1]).unlink()
    assert names[1] in message_of(path)


def test_files_of_a_pattern_may_count_downwards_and_in_steps(tmp_path):
    for number in range(4):
        (tmp_path / f"f{10 - 2 * number}.raw").write_bytes(in_memory(VOXELS[:, :, number]))
    path = save_metaimage(tmp_path / "x.mhd", VOXELS, ElementDataFile="f%d.raw 10 4 -2")
    np.testing.assert_array_equal(values_of(path), VOXELS)


def test_voxels_may_be_written_as_text(tmp_path):
    data = np.array([[[1.5, -2.25e3]], [[np.inf, 7]]])
    path = save_metaimage(tmp_path / "x.mha", data, BinaryData=False, data=as_text(data))
    np.testing.assert_array_equal(values_of(path), data)
    path = save_metaimage(tmp_path / "y.mha", VOXELS, BinaryData=False, data=b" " + as_text(VOXELS) + b"\n")
    np.testing.assert_array_equal(values_of(path), VOXELS)
    path = save_metaimage(tmp_path / "y.mha", VOXELS, BinaryData=False, data=as_text(VOXELS)[:-3])
    assert "truncated" in message_of(path)
    path = save_metaimage(tmp_path / "y.mha", VOXELS, BinaryData=False, data=as_text(VOXELS) + b" 5")
    assert "longer" in message_of(path)
    path = save_metaimage(tmp_path / "y.mha", VOXELS, BinaryData=False, data=b"x" * 5000)
    assert "cannot be read" in message_of(path)


def test_numbers_of_text_that_their_type_does_not_hold_are_infinite_or_refused(tmp_path):
    data = np.zeros((2, 1, 1), np.float32)
    path = save_metaimage(tmp_path / "x.mha", data, BinaryData=False, data=b"1e300 -1e-300")
    assert values_of(path).ravel().tolist() == [np.inf, 0]
    path = save_metaimage(tmp_path / "x.mha", data.astype(np.int8), BinaryData=False, data=b"300 1")
    assert "cannot be read" in message_of(path)


def test_voxels_without_a_header_name_the_header_beside_them(tmp_path, refused):
    (tmp_path / "x.raw").write_bytes(in_memory(VOXELS))
    assert "MetaImage" in refused(3, "inspect", tmp_path / "x.raw")
    save_metaimage(tmp_path / "x.mhd", VOXELS, ElementDataFile="x.raw")
    assert "x.mhd, which seems to be their header" in refused(3, "inspect", tmp_path / "x.raw")


def test_a_long_text_of_numbers_is_read_in_parts(tmp_path):
    data = np.random.default_rng(4).normal(size=(50, 50, 20))
    path = save_metaimage(tmp_path / "x.mha", data, BinaryData=False, data=as_text(data))
    np.testing.assert_array_equal(values_of(path), data)


@pytest.mark.parametrize(
    "change", [lambda text: text.replace(" = ", "="), lambda text: text.replace(" = ", ": "), lambda text: text + "\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_header_may_be_written_in_several_ways(tmp_path, change, end):
    path = Path(save_metaimage(tmp_path / "x.mha", VOXELS, data=b""))
    header = "\n".join(map(change, path.read_text().splitlines())).rstrip("\n") + "\n"
    path.write_bytes(header.replace("\n", end).encode() + in_memory(VOXELS))
    np.testing.assert_array_equal(values_of(path), VOXELS)


def test_fields_of_other_programs_are_passed_over(tmp_path):
    path = save_metaimage(tmp_path / "x.mha", VOXELS, Comment="a = b: c", Mine="3", ElementDataFile="Local")
    np.testing.assert_array_equal(values_of(path), VOXELS)


def test_the_byte_order_is_that_of_the_first_field_as_in_itk(tmp_path):
    data = in_memory(VOXELS, ">")
    fields = {"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True", "data": data}
    np.testing.assert_array_equal(values_of(save_metaimage(tmp_path / "x.mha", VOXELS, **fields)), VOXELS)
    fields |= {"BinaryDataByteOrderMSB": "True", "ElementByteOrderMSB": "False"}
    np.testing.assert_array_equal(values_of(save_metaimage(tmp_path / "x.mha", VOXELS, **fields)), VOXELS)


def test_scale_factors_are_said_and_not_applied_as_in_simpleitk(tmp_path, same_as_numpy):
    path = save_metaimage(tmp_path / "x.mha", VOXELS, ElementToIntensityFunctionSlope=2)
    report = same_as_numpy(path, VOXELS)
    assert any("ElementToIntensityFunctionSlope 2, which is not applied" in note for note in report.notes)
    path = save_metaimage(tmp_path / "x.mha", VOXELS, ElementToIntensityFunctionSlope=1)
    assert open_volume(path).notes == ()


def test_bytes_behind_the_voxels_are_said(tmp_path):
    path = save_metaimage(tmp_path / "x.mha", VOXELS, data=in_memory(VOXELS) + b"123")
    np.testing.assert_array_equal(values_of(path), VOXELS)
    assert open_volume(path).notes == ("the file has 3 bytes more than the header describes, which are not read",)


def test_compressed_data_that_do_not_fit_the_header_are_refused(tmp_path):
    data = in_memory(VOXELS)
    for wrong, said in [(data + b"\0", "longer"), (data[:-1], "truncated")]:
        path = save_metaimage(tmp_path / "x.mha", VOXELS, compressed=True, data=zlib.compress(wrong))
        assert said in message_of(path)
    # bytes behind the compressed ones are not read: files of several images have them
    packed = zlib.compress(data)
    path = save_metaimage(
        tmp_path / "x.mha", VOXELS, compressed=True, CompressedDataSize=len(packed), data=packed + b"rest"
    )
    np.testing.assert_array_equal(values_of(path), VOXELS)
    path = save_metaimage(tmp_path / "x.mha", VOXELS, compressed=True, CompressedDataSize=10**6, data=packed)
    assert "truncated" in message_of(path)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"NDims": None}, "no field NDims"),
        ({"NDims": 0}, "NDims should be from 1"),
        ({"NDims": 99}, "NDims should be from 1"),
        ({"NDims": "three"}, "NDims should be 1 whole number"),
        ({"NDims": 4}, "DimSize should be 4 whole numbers"),
        ({"DimSize": None}, "no field DimSize"),
        ({"DimSize": "2 3"}, "DimSize should be 3 whole numbers"),
        ({"DimSize": "2 3 0"}, "every size must be at least 1"),
        ({"DimSize": "2 3 -4"}, "every size must be at least 1"),
        ({"DimSize": "2 3 4.5"}, "DimSize should be"),
        ({"DimSize": "2 3 " + "9" * 5000}, "DimSize should be"),
        ({"DimSize": "1000000 1000000 1000000"}, "truncated"),
        ({"DimSize": "1000000000000 3 4", "compressed": True}, "cannot contain"),
        ({"DimSize": "1000000000000 3 4", "BinaryData": "False"}, "cannot contain"),
        ({"ElementType": None}, "no field ElementType"),
        ({"ElementType": "MET_STRING"}, "no type of a number"),
        ({"ElementType": "short"}, "no type of a number"),
        ({"ElementNumberOfChannels": 0}, "every size must be at least 1"),
        ({"ElementNumberOfChannels": -3}, "every size must be at least 1"),
        ({"ElementSpacing": "1 1"}, "ElementSpacing should be 3 numbers"),
        ({"ElementSpacing": "1 1 x"}, "ElementSpacing should be 3 numbers"),
        ({"BinaryData": "maybe"}, "BinaryData should be True or False"),
        ({"HeaderSize": -2}, "HeaderSize is -2"),
        ({"HeaderSize": 10**9}, "truncated"),
        ({"HeaderSize": -1, "compressed": True}, "HeaderSize is -1"),
        ({"HeaderSize": -1, "DimSize": "99 99 99"}, "truncated"),
        ({"ObjectType": "Tube"}, "no volume, but an object of the type 'Tube'"),
        ({"ElementDataFile": ""}, "ElementDataFile is empty"),
        ({"ElementDataFile": "none.raw"}, "none.raw, is missing"),
        ({"ElementDataFile": "."}, "not a regular file"),
        ({"ElementDataFile": "/dev/null"}, "not a regular file"),
        ({"ElementDataFile": "a\0b"}, "control characters"),
        ({"ElementDataFile": "f%s.raw 1 4 1"}, "pattern"),
        ({"ElementDataFile": "f%d%d.raw 1 4 1"}, "pattern"),
        ({"ElementDataFile": "f%d.raw 1 9 1"}, "names 9 data files, and its sizes need 4"),
        ({"ElementDataFile": "f%d.raw 1 4 0"}, "ElementDataFile is"),
        ({"ElementDataFile": "f%d.raw", "DimSize": "1 1 1000000000000"}, "at most 100,000"),
        ({"ElementDataFile": "LIST\na.raw"}, "names 1 data files, and its sizes need 4"),
        ({"ElementDataFile": "LIST", "DimSize": "1 1 1000000000000"}, "names 0 data files"),
        ({"DimSiz": "2 3 4"}, ""),
        ({"ElementByteOrderMSC": "True"}, "in place of ElementByteOrderMSB"),
        ({"headersize": 4}, "in place of HeaderSize"),
    ],
)
def test_a_header_that_is_not_possible_is_one_line(tmp_path, fields, said):
    if "DimSiz" in fields:
        np.testing.assert_array_equal(values_of(save_metaimage(tmp_path / "x.mha", VOXELS, **fields)), VOXELS)
        return
    message = message_of(save_metaimage(tmp_path / "x.mha", VOXELS, **fields))
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"ObjectType = Image\n", "no field NDims"),
        (b"hello\n", "has no = sign"),
        (b"NDims = 1\nDimSize = 3\nElementType = MET_CHAR\n", "no field ElementDataFile"),
        (b"x" * 2_000_000, "too long"),
        (b"a = b\n" * 150_000, "too long"),
        (bytes(500), "control characters"),
        (bytes(range(256)), "damaged"),
    ],
)
def test_a_file_that_is_none_is_one_line(refused, tmp_path, content, said):
    (tmp_path / "x.mha").write_bytes(content)
    assert said in refused(3, "inspect", tmp_path / "x.mha")


@pytest.mark.parametrize("name", ["x.mha", "x.mhd"])
def test_an_empty_file_is_called_empty(refused, tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "the file is empty" in refused(3, "inspect", tmp_path / name)


def test_a_folder_of_such_images_is_read(tmp_path, bnstat_run):
    for number in range(2):
        (tmp_path / f"{number}.raw").write_bytes(in_memory(VOXELS))
        save_metaimage(tmp_path / f"{number}.mhd", VOXELS, ElementDataFile=f"{number}.raw")
    save_metaimage(tmp_path / "2.mha", VOXELS)
    report = bnstat.diagnose(tmp_path, batch_size=3)
    assert [Path(sample.source).name for sample in report.samples] == ["0.mhd", "1.mhd", "2.mha"]
    np.testing.assert_allclose(report.batches[0].channels[0].variance, VOXELS.astype(float).var(), rtol=1e-12)
    # the second file of an image is an input too, which an output may not replace
    assert bnstat_run("scan", tmp_path / "0.mhd", "-o", tmp_path / "0.raw").code == 2


def test_a_data_set_of_nnunet_may_have_images_of_this_format(tmp_path):
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "labelsTr").mkdir()
    content = {"channel_names": {"0": "T1", "1": "T2"}, "labels": {}, "numTraining": 2, "file_ending": ".mha"}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    for case in ("a", "b"):
        for channel in range(2):
            save_metaimage(tmp_path / "imagesTr" / f"{case}_{channel:04}.mha", VOXELS + channel)
        save_metaimage(tmp_path / "labelsTr" / f"{case}.mha", (VOXELS > 0).astype(np.uint8))
    report = bnstat.diagnose(tmp_path, batch_size=2)
    assert report.samples[0].channels == ("T1", "T2")
    means = [one.mean for one in report.batches[0].channels]
    np.testing.assert_allclose(means, [VOXELS.mean(), VOXELS.mean() + 1], rtol=1e-12)
    patches = Reading(preparation=Preparation(patches=Patching((1, 1, 1), 4, foreground="1")))
    assert bnstat.diagnose(tmp_path, reading=patches).batches[0].channels[0].minimum > 0


@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_mask_and_labels_may_be_of_this_format(tmp_path, write_image, voxels, compressed, channels):
    image = write_image("x.nii", voxels)
    inside = (voxels > 60).astype(np.uint8)
    stored = inside[..., np.newaxis] if channels else inside
    mask = save_metaimage(tmp_path / "mask.mha", stored, compressed=compressed, channels=channels)

    def channels_of(**prepared):
        reading = Reading(preparation=Preparation(**prepared))
        return bnstat.diagnose(image, reading=reading).batches[0].channels

    (channel,) = channels_of(intensity="zscore", mask=mask)
    assert channels_of(intensity="zscore", mask=write_image("mask.nii", inside)) == (channel,)
    patched = [
        channels_of(patches=Patching((3, 3, 3), 4, foreground="1", labels=labels))
        for labels in (mask, str(tmp_path / "mask.nii"))
    ]
    assert patched[0] == patched[1]


def test_reading_blocks_needs_little_memory_and_may_stop_early(tmp_path):
    data = np.random.default_rng(5).normal(size=(64, 64, 32))
    volume = open_volume(save_metaimage(tmp_path / "x.mha", data, compressed=True))
    blocks = volume.blocks(1000)
    first = next(blocks).copy()
    blocks.close()
    np.testing.assert_array_equal(first, data.ravel("F")[:1000])
