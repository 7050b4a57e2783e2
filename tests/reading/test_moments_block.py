"""Lines that are read together give the same numbers as each alone, and are refused for the same reasons."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstat.moments.moments import Moments
from bnstat.reading.moments_line import parse
from bnstat.reading.moments_lines import Gathering
from bnstat.reading.moments_schema import decode_identity

NUMBERS = st.one_of(
    st.integers(-9, 9),
    st.floats(-9, 9),
    st.sampled_from([None, -(2**63), 2**53, 2**53 + 1, 2**63, 2**64 - 1, 1e308, -1e308, 5e-324]),
)
COUNTS = st.one_of(st.integers(0, 9), st.sampled_from([2**53, 2**62, 2**63 - 1]))
CHANNEL = st.fixed_dictionaries(
    {
        "count": COUNTS,
        "mean": st.one_of(st.none(), st.floats(-9, 9), st.just(1e308)),
        "mean_tail": st.one_of(st.floats(-1e-15, 1e-15), st.just(1e9)),
        "m2": st.one_of(st.none(), st.floats(0, 9)),
        "min": NUMBERS,
        "max": NUMBERS,
        "nan": COUNTS,
        "inf": COUNTS,
        "varies": st.booleans(),
    },
    optional={"residue": st.integers(0, 2**61 - 2), "clipped": st.tuples(COUNTS, COUNTS)},
)
# channels as most files have them, so that most of these lines are good
USUAL = st.builds(
    lambda low, span, whole: {
        "count": 9,
        "mean": low + span / 2,
        "mean_tail": 0.0,
        "m2": 1.5,
        "min": low if whole else low + 0.25,
        "max": low + span if whole else low + span + 0.25,
        "nan": 0,
        "inf": 0,
        "varies": True,
    },
    st.integers(-9, 9),
    st.integers(1, 9),
    st.booleans(),
)


def line_with(channels, place):
    fields = {"schema": "bnstat.moments/1", "source": f"{place}.nii", "index": None, "shape": [3, len(channels)]}
    asked = {"axis": -1, "batch_axis": None, "intensity": None, "mask": None, "patches": None, "selection": None}
    more = {"dtype": "int16", "tensor": [3, len(channels)], "axis": 2, "place": 0, "samples": 1, "bytes": 1}
    return (json.dumps({**fields, **more, "mtime_ns": 2, "settings": asked, "channels": channels}) + "\n").encode()


LINES = st.lists(st.lists(st.one_of(USUAL, USUAL, USUAL, CHANNEL), min_size=1, max_size=3), min_size=1, max_size=8)


def bits(moments):
    return [
        (one.name, getattr(moments, one.name).dtype, getattr(moments, one.name).tolist()) for one in fields(Moments)
    ]


@given(LINES)
@settings(deadline=None, max_examples=300)
def test_lines_together_are_lines_alone(drawn):
    texts = [line_with(channels, place) for place, channels in enumerate(drawn)]
    alone, reason = [], None
    for text in texts:
        try:
            alone.append(parse(text))
        except ValueError as error:
            reason = str(error)
            break
    gathering = Gathering()
    if reason is None:
        gathering.add([decode_identity(text) for text in texts])
    else:
        with pytest.raises(ValueError, match=r".") as refused:
            gathering.add([decode_identity(text) for text in texts])
        assert str(refused.value) == reason
    found = gathering.lines()
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        assert (one.row.sample, one.row.tensor, one.row.clipped) == (
            other.row.sample,
            other.row.tensor,
            other.row.clipped,
        )
        assert (one.settings, one.stamp, one.place) == (other.settings, other.stamp, other.place)
        assert bits(one.row.moments) == bits(other.row.moments)
