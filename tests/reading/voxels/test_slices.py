"""The slices that are shown: which voxels they have, how they lie, and what is black and white."""

from __future__ import annotations

from io import BytesIO

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from reading.voxels.counted_by_numpy import read_twice

from bnstat.moments import one_pass, pieces
from bnstat.preprocessing.settings import Patching
from bnstat.reading.voxels.choice import MOST_SHOWN, Suspect


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few values, so that a slice lies in many of them."""
    for module in (pieces, one_pass):
        monkeypatch.setattr(module, "BLOCK_VALUES", 16)
    monkeypatch.setattr(pieces, "RUN_VALUES", 8)


def saved(path, values, spacing=(1, 1, 1)):
    nib.Nifti1Image(values, np.diag([*spacing, 1])).to_filename(path)
    return str(path)


def pixels(plane):
    """The picture as numbers, the upper row first."""
    image = Image.open(BytesIO(plane.png))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (plane.width, plane.height))
    return np.asarray(image).astype(int)


def voxels_of(plane, columns, rows):
    """The pixels in the middle of each voxel."""
    found = pixels(plane)
    at = [((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip((rows, columns), found.shape, strict=True)]
    return found[np.ix_(*at)]


def shades(values, low, high):
    return np.rint(np.rint(np.clip((values - low) / (high - low), 0, 1) * 63) * 255 / 63).astype(int)


def assert_shades(found, values, one):
    expected = shades(values, one.low, one.high)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 5  # a shade


VALUES = np.random.default_rng(3).integers(0, 1000, (8, 6, 4)).astype(np.int16)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_the_middle_slices_of_a_file_have_its_first_axis_to_the_right_and_its_last_axis_upwards(tmp_path, ending):
    _, voxels = read_twice([saved(tmp_path / f"a{ending}", VALUES)])
    (one,) = voxels.slices
    assert [(plane.axis, plane.index) for plane in one.planes] == [(0, 4), (1, 3), (2, 2)]
    for plane, values in zip(one.planes, (VALUES[4], VALUES[:, 3], VALUES[:, :, 2]), strict=True):
        assert_shades(voxels_of(plane, *values.shape), values.T[::-1], one)
    every = np.concatenate([VALUES[4].ravel(), VALUES[:, 3].ravel(), VALUES[:, :, 2].ravel()])
    assert (one.low, one.high) == tuple(np.percentile(every, (1, 99), method="nearest"))


def test_arrays_lie_as_they_are_printed():
    values = np.random.default_rng(3).random((1, 4, 6, 8, 1))
    _, voxels = read_twice(values)
    (one,) = voxels.slices
    assert [(plane.axis, plane.index) for plane in one.planes] == [(1, 2), (2, 3), (3, 4)]
    assert_shades(voxels_of(one.planes[0], 8, 6), values[0, 2, :, :, 0], one)


def test_a_picture_has_the_proportions_of_the_body(tmp_path):
    _, voxels = read_twice([saved(tmp_path / "a.nii", VALUES, (1, 2, 5))])
    sizes = [(plane.width, plane.height) for plane in voxels.slices[0].planes]
    assert sizes == [(132, 220), (88, 220), (88, 132)]  # 12 × 20, 8 × 20 and 8 × 12


def test_the_entry_of_a_batch_axis_and_the_channel_are_those_that_are_asked_for(tmp_path):
    values = np.random.default_rng(4).random((3, 5, 6, 7, 2))
    np.save(tmp_path / "a.npy", values)
    _, voxels = read_twice([str(tmp_path / "a.npy")], suspects=[Suspect(2, (1,)), Suspect(0), Suspect(1)])
    assert [(one.volume, one.channel) for one in voxels.slices] == [(at, ch) for at in (2, 0, 1) for ch in (0, 1)]
    one = voxels.slices[1]
    assert_shades(voxels_of(one.planes[0], 7, 6), values[2, 2, :, :, 1], one)


def test_channels_in_other_files_and_in_the_type_are_shown(tmp_path):
    rgb = np.random.default_rng(5).integers(0, 255, (5, 6, 4, 3)).astype(np.uint8)
    typed = np.ascontiguousarray(rgb).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    _, voxels = read_twice([saved(tmp_path / "a.nii", typed)])
    assert [one.channel for one in voxels.slices] == [0, 1, 2]
    one = voxels.slices[2]
    assert_shades(voxels_of(one.planes[2], 5, 6), rgb[:, :, 2, 2].T[::-1], one)


@pytest.mark.parametrize(("shape", "axis"), [((8, 6), 2), ((8, 6, 1), 2), ((1, 8, 6), 0)])
def test_an_image_of_two_axes_has_one_picture(tmp_path, shape, axis):
    values = np.random.default_rng(6).integers(0, 99, shape).astype(np.float32)
    _, voxels = read_twice([saved(tmp_path / "a.nii", values)])
    (one,) = voxels.slices
    (plane,) = one.planes
    assert (plane.axis, plane.index) == (axis, 0)
    assert_shades(voxels_of(plane, 8, 6), values.reshape(8, 6).T[::-1], one)


@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 1, 1), (5,)])
def test_a_line_of_voxels_has_no_picture(tmp_path, shape):
    _, voxels = read_twice([saved(tmp_path / "a.nii", np.ones(shape, np.float32))])
    assert (voxels.slices, voxels.typical) == ((), None)
    assert voxels.histograms


def test_a_kept_axis_of_space_is_what_the_slice_lies_across(tmp_path):
    _, voxels = read_twice([saved(tmp_path / "a.nii", VALUES)], axis=1)
    assert [(one.channel, one.planes[0].axis, one.planes[0].index) for one in voxels.slices] == [
        (place, 0, place) for place in range(4)
    ]
    one = voxels.slices[3]
    assert_shades(voxels_of(one.planes[0], 6, 4), VALUES[3].T[::-1], one)


def test_nan_and_inf_are_a_checkerboard(tmp_path):
    values = VALUES.astype(np.float32)
    values[4, :3], values[4, 3:, :2] = np.nan, np.inf
    _, voxels = read_twice([saved(tmp_path / "a.nii", values)])
    found = pixels(voxels.slices[0].planes[0])
    assert set(np.unique(found[:, : found.shape[1] // 2 - 2])) == {0, 255}
    assert len(np.unique(found[: found.shape[0] // 2 - 2, found.shape[1] // 2 + 2 :])) > 3


def test_a_constant_is_grey_and_without_a_finite_value_there_is_no_picture(tmp_path):
    paths = [saved(tmp_path / f"{v}.nii", np.full((4, 4, 4), v, np.float32)) for v in (7.0, np.nan)]
    _, voxels = read_twice(paths, suspects=[Suspect(1)])
    (one,) = voxels.slices
    assert (one.volume, one.low, one.high) == (0, 7.0, 7.0)
    assert np.unique(pixels(one.planes[0])).tolist() in ([127], [128], [125], [130])
    assert any(paths[1] in note for note in voxels.notes)


def test_a_mostly_constant_slice_shows_what_is_rare(tmp_path):
    values = np.zeros((20, 20, 20), np.uint8)
    values[10, 10, 10] = 1
    _, voxels = read_twice([saved(tmp_path / "a.nii", values)])
    assert (voxels.slices[0].low, voxels.slices[0].high) == (0.0, 1.0)
    assert pixels(voxels.slices[0].planes[0]).max() == 255


def test_slices_show_the_values_after_the_steps_and_outside_of_the_mask(tmp_path):
    _, voxels = read_twice([saved(tmp_path / "a.nii", VALUES)], intensity="scale:0.5,3", mask=">500")
    (one,) = voxels.slices
    assert_shades(voxels_of(one.planes[0], 6, 4), (VALUES[4] * 0.5 + 3).T[::-1], one)
    assert "slices show all voxels, also those outside of the mask" in voxels.notes


@pytest.mark.parametrize("per", ["volume", "patch"])
def test_of_patches_the_whole_volume_is_shown(tmp_path, per):
    path = saved(tmp_path / "a.nii", VALUES)
    _, voxels = read_twice([path], intensity="minmax", patches=Patching((4, 4, 4)), intensity_per=per)
    (one,) = voxels.slices
    values = VALUES if per == "patch" else (VALUES - VALUES.min()) / np.ptp(VALUES)
    assert_shades(voxels_of(one.planes[0], 6, 4), values[4].T[::-1], one)
    assert any(("before the intensity steps" in note) == (per == "patch") for note in voxels.notes)


def test_a_slice_of_very_many_voxels_is_read_in_part(tmp_path):
    values = np.arange(1500, dtype=np.float32)[:, np.newaxis, np.newaxis] * np.ones((1, 3, 2), np.float32)
    _, voxels = read_twice([saved(tmp_path / "a.nii", values)])
    plane = voxels.slices[0].planes[2]
    assert (plane.width, plane.height) == (220, 1)
    assert (np.diff(pixels(plane)[0]) >= 0).all()


def test_volumes_with_findings_are_shown_and_a_typical_one_without(tmp_path):
    values = np.random.default_rng(8).normal(0, 1, (6, 6, 6))
    for number in range(20):
        saved(tmp_path / f"{number:02}.nii", values + number)
    suspects = [Suspect(place) for place in range(19, 4, -1)]
    _, voxels = read_twice([str(tmp_path)], suspects=suspects)
    shown = [one.volume for one in voxels.slices]
    assert shown == [*range(19, 19 - MOST_SHOWN, -1), voxels.typical]
    assert voxels.typical == 4
    assert "slices are left out of 3 more volumes with findings" in voxels.notes


def test_the_channels_that_findings_name_are_shown_first():
    values = np.random.default_rng(9).random((2, 4, 4, 4, 9))
    _, voxels = read_twice(values, suspects=[Suspect(1, (7, 3))])
    assert [one.channel for one in voxels.slices if one.volume == 1] == [0, 1, 3, 7]
    assert all(max(plane.width, plane.height) == 128 for plane in voxels.slices[0].planes)
