"""What bnstat predicts of each layer's own arithmetic, beside what recorded layers gave: no framework is needed."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from arithmetic_cases import recorded, script

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from conformance import document
from conformance.cases import SCANS
from conformance.predictions import MOMENTS, WIDER, WIDEST, compared, judged, kept, summaries

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="this nibabel was installed without its test data")


@pytest.mark.parametrize(("preset", "normalizer"), compared())
def test_predictions_beside_what_the_layers_gave(preset, normalizer):
    found = judged(preset, normalizer)
    assert len(found) > 200
    assert [one for one in found if not one.held] == []
    assert [one for one in found if one.equal is False] == []
    assert all(one.equal for one in found if one.kind == "emulated")
    assert not any(one.kind == "emulated" for one in found if one.way == MOMENTS)
    for summary in summaries(preset, normalizer):
        allowed = (preset, normalizer) in WIDER and summary.way == MOMENTS
        assert summary.ratio is None or summary.ratio <= WIDEST or allowed
    page = PAGE.read_text(encoding="utf-8")
    for row in document.prediction_rows(preset, normalizer):
        assert row in page, "python scripts/conformance/run.py --document writes the page anew"


def test_every_preset_is_in_the_table_or_said_not_to_be_run():
    silent = {name for name, preset in FRAMEWORKS.items() if preset.normalizer == "rms"} | {
        "torch-cuda",
        "torch-syncbn",
    }
    assert {preset for preset, _ in compared()} == set(FRAMEWORKS) - silent


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Three real channels of 2.4 million voxels, as a NIfTI file."""
    values = script().stack()
    path = tmp_path_factory.mktemp("stack") / "stack.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    return path


STACKED = [(layer, *row) for layer, rows in recorded("stack").items() for row in rows]


@pytest.mark.parametrize(
    ("preset", "threads", "mean", "variance"), STACKED, ids=[f"{one[0]}-{one[1]}" for one in STACKED]
)
def test_three_real_channels_with_millions_of_voxels_are_met_to_the_bit(stack, preset, threads, mean, variance):
    report = bnstat.diagnose(stack, framework=preset, threads=threads)
    parts = report.batches[0].channels
    assert [part.count for part in parts] == [128 * 128 * 144] * 3
    assert {part.prediction.kind for part in parts} == {"emulated"}
    assert [int(np.float32(part.prediction.mean).view(np.uint32)) for part in parts] == mean
    row = FRAMEWORKS[preset]
    normalizes = preset == "mlx"  # recorded is the variance that it normalizes with, and not that of its buffers
    given = [(part.prediction.variance, part.count) for part in parts]
    buffers = [np.float32(one) if normalizes else kept(one, count, row) for one, count in given]
    assert [int(buffer.view(np.uint32)) for buffer in buffers] == variance


def test_recordings_of_the_stack_are_of_the_layers_that_sum_in_sequence():
    names = {"keras-tensorflow", "tensorflow", "keras2", "keras2-nonfused", "torch-channels-last", "onnx", "mlx"}
    assert {layer for layer, *_ in STACKED} == names
    assert json.dumps(STACKED)  # bits are whole numbers
