"""The samples of a table as columns: what is asked for one by one is what was put in, and nothing else is made."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnstat
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import UNPREPARED
from bnstat.reading import rows as columns
from bnstat.reading.moments_file import read_moments
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of
from bnstat.reading.rows import Rows
from bnstat.reading.scan_settings import ScanSettings
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Sample

TYPES = [np.int16, np.uint8, np.float32, np.float64, np.int64, np.uint64]


def row_of(place, dtype, channels, empty=False):
    values = np.random.default_rng(place).integers(0, 9, (0 if empty else 5, channels)).astype(dtype)
    sample = Sample(f"{place}.nii", None, (5, channels), np.dtype(dtype).name)
    return Row(sample, Moments.from_array(values), Tensor((5, channels), 2), types=(np.dtype(dtype).name,))


def bits(moments):
    return [
        (one.name, getattr(moments, one.name).dtype, getattr(moments, one.name).tolist()) for one in fields(Moments)
    ]


rows_of_any = st.lists(st.tuples(st.sampled_from(TYPES), st.integers(1, 3), st.booleans()), max_size=12).map(
    lambda drawn: [row_of(place, *one) for place, one in enumerate(drawn)]
)


@given(rows_of_any)
@settings(deadline=None)
def test_each_row_is_what_was_put_in(rows):
    found = Rows.of(rows)
    assert len(found) == len(rows)
    for one, other in zip(found, rows, strict=True):
        assert (one.sample, one.tensor, one.types) == (other.sample, other.tensor, other.types)
        assert bits(one.moments) == bits(other.moments)


@given(rows_of_any, st.data())
@settings(deadline=None)
def test_rows_that_are_taken_and_joined_are_those_of_lists(rows, data):
    places = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
    found = Rows.joined([Rows.of(rows), Rows.of(rows).taken(places), Rows.of(())])
    expected = [*rows, *(rows[place] for place in places)]
    assert [row.sample for row in found] == [row.sample for row in expected]
    assert [bits(row.moments) for row in found] == [bits(row.moments) for row in expected]


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.booleans()), min_size=1, max_size=12))
@settings(deadline=None)
def test_the_moments_of_all_rows_are_those_that_are_stacked(drawn):
    rows = [row_of(place, dtype, 2, empty) for place, (dtype, empty) in enumerate(drawn)]
    assert bits(Rows.of(rows).moments) == bits(Moments.stack([row.moments for row in rows]))


@pytest.fixture
def many(tmp_path):
    """Return a moments file of 300 samples, some of integers and some of floats."""
    made = []
    for place in range(300):
        row = row_of(place, TYPES[place % 3], 2)
        made.append(line_of(MomentsLine(row, ScanSettings(-1, None, UNPREPARED), Stamp(1, 2), 0, 1)))
    path = tmp_path / "m.jsonl"
    path.write_text("".join(made), encoding="utf-8")
    return str(path)


def test_comparing_a_moments_file_does_not_make_a_row_for_each_sample(many, monkeypatch):
    made = []
    monkeypatch.setattr(columns, "Row", lambda *given, **more: made.append(1) or Row(*given, **more))
    assert len(bnstat.compare(many, batch_sizes=[1, 4]).samples) == 300
    assert len(made) <= 1  # the first, for its settings


def test_moments_of_a_file_are_a_few_arrays(many):
    found = read_moments(many).rows
    assert len(found.blocks) == 2  # integers and floats
    assert sum(len(block.places) for block in found.blocks) == 300


def test_what_lines_share_is_kept_once(many):
    samples = read_moments(many).rows.samples
    assert len({id(sample.shape) for sample in samples}) == 1


def test_a_damaged_line_among_many_is_the_one_that_is_named(many, tmp_path):
    lines = [json.loads(line) for line in Path(many).read_text(encoding="utf-8").splitlines()]
    lines[250]["channels"][1]["mean"] = 1e9
    lines[270]["settings"]["patches"] = {}
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(bnstat.InputError, match=r"line 251 is damaged: channels\[1\].mean 1000000000.0 is beyond"):
        read_moments(str(tmp_path / "bad.jsonl"))
