"""Today's statistics beside kept ones: found beyond the tolerance, and not below it."""

from __future__ import annotations

import math
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from cohorts import SETTINGS, UNKNOWN, cell, patches, said, volumes

import bnstat
from bnstat.reading.settings import Reading
from bnstat.reading.table import read_table
from bnstat.reports.evidence import Evidence, PooledChannel, ReferenceStatistics
from bnstat.reports.inspect import Report
from bnstat.reports.limits import Limits
from bnstat.workflows.evidence import pooled_channels_of, sample_channels_of

THEN = PooledChannel(40, 172.9, 236.0, 30.0)


def beside(now, then=THEN, **changes):
    """What is said of one channel."""
    kept = ReferenceStatistics("kept.jsonl", (then,))
    return said(Evidence(Report(SETTINGS, (), ()), pooled_channels=(now,), reference=kept, **changes), "data-drift")


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
@pytest.mark.parametrize("limit", [0.1, 0.5])
def test_a_mean_that_moved_is_found_at_its_tolerance_and_not_below(sign, times, speaks, limit):
    now = replace(THEN, mean=THEN.mean + sign * limit * times * THEN.deviation)
    assert bool(beside(now, limits=Limits(drift=limit))) == speaks


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
@pytest.mark.parametrize("limit", [0.1, 0.5])
def test_a_deviation_that_changed_is_found_at_its_tolerance_and_not_below(sign, times, speaks, limit):
    now = replace(THEN, deviation=THEN.deviation * (1 + sign * limit * times))
    assert bool(beside(now, limits=Limits(drift_spread=limit))) == speaks


def test_the_message_says_by_how_much_from_what_to_what_and_what_to_do():
    (finding,) = beside(replace(THEN, mean=246.1))
    assert "the mean moved by 0.31 standard deviations (from 172.9 to 246.1, limit 0.1)" in finding.message
    assert finding.message.startswith("channel 0: compared with 40 samples of kept.jsonl, the mean moved")
    assert finding.message.endswith("make a new reference (bnstat scan PATH -o new.jsonl).")
    assert (finding.value, finding.threshold) == (pytest.approx(0.3102, abs=1e-4), 0.1)
    (spread,) = beside(replace(THEN, deviation=472.0))
    assert "the standard deviation changed by 100 % (from 236 to 472, limit 10 %)" in spread.message
    assert "the mean moved" not in spread.message
    (both,) = beside(replace(THEN, mean=246.1, deviation=472.0))
    assert "(from 172.9 to 246.1, limit 0.1) and the standard deviation" in both.message


def test_a_reference_that_is_constant_has_drifted_by_no_number_that_json_has():
    for now in (THEN, replace(THEN, deviation=0.0)):
        (found,) = beside(now, replace(THEN, mean=3.0, deviation=0.0))
        assert found.message.startswith("channel 0: compared with 40 samples of kept.jsonl, the mean moved (from 3 to ")
        assert (found.value, found.threshold) == (None, 0.1)


def test_data_beside_themselves_have_not_drifted():
    assert beside(THEN) == ()
    assert beside(THEN, limits=Limits(drift=0.0, drift_spread=0.0)) == ()
    assert said(Evidence(Report(SETTINGS, (), ()), pooled_channels=(THEN,)), "data-drift") == ()


def test_of_a_constant_any_change_is_drift_and_of_what_is_not_known_none():
    constant = PooledChannel(5, 7.0, 0.0, 0.0)
    assert beside(constant, constant) == ()
    (finding,) = beside(replace(constant, mean=8.0), constant)
    assert "the mean moved (from 7 to 8, limit 0.1)" in finding.message
    assert beside(THEN, constant)
    assert beside(PooledChannel(0, None, None, None)) == ()
    assert beside(THEN, PooledChannel(3, None, None, None)) == ()


def test_a_movement_that_chance_may_make_is_said_to_be_so():
    few = PooledChannel(4, 246.1, 236.0, 30.0)
    by = math.hypot(30 / math.sqrt(3), 30 / math.sqrt(39)) / 236
    (finding,) = beside(few)
    assert f" By chance alone, the mean of 4 samples moves by about {by:.2g} standard deviations." in finding.message
    assert "By chance" not in beside(replace(few, samples=400))[0].message
    assert "By chance" not in beside(replace(few, samples=1, between=0.0))[0].message


def test_a_pool_weighs_every_sample_alike_and_leaves_out_what_is_not_known():
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(100, 30, 9), rng.uniform(10, 50, 9)
    channels = [[cell(mean, deviation), UNKNOWN] for mean, deviation in zip(means, deviations, strict=True)]
    first, second = pooled_channels_of(channels)
    assert first.mean == pytest.approx(means.mean(), rel=1e-14)
    assert first.deviation == pytest.approx(math.sqrt((deviations**2).mean() + means.var()), rel=1e-14)
    assert first.between == pytest.approx(means.std(), rel=1e-14)
    assert (first.samples, second) == (9, PooledChannel(0, None, None, None))
    assert pooled_channels_of([[cell(1e200, 1.0)], [cell(-1e200, 1.0)]]) == (PooledChannel(2, None, None, None),)


def test_a_pool_of_equal_counts_is_that_of_all_voxels():
    values = np.random.default_rng(0).normal(3, 5, (6, 7, 8, 9, 2)) * np.arange(1, 7).reshape(6, 1, 1, 1, 1)
    moments = [bnstat.Moments.from_array(sample) for sample in values]
    whole = bnstat.Moments.stack(moments).merged()
    pools = pooled_channels_of(
        [
            [cell(mean, math.sqrt(variance)) for mean, variance in zip(one.mean, one.variance, strict=True)]
            for one in moments
        ]
    )
    for channel, pool in enumerate(pools):
        assert pool.mean == pytest.approx(whole.mean[channel], rel=1e-12)
        assert pool.deviation**2 == pytest.approx(whole.variance[channel], rel=1e-12)


def pools_in(*files):
    """The pools of files, read as a check reads them."""
    table = read_table(files, -1, None, Reading(), None, lambda _: None)
    return pooled_channels_of(sample_channels_of(table.rows))


@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
@pytest.mark.parametrize("slope", [1.0, 0.01, -3.5])
def test_drift_is_of_values_after_the_slope_of_the_header(tmp_path, times, speaks, slope):
    """Today's header has an intercept that moves the mean by the limit: whatever the slope, deviations are the unit."""
    stored = np.random.default_rng(0).integers(-900, 900, (12, 11, 10)).astype(np.int16)

    def saved(name, intercept):
        image = nib.Nifti1Image(stored, np.eye(4))
        image.header.set_slope_inter(slope, intercept)
        image.to_filename(tmp_path / name)
        return tmp_path / name

    (then,) = pools_in(saved("then.nii", 0.0))
    assert then.deviation == pytest.approx(abs(slope) * stored.std(), rel=1e-6)
    exact = 0.1 * times * then.deviation
    (now,) = pools_in(saved("now.nii", exact))
    # A header holds its intercept in float32, so the limit is put where this one is.
    moved = abs(now.mean - then.mean) / then.deviation
    assert moved == pytest.approx(0.1 * times, rel=1e-6)
    limits = Limits(drift=moved / times)
    assert bool(beside(now, then, limits=limits)) == speaks


def test_patches_and_channels_are_named_as_the_report_has_them():
    then = ReferenceStatistics("kept.jsonl", (THEN, THEN))
    evidence = volumes(
        [[cell(172.9, 236.0)] * 2] * 3, ("T1w", "T2w"), reference=then, pooled_channels=(THEN, replace(THEN, mean=400))
    )
    (finding,) = said(evidence, "data-drift")
    assert finding.message.startswith("channel 1 (T2w): compared with 40 samples")
    few = replace(THEN, mean=400, samples=3)
    evidence = patches(
        [[[cell(172.9, 236.0)]] * 3], reference=ReferenceStatistics("kept.jsonl", (THEN,)), pooled_channels=(few,)
    )
    assert "By chance" not in said(evidence, "data-drift")[0].message  # patches of one volume are not independent
