"""Voxels in C order of the tensor, against nibabel and numpy."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from bnstat.errors import InputError
from bnstat.moments import tensor_order
from bnstat.moments.tensor_order import StoredSample, batch_voxels, rounded_to
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import arrange
from bnstat.sources.opening import open_volume


def saved(tmp_path, name, values, slope=None, inter=None):
    path = tmp_path / name
    if name.endswith(".npy"):
        np.save(path, values)
    else:
        image = nibabel.Nifti1Image(values, np.eye(4))
        image.header.set_slope_inter(slope, inter)
        nibabel.save(image, path)
    return open_volume(str(path))


def arranged(volume, **options):
    if volume.batched:
        options = {"batch_axis": 0, "batched": True, **options}
    return arrange(volume.shape, order=volume.order, **options)


def place(volume, arrangement, index=None):
    return StoredSample((CaseFile(volume, arrangement),), arrangement.tensor, index)


def expected(tensor, axis):
    return np.moveaxis(tensor, axis - 1, 0).reshape(tensor.shape[axis - 1], -1)


@pytest.mark.parametrize("name", ["plain.nii", "packed.nii.gz"])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("batch_axis", [None, 3, 0])
def test_samples_come_in_the_tensors_own_order_scaled_as_nibabel_scales(tmp_path, name, axis, batch_axis):
    stored = np.random.default_rng(0).integers(-500, 3000, (5, 4, 3, 6)).astype(np.int16)
    volume = saved(tmp_path, name, stored, 0.37, -12.5)
    truth = nibabel.load(tmp_path / name).get_fdata().astype(np.float32)
    arrangement = arranged(volume, axis=axis, batch_axis=batch_axis)
    indices = [None] if batch_axis is None else [0, 1, 3]
    got = list(batch_voxels([place(volume, arrangement, index) for index in indices]))
    for values, index in zip(got, indices, strict=True):
        tensor = truth if index is None else np.take(truth, index, axis=batch_axis)
        tensor = tensor.reshape(arrangement.tensor.sample_shape)
        assert values.dtype == np.float32
        assert np.array_equal(values, expected(tensor, arrangement.tensor.axis))


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_gives_its_samples_in_any_order_asked_for(tmp_path, order):
    x = np.random.default_rng(1).standard_normal((4, 3, 2, 5)).astype(np.float32)
    volume = saved(tmp_path, "x.npy", np.asarray(x, order=order))
    arrangement = arranged(volume)
    got = list(batch_voxels([place(volume, arrangement, k) for k in (2, 0, 1, 3)]))
    for values, k in zip(got, (2, 0, 1, 3), strict=True):
        assert np.array_equal(values, expected(x[k], arrangement.tensor.axis))


def test_a_batch_may_be_of_several_files(tmp_path):
    volumes = [saved(tmp_path, f"{k}.nii", np.full((2, 2, 2), k, np.int16)) for k in (1, 2)]
    got = list(batch_voxels([place(volume, arranged(volume)) for volume in volumes]))
    assert [values.tolist() for values in got] == [[[1.0] * 8], [[2.0] * 8]]


def test_values_are_rounded_to_float32_once(tmp_path):
    stored = np.array([16777217, 123456789], np.int32).reshape(2, 1, 1)
    volume = saved(tmp_path, "x.nii", stored, 0.1, 0.3)
    (values,) = batch_voxels([place(volume, arranged(volume))])
    slope, inter = (float(np.float32(number)) for number in (0.1, 0.3))
    assert values[0].tolist() == (stored.reshape(-1) * slope + inter).astype(np.float32).tolist()


def test_half_types_are_rounded_to_nearest_even_and_overflow():
    values = np.array([1.0 + 2**-11, 1.0 + 3 * 2**-11, 65519.0, 65520.0, -7e4, np.nan], np.float32)
    half = rounded_to(values, "float16")
    assert half[:5].tolist() == [1.0, 1.0 + 2**-9, 65504.0, np.inf, -np.inf]
    values = np.array([1.0 + 2**-8, 1.0 + 3 * 2**-8, 3.4e38, -np.inf], np.float32)
    assert rounded_to(values, "bfloat16").tolist() == [1.0, 1.0 + 2**-6, np.inf, -np.inf]
    assert np.isnan(rounded_to(np.array([np.nan], np.float32), "bfloat16")).all()
    assert rounded_to(values, "float32") is values


def test_a_file_that_became_shorter_is_an_error(tmp_path):
    volume = saved(tmp_path, "x.npy", np.zeros((1, 4, 4, 4, 1), np.float32))
    path = tmp_path / "x.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError):
        list(batch_voxels([place(volume, arranged(volume), 0)]))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 4, 3), (4, 1, 3), (1, 1, 5), (3, 1, 1), (1, 1, 1), (2, 3, 1)])
def test_samples_are_read_one_by_one_exactly_where_they_follow_each_other_in_memory(shape, order):
    places = np.arange(np.prod(shape)).reshape(shape, order=order)
    for batch_axis in range(3):
        arrangement = arrange(shape, order=order, batch_axis=batch_axis)
        samples = np.moveaxis(places, batch_axis, 0).reshape(shape[batch_axis], -1)
        follow = np.array_equal(np.sort(samples, axis=1).ravel(), np.arange(samples.size))
        assert tensor_order._is_slowest(arrangement) == follow


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("batch_axis", [0, 1, 2])
def test_a_file_has_every_sample_once(tmp_path, order, batch_axis):
    values = np.random.default_rng(2).normal(size=(4, 3, 2)).astype(np.float32)
    volume = saved(tmp_path, "x.npy", np.asarray(values, order=order))
    arrangement = arrange(volume.shape, order=volume.order, batch_axis=batch_axis)
    found = list(tensor_order._tensors(volume, arrangement))
    assert len(found) == values.shape[batch_axis]
    for sample, truth in zip(found, np.moveaxis(values, batch_axis, 0), strict=True):
        assert np.array_equal(sample.ravel(), truth.ravel())
