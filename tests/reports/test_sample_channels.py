"""The channels of samples as columns: the same as values, and what rules make of them as of a loop over values."""

from __future__ import annotations

from itertools import pairwise
from math import fsum, log, sqrt
from statistics import median

import numpy as np
import pytest
from cohorts import EMPTY, UNKNOWN, cell, volumes

from bnstat.reports.evidence import PooledChannel, SampleChannel
from bnstat.reports.sample_channels import SampleChannels
from bnstat.rules.batch import far_from_cohort
from bnstat.rules.layout.missing_channel import lacking
from bnstat.rules.volumes import volumes_of
from bnstat.workflows.evidence import pooled_channels_of


def drawn(seed):
    """Return channels of 40 samples, some constant, some unknown, and some that only a part of the samples has."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(40):
        row = [cell(random.normal(100, 20), random.uniform(1, 30)) for _ in range(random.integers(2, 4))]
        for place in range(len(row)):
            if random.random() < 0.1:
                row[place] = (EMPTY, UNKNOWN)[random.integers(2)]
        rows.append(tuple(row))
    rows[7] = (cell(9e5, 2.0), *rows[7][1:])
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_columns_and_values_are_the_same(seed):
    rows = drawn(seed)
    columns = SampleChannels.of(rows)
    assert list(columns) == rows
    assert columns[-3:] == rows[-3:]
    assert (len(columns), columns.most, columns.fewest) == (40, 3, 2)
    assert SampleChannels.of(columns) is columns
    for channel in range(3):
        column = columns.column(channel)
        having = [(place, row[channel]) for place, row in enumerate(rows) if channel < len(row)]
        found = zip(column.places, column.count, column.mean, column.variance, column.constant, strict=True)
        assert [
            (
                int(place),
                SampleChannel(int(count), *(None if np.isnan(one) else float(one) for one in pair), bool(same)),
            )
            for place, count, *pair, same in found
        ] == having
        assert column.varies.tolist() == [one.varies for _, one in having]


@pytest.mark.parametrize("seed", range(5))
def test_a_pool_is_that_of_a_loop_over_samples(seed):
    rows = drawn(seed)
    expected = []
    for column in zip(*(row[:2] for row in rows), strict=True):
        known = [(one.mean, one.variance) for one in column if one.mean is not None]
        mean = fsum(one for one, _ in known) / len(known)
        between = fsum((one - mean) ** 2 for one, _ in known) / len(known)
        within = fsum(variance for _, variance in known) / len(known)
        expected.append(PooledChannel(len(known), mean, sqrt(within + between), sqrt(between)))
    assert pooled_channels_of(rows) == tuple(expected)


@pytest.mark.parametrize("seed", range(5))
def test_missing_channels_are_those_of_a_loop_over_volumes(seed):
    rows = drawn(seed)
    found = [
        (one.volume.sample.source, one.channel, one.varying, one.others) for one in lacking(volumes_of(volumes(rows)))
    ]
    expected = []
    for channel in range(3):
        having = [(place, row[channel]) for place, row in enumerate(rows) if channel < len(row)]
        varying = sum(one.varies for _, one in having)
        expected += [(f"case_{place:02}", channel, varying, len(having) - 1) for place, one in having if one is EMPTY]
    assert found == expected


def scored(values, least):
    """Return robust z-scores, a value at a time."""
    middle = median(values)
    distances = [abs(value - middle) for value in values]
    deviation = max(1.4826 * median(distances), least)
    return [one / deviation for one in distances]


def far(values, scores, limit):
    """Return the places of the values that are far out, with the score of the next one, a place at a time."""
    middle, found = median(values), {}
    for side in (1, -1):
        places = [place for place, value in enumerate(values) if side * (value - middle) > 0]
        places.sort(key=lambda place: scores[place], reverse=True)
        ordered = [*(scores[place] for place in places), 0.0]
        gaps = [
            number
            for number, (score, following) in enumerate(pairwise(ordered), start=1)
            if score > limit and score >= far_from_cohort.GAP * following
        ]
        found |= dict.fromkeys(places[: max(gaps, default=0)], ordered[max(gaps, default=0)])
    return found


@pytest.mark.parametrize("seed", range(30))
def test_volumes_that_are_far_out_are_those_of_a_loop_over_volumes(seed):
    random = np.random.default_rng(seed)
    means = random.standard_t(2, 60) * 10 + 400
    means[:3] = random.choice([40.0, 900.0, 4e5], 3)
    typical, limit = float(random.uniform(1, 60)), float(random.choice([3.0, 8.0]))
    scales = far_from_cohort._of_means(means, typical)
    column = far_from_cohort._Column._scored(
        "mean", means, [(far_from_cohort._scores(one.values, one.least), one.words) for one in scales], limit
    )
    values, middle = means.tolist(), median(means.tolist())
    each = [scored(values, 0.05 * typical)]
    if min(values) > 0 or max(values) < 0:
        each.append(scored([log(abs(one)) for one in values], 0.05 * typical / abs(middle)))
    least = [min(zip(several, ("", far_from_cohort.LOGARITHMIC), strict=False)) for several in zip(*each, strict=True)]
    assert list(zip(column.scores.tolist(), column.scales.tolist(), strict=True)) == least
    assert column.far == far(values, [z for z, _ in least], limit)
