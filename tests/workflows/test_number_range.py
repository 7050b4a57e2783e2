"""Values at the ends of their types, from a file to a report: what is stored is what is said."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.renderers import csv
from bnstat.workflows.scan import collect

SHAPE = (4, 4, 4)
WHOLE = 2**53 + 1
PATCHES = bnstat.Preparation(patches=bnstat.Patching(SHAPE, number=1))


def volume(path, values, slope=1.0, intercept=0.0):
    """Write stored values as NIfTI-2, whose scale factors are float64, and return the path."""
    header = nib.Nifti2Header()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_slope_inter(slope, intercept)
    header["vox_offset"] = 544
    path.write_bytes(header.binaryblock + bytes(4) + values.tobytes(order="F"))
    return str(path)


@pytest.fixture
def beside_floats(tmp_path):
    """Return two volumes: integers that float64 rounds, and floats."""
    whole = volume(tmp_path / "whole.nii", np.full(SHAPE, WHOLE, np.int64))
    return [whole, volume(tmp_path / "half.nii", np.full(SHAPE, 0.5))]


def channel(paths, preparation=None, **layer):
    report = bnstat.diagnose(paths, reading=bnstat.Reading(preparation=preparation or bnstat.Preparation()), **layer)
    ((found,),) = (batch.channels for batch in report.batches)
    return found


@pytest.mark.parametrize(
    "preparation", [None, bnstat.Preparation(mask="nonzero"), PATCHES, bnstat.Preparation(mask=f">={WHOLE - 1}")]
)
def test_whole_extremes_stay_the_stored_ones_however_a_volume_is_read(tmp_path, preparation):
    values = np.full(SHAPE, WHOLE, np.int64)
    values[0, 0, 0] = 2**63 - 1
    found = channel(volume(tmp_path / "a.nii", values), preparation)
    assert (found.minimum, found.maximum) == (WHOLE, 2**63 - 1)


@pytest.mark.parametrize("preparation", [None, bnstat.Preparation(mask="nonzero"), PATCHES])
def test_the_greatest_integer_beside_floats_is_the_stored_one(beside_floats, preparation):
    found = channel(beside_floats, preparation, batch_size=2)
    assert (found.minimum, found.maximum) == (0.5, WHOLE)


def test_json_csv_and_a_moments_file_have_that_integer(beside_floats, tmp_path):
    report = bnstat.diagnose(beside_floats, batch_size=2)
    fields = json.loads(json.dumps(report.to_dict()))["batches"][0]["channels"][0]
    assert (fields["min"], fields["max"]) == (0.5, WHOLE)
    assert f",{WHOLE}," in csv.render(report)
    kept = str(tmp_path / "moments.jsonl")
    collect(beside_floats, kept)
    assert channel(kept, batch_size=2).maximum == WHOLE


def test_a_case_of_integers_and_floats_keeps_both_in_a_moments_file(tmp_path):
    folder = tmp_path / "case"
    folder.mkdir()
    volume(folder / "a_0000.nii", np.full(SHAPE, WHOLE, np.int64))
    volume(folder / "a_0001.nii", np.full(SHAPE, 0.5))
    reading = bnstat.Reading(channels="{case}_{channel}.nii")
    kept = str(tmp_path / "moments.jsonl")
    collect(str(folder), kept, reading=reading)
    for report in (bnstat.diagnose(str(folder), reading=reading), bnstat.diagnose(kept)):
        assert [one.maximum for one in report.batches[0].channels] == [WHOLE, 0.5]


@pytest.mark.parametrize(
    ("mask", "count"), [(f">{2**53}", 1), (f">={2**53}", 2), (f"<{2**53}", 62), (f"<={2**53}", 63), (">0.5", 62)]
)
def test_a_threshold_judges_integers_without_rounding_them(tmp_path, mask, count):
    values = np.zeros(64, np.int64)
    values[2:] = 1
    values[0], values[1] = 2**53, WHOLE
    values[2:4] = 0
    found = channel(volume(tmp_path / "a.nii", values.reshape(SHAPE)), bnstat.Preparation(mask=mask))
    assert found.count == count


@pytest.mark.parametrize("preparation", [None, bnstat.Preparation(mask="<1e9"), PATCHES])
@pytest.mark.parametrize(("value", "slope"), [(1e200, 1e-200), (1e-200, 1e200), (1e155, -0.5e-155)])
def test_a_scale_factor_gives_a_variance_back_that_stored_values_do_not_have(tmp_path, preparation, value, slope):
    stored = value * np.arange(1.0, 65.0).reshape(SHAPE)
    found = channel(volume(tmp_path / "a.nii", stored, slope, 3.0), preparation)
    scaled = slope * value
    assert found.mean == pytest.approx(32.5 * scaled + 3, rel=1e-13)
    assert found.variance == pytest.approx(scaled**2 * (64**2 - 1) / 12, rel=1e-12)


@pytest.mark.parametrize("file", [False, True])
def test_constants_that_a_scale_factor_rounds_to_one_number_are_told_apart(tmp_path, file):
    paths = [
        volume(tmp_path / f"{place}.nii", np.full(SHAPE, stored), 0.25) for place, stored in enumerate([5e-324, 1e-323])
    ]
    if file:
        collect(paths, str(tmp_path / "moments.jsonl"))
        paths = str(tmp_path / "moments.jsonl")
    assert not channel(paths, batch_size=2).constant


@pytest.mark.parametrize("value", [1.34e300, -1.7e308])
def test_a_large_constant_with_a_scale_factor_has_a_mean(tmp_path, value):
    path = volume(tmp_path / "a.nii", np.full(SHAPE, value), -0.5)
    found = channel([path, path], batch_size=2)
    assert (found.constant, found.mean, found.variance) == (True, -0.5 * value, 0.0)


def test_samples_of_different_shapes_are_said_to_be_judged_one_by_one(tmp_path):
    random = np.random.default_rng(0)
    shapes = [SHAPE, (4, 4, 5)]
    paths = [volume(tmp_path / f"{by[2]}.nii", random.normal(50, 9, by).astype(np.float32)) for by in shapes]
    found = bnstat.check(paths, batch_size=2)
    assert (found.apart, found.to_dict()["judged_batch_size"]) == (True, 1)
    assert bnstat.check(paths[:1] * 2, batch_size=2).to_dict()["judged_batch_size"] == 2
