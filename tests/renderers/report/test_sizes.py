"""The page stays small: one volume, many volumes, and many channels."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

import bnstat

ROOT = Path(__file__).parents[3]
ONE, COHORT = 300_000, 5_000_000
VOLUMES, CHANNELS = 500, 4


def page_bytes(page: bnstat.ReportPage) -> int:
    return len(page.to_html().encode())


@pytest.mark.parametrize("name", ["mri_4channel", "mri_unit_range", "t1_head", "ct_hounsfield", "time_series"])
def test_the_page_of_one_volume_is_below_300_kilobytes(name):
    assert page_bytes(bnstat.report(str(ROOT / f"sample_data/{name}.nii.gz"))) < ONE


def many_moments(folder: Path) -> Path:
    """Write the moments of 500 volumes of 4 channels, each with other numbers, from those of one."""
    values = np.random.default_rng(0).normal(100, 20, (4, 4, 4, CHANNELS)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / "one.nii.gz")
    bnstat.collect(str(folder / "one.nii.gz"), str(folder / "one.jsonl"))
    one = json.loads((folder / "one.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    numbers = np.random.default_rng(1)
    file = folder / "many.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        for place in range(VOLUMES):
            line = json.loads(json.dumps(one))
            line["source"] = f"center_{place % 7:02}/patient_{place:04}/anatomical/multimodal_image.nii.gz"
            factor = float(np.exp(numbers.normal(0, 1)))
            _scale(line, factor)
            lines.write(json.dumps(line) + "\n")
    return file


def _scale(line, factor):
    """Multiply the values of a line of moments, in place."""
    for channel in line["channels"]:
        for name, power in (("mean", 1), ("m2", 2), ("min", 1), ("max", 1)):
            channel[name] *= factor**power


def test_the_page_of_500_volumes_of_4_channels_is_below_5_megabytes(tmp_path):
    report = bnstat.report(str(many_moments(tmp_path)), batch_size=4)
    assert len(report.report.volumes) == VOLUMES
    assert page_bytes(report) < COHORT


def test_only_volumes_with_findings_and_a_typical_one_have_pictures(tmp_path):
    """Of many volumes that are all broken, too, the pictures stay few."""
    for place in range(60):
        values = np.random.default_rng(place).normal(100, 20, (32, 32, 32)).astype(np.float32)
        values[0, 0, 0] = np.nan
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / f"case_{place:02}.nii.gz")
    broken = bnstat.report(str(tmp_path))
    pictured = {one.volume for one in broken.report.voxels.slices}
    assert 1 <= len(pictured) <= 20
    assert page_bytes(broken) < 10 * ONE
