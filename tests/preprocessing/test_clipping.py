"""How many voxels the steps clip equals numpy's count, whatever is read in blocks, masked, cut or kept in a file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import masked, tensor_of
from preprocessing.test_laws import MASKS, TYPES, drawn, layouts, saved, small_blocks  # noqa: F401

import bnstat
from bnstat import Patching, Preparation, Reading
from bnstat.errors import InputError
from bnstat.preprocessing.intensity import prepared, resolve
from bnstat.preprocessing.samples import rows_of
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of, parse
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

SHAPES = st.sampled_from([(6, 5, 4), (4, 3, 5, 2), (3, 4, 2, 3), (1, 1, 1)])


def counted(before, low, high):
    return [int((before < low).sum()), int((before > high).sum())]


@settings(max_examples=80)
@given(st.data())
def test_what_a_clip_changes_is_counted_at_each_end_inside_the_mask(data):
    stored = drawn(data.draw(SHAPES), data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)), data.draw(st.booleans()))
    layout, mask = data.draw(layouts(stored.ndim)), data.draw(MASKS)
    after = data.draw(st.sampled_from(["", "|zscore", "|zscore-nonzero", "|minmax|scale:2,1"]))
    slope = data.draw(st.sampled_from([None, (-0.5, 0.0)])) if stored.dtype.kind in "iu" else None
    with tempfile.TemporaryDirectory() as folder:
        path, values = saved(folder, stored, slope)
        planned = plan_case(Case.of(path), **layout)
        try:
            found = prepared(planned, Preparation(f"clip:-3,20{after}", mask))
        except InputError:
            return
    cells = tensor_of(values, **layout)
    for sample, channels in enumerate(found.clipped):
        for channel, clipped in enumerate(channels):
            cell = cells[sample, channel]
            assert list(clipped) == counted(cell[masked(cell, mask)], -3, 20)


def test_a_voxel_that_two_steps_clip_counts_once_where_it_was_clipped_first(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0).reshape(10, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    # 0 and 1 become 2; then 2 and 3, and with them 0 and 1, become 4; 9 becomes 8
    assert prepared(planned, Preparation("clip:2,8|clip:4,")).clipped == (((4, 1),),)
    # all from 6 on become 5 in the second step, 9 was clipped to 8 before
    assert prepared(planned, Preparation("clip:,8|scale:-1,0|clip:-5,")).clipped == (((3, 1),),)


@pytest.mark.parametrize("intensity", ["zscore", "scale-percentile:5,95,0,1", "scale:2,0", "none"])
def test_steps_that_clip_nothing_count_nothing(tmp_path, intensity):
    np.save(tmp_path / "a.npy", np.arange(10.0).reshape(10, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    assert prepared(planned, Preparation(intensity)).clipped == ((),)
    report = bnstat.diagnose(tmp_path / "a.npy", batch_axis="none", reading=Reading(preparation=Preparation(intensity)))
    assert report.batches[0].channels[0].clipped is None
    assert "clipped" not in json.dumps(report.to_dict()["batches"])


@pytest.mark.parametrize("intensity", ["clip:p10,p90", "ct:4.5,50,9,3", "scale-percentile:10,90,0,1,clip"])
def test_each_step_that_clips_is_counted(tmp_path, intensity):
    np.save(tmp_path / "a.npy", np.arange(64.0).reshape(4, 4, 4))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    low, high = np.percentile(np.arange(64.0), [10, 90]) if "ct" not in intensity else (4.5, 50)
    assert [list(one) for one in prepared(planned, Preparation(intensity)).clipped[0]] == [
        counted(np.arange(64.0), low, high)
    ]


def test_channels_with_steps_of_their_own_have_counts_of_their_own(tmp_path):
    values = np.stack([np.arange(60.0), np.arange(60.0)], axis=-1).reshape(5, 4, 3, 2)
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    planned = plan_case(Case.of(str(tmp_path / "a.nii")), -1, None)
    assert prepared(planned, Preparation("0=zscore;1=clip:10,")).clipped == (((0, 0), (10, 0)),)
    (resolved,) = resolve(planned, Preparation("0=zscore;1=clip:10,"))
    assert resolved.counted(values)[1] == ((0, 0), (10, 0))


@pytest.mark.parametrize("ending", ["nii", "npy"])
@pytest.mark.parametrize(
    "steps", ["0=clip:10,50;clip:1020,1030", "0=none;clip:1020,1030", "1=clip:1020,1030;clip:10,50|zscore"]
)
def test_values_of_other_channels_in_the_same_file_are_not_counted(tmp_path, ending, steps):
    values = np.random.default_rng(0).integers(0, 100, (4, 5, 6, 2)).astype(np.int16)
    values[..., 1] += 1000
    path = str(tmp_path / f"a.{ending}")
    if ending == "nii":
        nib.save(nib.Nifti1Image(values, np.eye(4)), path)
    else:
        np.save(path, values)
    planned = plan_case(Case.of(path), -1, "none")
    first, second = prepared(planned, Preparation(steps)).clipped[0]
    ends = (10, 50) if "clip:10," in steps else (-np.inf, np.inf)
    assert list(first) == counted(values[..., 0], *ends)
    assert list(second) == counted(values[..., 1], 1020, 1030)


def test_a_percentile_below_the_lower_end_is_what_all_values_become_and_each_counts_once(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0).reshape(10, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    found = prepared(planned, Preparation("clip:100,p50"))
    assert found.moments.minimum[0, 0] == found.moments.maximum[0, 0] == 4.5 == np.clip(3.0, 100, 4.5)
    assert found.clipped == (((5, 5),),)


def test_infinite_values_that_are_brought_in_are_clipped_and_nan_is_not(tmp_path):
    np.save(tmp_path / "a.npy", np.array([np.inf, -np.inf, np.nan, 1.0, 2.0]).reshape(5, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    assert prepared(planned, Preparation("clip:0,")).clipped == (((1, 0),),)
    assert prepared(planned, Preparation("clip:0,1.5")).clipped == (((1, 2),),)


@pytest.mark.parametrize("per", ["volume", "patch"])
def test_patches_count_their_own_voxels(tmp_path, per):
    values = np.random.default_rng(0).normal(5, 2, (9, 9, 9))
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    asked = Preparation("clip:p10,p80", patches=Patching((4, 4, 4), number=5), intensity_per=per)
    report = bnstat.diagnose(tmp_path / "a.nii", reading=Reading(preparation=asked))
    for batch in report.batches:
        start = report.samples[batch.samples[0]].patch.start
        crop = values[tuple(slice(at, at + 4) for at in start)]
        low, high = np.percentile(values if per == "volume" else crop, [10, 80])
        assert list(batch.channels[0].clipped) == counted(crop, low, high)


@pytest.mark.parametrize("pad", ["zero", "edge"])
def test_steps_of_each_patch_take_its_own_statistics_with_its_padding(tmp_path, pad):
    values = np.random.default_rng(1).normal(50, 20, (7, 9, 6, 2)).astype(np.float32)
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    asked = Preparation("zscore|clip:-1,1", patches=Patching((8, 5, 8), 4, pad=pad), intensity_per="patch")
    report = bnstat.diagnose(tmp_path / "a.nii", reading=Reading(preparation=asked))
    assert report.to_dict()["settings"]["intensity_per"] == "patch"
    for batch in report.batches:
        patch = report.samples[batch.samples[0]].patch
        padded = np.pad(
            values.astype(np.float64), [(4, 4)] * 3 + [(0, 0)], mode="edge" if pad == "edge" else "constant"
        )
        crop = padded[tuple(slice(at + 4, at + 4 + size) for at, size in zip(patch.start, patch.size, strict=True))]
        for channel, found in enumerate(batch.channels):
            own = crop[..., channel]
            expected = ((own - own.mean()) / own.std()).clip(-1, 1)
            np.testing.assert_allclose(found.mean, expected.mean(), rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(found.variance, expected.var(), rtol=1e-9)


@pytest.mark.parametrize("per", ["volume", "patch"])
def test_a_moments_file_keeps_the_counts_and_what_the_statistics_are_of(tmp_path, per):
    np.save(tmp_path / "a.npy", np.random.default_rng(1).normal(0, 1, (1, 9, 9, 9, 2)))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, None)
    preparation = Preparation("clip:-1,1", patches=Patching((4, 4, 4), 2), intensity_per=per)
    for place, row in enumerate(rows_of(planned, preparation)):
        assert len(row.clipped) == 2
        line = MomentsLine(row, ScanSettings(-1, None, preparation), Stamp(1, 2), place, 2)
        again = parse(line_of(line).encode())
        assert (again.row.clipped, again.settings) == (row.clipped, line.settings)
        assert ("intensity_per" in line_of(line)) == (per == "patch")


def test_a_moments_file_with_more_clipped_values_than_there_are_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(8.0).reshape(1, 8, 1, 1, 1))
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, None)
    (row,) = rows_of(planned, Preparation("clip:2,"))
    text = line_of(MomentsLine(row, ScanSettings(-1, None, Preparation("clip:2,")), Stamp(1, 2), 0, 1))
    assert '"clipped": [2, 0]' in text
    with pytest.raises(ValueError, match=r"channels\[0\]\.clipped \[9, 0\] is more than its count"):
        parse(text.replace("[2, 0]", "[9, 0]").encode())


@pytest.mark.parametrize(("kind", "parts"), [("batch", 3), ("layer", 2), ("instance", 6)])
def test_parts_of_a_batch_add_their_counts_up(tmp_path, kind, parts):
    values = np.random.default_rng(1).normal(0, 1, (2, 6, 6, 6, 3))
    np.save(tmp_path / "a.npy", values)
    asked = Reading(preparation=Preparation("clip:-1,0.5"))
    report = bnstat.diagnose(tmp_path / "a.npy", normalizer=kind, batch_size=2, reading=asked)
    total = [sum(one) for one in zip(*(part.clipped for part in report.batches[0].parts), strict=True)]
    assert total == counted(values, -1, 0.5)
    assert len(report.batches[0].parts) == parts


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"intensity_per": "crop"}, "must be one of volume, patch"),
        ({"intensity_per": "patch"}, "needs patches"),
    ],
)
def test_statistics_of_patches_need_patches(changes, said):
    with pytest.raises(bnstat.UsageError, match=said):
        Preparation(**{"intensity": "zscore"} | changes)


def test_progress_adds_up_for_patches(tmp_path):
    nib.Nifti1Image(np.arange(512, dtype=np.float32).reshape(8, 8, 8), np.eye(4)).to_filename(tmp_path / "a.nii")
    planned = plan_case(Case.of(str(tmp_path / "a.nii")), -1, None)
    from bnstat.preprocessing.channel_steps import bytes_read

    for steps in ("zscore", "clip:0,9", "clip:p1,p99|zscore"):
        for per in ("volume", "patch"):
            told = []
            asked = Preparation(steps, patches=Patching((4, 4, 4), 2), intensity_per=per)
            rows_of(planned, asked, told.append)
            assert sum(told) == bytes_read(planned, asked), (steps, per)


def test_patches_that_are_normalized_by_themselves_have_the_names_of_their_channels(tmp_path):
    files = []
    for name in ("CT", "PET"):
        nib.Nifti1Image(np.random.default_rng(1).normal(0, 9, (6, 6, 6)), np.eye(4)).to_filename(
            tmp_path / f"{name}.nii"
        )
        files.append(str(Path(tmp_path) / f"{name}.nii"))
    planned = plan_case(Case("a", tuple(files), ("CT", "PET")), -1, None)
    asked = Preparation("CT=zscore;PET=none", patches=Patching((4, 4, 4), 2), intensity_per="patch")
    for row in rows_of(planned, asked):
        np.testing.assert_allclose(row.moments.variance[0], 1, rtol=1e-12)
        assert row.moments.variance[1] > 9
