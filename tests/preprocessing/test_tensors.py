"""Samples as a network gets them: their moments are those that the table has, and their voxels those of the file."""

from __future__ import annotations

import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, nnunet_v2, save, values

import bnstat
from bnstat import Patching, Preparation, UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.tensors import prepared_samples, require_values
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case
from bnstat.sources.search import cases_of
from bnstat.sources.selection import Selection

# Steps that change values in every way there is.
STEPS = [
    None,
    "none",
    "zscore",
    "minmax:-1,1",
    "clip:20,90",
    "clip:p5,p95|zscore",
    "zscore-nonzero",
    "zscore-nonzero-all",
    "zscore-nonzero-filled",
    "ct:10,100,50,25",
    "scale-percentile:1,99,0,1",
    "scale:0.5,-3|clip:0,30|zscore",
]
PATCHES = [
    None,
    Patching((4, 5, 3), 3, seed=5),
    Patching((10, 5, 3), 2),
    Patching((10, 7, 3), 2, pad="edge"),
]


def planned_of(path, axis=-1, batch_axis=None):
    return plan_case(Case.of(str(path)), axis, batch_axis)


def assert_moments_agree(planned, preparation):
    """The rows of a case and its samples agree, in order, identity and moments."""
    rows = rows_of(planned, preparation)
    found = list(prepared_samples(planned, preparation))
    assert [one.sample for one in found] == [row.sample for row in rows]
    assert found
    for one, row in zip(found, rows, strict=True):
        assert one.values.dtype == np.float32
        assert one.values.shape[-1] == row.tensor.channels
        assert sorted(one.values.shape) == sorted(row.tensor.sample_shape)
        own, known = Moments.from_array(one.values.astype(np.float64), axis=-1), row.moments
        for name in ("finite", "nan", "inf"):
            assert (getattr(own, name) == getattr(known, name)).all()
        size = float(np.abs(one.values[np.isfinite(one.values)]).max(initial=1e-30))
        for name, unit in (("mean", size), ("variance", size**2), ("minimum", size), ("maximum", size)):
            np.testing.assert_allclose(getattr(own, name), getattr(known, name), rtol=1e-6, atol=2e-7 * unit)


@pytest.fixture(scope="module")
def zeroed(voxels):
    """A volume with a border of zeros and a hole, as a skull-stripped brain."""
    found = voxels.copy()
    found[0], found[:, 0], found[3, 3, 2] = 0, 0, 0
    return found


@pytest.mark.parametrize("patches", PATCHES, ids=["whole", "patches", "padded", "edge"])
@pytest.mark.parametrize("steps", STEPS)
def test_after_any_steps_they_have_the_moments_of_the_table(write_image, zeroed, steps, patches):
    path = write_image("x.nii.gz", zeroed.astype(np.int16))
    for per in ("volume",) if patches is None else ("volume", "patch"):
        assert_moments_agree(planned_of(path), Preparation(steps, patches=patches, intensity_per=per))


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", ">f4", "f8", "i4"])
@pytest.mark.parametrize("scale", [None, (0.37, -12.5)])
@pytest.mark.parametrize("patches", PATCHES[:3:2], ids=["whole", "padded"])
def test_files_of_any_type_and_scale_have_the_moments_of_the_table(write_image, voxels, dtype, scale, patches):
    endianness = ">" if dtype[0] == ">" else "<"
    path = write_image("x.nii", voxels.astype(dtype), endianness=endianness, scale=scale)
    for steps in (None, "zscore"):
        assert_moments_agree(planned_of(path), Preparation(steps, patches=patches))


@pytest.mark.parametrize(
    ("shape", "axis", "batch_axis"),
    [
        ((3, 6, 5, 4, 2), -1, None),
        ((3, 2, 6, 5, 4), 1, None),
        ((6, 5, 4, 3), -1, 3),
        ((2, 6, 5, 4), 1, "none"),
        ((7, 3), -1, None),
        ((5, 3, 9), 1, None),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("steps", [None, "zscore|clip:-1,1"])
def test_arrays_have_them_with_samples_and_channels_on_any_axis(tmp_path, shape, axis, batch_axis, order, steps):
    array = np.random.default_rng(3).normal(5, 2, shape).astype(np.float32)
    np.save(tmp_path / "x.npy", np.asarray(array, order=order))
    planned = planned_of(tmp_path / "x.npy", axis, batch_axis)
    assert_moments_agree(planned, Preparation(steps))
    if steps is None:
        samples = array[np.newaxis] if batch_axis == "none" else np.moveaxis(array, batch_axis or 0, 0)
        for sample, one in zip(samples, prepared_samples(planned, Preparation()), strict=True):
            expected = sample[..., np.newaxis] if one.values.ndim > sample.ndim else sample
            expected = np.moveaxis(expected, planned.tensor.axis - 1, -1)
            np.testing.assert_array_equal(one.values, expected)


@pytest.mark.parametrize("patches", PATCHES[:2], ids=["whole", "patches"])
@pytest.mark.parametrize("steps", [None, "zscore", "0=clip:10,90|zscore;*=none", "zscore-nonzero-filled"])
def test_the_channels_of_several_files_are_side_by_side(tmp_path, patches, steps):
    root = nnunet_v2(tmp_path / "ds")
    for case in cases_of([str(root)], Selection()).cases:
        planned = plan_case(case, -1, None)
        assert_moments_agree(planned, Preparation(steps, patches=patches))
        if steps is None and patches is None:
            (whole,) = prepared_samples(planned, Preparation())
            name = next(one for one in CASES if one in case.name)
            expected = np.stack([values(name, place) for place in range(len(CHANNELS))], axis=-1)
            np.testing.assert_array_equal(whole.values, expected.astype(np.float32))


def test_they_have_nan_and_inf_where_the_file_has(tmp_path, write_image, voxels):
    voxels = voxels.astype(np.float32)
    voxels[1, 1, 1], voxels[2, 2, 2] = np.nan, np.inf
    path = write_image("x.nii", voxels)
    for steps in (None, "zscore", "clip:0,50"):
        assert_moments_agree(planned_of(path), Preparation(steps))
    large = np.full((4, 4, 4, 1), 1e300)
    large[0] = 1.0
    np.save(tmp_path / "large.npy", large)
    (one, *_) = prepared_samples(planned_of(tmp_path / "large.npy", batch_axis="none"), Preparation())
    assert np.isinf(one.values).sum() == 48  # what float32 cannot hold, as in a training


def test_a_patch_is_cut_where_its_moments_are_and_padded_with_zeros_after_the_steps(write_image, voxels):
    path = write_image("x.nii.gz", voxels.astype(np.int16))
    patching = Patching((10, 4, 3), 5, seed=2)
    standard = (voxels - voxels.mean()) / voxels.std()
    for one in prepared_samples(planned_of(path), Preparation("zscore", patches=patching)):
        expected = np.zeros((10, 4, 3))
        x, y, z = one.sample.patch.start
        assert x == -1
        expected[1:8] = standard[:, y : y + 4, z : z + 3]
        np.testing.assert_allclose(one.values[..., 0], expected, atol=1e-6)


def test_a_volume_of_many_planes_is_changed_as_if_at_once(monkeypatch, write_image, zeroed):
    path = write_image("x.nii.gz", zeroed.astype(np.int16))
    preparation = Preparation("zscore-nonzero-filled")
    (at_once,) = prepared_samples(planned_of(path), preparation)
    monkeypatch.setattr("bnstat.preprocessing.tensors._TOGETHER", 70)
    (by_planes,) = prepared_samples(planned_of(path), preparation)
    np.testing.assert_array_equal(at_once.values, by_planes.values)


class TestMask:
    @pytest.fixture
    def masked(self, tmp_path, voxels):
        save(tmp_path / "x.nii.gz", voxels.astype(np.int16))
        save(tmp_path / "m.nii.gz", (voxels > 60).astype(np.uint8))
        return tmp_path / "x.nii.gz", str(tmp_path / "m.nii.gz")

    def test_a_step_takes_its_statistics_inside_and_a_network_gets_every_voxel(self, masked, voxels):
        path, mask = masked
        inside = voxels[voxels > 60]
        for region in (mask, ">60"):
            preparation = Preparation("zscore:mask", mask=region)
            require_values(preparation)
            (one,) = prepared_samples(planned_of(path), preparation)
            np.testing.assert_allclose(one.values[..., 0], (voxels - inside.mean()) / inside.std(), atol=1e-5)

    @pytest.mark.parametrize("steps", [None, "zscore", "clip:0,50"])
    def test_one_that_only_counts_is_refused(self, masked, steps):
        with pytest.raises(UsageError, match=r"a network gets all voxels; leave it out"):
            require_values(Preparation(steps, mask=masked[1]))


def test_joined_files_with_another_axis_kept_are_refused(tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    planned = plan_case(cases_of([str(root)], Selection()).cases[0], 1, None)
    with pytest.raises(UsageError, match="leave out `axis`"):
        list(prepared_samples(planned, Preparation()))


def test_a_damaged_file_is_an_input_error(write_image, voxels, tmp_path):
    path = write_image("x.nii.gz", voxels.astype(np.int16))
    planned = planned_of(path)
    content = (tmp_path / "x.nii.gz").read_bytes()
    (tmp_path / "x.nii.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(bnstat.InputError, match=r"x\.nii\.gz"):
        list(prepared_samples(planned, Preparation()))
