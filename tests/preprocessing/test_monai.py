"""Held against the transforms of MONAI and nnU-Net themselves, where they are installed."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import Reading

PERCENTILES = [(0.5, 99.5, 0.0, 1.0), (5, 95, -1.0, 1.0), (0, 100, 0.0, 255.0)]
BY_PERCENTILES = [
    *(f"scale-percentile:{low},{high},{a},{b}{clip}" for low, high, a, b in PERCENTILES for clip in ("", ",clip")),
    "scale-percentile:1,99,0,1,all-channels",
    "clip:p0.5,p99.5",
    "clip:p5,",
    "clip:p0.5,p99.5,all-channels",
]
LOW, HIGH, MEAN, DEVIATION = -80.0, 120.0, 30.0, 40.0


def values():
    """Two channels, channels first, of whole numbers, a third of them 0."""
    random = np.random.default_rng(3)
    drawn = np.rint(random.normal(40, 60, (2, 20, 18, 16)))
    drawn[random.random(drawn.shape) < 0.3] = 0
    return drawn.astype(np.float32)


def monai_ones():
    transforms = pytest.importorskip("monai.transforms")
    return {
        "minmax": transforms.ScaleIntensity(channel_wise=True),
        "minmax:-1,1": transforms.ScaleIntensity(-1.0, 1.0, channel_wise=True),
        "zscore": transforms.NormalizeIntensity(channel_wise=True),
        "zscore-nonzero": transforms.NormalizeIntensity(nonzero=True, channel_wise=True),
        "scale:0.005,0.4": transforms.ScaleIntensityRange(-80.0, 120.0, 0.0, 1.0),
        "scale:0.005,0.4|clip:0,1": transforms.ScaleIntensityRange(-80.0, 120.0, 0.0, 1.0, clip=True),
        "clip:-80,120|minmax": transforms.Compose(
            [
                transforms.ScaleIntensityRange(-80.0, 120.0, -80.0, 120.0, clip=True),
                transforms.ScaleIntensity(channel_wise=True),
            ]
        ),
    }


def monai_percentiles():
    """Those of MONAI that take percentiles, in float64: in float32 it takes the percentiles of a rank nearby."""
    transforms = pytest.importorskip("monai.transforms")
    double = {"dtype": np.float64}
    return {
        **{
            f"scale-percentile:{low},{high},{least},{most}{clip}": transforms.ScaleIntensityRangePercentiles(
                low, high, least, most, clip=bool(clip), channel_wise=True, **double
            )
            for low, high, least, most in PERCENTILES
            for clip in ("", ",clip")
        },
        "scale-percentile:1,99,0,1,all-channels": transforms.ScaleIntensityRangePercentiles(1, 99, 0, 1, **double),
        "clip:p0.5,p99.5": transforms.ClipIntensityPercentiles(0.5, 99.5, channel_wise=True, **double),
        "clip:p5,": transforms.ClipIntensityPercentiles(5, None, channel_wise=True, **double),
        "clip:p0.5,p99.5,all-channels": transforms.ClipIntensityPercentiles(0.5, 99.5, **double),
    }


def nnunet_ones():
    schemes = pytest.importorskip("nnunetv2.preprocessing.normalization.default_normalization_schemes")
    properties = {"percentile_00_5": LOW, "percentile_99_5": HIGH, "mean": MEAN, "std": DEVIATION}
    return {
        "minmax": schemes.RescaleTo01Normalization(False, {}),
        "zscore": schemes.ZScoreNormalization(False, {}),
        "zscore-nonzero": schemes.ZScoreNormalization(True, {}),
        "ct:-80,120,30,40": schemes.CTNormalization(False, properties),
        "rescale_to_0_1": schemes.RescaleTo01Normalization(False, {}),
        "noNorm": schemes.NoNormalization(False, {}),
    }


def assert_alike(folder, stored, intensity, expected):
    path = folder / "a.nii"
    nib.Nifti1Image(np.moveaxis(stored, 0, -1), np.eye(4)).to_filename(path)
    report = bnstat.diagnose(path, reading=Reading(preparation=Preparation(intensity)))
    for channel, values in zip(report.batches[0].channels, np.asarray(expected, np.float64), strict=True):
        np.testing.assert_allclose(channel.mean, values.mean(), atol=2e-6)
        np.testing.assert_allclose(channel.variance, values.var(), rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(channel.minimum, values.min(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(channel.maximum, values.max(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "intensity",
    [
        "minmax",
        "minmax:-1,1",
        "zscore",
        "zscore-nonzero",
        "scale:0.005,0.4",
        "scale:0.005,0.4|clip:0,1",
        "clip:-80,120|minmax",
    ],
)
def test_moments_are_those_of_what_monai_gives(tmp_path, intensity):
    assert_alike(tmp_path, values(), intensity, monai_ones()[intensity](values()))


@pytest.mark.parametrize(
    "intensity", ["minmax", "zscore", "zscore-nonzero", "ct:-80,120,30,40", "rescale_to_0_1", "noNorm"]
)
def test_moments_are_those_of_what_nnunet_gives(tmp_path, intensity):
    scheme = nnunet_ones()[intensity]
    expected = [scheme.run(one.copy(), np.where(one != 0, 0, -1)) for one in values()]
    assert_alike(tmp_path, values(), intensity, expected)


@pytest.mark.parametrize("span", [0.0, 1e-9, 3e-8])
def test_a_range_of_almost_nothing_is_stretched_as_far_as_nnunet_does(tmp_path, span):
    stored = np.zeros((1, 6, 6, 6), np.float32)
    stored[0, 2:4] = span
    expected = nnunet_ones()["rescale_to_0_1"].run(stored[0].copy())
    assert_alike(tmp_path, stored, "rescale_to_0_1", [expected])
    assert float(expected.max()) == pytest.approx(min(span / 1e-8, 1.0))


@pytest.mark.parametrize("intensity", ["minmax", "zscore", "zscore-nonzero"])
def test_a_constant_becomes_what_monai_makes_of_it(tmp_path, intensity):
    stored = np.full((1, 6, 6, 6), 7, np.float32)
    assert_alike(tmp_path, stored, intensity, monai_ones()[intensity](stored.copy()))


def drawn(kind):
    """Two channels, channels first: of many values, with many ties, constant, of one voxel, or far from 0."""
    random = np.random.default_rng(9)
    shape = (2, 1, 1, 1) if kind == "one voxel" else (2, 14, 11, 9)
    found = random.normal(1e6 if kind == "far" else 30, 1e-2 if kind == "far" else 50, shape)
    if kind == "ties":
        found = np.rint(found / 40)
    return np.full(shape, 7.5) if kind == "constant" else found


def assert_as_monai(folder, stored, intensity):
    """Mean, variance and extremes as MONAI's own result in float64 has them, to 1e-12 of its values."""
    path = folder / "a.nii"
    nib.Nifti1Image(np.moveaxis(stored, 0, -1), np.eye(4)).to_filename(path)
    report = bnstat.diagnose(path, reading=Reading(preparation=Preparation(intensity)))
    expected = np.asarray(monai_percentiles()[intensity](stored.copy()), np.float64)
    for channel, values in zip(report.batches[0].channels, expected, strict=True):
        size = np.abs(values).max() or 1.0
        np.testing.assert_allclose(channel.mean, values.mean(), rtol=1e-12, atol=1e-12 * size)
        np.testing.assert_allclose(channel.variance, values.var(), rtol=1e-10, atol=1e-12 * size**2)
        np.testing.assert_allclose(channel.minimum, values.min(), rtol=1e-12, atol=1e-12 * size)
        np.testing.assert_allclose(channel.maximum, values.max(), rtol=1e-12, atol=1e-12 * size)


@pytest.mark.filterwarnings("ignore:Divide by zero")
@pytest.mark.parametrize("kind", ["many", "ties", "constant", "one voxel", "far"])
@pytest.mark.parametrize("intensity", BY_PERCENTILES)
def test_percentiles_are_those_of_monai(tmp_path, intensity, kind):
    assert_as_monai(tmp_path, drawn(kind), intensity)


@pytest.mark.parametrize("intensity", BY_PERCENTILES)
@pytest.mark.parametrize("name", ["anatomical.nii", "example4d.nii.gz"])
def test_scans_of_nibabel_become_what_monai_makes_of_them(nibabel_data, tmp_path, name, intensity):
    scan = nib.load(nibabel_data / name).get_fdata(dtype=np.float64)
    assert_as_monai(tmp_path, np.moveaxis(scan, -1, 0) if scan.ndim == 4 else scan[np.newaxis], intensity)


@pytest.mark.parametrize("intensity", ["minmax", "zscore", "zscore-nonzero"])
def test_a_volume_of_zeros_becomes_what_monai_makes_of_it(tmp_path, intensity):
    stored = np.zeros((1, 6, 6, 6), np.float32)
    assert_alike(tmp_path, stored, intensity, monai_ones()[intensity](stored.copy()))


def test_a_constant_is_scaled_to_the_lower_end_and_not_multiplied_by_it_as_in_monai(tmp_path):
    stored = np.full((1, 6, 6, 6), 7, np.float32)
    assert float(monai_ones()["minmax:-1,1"](stored.copy()).max()) == -7
    assert_alike(tmp_path, stored, "minmax:-1,1", np.full(stored.shape, -1.0))
