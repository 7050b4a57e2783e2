"""What changes would do, asked of many channels at once and of each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnstat
from bnstat.layers.changes import like_parts

MOST_HALVINGS = 40


def placed_of(seed, shape, **layer):
    """Return the channels or groups of a report on random values, each with its batch."""
    random = np.random.default_rng(seed)
    offset, spread = 10.0 ** random.integers(-2, 6, shape[-1]), 10.0 ** random.integers(-3, 3, shape[-1])
    values = (offset + spread * random.normal(size=shape)).astype(np.float32)
    report = bnstat.diagnose(values, emulate=False, axis=-1, **layer)
    return report, [one for one in report.parts.at(np.arange(len(report.parts))) if one[1].prediction is not None]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(
        [
            {"framework": "keras2"},
            {"framework": "keras-torch", "dtype": "float16"},
            {"framework": "flax", "batch_size": 3},
            {"framework": "tensorflow-fused", "epsilon": 1e-8},
            {"normalizer": "group:2"},
        ]
    ),
)
@settings(max_examples=20, deadline=None)
def test_many_channels_at_once_and_each_by_itself_have_the_same_numbers(seed, layer):
    report, placed = placed_of(seed, (7, 40, 4), **layer)
    together = list(like_parts(placed))
    assert sorted(place for like in together for place in like.places.tolist()) == [
        place for place, (_, part) in enumerate(placed) if part.variance
    ]
    for like in together:
        constants = np.random.default_rng(seed).normal(0, 9, len(like.places)).tolist()
        several = [
            like.off_after(report.settings),
            like.off_after(report.settings, parts=4),
            like.off_after(report.settings, subtracted=constants),
            *(like.off_after(report.settings, instead=one) for one in like.alternatives(report.settings)),
        ]
        fewest = like.fewest_halvings(report.settings, 0.005, MOST_HALVINGS)
        for at, place in enumerate(like.places.tolist()):
            (alone,) = like_parts([placed[place]])
            own = [
                alone.off_after(report.settings),
                alone.off_after(report.settings, parts=4),
                alone.off_after(report.settings, subtracted=constants[at : at + 1]),
                *(alone.off_after(report.settings, instead=one) for one in alone.alternatives(report.settings)),
            ]
            np.testing.assert_array_equal([one[at] for one in several], [one[0] for one in own])
            assert fewest[at] == halved(alone, report.settings, placed[place][1].count)


def halved(alone, layer, count):
    """Return the first number of values with which the variance of one channel is within the limit; 0 without one."""
    for halvings in range(1, MOST_HALVINGS):
        if count >> halvings < 2:
            return 0
        if alone.off_after(layer, parts=1 << halvings)[0] <= 0.005:
            return count >> halvings
    return 0


@pytest.mark.parametrize("framework", ["keras2", "flax"])
def test_fewer_values_are_advised_where_their_number_is_the_cause(framework):
    values = np.random.default_rng(3).normal(0, 1, (2, 300_000, 1)).astype(np.float32)
    report = bnstat.diagnose(values, framework=framework, emulate=False, axis=-1)
    (like,) = like_parts(list(report.parts.at(np.arange(2))))
    fewest = like.fewest_halvings(report.settings, 1e-4, MOST_HALVINGS)
    assert ((fewest >= 2) & (fewest < 300_000)).all()
