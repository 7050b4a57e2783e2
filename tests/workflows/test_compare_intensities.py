"""compare --intensities: one table of what the layer gets after each of several preparations."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.errors import UsageError
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading

VALUES = ("none", "zscore", "clip:0,200|zscore", "zscore-nonzero-filled", "clip:p1,p99|minmax", "0=minmax;*=none")


@pytest.fixture
def cohort(tmp_path):
    """Three volumes of two channels, with an empty border and a hole."""
    random = np.random.default_rng(1)
    for name in "abc":
        values = random.normal(100, 60, (8, 9, 10, 2)).astype(np.int16)
        values[:2] = 0
        values[4, 4, 4] = 0
        nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / f"{name}.nii.gz")
    return tmp_path


@pytest.mark.parametrize(
    "preparation",
    [
        Preparation(),
        Preparation(mask="nonzero"),
        Preparation(patches=Patching((4,), number=3)),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_each_column_is_what_inspect_says_of_it(cohort, preparation, jobs):
    def reading(intensity):
        one = Preparation(intensity, preparation.mask, preparation.patches)
        return Reading(preparation=one, jobs=jobs)

    settings = {"batch_size": 3, "framework": "torch", "epsilon": 1e-3}
    found = bnstat.compare_layers(cohort, by="intensities", values=VALUES, reading=reading(None), **settings)
    assert [entry.name for entry in found.entries] == list(VALUES)
    for entry in found.entries:
        alone = bnstat.diagnose(cohort, reading=reading(entry.name), **settings)
        assert entry.report.to_dict() == alone.to_dict()


def test_whole_volumes_are_read_as_often_as_the_value_that_needs_most(cohort):
    class Meter:
        announced = read = 0

        def begin(self, source, files, nbytes):
            assert (source, files) == (str(cohort / "a.nii.gz"), 3)
            self.announced = nbytes

        def advance(self, nbytes):
            self.read += nbytes

        def done(self, files):
            assert files == 1

    meter = Meter()
    values = ["none", "zscore", "minmax", "clip:0,200|zscore", "zscore-nonzero"]
    bnstat.compare_layers(cohort, by="intensities", values=values, progress=meter, reading=Reading(jobs=1))
    size = 3 * 8 * 9 * 10 * 2 * 2
    assert meter.read == meter.announced == size
    meter = Meter()
    values.append("zscore|clip:-1,1|minmax")
    bnstat.compare_layers(cohort, by="intensities", values=values, progress=meter, reading=Reading(jobs=1))
    assert meter.read == meter.announced == 2 * size


def test_a_value_that_is_named_twice_counts_once(cohort):
    found = bnstat.compare_layers(cohort, by="intensities", values=["zscore", "none", "zscore"])
    assert [entry.name for entry in found.entries] == ["zscore", "none"]


def test_the_values_of_the_files_are_emulated_and_others_are_bounded(cohort):
    found = bnstat.compare_layers(
        cohort, by="intensities", values=["none", "zscore"], framework="keras-tensorflow", reading=Reading(jobs=2)
    )
    kinds = [entry.report.batches[0].channels[0].prediction.kind for entry in found.entries]
    assert kinds[0] == "emulated"
    assert kinds[1] != "emulated"


def test_a_file_that_one_value_does_not_fit_is_left_out_of_all(cohort):
    nib.Nifti1Image(np.full((3, 3, 3, 2), 1e200) * [1, -1], np.eye(4)).to_filename(cohort / "d.nii")
    values = np.random.default_rng(2).normal(0, 1e200, (3, 3, 3, 2))
    nib.Nifti1Image(values, np.eye(4)).to_filename(cohort / "d.nii")
    found = bnstat.compare_layers(cohort, by="intensities", values=["none", "zscore"])
    assert [len(entry.report.samples) for entry in found.entries] == [3, 3]
    assert "too large for zscore" in found.errors[0].message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["none", "zscor"], "did you mean 'zscore'"),
        (["none", "zscore:mask"], "there is none"),
        (["none", "CT=zscore;*=none"], "channel 'CT', which .* does not have"),
        ([], "no intensities to compare"),
    ],
)
def test_values_that_cannot_be_are_refused(cohort, values, message):
    with pytest.raises(UsageError, match=message):
        bnstat.compare_layers(cohort, by="intensities", values=values)


def test_moments_have_no_voxels_to_prepare(cohort, bnstat_run):
    assert bnstat_run("scan", str(cohort), "-o", str(cohort / "m.jsonl")).code == 0
    with pytest.raises(UsageError, match="voxels are not known; give the volumes"):
        bnstat.compare_layers(cohort / "m.jsonl", by="intensities", values=["none", "zscore"])


def test_the_command_splits_the_text_and_says_what_differs(cohort, bnstat_run):
    text = "none,zscore,clip:0,200|zscore,scale:0.01,0"
    ran = bnstat_run("compare", str(cohort), "--intensities", text, "--format", "json")
    document = json.loads(ran.out)
    assert document["schema"] == "bnstat.compare-intensities/1"
    assert [one["intensity"] for one in document["intensities"]] == [
        None,
        *text.split(",")[1:2],
        "clip:0,200|zscore",
        "scale:0.01,0",
    ]
    assert "intensity" not in document["settings"]
    shown = bnstat_run("compare", str(cohort), "--intensities", text)
    assert "4 ways to prepare intensities" in shown.out
    assert "  clip:0,200|zscore " in shown.out
    rows = bnstat_run("compare", str(cohort), "--intensities", text, "--format", "csv").out.splitlines()
    assert len(rows) == 1 + 4 * 3 * 2
    assert "running variance" in shown.out


def test_steps_that_are_long_have_a_number_and_stand_below_the_table(cohort, bnstat_run):
    long = "0=clip:-1000,1000|scale:0.5,7|zscore;*=none"
    shown = bnstat_run("compare", str(cohort), "--intensities", f"none,{long}").out
    assert "  steps 2 " in shown
    assert f"steps 2: {long}" in shown
    assert (
        f"{long},"
        not in bnstat_run("compare", str(cohort), "--intensities", f"none,{long}", "--format", "markdown").err
    )


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--intensity", "zscore"), "--intensity cannot be used with --intensities"),
        (("--epsilons", "1,2"), "one call makes one"),
        (("--steps", "3"), "--steps cannot be used with --intensities"),
    ],
)
def test_other_comparisons_are_refused(refused, option, said):
    assert said in refused(2, "compare", "no/such/file.nii", "--intensities", "none,zscore", *option)
