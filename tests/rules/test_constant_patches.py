"""Patches in which nothing is to be seen: a line for each channel, and an error only where all are so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cohorts import EMPTY, SETTINGS, cell, patches, said, volumes

import bnstat
from bnstat.layers.normalizers import normalize
from bnstat.layers.results import Batch
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of
from bnstat.reading.scan_settings import ScanSettings
from bnstat.reading.settings import Reading
from bnstat.reports.limits import Limits
from bnstat.rules import RULES, findings_of
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample
from bnstat.workflows.check import check

FULL = cell(50.0, 9.0)


def share(empty, of, **changes):
    """A volume of one channel of whose patches some are empty."""
    return patches([[(EMPTY,)] * empty + [(FULL,)] * (of - empty)], **changes)


def test_one_line_a_channel_says_how_many_patches_are_constant():
    (finding,) = said(share(12, 80), "constant-patches")
    assert (finding.severity, finding.source, finding.batch, finding.channel) == ("warning", None, None, 0)
    assert (finding.value, finding.threshold) == (0.15, 0.1)
    assert "channel 0 is constant in 12 of 80 patches (15 %, limit 10 %)" in finding.message
    assert finding.message.endswith(
        "Draw patches around foreground (--foreground 0.33), or crop the volumes to the body first."
    )


@pytest.mark.parametrize(("empty", "speaks"), [(0, False), (10, False), (11, True)])
def test_it_speaks_beyond_its_limit_and_not_at_it(empty, speaks):
    assert bool(said(share(empty, 100), "constant-patches")) == speaks
    assert said(share(empty, 100, limits=Limits(constant_patches=0.2)), "constant-patches") == ()


def test_who_samples_foreground_is_told_to_raise_its_share():
    given = replace(SETTINGS, preparation=Preparation(patches=Patching((8, 8, 8), foreground="0.33")))
    (finding,) = said(replace(share(12, 80), asked=given), "constant-patches")
    assert "Raise the share of patches around foreground (now --foreground 0.33)" in finding.message


def test_whole_volumes_and_single_voxels_are_none_of_its_business():
    assert said(volumes([(EMPTY,)] * 8), "constant-patches") == ()
    single = replace(EMPTY, count=1)
    assert said(patches([[(single,)] * 8]), "constant-patches") == ()


def test_patches_of_a_volume_that_lacks_the_channel_are_not_counted_again():
    have = [[(FULL, FULL)] * 8 for _ in range(3)]
    evidence = patches([*have, [(FULL, EMPTY)] * 8])
    assert [one.rule for one in findings_of(evidence)] == ["BN405"]


def batched(evidence, size, normalizer="batch"):
    """The same evidence with the batches that such patches make."""
    settings = replace(evidence.settings, batch_size=size, normalizer=normalizer)
    rows = [
        Moments.from_array([[0.0, 0.0]] if one.constant else [[1.0, 99.0]], axis=0)
        for (one,) in evidence.sample_channels
    ]
    starts = range(0, len(rows), size)
    places = [tuple(range(start, start + size)) for start in starts]
    made = [
        (Batch(index, chosen, (size, 2, 1), 2, (0, 1)), Moments.stack([rows[place] for place in chosen]))
        for index, chosen in enumerate(places)
    ]
    return replace(evidence, report=replace(evidence.report, settings=settings, batches=normalize(made, settings)))


@pytest.mark.parametrize("normalizer", ["batch", "instance", "layer"])
@pytest.mark.parametrize("size", [1, 2])
def test_zero_variance_is_one_error_where_all_patches_are_constant_and_silent_where_some_are(size, normalizer):
    def codes(empty):
        found = findings_of(batched(share(empty, 80), size, normalizer))
        return [(one.rule, one.batch, one.channel) for one in found if one.rule in ("BN101", "BN107")]

    assert codes(80) == [("BN101", None, 0)]
    assert codes(40) == [("BN107", None, 0)]
    assert codes(4) == []


def test_the_error_on_all_patches_says_their_value_and_what_to_do():
    (finding,) = findings_of(batched(share(80, 80), 1), RULES[:1])
    assert finding.severity == "error"
    assert (
        "channel 0 is constant in all 80 batches of patches: all values are 0, so its variance is 0" in finding.message
    )
    assert "supply it, or drop the channel" in finding.message


def kept_patches(tmp_path, empty, channels=1):
    """Write a moments file of 10 volumes with 8 patches each, of which a number are 0 everywhere."""
    asked = ScanSettings(-1, None, Preparation(patches=Patching((4, 4, 4))))
    values = np.random.default_rng(0).normal(50, 9, (10, 8, 4, 4, 4, channels))
    values.reshape(80, -1)[:empty] = 0
    lines = []
    for place, volume in enumerate(values):
        for number, patch in enumerate(volume):
            sample = Sample(
                f"case_{place}.nii",
                None,
                (9, 9, 9),
                "float32",
                patch=Patch((number, 0, 0), (4, 4, 4), foreground=False),
            )
            row = Row(sample, Moments.from_array(patch), Tensor((4, 4, 4, channels), 4))
            lines.append(line_of(MomentsLine(row, asked, Stamp(None, None), number, 8)))
    (tmp_path / "patches.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path / "patches.jsonl"


@pytest.mark.parametrize(("empty", "expected"), [(8, []), (12, ["BN107"]), (80, ["BN101"])])
def test_inspect_and_check_say_the_same_of_kept_patches(tmp_path, empty, expected):
    path = kept_patches(tmp_path, empty)
    for size in (1, 8):
        inspected = [one.rule for one in bnstat.diagnose(path, batch_size=size).findings]
        checked = [one.rule for one in check(path, batch_size=size, select=["BN1", "BN405"]).findings]
        assert inspected == checked == expected


def test_a_baseline_entry_on_patches_is_not_stale_for_whole_volumes(tmp_path):
    patched, known = kept_patches(tmp_path, 12), str(tmp_path / "known.json")
    assert check(patched, baseline=known, update_baseline=True, select=["BN107"]).known
    np.save(tmp_path / "whole.npy", np.random.default_rng(0).normal(50, 9, (3, 6, 6, 6, 1)))
    assert check(tmp_path / "whole.npy", baseline=known, select=["BN107"]).stale == ()
    assert check(kept_patches(tmp_path, 0), baseline=known, select=["BN107"]).stale


def test_every_format_shows_a_finding_of_all_patches(tmp_path, bnstat_run):
    path = kept_patches(tmp_path, 12)
    for kind in ("table", "markdown", "json", "csv"):
        assert "BN107" in bnstat_run("inspect", path, "-q", "--format", kind).out
    for kind in ("table", "markdown", "json", "jsonl", "csv", "junit", "github", "gitlab", "sarif"):
        ran = bnstat_run("check", path, "-q", "--format", kind, "--fail-on", "warning")
        assert ran.code == 1
        assert "12 of 80 patches (15 %" in " ".join(ran.out.split()).replace("%25", "%")


def test_patches_whose_means_cannot_be_squared_are_one_volume_without_numbers(write_image):
    path = write_image("x.nii", np.random.default_rng(0).normal(size=(4, 4, 4)) * 1e200)
    patches = Preparation(patches=Patching((1, 1, 1), 3))
    assert check(path, reading=Reading(preparation=patches)).errors == ()


def test_the_only_channel_of_a_file_is_not_told_to_be_dropped(tmp_path):
    np.save(tmp_path / "flat.npy", np.ones((1, 8, 8, 8, 1)))
    (finding,) = bnstat.check(tmp_path / "flat.npy", select=["BN101"]).findings
    assert "drop the channel" not in finding.message
    assert "leave it out if it shows nothing" in finding.message
    np.save(tmp_path / "two.npy", np.ones((1, 8, 8, 8, 2)))
    assert "drop the channel" in bnstat.check(tmp_path / "two.npy", select=["BN101"]).findings[0].message
