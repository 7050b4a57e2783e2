"""Voxels that the preprocessing clips: a finding for each channel of which it clips more than the limit."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat import Preparation, Reading
from bnstat.reports.limits import Limits


def findings(tmp_path, intensity, limits=None, **changes):
    np.save(tmp_path / "a.npy", np.arange(100.0).reshape(1, 100, 1, 1, 1))
    reading = Reading(preparation=Preparation(intensity, **changes))
    asked = {} if limits is None else {"limits": limits}
    found = bnstat.check(tmp_path / "a.npy", reading=reading, **asked)
    return [one for one in found.findings if one.rule == "BN109"], found


@pytest.mark.parametrize(
    ("intensity", "said"),
    [
        ("clip:20,", "loses 20 % of its values to clipping (limit 10 %): all of them become the lower end"),
        ("clip:,69|zscore", "loses 30 % of its values to clipping (limit 10 %): all of them become the upper end"),
        ("ct:20,69,3,4", "loses 50 % of its values to clipping (limit 10 %): 20 % become the lower end of the range"),
    ],
)
def test_it_says_how_many_values_become_which_end(tmp_path, intensity, said):
    (finding,), _ = findings(tmp_path, intensity)
    assert (finding.severity, finding.channel, finding.threshold) == ("warning", 0, 0.1)
    assert f"channel 0 {said}" in finding.message
    assert finding.message.endswith("unless all of them are background, such as air in CT.")


@pytest.mark.parametrize(("low", "speaks"), [(10, False), (11, True)])
def test_it_speaks_beyond_its_limit_and_not_at_it(tmp_path, low, speaks):
    found, _ = findings(tmp_path, f"clip:{low},")
    assert bool(found) == speaks
    assert not findings(tmp_path, f"clip:{low},", Limits(clipped_voxels=0.2))[0]


def test_inside_a_mask_the_share_is_that_of_the_voxels_inside(tmp_path):
    (finding,), _ = findings(tmp_path, "clip:,94", mask=">=80")
    assert finding.value == 0.25


def test_who_selects_it_without_a_clip_is_told_that_it_was_not_judged(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100.0).reshape(1, 100, 1, 1, 1))
    found = bnstat.check(tmp_path / "a.npy", select=["BN109"])
    assert any(
        note.startswith("clipped-voxels (BN109) was not judged: it needs a step that clips") for note in found.notes
    )
