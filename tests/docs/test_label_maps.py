"""Tests of the page on label maps: no scan is called a label map, and no atlas is missed."""

from __future__ import annotations

import re
from importlib.util import find_spec

import label_maps
import pytest

from bnstat.rules.layout.label_map_suspected import LEAST_ALIKE, MOST_STEPS


@pytest.fixture(scope="module")
def packages():
    for package in label_maps.PACKAGES:
        if find_spec(package) is None:
            pytest.importorskip(package)


def test_no_scan_of_sample_data_and_of_nibabel_is_called_a_label_map(nibabel_data):
    assert nibabel_data.is_dir()
    calls = [call for source, call in label_maps.real() if source in ("sample_data", "nibabel")]
    assert len(calls) > 30
    assert [call.name for call in calls if not call.right] == []
    assert {call.name for call in calls if call.told} == {"standard.nii.gz", "minc2-4d-d.mnc"}


@pytest.mark.usefixtures("packages")
def test_no_atlas_that_packages_have_is_missed_and_no_template_is_called_one():
    calls = [call for source, call in label_maps.real() if source in label_maps.PACKAGES]
    assert {call.kind for call in calls} == {"atlas", "probability map", "probability maps", "scan"}
    assert [call.name for call in calls if not call.right] == []
    for call in calls:
        if call.told:  # the limits are far from what atlases have
            assert call.distinct.alike > LEAST_ALIKE + 0.2
            assert call.distinct.steps < MOST_STEPS - 0.1


@pytest.mark.usefixtures("packages")
def test_the_page_has_these_calls():
    text = label_maps.PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (\S+) \| (\w+) \| (.+?) \| .* \| (yes|no) \| (\S+) \|$", text, re.M)
    found = [
        (call.name, source, call.kind, "yes" if call.told else "no", "right") for source, call in label_maps.real()
    ]
    assert rows == found
    assert "0 calls are wrong" in text


def test_volumes_that_are_made_of_scans_are_called_what_they_are(tmp_path, monkeypatch):
    some = [one for one in label_maps.volumes() if one[1].name in ("t1_head.nii.gz", "ct_hounsfield.nii.gz")]
    monkeypatch.setattr(label_maps, "volumes", lambda: some)
    made = list(label_maps.derived(tmp_path))
    assert {call.kind for call in made} == {"scan", "mask"}
    assert [call.name for call in made if not call.right] == []
