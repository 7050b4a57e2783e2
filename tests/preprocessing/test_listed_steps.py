"""Values of --intensity in one text: a comma between numbers is none between values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from preprocessing.test_laws import INTENSITIES

from bnstat.preprocessing.listed_steps import listed_steps


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("none,zscore,clip:-1000,1000|zscore", ("none", "zscore", "clip:-1000,1000|zscore")),
        ("clip:p0.5,p99.5,zscore", ("clip:p0.5,p99.5", "zscore")),
        ("clip:p1,p99,nonzero,minmax:-1,1", ("clip:p1,p99,nonzero", "minmax:-1,1")),
        ("scale-percentile:1,99,0,1,clip,mask,noNorm", ("scale-percentile:1,99,0,1,clip,mask", "noNorm")),
        ("0=zscore;1=none,0=none;1=clip:0,1", ("0=zscore;1=none", "0=none;1=clip:0,1")),
        ("CT=ct:plans.json;*=none,zscore", ("CT=ct:plans.json;*=none", "zscore")),
        ("ct:a,b.json,zscore", ("ct:a,b.json", "zscore")),
        ("ct:-1e3,2,3,4,zscore:mask", ("ct:-1e3,2,3,4", "zscore:mask")),
        ("clip:0,,zscore", ("clip:0,", "zscore")),
        ("clip:,5, zscore", ("clip:,5", "zscore")),
        ("none,zscor,minmax", ("none", "zscor", "minmax")),
        ("none,,zscore", ("none", "", "zscore")),
        ("zscore", ("zscore",)),
    ],
)
def test_a_value_begins_where_a_step_follows_a_comma(text, values):
    assert listed_steps(text) == values


@given(st.lists(INTENSITIES, min_size=1, max_size=5))
def test_values_are_found_again_among_commas(values):
    assert listed_steps(",".join(values)) == tuple(values)


@given(st.lists(st.tuples(INTENSITIES, INTENSITIES), min_size=1, max_size=3))
def test_lists_of_channels_are_found_again_among_commas(pairs):
    values = [f"CT={one};*={other}" for one, other in pairs]
    assert listed_steps(",".join(values)) == tuple(values)
