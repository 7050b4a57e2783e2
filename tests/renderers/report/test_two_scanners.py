"""The page of a cohort of two scanners with one odd volume: its verdict names the batch size and the volume."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from report_page import parsed

import bnstat
from bnstat.text import number

COHORT = Path(__file__).parents[3] / "sample_data/cohort"
ODD = "case_07.nii.gz"


@pytest.fixture(scope="module", params=[5, 0.001], ids=["5 times as bright", "scaled to about 1"])
def cohort(request, tmp_path_factory):
    """The volumes of two scanners, of which one is in other units."""
    folder = tmp_path_factory.mktemp("cohort")
    shutil.copytree(COHORT, folder, dirs_exist_ok=True)
    image = nibabel.load(folder / ODD)
    scaled = (np.asanyarray(image.dataobj) * request.param).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(scaled, image.affine), folder / ODD)
    return folder


@pytest.fixture(scope="module")
def page(cohort):
    return bnstat.report(str(cohort), batch_size=2, framework="torch")


def section(page, anchor):
    """The text of a section of the page, as a browser shows it."""
    (found,) = (one for one in parsed(page.to_html()).all("section") if one.attributes.get("id") == anchor)
    return found.text


def test_the_verdict_names_the_batch_size_that_compare_recommends_without_the_odd_volume_and_then_with_it(page, cohort):
    said = section(page, "verdict")
    others = [str(file) for file in sorted(cohort.glob("*.nii.gz")) if file.name != ODD]
    without = bnstat.compare(others, framework="torch").recommendation
    asked = bnstat.compare(str(cohort), framework="torch").recommendation
    first, _, second = said.partition(f"With {ODD}, a batch size of 2 is too small")
    assert f"{ODD} does not fit the other volumes. Even without it, a batch size of 2 is too small" in first
    for text, found in ((first, without), (second, asked)):
        assert f"about {number(found.estimate)}" in text
        assert f"a batch of {number(found.most)} is enough" in text
    assert f"Without {ODD}, train with a batch size of about {without.estimate}, or {without.most}" in second


def test_the_verdict_names_the_odd_volume_and_no_other(page):
    said = section(page, "verdict")
    assert ODD in said
    others = {f"case_{place:02}.nii.gz" for place in range(12)} - {ODD}
    assert not [name for name in others if name in said]


def test_the_odd_volume_is_marked_in_its_row_and_its_finding(page):
    rows = [row for table in parsed(page.to_html()).all("table") for row in table.all("tr") if ODD in row.text]
    assert any("odd-volume" in row.text and row.attributes.get("data-tone") == "warning" for row in rows)
    assert ODD in section(page, "findings")
    assert ODD in section(page, "between-volumes")


def test_without_the_odd_volume_no_volume_is_named_as_broken():
    said = section(bnstat.report(str(COHORT), batch_size=2, framework="torch"), "verdict")
    assert "case_" not in said


def test_a_batch_size_that_is_enough_is_called_enough(tmp_path):
    """Volumes of one scanner that hardly differ."""
    for place in range(12):
        drawn = np.random.default_rng(place).normal(100, 20, (12, 12, 12)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(drawn, np.eye(4)), tmp_path / f"case_{place:02}.nii.gz")
    said = section(bnstat.report(str(tmp_path), batch_size=2, framework="torch"), "verdict")
    assert "A batch size of 2 is enough" in said
    assert "too small" not in said
