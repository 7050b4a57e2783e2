"""Percentiles of steps equal those of numpy, to the last bit, however values are stored and changed before."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import assert_same, tensor_of

import bnstat
from bnstat import InputError, Preparation, Reading, UsageError
from bnstat.moments import one_pass, order_statistics, pieces
from bnstat.preprocessing.intensity import prepared_moments, resolve
from bnstat.preprocessing.operations import Affine, Clipped
from bnstat.preprocessing.steps import passes
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

PERCENTS = st.sampled_from([0, 0.5, 1, 12.5, 33.3, 50, 90, 99.5, 99.9, 100])
TYPES = st.sampled_from(["u1", "i1", "i2", ">i2", "u2", "i4", "u8", "i8", "f2", "f4", ">f4", "f8"])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few values and two threads; and no value may be held, so that all bits are counted."""
    for module in (pieces, one_pass):
        monkeypatch.setattr(module, "BLOCK_VALUES", 16)
    monkeypatch.setattr(pieces, "RUN_VALUES", 8)
    monkeypatch.setattr(one_pass, "processors", lambda: 2)


def drawn(shape, dtype, seed):
    """Values of any kind: spread, close to each other and far from 0, with many ties, with zeros, constant, NaN."""
    random = np.random.default_rng(seed)
    way = seed % 6
    values = random.normal(*[(20, 30), (1e6, 1e-3), (0, 1e-30), (3, 1), (0, 1e5), (-7, 0)][way], shape)
    if way == 3:
        values = np.rint(values)
    values[random.random(shape) < 0.3 * (way < 5)] = 0
    kind = np.dtype(dtype)
    if kind.kind != "f":
        ends = np.iinfo(kind)
        return np.rint(values).clip(max(ends.min, -(2**50)), min(ends.max, 2**50)).astype(kind)
    if seed % 2:
        values[random.random(shape) < 0.1] = np.nan
        values[random.random(shape) < 0.1] = np.inf
        values[random.random(shape) < 0.1] = -np.inf
    with np.errstate(over="ignore"):
        return values.astype(kind)


def planned_of(folder, stored, slope=None, **layout):
    """A case of one file, and its values as nibabel or numpy has them."""
    if slope is None:
        path = Path(folder) / "a.npy"
        np.save(path, stored)
        layout.setdefault("batch_axis", "none")
    else:
        path = Path(folder) / "a.nii"
        nib.Nifti1Image(stored, np.eye(4), dtype=stored.dtype).to_filename(path)
        with path.open("r+b") as file:
            file.seek(112)
            file.write(np.array(slope, "<f4").tobytes())
    planned = plan_case(Case.of(str(path)), layout.get("axis", -1), layout.get("batch_axis"))
    values = stored.astype(np.float64)
    volume = planned.volume
    if slope is not None:
        assert (volume.slope, volume.intercept) == tuple(map(float, np.array(slope, "<f4")))
    return planned, values if slope is None else values * volume.slope + volume.intercept


def ends_of(planned, intensity):
    """The ends that the last step clips to: one pair for each sample and channel."""
    found = [one.ways[0][1][-1] for one in resolve(planned, Preparation(intensity))]
    assert all(isinstance(one, Clipped) for one in found)
    return np.array([[one.low, one.high] for one in found]).swapaxes(1, 2)


def expected(cells, low, high, chosen=lambda _: True):
    """The percentiles of the finite values of each cell; infinite ends where there are none."""
    found = np.empty((*cells.shape[:2], 2))
    for place in np.ndindex(cells.shape[:2]):
        finite = cells[place][np.isfinite(cells[place]) & chosen(cells[place])]
        found[place] = np.percentile(finite, [low, high]) if finite.size else (-np.inf, np.inf)
    return found


@settings(max_examples=120)
@given(st.data())
def test_ends_are_those_of_numpy_to_the_last_bit(data):
    shape = data.draw(st.sampled_from([(6, 5, 4), (4, 3, 5, 2), (3, 4, 2, 3), (9, 1, 1), (1, 1, 1), (7, 3, 20)]))
    stored = drawn(shape, data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)))
    low, high = sorted(data.draw(st.tuples(PERCENTS, PERCENTS).filter(lambda both: both[0] != both[1])))
    slope = data.draw(st.sampled_from([None, (-0.5, 3), (0.1, -1e3), (1, 0)]))
    if stored.dtype.str[0] == ">" or stored.dtype == np.float16:  # which an image does not have here
        slope = None
    region = data.draw(st.sampled_from(["", ",nonzero"]))
    layout = data.draw(st.sampled_from([{}, {"axis": 1}, {"batch_axis": 0}]))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_statistics, "_MOST_HELD", data.draw(st.sampled_from([0, 5, 1 << 20])))
        planned, values = planned_of(folder, stored, slope, **layout)
        found = ends_of(planned, f"clip:p{low},p{high}{region}")
    batched = slope is None and "batch_axis" in layout
    cells = tensor_of(values, axis=layout.get("axis", -1), batch_axis=layout.get("batch_axis"), batched=batched)
    np.testing.assert_array_equal(found, expected(cells, low, high, (lambda x: x != 0) if region else lambda _: True))


@settings(max_examples=80)
@given(st.data())
def test_steps_before_are_taken_into_account_exactly(data):
    before = data.draw(
        st.sampled_from(
            [
                "scale:-2,1",
                "zscore",
                "minmax:3,-1",
                "clip:0,20",
                "clip:0,20|scale:-0.1,1",
                "zscore-nonzero",
                "zscore-nonzero|scale:-3,0",
                "clip:p20,p70",
                "scale-percentile:5,95,0,1,clip",
                "scale-percentile:5,95,1,0|clip:p1,p90",
                "zscore-nonzero-filled",
                "zscore-nonzero-all",
            ]
        )
    )
    stored = drawn((4, 3, 5, 2), data.draw(st.sampled_from(["i2", "u1", "f4", "f8"])), data.draw(st.integers(0, 999)))
    with tempfile.TemporaryDirectory() as folder:
        planned, values = planned_of(folder, stored)
        (resolved,) = resolve(planned, Preparation(before))
        changed = resolved.apply(values, resolved.filled)
        found = ends_of(planned, f"{before}|clip:p2,p97.5")
    np.testing.assert_array_equal(found, expected(tensor_of(changed), 2, 97.5))


@settings(max_examples=60)
@given(st.sampled_from(["u1", "f4"]), st.integers(0, 999), st.sampled_from([0.02, 0.5]), st.booleans())
def test_percentiles_inside_of_a_mask_are_those_of_its_voxels(dtype, seed, share, scales):
    stored = drawn((4, 3, 5, 2), dtype, seed)
    inside = np.random.default_rng(seed).random((4, 3, 5)) < share
    inside[1, 1, 1] = True
    step = "scale-percentile:10,90,0,1,mask" if scales else "clip:p10,p90,mask"
    with tempfile.TemporaryDirectory() as folder:
        planned, values = planned_of(folder, stored)
        nib.Nifti1Image(inside.astype(np.uint8), np.eye(4)).to_filename(f"{folder}/m.nii")
        found = prepared_moments(planned, Preparation(f"{step}|zscore", f"{folder}/m.nii"))
        cells = tensor_of(values)
        assert_same(found, cells, f"{step}|zscore", inside=np.broadcast_to(inside.reshape(-1), cells.shape))


def test_a_mask_of_one_voxel_clips_everything_to_its_value(tmp_path):
    stored = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    np.save(tmp_path / "a.npy", stored)
    planned = plan_case(Case.of(str(tmp_path / "a.npy")), -1, "none")
    found = prepared_moments(planned, Preparation("clip:p1,p99,mask", ">58"))
    assert (found.finite[0, 0], found.minimum[0, 0], found.maximum[0, 0]) == (1, 59, 59)


@pytest.mark.parametrize("step", ["clip:p1,p99,mask", "scale-percentile:1,99,0,1,clip,mask"])
def test_percentiles_inside_of_a_mask_need_one(step):
    with pytest.raises(UsageError, match="takes the statistics inside of a mask, and there is none"):
        Preparation(step)


@pytest.mark.parametrize("slopes", [(1.0, 1.0), (1.0, -0.5)])
@pytest.mark.parametrize("before", ["", "zscore|"])
def test_percentiles_of_all_channels_together_are_one_pair(tmp_path, before, slopes):
    values = np.random.default_rng(4).integers(-50, 900, (2, 5, 4, 6)).astype(np.int16)
    files = []
    for channel, slope in enumerate(slopes):
        image = nib.Nifti1Image(values[channel], np.eye(4))
        image.header.set_slope_inter(slope, 0)
        image.to_filename(tmp_path / f"{channel}.nii")
        files.append(str(tmp_path / f"{channel}.nii"))
    planned = plan_case(Case("case", tuple(files)), -1, None)
    whole = np.stack([values[channel] * slope for channel, slope in enumerate(slopes)], axis=-1).astype(np.float64)
    changed = resolve(planned, Preparation(before + "none"))[0].apply(whole)
    pair = np.percentile(changed, [1, 99])
    np.testing.assert_array_equal(ends_of(planned, f"{before}clip:p1,p99,all-channels"), [[pair, pair]])
    apart = np.array([[np.percentile(changed[..., channel], [1, 99]) for channel in range(2)]])
    np.testing.assert_array_equal(ends_of(planned, f"{before}clip:p1,p99"), apart)


def test_files_that_share_their_channels_share_the_percentiles(tmp_path):
    """With a spatial axis kept, both files of a case have values of each of its channels."""
    values = np.random.default_rng(4).normal(0, 9, (2, 5, 4, 6))
    for channel, dtype in enumerate(("<f4", "<f8")):
        nib.Nifti1Image(values[channel].astype(dtype), np.eye(4)).to_filename(tmp_path / f"{channel}.nii")
    planned = plan_case(Case("case", (str(tmp_path / "0.nii"), str(tmp_path / "1.nii"))), 1, None)
    whole = np.stack([values[0].astype(np.float32), values[1]])
    pairs = [np.percentile(whole[:, place], [3, 80]) for place in range(5)]
    np.testing.assert_array_equal(ends_of(planned, "clip:p3,p80"), [pairs])


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_channel_without_values_stays_as_it_is(tmp_path, dtype):
    stored = np.zeros((4, 4, 4, 2), dtype)
    stored[..., 1] = np.arange(64).reshape(4, 4, 4)
    planned, values = planned_of(tmp_path, stored)
    for step in ("clip:p10,p90,nonzero", "scale-percentile:10,90,5,6,clip,nonzero"):
        changed = resolve(planned, Preparation(step))[0].apply(values)
        assert (changed[..., 0] == 0).all()
        assert changed[..., 1].max() < 63


def test_a_constant_becomes_the_lower_end_even_if_it_is_clipped(tmp_path):
    planned, values = planned_of(tmp_path, np.full((3, 3, 3), 7.5))
    found = prepared_moments(planned, Preparation("scale-percentile:1,99,-3,-1,clip"))
    assert (found.minimum[0, 0], found.maximum[0, 0], bool(found.constant[0, 0])) == (-3, -3, True)
    # as MONAI: equal percentiles of values that vary shift them, and clip nothing
    values[0, 0, 0] = 100
    planned, _ = planned_of(tmp_path, values)
    found = prepared_moments(planned, Preparation("scale-percentile:1,60,-3,-1,clip"))
    assert (found.minimum[0, 0], found.maximum[0, 0]) == (-3, 89.5)


def test_percentiles_that_are_too_far_apart_are_refused_in_one_line(tmp_path):
    planned, _ = planned_of(tmp_path, np.array([1e308, -1e308, 3.0]).reshape(3, 1, 1))
    with pytest.raises(InputError, match="its values are too large for scale-percentile in float64; put a clip"):
        resolve(planned, Preparation("scale-percentile:0,100,0,1"))


def test_a_scale_that_clips_nothing_needs_no_pass_after_it(tmp_path):
    planned, _ = planned_of(tmp_path, np.arange(64, dtype=np.int16).reshape(4, 4, 4))
    (found,) = resolve(planned, Preparation("zscore|scale-percentile:1,99,0,1|zscore"))
    assert all(isinstance(one, Affine) for one in found.ways[0][1])
    assert passes(Preparation("zscore|scale-percentile:1,99,0,1|zscore").steps, 1) == 2


def test_patches_are_clipped_to_the_percentiles_of_their_volume(tmp_path):
    values = np.random.default_rng(0).normal(5, 2, (9, 9, 9)).astype(np.float32)
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    low, high = np.percentile(values.astype(np.float64), [10, 80])
    asked = Preparation("clip:p10,p80", patches=bnstat.Patching((4, 4, 4), number=5))
    report = bnstat.diagnose(tmp_path / "a.nii", reading=Reading(preparation=asked))
    for batch in report.batches:
        start = report.samples[batch.samples[0]].patch.start
        crop = values[tuple(slice(at, at + 4) for at in start)].astype(np.float64).clip(low, high)
        np.testing.assert_allclose(batch.channels[0].mean, crop.mean(), rtol=1e-12)
        assert batch.channels[0].maximum == crop.max()
