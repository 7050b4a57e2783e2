"""What is asked for is read and parsed once, at the edge; workers get values and no texts."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
from pathlib import Path

import nibabel
import numpy as np
import pytest

import bnstat
from bnstat import Limits, Override, Patching, Preparation, Reading
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.layers.settings import Batching, Layer, Settings
from bnstat.preprocessing.foreground import Foreground
from bnstat.preprocessing.steps import Ct
from bnstat.reading.scan_settings import ScanSettings
from bnstat.reports.check import CheckSettings
from bnstat.workflows.check import check

SHAPE = (8, 8, 8)
PROPERTIES = {"percentile_00_5": -9.0, "percentile_99_5": 9.0, "mean": 1.0, "std": 2.0}


@pytest.fixture
def cohort(tmp_path):
    """Twelve volumes with labels."""
    folder = tmp_path / "cohort"
    (tmp_path / "labels").mkdir()
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        nibabel.save(
            nibabel.Nifti1Image(rng.normal(size=SHAPE).astype(np.float32), np.eye(4)), folder / f"{number:02}.nii"
        )
        labels = np.zeros(SHAPE, np.uint8)
        labels[2:4, 3, 5] = 1
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "labels" / f"{number:02}.nii")
    return folder


@pytest.fixture
def fingerprint(tmp_path):
    path = tmp_path / "dataset_fingerprint.json"
    path.write_text(json.dumps({"foreground_intensity_properties_per_channel": {"0": PROPERTIES}}))
    return str(path)


@pytest.fixture
def reads(monkeypatch):
    """The files that this process opens, in order."""
    counted = []

    def counting(file, *args, **kwargs):
        counted.append(str(file))
        return opened(file, *args, **kwargs)

    def described(file, *args, **kwargs):
        counted.append(str(file))
        return of_system(file, *args, **kwargs)

    opened, of_system = builtins.open, os.open
    monkeypatch.setattr(builtins, "open", counting)
    monkeypatch.setattr(io, "open", counting)
    monkeypatch.setattr(os, "open", described)
    return counted


def collect(paths, tmp_path, **given):
    return bnstat.collect(paths, tmp_path / "m.jsonl", **given)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["diagnose", "compare", "check", "compare_layers", "collect"])
def test_a_file_of_intensities_is_read_once_a_run(cohort, fingerprint, reads, tmp_path, name, jobs):
    reading = Reading(preparation=Preparation(f"ct:{fingerprint}"), jobs=jobs)
    if name == "check":
        check(cohort, batch_size=2, reading=reading)
    elif name == "collect":
        collect(cohort, tmp_path, reading=reading)
    else:
        more = {"by": "epsilons", "values": [1e-3, 1e-5]} if name == "compare_layers" else {}
        getattr(bnstat, name)(cohort, reading=reading, **more)
    assert reads.count(fingerprint) == 1


@pytest.mark.parametrize("foreground", ["0.33", "nnunet:0.33"])
@pytest.mark.parametrize("function", [bnstat.diagnose, bnstat.compare, check])
def test_a_share_of_the_foreground_is_parsed_once_a_run(cohort, monkeypatch, tmp_path, foreground, function):
    texts = []

    def counting(text):
        texts.append(text)
        return of(text)

    of = Foreground.of
    monkeypatch.setattr(Foreground, "of", counting)
    labels = str(tmp_path / "labels" / "{case}.nii")
    patching = Patching((4, 4, 4), 8, foreground=foreground, labels=labels)
    function(cohort, reading=Reading(preparation=Preparation(patches=patching)))
    assert texts == [foreground]


def test_a_worker_gets_the_numbers_and_reads_no_file(fingerprint, reads):
    preparation = Preparation(f"ct:{fingerprint}", ">0")
    sent = pickle.dumps(preparation)
    reads.clear()
    got = pickle.loads(sent)
    assert got == preparation
    assert got.steps == (Ct(((-9.0, 9.0, 1.0, 2.0),), everywhere=False, source=fingerprint),)
    assert got.region == preparation.region
    assert reads == []


def test_moments_stay_readable_where_the_file_of_intensities_is_gone(cohort, fingerprint, tmp_path):
    asked = Reading(preparation=Preparation(f"ct:{fingerprint}"))
    collect(cohort, tmp_path, reading=asked)
    Path(fingerprint).unlink()
    report = bnstat.diagnose(tmp_path / "m.jsonl")
    assert report.settings.preparation.intensity == f"ct:{fingerprint}"
    assert bnstat.diagnose(tmp_path / "m.jsonl", reading=asked).samples == report.samples  # parsed while it was there


def test_a_value_that_cannot_be_does_not_exist():
    for make in (
        lambda: Preparation("zscor"),
        lambda: Preparation(mask="nonzeros"),
        lambda: Preparation(mask="nonzero", patches=Patching((4,))),
        lambda: Patching((0,)),
        lambda: Reading(jobs=0),
        lambda: Reading(channels="{case}.nii"),
        lambda: Reading(protocols=("no protocol",)),
        lambda: Settings.of(batch_size=0),
        lambda: Batching(2, ranks=0),
        lambda: Layer.of("keras", epsilon=-1.0),
        lambda: Tolerances(noise=float("nan")),
        lambda: CompareSettings.of(batch_sizes=[4, 0]),
        lambda: CheckSettings(Settings.of(), fail_on="never ever"),
        lambda: Override(("*",), ("BN999",)),
        lambda: Override("*", ["BN101"]),
        lambda: Override(["*"], "BN101"),
        lambda: Limits(noise=-0.1),
        lambda: Limits(gap=float("nan")),
        lambda: Limits(drift=float("inf")),
        lambda: Limits(small_batch=2.5),
        lambda: ScanSettings(0, None, Preparation("zscor")),
    ):
        with pytest.raises(bnstat.UsageError):
            make()


def test_a_batch_axis_of_none_is_told_from_one_that_was_not_given(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 4, 4)))
    for given, said, samples in ((None, None, 4), ("none", "none", 1), (1, 1, 4)):
        for report in (
            bnstat.diagnose(tmp_path / "x.npy", batch_axis=given),
            bnstat.compare(tmp_path / "x.npy", batch_axis=given),
            bnstat.check(tmp_path / "x.npy", batch_axis=given),
        ):
            document = report.to_dict()
            assert (document["settings"]["batch_axis"], len(document["samples"])) == (said, samples)


def test_a_check_of_mixed_shapes_says_that_each_sample_is_judged_alone(tmp_path):
    for name, length in (("a.npy", 4), ("b.npy", 5)):
        np.save(tmp_path / name, np.random.default_rng(length).normal(size=(1, length, 4, 4, 1)))
    result = bnstat.check([tmp_path / "a.npy", tmp_path / "b.npy"], batch_size=2)
    alone = (
        "the samples have different shapes and cannot share a batch of 2, so rules that look at single batches judge "
        "each sample as a batch of 1"
    )
    assert alone in result.notes
    assert alone not in bnstat.check(tmp_path / "a.npy").notes
