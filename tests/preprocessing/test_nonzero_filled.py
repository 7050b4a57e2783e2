"""nnU-Net's mask, and the z-score inside it: against flood filling by hand, scipy and nnU-Net's own code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import assert_same, filled, tensor_of
from preprocessing.test_laws import INTENSITIES, MASKS, TYPES, found_of, saved, small_blocks  # noqa: F401

from bnstat.errors import InputError, UsageError
from bnstat.moments.one_pass import scan_volume
from bnstat.preprocessing.channel_steps import bytes_read
from bnstat.preprocessing.intensity import prepared_moments, resolve
from bnstat.preprocessing.nonzero_filled import filled_mask
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

STEP = "zscore-nonzero-filled"
SHAPES = st.sampled_from([(5, 6, 4), (3, 3, 3), (7, 5, 1), (6, 5), (2, 8, 9), (4, 4, 4, 1)])


def shell(shape, share, seed):
    """Values of which some are 0, in a box that has holes."""
    random = np.random.default_rng(seed)
    values = np.rint(random.normal(20, 9, shape))
    values[random.random(shape) < share] = 0
    return values


def mask_of(path, batch_axis=None):
    return filled_mask(plan_case(Case.of(str(path)), -1, batch_axis)).array()


@settings(max_examples=40)
@given(SHAPES, st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_mask_is_what_no_path_joins_to_the_border(shape, share, seed):
    values = shell(shape, share, seed)
    with tempfile.TemporaryDirectory() as folder:
        path, _ = saved(folder, values, None)
        found = mask_of(path)
    one = values[..., 0] if values.ndim == 4 else values
    np.testing.assert_array_equal(found[0].reshape(one.shape), filled(one != 0))


@settings(max_examples=20)
@given(st.sampled_from([(5, 6, 4), (3, 3, 3), (9, 5, 7)]), st.floats(0.1, 0.7), st.integers(0, 2**32 - 1))
def test_holes_are_those_that_scipy_fills(shape, share, seed):
    fill = pytest.importorskip("scipy.ndimage").binary_fill_holes
    values = shell(shape, share, seed)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "a.npy", values[np.newaxis])
        found = filled_mask(plan_case(Case.of(str(Path(folder) / "a.npy")), 1, "none"))  # one channel, and it is first
    np.testing.assert_array_equal(found.array().reshape(shape), fill(values != 0))


def maze(size):
    """A box with one winding corridor of background that begins at the border, and one closed one."""
    walls = np.ones((size, size, 3), bool)
    for row in range(1, size - 1, 2):
        walls[row, 1 : size - 1, 1] = False
        if row + 2 < size - 1:
            walls[row + 1, 1 if (row // 2) % 2 else size - 2, 1] = False
    walls[0, 1, 1] = False
    return walls


def test_a_corridor_with_many_turns_is_followed_to_its_end(tmp_path):
    values = maze(41).astype(np.uint8)
    closed = values.copy()
    closed[0, 1, 1] = 1
    for name, one in (("a.nii", values), ("b.nii", closed)):
        nib.Nifti1Image(one, np.eye(4)).to_filename(tmp_path / name)
        np.testing.assert_array_equal(mask_of(tmp_path / name)[0], filled(one != 0))
    assert not mask_of(tmp_path / "a.nii").all()
    assert mask_of(tmp_path / "b.nii").all()


@settings(max_examples=40)
@given(st.data())
def test_values_inside_are_standardized_and_those_outside_are_0_whatever_the_layout(data):
    shape, dtype = data.draw(st.sampled_from([(5, 6, 4, 2), (4, 5, 5, 3)])), data.draw(TYPES)
    stored = shell(shape, data.draw(st.floats(0.3, 0.9)), data.draw(st.integers(0, 2**32 - 1)))
    stored = stored.clip(0 if dtype == "u1" else None).astype(dtype)
    before, after = data.draw(st.sampled_from(["", "scale:2,3|", "clip:0,30|"])), data.draw(INTENSITIES)
    intensity, mask = f"{before}{STEP}|{after}", data.draw(MASKS)
    batch_axis = data.draw(st.sampled_from([None, 3]))
    with tempfile.TemporaryDirectory() as folder:
        if data.draw(st.booleans()):
            path, values = saved(folder, stored, None)
        else:
            path, values = str(Path(folder) / "a.npy"), stored.astype(np.float64)
            np.save(path, np.asfortranarray(stored) if data.draw(st.booleans()) else stored)
            batch_axis = "none"
        found = found_of(path, intensity, mask, batch_axis=batch_axis)
    if found is None:
        return
    cells = tensor_of(values, batch_axis=3 if batch_axis == 3 else None)
    samples = [values] if batch_axis != 3 else list(np.moveaxis(values, 3, 0)[..., np.newaxis])
    inside = np.array([filled((one != 0).any(axis=-1)).reshape(-1) for one in samples])
    assert_same(found, cells, intensity, mask, filled=inside)


def brain(folder):
    """Two modalities in files of their own: a head with a ventricle that is 0 in both, one of them 0 in more places."""
    random = np.random.default_rng(4)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in (20, 22, 18)], indexing="ij")
    radius = np.sqrt(sum(one**2 for one in axes))
    stored = random.normal(400, 60, (20, 22, 18, 2)).astype(np.float32)
    stored[(radius > 0.9) | (radius < 0.25)] = 0
    stored[radius > 0.7, 1] = 0
    names = ("t1", "t2")
    for channel, name in enumerate(names):
        nib.Nifti1Image(stored[..., channel], np.eye(4)).to_filename(Path(folder) / f"a_{name}.nii.gz")
    return Case("a", tuple(str(Path(folder) / f"a_{name}.nii.gz") for name in names), names), stored


def test_a_case_gives_what_nnunet_makes_of_it(tmp_path):
    cropping = pytest.importorskip("nnunetv2.preprocessing.cropping.cropping")
    schemes = pytest.importorskip("nnunetv2.preprocessing.normalization.default_normalization_schemes")
    case, stored = brain(tmp_path)
    planned = plan_case(case, -1, None)
    data, seg, box = cropping.crop_to_nonzero(np.moveaxis(stored, -1, 0).astype(np.float32))
    (resolved,) = resolve(planned, Preparation(STEP))
    ours = resolved.apply(stored.astype(np.float64), resolved.filled)
    crop = tuple(slice(*ends) for ends in box)
    for channel in range(2):
        theirs = schemes.ZScoreNormalization(True, {}).run(data[channel].copy(), seg[0])
        np.testing.assert_allclose(ours[..., channel][crop], theirs, atol=2e-5)
        rest = np.ones(ours.shape[:-1], bool)
        rest[crop] = False
        assert not ours[rest].any()


def test_the_mask_is_that_of_all_channels_also_for_one_of_them(tmp_path):
    case, stored = brain(tmp_path)
    planned = plan_case(case, -1, None)
    told = []
    preparation = Preparation(f"t2={STEP};t1=none")
    found = prepared_moments(planned, preparation, told.append)
    inside = filled((stored != 0).any(axis=-1))
    values = stored[inside][:, 1].astype(np.float64)
    np.testing.assert_allclose(found.variance[0, 1], inside.mean(), rtol=1e-9)
    np.testing.assert_allclose(found.minimum[0, 1], -values.mean() / values.std(), rtol=1e-9)
    assert sum(told) == bytes_read(planned, preparation) == 2 * planned.nbytes
    plain = scan_volume(planned.parts[0].volume, planned.parts[0].arrangement)
    assert found.mean[0, 0] == plain.mean[0, 0]


@pytest.mark.parametrize("pad", ["zero", "edge"])
def test_patches_have_the_mask_where_they_are_cut_out(tmp_path, pad):
    case, stored = brain(tmp_path)
    planned = plan_case(case, -1, None)
    from bnstat.preprocessing.patches import draw

    preparation = Preparation(STEP, patches=Patching((24, 9, 8), number=3, pad=pad))
    (whole,) = resolve(planned, preparation)
    values = whole.apply(stored.astype(np.float64), whole.filled)
    for one in draw(planned, preparation):
        start, size = one.patch.start, one.patch.size
        mode = {"zero": "constant", "edge": "edge"}[pad]
        padded = np.pad(values, [(2, 2), (0, 0), (0, 0), (0, 0)], mode=mode)
        crop = padded[:, start[1] : start[1] + size[1], start[2] : start[2] + size[2]]
        np.testing.assert_allclose(one.moments.mean, crop.mean(axis=(0, 1, 2)), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one.moments.variance, crop.var(axis=(0, 1, 2)), rtol=1e-9)


def test_another_axis_than_the_last_has_no_such_mask(tmp_path):
    nib.Nifti1Image(np.ones((3, 4, 5)), np.eye(4)).to_filename(tmp_path / "a.nii")
    with pytest.raises(UsageError, match="needs the channels on the last axis"):
        prepared_moments(plan_case(Case.of(str(tmp_path / "a.nii")), 1, None), Preparation(STEP))


def test_a_file_that_ends_too_early_is_named(tmp_path):
    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.random.default_rng(1).random((30, 40, 50)), np.eye(4)).to_filename(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        prepared_moments(plan_case(Case.of(str(path)), -1, None), Preparation(STEP))
