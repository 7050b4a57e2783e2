"""Rules about axes, shapes and scales fire on what they are for, and not on close neighbours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.layers.results import Batch
from bnstat.reports.evidence import Evidence
from bnstat.reports.limits import Limits
from bnstat.rules import findings_of
from bnstat.rules.selection import rule_named
from bnstat.text import beyond

HEAD = Path(__file__).parents[2] / "sample_data/t1_head.nii.gz"
SUSPECTED, MIXED, SCALES = map(rule_named, ("BN402", "BN403", "BN404"))


def of_shape(shape, axis=-1):
    """Evidence of one batch of such a tensor, without numbers."""
    kept = axis % len(shape)
    reduced = tuple(place for place in range(len(shape)) if place != kept)
    report = bnstat.diagnose(HEAD)
    return Evidence(replace(report, batches=(Batch(0, (0,), shape, kept, reduced),)))


@pytest.mark.parametrize(
    "shape", [(2, 4, 64, 64, 64), (1, 1, 128, 128, 128), (8, 3, 224, 224), (1, 2, 16, 320, 256), (1, 2, 8, 8, 8)]
)
def test_a_tensor_with_few_entries_first_and_space_last_is_suspected(shape):
    (finding,) = findings_of(of_shape(shape), (SUSPECTED,))
    assert "use --axis 1" in finding.message
    assert findings_of(of_shape(shape, axis=1), (SUSPECTED,)) == ()
    last_to_be_channels = (shape[0], *shape[2:], shape[1])
    assert findings_of(of_shape(last_to_be_channels), (SUSPECTED,)) == ()


@pytest.mark.parametrize(
    "shape",
    [
        (1, 240, 240, 155, 1),
        (1, 64, 64, 64, 4),
        (1, 64, 64, 64, 64),
        (1, 4, 4, 4, 320),
        (1, 2, 2, 2, 8),
        (20, 17, 21, 3, 1),
        (1, 5, 64, 64, 64),
        (1, 4, 4, 4, 4),
        (1, 3, 256, 256, 1),
        (4, 3, 224),
        (1, 17, 21, 3, 20),
        (6, 512),
    ],
)
def test_volumes_series_and_channels_last_are_not_suspected(shape):
    assert findings_of(of_shape(shape), (SUSPECTED,)) == ()


def test_a_saved_tensor_is_suspected_until_its_axis_is_named(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 3, 16, 16, 16)))
    findings = bnstat.diagnose(tmp_path / "x.npy").findings
    assert [one.rule for one in findings] == ["BN402"] * 2
    assert findings[0].message.endswith("use --axis 1.")
    assert bnstat.diagnose(tmp_path / "x.npy", axis=1).findings == ()


def test_a_series_with_few_columns_is_time_and_no_suspicion(tmp_path):
    image = nib.Nifti1Image(np.random.default_rng(0).normal(0, 9, (4, 20, 16, 16)).astype("f4"), np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    for repetition, expected in ((2.0, ["BN401"]), (0.0, ["BN402"])):
        image.header.set_zooms((1, 1, 1, repetition))
        image.to_filename(tmp_path / "x.nii")
        assert [one.rule for one in bnstat.diagnose(tmp_path / "x.nii").findings] == expected


@pytest.mark.parametrize("name", ["minc1_4d.mnc", "minc2_4d.mnc"])
def test_times_that_come_first_in_a_file_are_to_be_the_batch_axis(nibabel_data, name):
    (finding,) = findings_of(Evidence(bnstat.diagnose(nibabel_data / name)), (SUSPECTED,))
    assert "if it holds time points, use --batch-axis 0" in finding.message
    assert findings_of(Evidence(bnstat.diagnose(nibabel_data / name, batch_axis=0)), (SUSPECTED,)) == ()


def shaped(*shapes, batch_size=2):
    report = bnstat.diagnose(HEAD)
    return Evidence(report, asked=replace(report.settings, batch_size=batch_size), shapes=shapes)


@pytest.mark.parametrize(("other", "sizes"), [((8, 8, 8, 4), False), ((8, 9, 8, 4), True)])
def test_mixed_channels_are_named_with_the_spatial_sizes_if_these_differ_too(other, sizes):
    (finding,) = findings_of(shaped((8, 8, 8, 1), other), (MIXED,))
    assert "Give files with the same number of channels, or keep another axis (--axis)." in finding.message
    assert ("Their spatial sizes differ too" in finding.message) == sizes


def test_mixed_shapes_are_one_finding_that_names_them():
    (finding,) = findings_of(shaped((8, 8, 8, 1), (8, 9, 8, 1)), (MIXED,))
    assert (
        "2 different shapes (8 × 8 × 8 × 1, 8 × 9 × 8 × 1), so they cannot be stacked into batches of 2"
        in finding.message
    )
    assert (finding.batch, finding.channel, finding.source) == (None, None, None)
    (many,) = findings_of(shaped(*((8, 8, size, 1) for size in range(1, 8))), (MIXED,))
    assert "8 × 8 × 4 × 1 and 3 more)" in many.message


def test_one_shape_or_batches_of_one_are_no_mixture():
    assert findings_of(shaped((8, 8, 8, 1)), (MIXED,)) == ()
    assert findings_of(shaped(), (MIXED,)) == ()
    assert findings_of(shaped((8, 8, 8, 1), (8, 9, 8, 1), batch_size=1), (MIXED,)) == ()


def scaled(tmp_path, *scales, samples=1):
    """A saved tensor whose channels have exactly these standard deviations."""
    wave = np.tile([-1.0, 1.0], 32).reshape(1, 64, 1)
    np.save(tmp_path / "x.npy", np.repeat(wave * scales, samples, axis=0))
    return tmp_path / "x.npy"


def scale_findings(path, **options) -> tuple:
    return findings_of(Evidence(bnstat.diagnose(path, **options)), (SCALES,))


@pytest.mark.parametrize("normalizer", ["batch", "instance", "layer", "group:1", "group:3", "rms", "renorm"])
def test_scales_are_compared_whatever_is_reduced(tmp_path, normalizer):
    options = {"normalizer": normalizer, "batch_size": 2}
    near = scaled(tmp_path, 1.0, 100.0, 20.0, samples=4)
    assert scale_findings(near, **options) == ()
    far = scaled(tmp_path, 1.0, 101.0, 20.0, samples=4)
    findings = scale_findings(far, **options)
    assert [(one.batch, one.channel) for one in findings] == [(0, None), (1, None)]
    assert "channel 1 (101) is 101 times (limit 100 times) that of channel 0 (1)" in findings[0].message
    together = normalizer in ("layer", "group:1", "rms")
    assert ("together" in findings[0].message) == together
    assert ("at the input it removes this difference" in findings[0].message) != together


def test_group_norm_repairs_scales_between_its_groups_only(tmp_path):
    path = scaled(tmp_path, 1.0, 2.0, 500.0, 400.0)
    apart = scale_findings(path, normalizer="group:2")[0].message
    assert (
        "normalizes them apart, in the groups of channels 0–1 and 2–3, so at the input it removes this difference"
        in apart
    )
    path = scaled(tmp_path, 1.0, 500.0, 3.0, 2.0)
    assert (
        "normalizes both together, in the group of channels 0–1, so"
        in scale_findings(path, normalizer="group:2")[0].message
    )


def test_channels_without_a_scale_are_left_out(tmp_path):
    values = np.load(scaled(tmp_path, 1.0, 50.0, 1000.0))
    values[..., 2] = 7.0
    np.save(tmp_path / "x.npy", values)
    assert scale_findings(tmp_path / "x.npy") == ()
    values[0, 0, 1], values[0, 0, 0] = np.nan, np.inf
    np.save(tmp_path / "x.npy", values)
    assert scale_findings(tmp_path / "x.npy", normalizer="layer") == ()


def test_the_ratio_of_scales_has_a_limit_of_its_own(tmp_path):
    report = bnstat.diagnose(scaled(tmp_path, 1.0, 50.0))
    assert findings_of(Evidence(report), (SCALES,)) == ()
    assert findings_of(Evidence(report, limits=Limits(scale_ratio=49)), (SCALES,))[0].threshold == 49


def test_a_ratio_just_past_its_limit_has_the_digits_that_show_it(tmp_path):
    (finding,) = scale_findings(scaled(tmp_path, 1.0, 100.003))
    assert "is 100.003 times (limit 100 times)" in finding.message


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (1.002, 1.0, "1.002"),
        (0.100000004, 0.1, "0.100000004"),
        (1234.5, 100.0, "1,234"),
        (0.0999, 0.1, "0.0999"),
        (0.09999, 0.1, "0.09999"),
        (float("inf"), 1.0, "inf"),
    ],
)
def test_a_number_never_looks_like_the_limit_that_it_passes(value, limit, text):
    assert beyond(value, limit, 3) == text
