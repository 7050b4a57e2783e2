"""Whole scans: nibabel's own, and files of more than a segment, plain and compressed."""

from __future__ import annotations

import gzip
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from preprocessing.plain import assert_same, tensor_of

from bnstat.errors import InputError
from bnstat.moments import one_pass
from bnstat.preprocessing.intensity import prepared_moments, resolve
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import plan_case

INTENSITIES = [
    "zscore",
    "minmax:-1,1",
    "clip:10,300|zscore",
    "zscore-nonzero",
    "zscore|clip:-2,2|minmax",
    "clip:p0.5,p99.5|zscore",
    "scale-percentile:2,98,0,1,clip,nonzero",
]


@pytest.mark.parametrize("intensity", INTENSITIES)
@pytest.mark.parametrize(
    ("name", "mask", "batch_axis"),
    [
        ("anatomical.nii", "nonzero", None),
        ("functional.nii", ">=2000", 3),
        ("example4d.nii.gz", ">20", None),
        ("standard.nii.gz", None, None),
        ("test.mgz", "nonzero", None),
        ("small.mnc", ">0.5", None),
    ],
)
def test_scans_of_nibabel_equal_numpy(nibabel_data, name, mask, batch_axis, intensity):
    path = nibabel_data / name
    values = nib.load(path).get_fdata(dtype=np.float64)
    planned = plan_case(Case.of(str(path)), -1, batch_axis)
    found = prepared_moments(planned, Preparation(intensity, mask))
    assert_same(found, tensor_of(values, batch_axis=batch_axis), intensity, mask)


# More values than a segment has, so that two threads have something to share.
SHAPE = (160, 150, 100, 2)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    values = np.random.default_rng(5).normal(40, 300, SHAPE).astype(">i2")
    values[:50] = 0
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(values.dtype)
    image = nib.Nifti1Image(values, np.eye(4), header)
    image.header.set_slope_inter(-0.5, 3)
    image.to_filename(folder / "plain.nii")
    (folder / "small.nii.gz").write_bytes(gzip.compress((folder / "plain.nii").read_bytes(), 1))
    nib.Nifti1Image((values[..., 0] > 7).astype(np.uint8), np.eye(4)).to_filename(folder / "mask.nii.gz")
    return folder


def bits(moments):
    return [
        getattr(moments, name).tobytes()
        for name in ("finite", "mean", "m2", "minimum", "maximum", "mean_tail", "varies")
    ]


@pytest.mark.parametrize("mask", [None, "nonzero", "mask.nii.gz"])
@pytest.mark.parametrize(
    "intensity", ["clip:-300,300|zscore", "zscore-nonzero|clip:-2,", "zscore-nonzero|clip:p1,p99.9"]
)
def test_threads_and_compression_change_no_bit(large, intensity, mask, monkeypatch):
    given = str(large / mask) if mask and mask.endswith("gz") else mask
    found = []
    for processors, name in ((1, "plain.nii"), (3, "plain.nii"), (2, "small.nii.gz")):
        monkeypatch.setattr(one_pass, "processors", lambda number=processors: number)
        planned = plan_case(Case.of(str(large / name)), -1, None)
        found.append(bits(prepared_moments(planned, Preparation(intensity, given))))
    assert all(one == found[0] for one in found)


def test_a_truncated_file_says_the_same_with_and_without_steps(large, tmp_path):
    content = (large / "small.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(content[: len(content) // 2])
    said = []
    for intensity in (None, "clip:0,1", "zscore|clip:0,1"):
        planned = plan_case(Case.of(str(tmp_path / "cut.nii.gz")), -1, None)
        with pytest.raises(InputError) as caught:
            rows_of(planned, Preparation(intensity))
        said.append(str(caught.value))
    assert said == [said[0]] * 3
    assert "truncated" in said[0]


def test_memory_does_not_grow_with_the_volume(tmp_path, monkeypatch):
    monkeypatch.setattr(one_pass, "processors", lambda: 1)
    peaks = []
    for depth in (60, 240):
        path = tmp_path / f"{depth}.nii"
        nib.Nifti1Image(np.arange(128 * 128 * depth, dtype=np.float32).reshape(128, 128, depth), np.eye(4)).to_filename(
            path
        )
        planned = plan_case(Case.of(str(path)), -1, None)
        tracemalloc.start()
        prepared_moments(planned, Preparation("zscore|clip:-1,1|zscore-nonzero|clip:p1,p99", ">5"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_whole_numbers_stay_whole_inside_a_mask(tmp_path):
    nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4)).to_filename(tmp_path / "a.nii")
    planned = plan_case(Case.of(str(tmp_path / "a.nii")), -1, None)
    found = prepared_moments(planned, Preparation(None, ">7"))
    assert (found.minimum.dtype, found.minimum[0, 0], found.maximum[0, 0]) == (np.int16, 8, 59)


def test_large_whole_numbers_are_told_apart_inside_a_mask(tmp_path):
    values = 2**62 + np.arange(60, dtype=np.int64).reshape(3, 4, 5)
    np.save(tmp_path / "a.npy", values)
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    found = prepared_moments(planned, Preparation(None, ">0"))
    assert int(found.maximum[0, 0]) - int(found.minimum[0, 0]) == 59
    np.testing.assert_allclose(found.variance[0, 0], np.arange(60).var(), rtol=1e-12)


def case_of_two(tmp_path, values):
    """A case whose channels are files: two of one channel each, as data sets have them."""
    files = []
    for channel in range(2):
        path = tmp_path / f"case_{channel:04}.nii"
        nib.Nifti1Image(values[..., channel], np.eye(4)).to_filename(path)
        files.append(str(path))
    return Case("case", tuple(files))


@pytest.mark.parametrize("intensity", ["zscore|clip:-1,1", "ct:-5,60,20,11", "zscore-nonzero"])
@pytest.mark.parametrize("mask", [None, "nonzero", "file"])
def test_files_of_one_case_are_channels_of_one_volume(tmp_path, intensity, mask):
    values = np.random.default_rng(3).normal(20, 30, (6, 5, 4, 2)).astype(np.float32)
    values[values < 0] = 0
    marks = np.zeros((6, 5, 4), np.uint8)
    marks[1:4] = 1
    nib.Nifti1Image(marks, np.eye(4)).to_filename(tmp_path / "of_case.nii")
    planned = plan_case(case_of_two(tmp_path, values), -1, None)
    assert planned.tensor == Tensor((6, 5, 4, 2), 4)
    given = str(tmp_path / "of_{case}.nii") if mask == "file" else mask
    found = prepared_moments(planned, Preparation(intensity, given))
    cells = tensor_of(values)
    inside = np.broadcast_to(marks.reshape(-1) > 0, cells.shape) if mask == "file" else None
    assert_same(found, cells, intensity, mask, inside)
    (resolved,) = resolve(planned, Preparation(intensity, given))
    whole = resolved.apply(values.astype(np.float64))
    if mask is None:
        np.testing.assert_allclose(whole.mean(axis=(0, 1, 2)), found.mean[0], atol=1e-12)


def test_properties_of_another_number_of_channels_are_refused_for_that_case(tmp_path):
    import json

    numbers = {"percentile_00_5": 0, "percentile_99_5": 1, "mean": 0, "std": 1}
    file = tmp_path / "plans.json"
    file.write_text(json.dumps({"foreground_intensity_properties_per_channel": {"0": numbers}}))
    planned = plan_case(case_of_two(tmp_path, np.ones((3, 3, 3, 2), np.float32)), -1, None)
    with pytest.raises(InputError, match=r"case: it has 2 channels, and .*plans\.json has the intensities of 1; "):
        prepared_moments(planned, Preparation(f"ct:{file}"))


@pytest.mark.parametrize("intensity", ["zscore", "minmax", "zscore-nonzero"])
def test_values_that_float64_cannot_square_are_refused_in_one_line(tmp_path, intensity):
    np.save(tmp_path / "huge.npy", np.array([1e308, -1e308, 3.0]).reshape(1, 3, 1, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "huge.npy")), -1, None)
    with pytest.raises(
        InputError, match=rf"huge\.npy: its values are too large for {intensity} in float64; put a clip"
    ):
        prepared_moments(planned, Preparation(intensity))
    found = prepared_moments(planned, Preparation(f"clip:-9,9|{intensity}"))
    assert np.isfinite(found.variance).all()
