"""Every image format and data type against numpy, and headers that are not possible."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from inspected import inspected
from nibabel.spatialimages import HeaderDataError

import bnstat

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
NUMBERS = (*INTEGERS, "float32", "float64")
SCALES = ((-0.5, 10.0), (0.1, -3.0), (3.7e-5, 0.0))
NIFTI = {
    "one.nii": nibabel.Nifti1Image,
    "two.nii": nibabel.Nifti2Image,
    "pair1.img": nibabel.Nifti1Pair,
    "pair2.img": nibabel.Nifti2Pair,
}
# Files that come with nibabel, all of whose channels are the last of four axes, or that have one channel.
SCANS = (
    *("anatomical.nii", "functional.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "standard.nii.gz"),
    *("reoriented_anat_moved.nii", "row_major.dconn.nii", "test.mgz"),
    *("tiny.mnc", "small.mnc", "minc1_1_scale.mnc", "minc1_4d.mnc", "minc1-no-att.mnc"),
    *("example4d+orig.HEAD", "example4d+orig.BRIK.gz", "scaled+tlrc.HEAD", "scaled+tlrc.BRIK"),
    *("phantom_EPI_asc_CLEAR_2_1.PAR", "phantom_EPI_asc_CLEAR_2_1.REC", "phantom_varscale.PAR"),
)
MINC2 = ("minc2_1_scale.mnc", "minc2_4d.mnc", "minc2-no-att.mnc", "minc2-4d-d.mnc")


def message_of(path):
    report = inspected(path)
    assert report.batches == ()
    (failure,) = report.errors
    assert failure.source == str(path)
    return failure.message


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_every_data_type_in_either_byte_order_gives_the_numbers_of_numpy(
    write_image, same_as_numpy, voxels, dtype, endianness
):
    path = write_image("x.nii", voxels.astype(dtype), endianness=endianness)
    report = same_as_numpy(path, voxels)
    assert report.samples[0].dtype == dtype
    assert report.samples[0].shape == voxels.shape


@pytest.mark.parametrize("dtype", INTEGERS)
def test_the_extremes_of_unscaled_integers_are_whole_numbers(write_image, voxels, dtype):
    limits = np.iinfo(dtype)
    data = voxels.astype(dtype)
    data[0, 0, 0], data[1, 1, 1] = limits.min, limits.max
    (channel,) = bnstat.diagnose(write_image("x.nii", data)).batches[0].channels
    assert (channel.minimum, channel.maximum) == (limits.min, limits.max)
    assert isinstance(channel.minimum, int)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_a_scale_factor_of_either_sign_is_applied(write_image, same_as_numpy, voxels, dtype, name, scale):
    path = write_image(name, voxels.astype(dtype), scale=scale)
    proxy = nibabel.load(path).dataobj
    same_as_numpy(path, voxels * float(proxy.slope) + float(proxy.inter))


def test_a_slope_of_zero_means_no_scaling(write_image, same_as_numpy, voxels):
    path = Path(write_image("x.nii", voxels.astype(np.int16)))
    data = bytearray(path.read_bytes())
    struct.pack_into("<ff", data, 112, 0.0, 5.0)  # scl_slope, scl_inter
    path.write_bytes(data)
    same_as_numpy(path, voxels)


@pytest.mark.parametrize("compression", ["", ".gz", ".bz2"])
@pytest.mark.parametrize("name", NIFTI)
def test_nifti_in_one_file_or_two_compressed_or_not(write_image, same_as_numpy, voxels, name, compression):
    path = write_image(name + compression, voxels.astype(np.float32), NIFTI[name])
    same_as_numpy(path, voxels)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_either_half_of_a_pair_names_the_whole(write_image, same_as_numpy, voxels, kind):
    path = write_image("pair.img", voxels.astype(np.int16), kind)
    same_as_numpy(path, voxels)
    same_as_numpy(path.replace(".img", ".hdr"), voxels)


def test_a_pair_without_its_other_half_says_which_file_is_missing(write_image, voxels):
    path = Path(write_image("pair.img", voxels.astype(np.int16), nibabel.Nifti1Pair))
    path.unlink()
    assert "pair.img" in message_of(path.with_suffix(".hdr"))


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_analyze_gives_the_numbers_of_numpy(write_image, same_as_numpy, voxels, dtype, endianness):
    path = write_image("x.img", voxels.astype(dtype), nibabel.AnalyzeImage, endianness=endianness)
    same_as_numpy(path, voxels)


@pytest.mark.parametrize("kind", [nibabel.Spm99AnalyzeImage, nibabel.Spm2AnalyzeImage])
def test_the_scale_factor_of_spm_is_applied(write_image, same_as_numpy, voxels, kind):
    path = write_image("x.img", voxels.astype(np.int16), kind, scale=(-0.5, None), affine=None)
    same_as_numpy(path, voxels * -0.5)


@pytest.mark.parametrize("name", ["x.mgh", "x.mgz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_mgh_gives_the_numbers_of_numpy(write_image, same_as_numpy, voxels, dtype, name):
    same_as_numpy(write_image(name, voxels.astype(dtype), nibabel.MGHImage), voxels)


@pytest.mark.parametrize("letters", ["RGB", "RGBA"])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_the_parts_of_a_colour_are_channels(write_image, same_as_numpy, voxels, name, letters):
    parts = [np.roll(voxels, place).astype(np.uint8) // (place + 1) for place in range(len(letters))]
    colours = np.empty(voxels.shape, [(letter, "u1") for letter in letters])
    for letter, part in zip(letters, parts, strict=True):
        colours[letter] = part
    report = same_as_numpy(write_image(name, colours), np.stack(parts, axis=-1), channels=True)
    assert report.samples[0].dtype == {"RGB": "rgb24", "RGBA": "rgba32"}[letters]
    assert report.batches[0].input_shape == (1, *voxels.shape, len(letters))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_voxels_are_refused_with_a_way_out(write_image, voxels, dtype):
    message = message_of(write_image("x.nii", voxels.astype(dtype)))
    assert dtype in message
    assert "magnitude" in message


def test_longdouble_is_read_where_the_platform_writes_it(write_image, same_as_numpy, voxels):
    try:
        path = write_image("x.nii", voxels.astype(np.longdouble))
    except HeaderDataError:
        pytest.skip("nibabel writes no long double on this platform")
    same_as_numpy(path, voxels)


@pytest.mark.parametrize("name", SCANS)
def test_scans_of_other_formats_give_the_numbers_of_numpy(nibabel_data, same_as_numpy, name):
    path = nibabel_data / name
    if not path.exists():
        pytest.skip(f"this nibabel comes without {name}")
    values = np.asanyarray(nibabel.load(path).dataobj)
    same_as_numpy(path, values, channels=values.ndim > 3)


@pytest.mark.parametrize("name", MINC2)
def test_minc2_gives_the_numbers_of_numpy(nibabel_data, same_as_numpy, name):
    pytest.importorskip("h5py")
    test_scans_of_other_formats_give_the_numbers_of_numpy(nibabel_data, same_as_numpy, name)


def test_time_points_are_samples_along_the_batch_axis(nibabel_data):
    path = nibabel_data / "functional.nii"
    values = np.asanyarray(nibabel.load(path).dataobj).astype(np.float64)
    report = bnstat.diagnose(path, batch_axis=3, batch_size=4)
    assert [batch.input_shape for batch in report.batches] == [(4, 17, 21, 3, 1)] * 5
    for batch in report.batches:
        together = values[..., list(batch.samples)]
        np.testing.assert_allclose(batch.channels[0].mean, together.mean(), rtol=1e-12)
        np.testing.assert_allclose(batch.channels[0].variance, together.var(), rtol=1e-12)


def test_values_that_are_not_numbers_are_counted_and_never_averaged(write_image, voxels):
    data = voxels.astype(np.float32)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    (channel,) = bnstat.diagnose(write_image("x.nii", data)).batches[0].channels
    assert (channel.count, channel.nan, channel.inf) == (data.size, 1, 2)
    assert (channel.mean, channel.variance, channel.running_mean, channel.running_variance) == (None,) * 4
    finite = data[np.isfinite(data)].astype(np.float64)
    np.testing.assert_allclose(channel.finite.variance, finite.var(), rtol=1e-12)


@pytest.mark.parametrize("size", [0, -3])
@pytest.mark.parametrize("name", ["x.nii", "x.img"])
def test_a_dimension_of_zero_or_less_is_an_error(write_image, voxels, name, size):
    kind = nibabel.Nifti1Image if name.endswith(".nii") else nibabel.Nifti1Pair
    path = Path(write_image(name, voxels.astype(np.int16), kind))
    header = path if name.endswith(".nii") else path.with_suffix(".hdr")
    data = bytearray(header.read_bytes())
    struct.pack_into("<h", data, 42, size)  # dim[1]
    header.write_bytes(data)
    assert f"{size} × 6 × 5" in message_of(path)


def test_a_header_without_dimensions_is_an_error(small_image):
    path = Path(small_image())
    data = bytearray(path.read_bytes())
    struct.pack_into("<8h", data, 40, *[0] * 8)
    path.write_bytes(data)
    assert message_of(path)


def test_a_surface_holds_no_volume(tmp_path):
    image = nibabel.gifti.GiftiImage()
    image.add_gifti_data_array(nibabel.gifti.GiftiDataArray(np.zeros((3, 3), np.float32)))
    nibabel.save(image, tmp_path / "x.gii")
    assert "no volume" in message_of(tmp_path / "x.gii")


def test_a_name_in_capitals_is_read_the_same(small_image, same_as_numpy, voxels, tmp_path):
    shutil.copy(small_image("small.nii.gz"), tmp_path / "SMALL.NII.GZ")
    same_as_numpy(tmp_path / "SMALL.NII.GZ", voxels)


def test_reading_never_changes_a_file(small_image):
    path = Path(small_image("x.nii.gz"))
    before = path.read_bytes(), path.stat().st_mtime_ns
    bnstat.diagnose(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("scale", [(1e10, 0.0), (-1e10, 5.0)])
def test_scaled_float32_goes_beyond_float32_as_it_does_in_nibabel(write_image, same_as_numpy, voxels, scale):
    path = write_image("x.nii", (voxels * 1e30).astype(np.float32), scale=scale)
    proxy = nibabel.load(path).dataobj
    stored = proxy.get_unscaled().astype(np.float64)
    same_as_numpy(path, stored * float(proxy.slope) + float(proxy.inter))


def test_a_scale_factor_beyond_float64_gives_json_and_no_warning(write_image, bnstat_run, voxels):
    path = write_image("x.nii", voxels * 1e300, nibabel.Nifti2Image, scale=(-1e300, 0.0))
    (channel,) = bnstat.diagnose(path).batches[0].channels
    assert channel.variance is None
    assert bnstat_run("inspect", path, "--format", "json").code == 0
