"""Tests of the page on calibration: it has every row, and one of them is measured again."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def calibration():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("calibration")
    finally:
        sys.path.pop(0)


def rows(calibration, name):
    """The numbers of the table of a family, a row for each number of samples."""
    part = PAGE.partition(f"\n{calibration.FAMILIES[name].heading}\n")[2].partition("\n### ")[0]
    lines = [line for line in part.splitlines() if re.match(r"\| \d", line)]
    return {int(line.split("|")[1]): [float(one) for one in re.findall(r"[\d.]+", line)][1:] for line in lines}


def test_the_page_has_every_family_and_number_of_samples(calibration):
    for name in calibration.FAMILIES:
        assert tuple(rows(calibration, name)) == calibration.SIZES


def test_the_upper_end_is_enough_where_means_are_not_skewed(calibration):
    for name in ("normal", "two-sites"):
        measured = rows(calibration, name)
        assert measured
        for samples, (held, enough, *_) in measured.items():
            assert held >= 88, (name, samples)
            assert enough >= 90, (name, samples)


def test_a_row_is_measured_again(calibration):
    whole, gap = calibration.measured("normal", 8)
    numbers = [float(one) for cell in (*whole.cells, *gap.cells) for one in re.findall(r"[\d.]+", cell)]
    assert rows(calibration, "normal")[8] == pytest.approx(numbers, abs=1.01)
