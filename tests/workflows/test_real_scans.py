"""nibabel's own scans, against numpy in float64 and against PyTorch's layer."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import bnstat

DATA = Path(nib.__file__).parent / "tests" / "data"

CASES = [
    ("anatomical.nii", {}),
    ("functional.nii", {}),
    ("functional.nii", {"batch_axis": 3, "batch_size": 4}),
    ("example4d.nii.gz", {}),
    ("example_nifti2.nii.gz", {}),
    ("reoriented_anat_moved.nii", {}),
    ("standard.nii.gz", {}),
    ("test.mgz", {}),
    ("small.mnc", {}),
    ("tiny.mnc", {}),
]

FRAMEWORKS = {"keras": (0.99, 0.01, 0), "torch": (0.9, 0.1, 1)}


def batches_of(name, options):
    """The tensors that a layer would see: float64, (samples, …, channels)."""
    values = nib.load(DATA / name).get_fdata(dtype=np.float64)
    values = np.moveaxis(values, options["batch_axis"], 0) if "batch_axis" in options else values[np.newaxis]
    tensor = values[..., np.newaxis] if values.ndim == 4 else values
    size = options.get("batch_size", 1)
    return [tensor[start : start + size] for start in range(0, len(tensor), size)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_number_equals_float64_numpy(name, options, framework):
    report = bnstat.diagnose(DATA / name, framework=framework, **options)
    old, new, ddof = FRAMEWORKS[framework]
    batches = batches_of(name, options)
    assert len(batches) == len(report.batches)
    for found, tensor in zip(report.batches, batches, strict=True):
        assert found.input_shape == tensor.shape
        channels = np.ascontiguousarray(np.moveaxis(tensor, -1, 0)).reshape(tensor.shape[-1], -1)
        for channel, values in zip(found.channels, channels, strict=True):
            assert channel.count == values.size
            assert channel.mean == pytest.approx(values.mean(), rel=1e-12)
            assert channel.variance == pytest.approx(values.var(), rel=1e-12)
            assert (channel.minimum, channel.maximum) == (values.min(), values.max())
            assert channel.running_mean == pytest.approx(new * values.mean(), rel=1e-12)
            assert channel.running_variance == pytest.approx(old + new * values.var(ddof=ddof), rel=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_running_statistics_are_pytorchs_buffers(name, options):
    torch = pytest.importorskip("torch")
    report = bnstat.diagnose(DATA / name, framework="torch", **options)
    for found, tensor in zip(report.batches, batches_of(name, options), strict=True):
        if tensor.ndim != 5:
            pytest.skip("BatchNorm3d takes five axes")
        layer = torch.nn.BatchNorm3d(tensor.shape[-1])
        output = layer(torch.from_numpy(np.ascontiguousarray(np.moveaxis(tensor, -1, 1)).astype(np.float32)))
        for channel in found.channels:
            index = channel.channel
            assert float(layer.running_mean[index]) == pytest.approx(channel.running_mean, rel=1e-6)
            assert float(layer.running_var[index]) == pytest.approx(channel.running_variance, rel=1e-6)
            normalized = output[:, index].detach().double()
            assert float(normalized.var(unbiased=False)) == pytest.approx(channel.output_variance, abs=1e-5)


def test_a_scan_with_nan_has_statistics_of_its_finite_values_only():
    values = nib.load(DATA / "resampled_anat_moved.nii").get_fdata()
    (channel,) = bnstat.diagnose(DATA / "resampled_anat_moved.nii").batches[0].channels
    finite = values[np.isfinite(values)]
    assert (channel.count, channel.nan, channel.mean, channel.variance) == (1071, 153, None, None)
    assert channel.finite.count == finite.size == 918
    assert channel.finite.mean == pytest.approx(finite.mean(), rel=1e-12)
    assert channel.finite.variance == pytest.approx(finite.var(), rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((5, 6, 7), (1, 2, 3, 4, -1)), ((5, 6, 7, 3), (1, 2, 3, 4)), ((5, 6, 7, 1, 2), (1, 2, 3, 4, 5, -2))],
)
def test_any_axis_but_0_can_be_kept(tmp_path, shape, axes):
    values = np.random.default_rng(8).normal(3, 2, shape).astype("f4")
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "x.nii.gz")
    tensor = values[np.newaxis].astype("f8").reshape(1, *shape, *([1] if len(shape) == 3 else []))
    for axis in axes:
        (batch,) = bnstat.diagnose(tmp_path / "x.nii.gz", axis=axis).batches
        assert batch.axis == axis % tensor.ndim
        assert batch.reduction_axes == tuple(k for k in range(tensor.ndim) if k != batch.axis)
        assert [channel.variance for channel in batch.channels] == pytest.approx(
            tensor.var(axis=batch.reduction_axes), rel=1e-12
        )
