"""Batches as columns: the same as values, and made only when they are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bnstat
from bnstat.layers import batch_columns
from bnstat.layers.parts import Parts
from bnstat.renderers.inspect.columns import own_variances

# Values that no layer computes right, constants, NaN and Inf among others.
MIXED = np.random.default_rng(1).normal(50, 9, (40, 4, 4, 4, 3)).astype(np.float32)
MIXED[3:9] += 1e5
MIXED[5, ..., 1], MIXED[6, 0, 0, 0, 2], MIXED[7, 0, 0, 0, 0] = 7.0, np.nan, np.inf
TENSOR = np.random.default_rng(0).normal(50, 9, (40, 4, 4, 4, 2)).astype(np.float32)


@pytest.fixture
def made(monkeypatch):
    """The channels that are made as values."""
    found = []

    def counted(*arguments, **fields):
        found.append(fields["channel"])
        return channel(*arguments, **fields)

    channel = batch_columns.Channel
    monkeypatch.setattr(batch_columns, "Channel", counted)
    return found


def test_a_report_without_findings_makes_few_channels(made):
    report = bnstat.diagnose(TENSOR)
    assert len(report.batches) == 40
    assert len(made) <= 6  # one batch of the layout, and those that the verdict names


@pytest.mark.parametrize("size", [1, 3, 7])
def test_columns_and_values_have_the_same_parts(size):
    batches = bnstat.diagnose(TENSOR, batch_size=size).batches
    columns, values = Parts(batches), Parts(tuple(batches))
    assert batches == tuple(batches)
    assert [batches[place] for place in range(len(batches))] == list(batches)
    for name in ("count", "mean", "variance", "minimum", "maximum", "judged_low", "judged_high", "epsilon_share"):
        np.testing.assert_array_equal(columns.number(name), values.number(name))
    for name in ("constant", "accurate", "nan_possible", "whole"):
        np.testing.assert_array_equal(columns.flag(name), values.flag(name))


def test_batches_equal_other_sequences_of_the_same_batches_alone():
    batches = bnstat.diagnose(TENSOR, batch_size=7).batches
    assert batches == list(batches)
    assert batches != list(batches)[:-1]
    assert batches != "batches"


@pytest.mark.parametrize("size", [1, 3])
def test_single_channels_are_those_of_their_batches(size):
    batches = bnstat.diagnose(MIXED, batch_size=size).batches
    values = tuple(batches)
    parts, random = Parts(batches), np.random.default_rng(size)
    places = random.integers(0, len(parts), 60)
    found = list(parts.at(places))
    assert [part for _, part in found] == [
        values[batch].parts[place]
        for batch, place in zip(parts.batch[places].tolist(), parts.place[places].tolist(), strict=True)
    ]
    assert [batch.index for batch, _ in found] == parts.batch[places].tolist()
    assert all(not batch.parts and batch.samples == values[batch.index].samples for batch, _ in found)
    np.testing.assert_array_equal(
        parts.places_of([(batch.index, part.place) for batch, part in found]), np.sort(places)
    )


@pytest.mark.parametrize("size", [1, 3])
def test_columns_and_values_have_the_same_rows_and_first_counts(size):
    batches = bnstat.diagnose(MIXED, batch_size=size).batches
    columns, values = Parts(batches), Parts(tuple(batches))
    for name in ("output", "gain", "running_mean", "running_variance"):
        assert columns.rows(name) == values.rows(name)
    assert columns.rows("output") == tuple(tuple(part.output for part in batch.parts) for batch in batches)
    assert columns.beside == values.beside == ()
    assert batch_columns.first_counts(batches) == batch_columns.first_counts(tuple(batches))
    assert own_variances(columns) == own_variances(values)


def test_each_channel_of_each_batch_has_its_name():
    batches = bnstat.diagnose(TENSOR, batch_size=7).batches
    blocks = tuple(replace(block, names=("ct", "t1")) for block in batches.blocks)
    named = batch_columns.Batches(blocks)
    assert len(blocks) == 2  # of 7 samples, and of the 5 that are left
    assert [[channel.name for channel in batch.channels] for batch in named] == [["ct", "t1"]] * 6
    assert [[channel.channel for channel in batch.channels] for batch in named] == [[0, 1]] * 6
    assert [batch.names for batch in named] == [("ct", "t1")] * 6
    assert {channel.name for batch in batches for channel in batch.channels} == {None}


@pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 8, 63, 1000])
@pytest.mark.parametrize("most", [1, 2, 8, 64])
def test_pieces_hold_each_entry_once_and_none_holds_more_than_the_most(number, most):
    entries, found = list(range(number)), []
    for piece in batch_columns._pieces(number, most):
        assert 0 < len(entries[piece]) <= most
        found += entries[piece]
    assert found == entries


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("ratio", [1.5, 3.0, 1e9])
def test_batches_of_uneven_channels_are_those_that_a_look_at_each_one_finds(scale, ratio):
    spreads = np.random.default_rng(4).choice([0.0, 1.0, 2.0, 4.0], (30, 1, 1, 1, 3))
    values = np.random.default_rng(5).normal(0, 1, (30, 4, 4, 4, 3)) * spreads * scale
    batches = bnstat.diagnose(values, batch_size=1).batches
    uneven = []
    for batch in batches:
        deviations = [channel.std for channel in batch.channels if channel.std]
        if deviations and max(deviations) > ratio * min(deviations):
            uneven.append(batch.index)
    assert [batch.index for batch in batch_columns.of_uneven_channels(batches, ratio)] == uneven
    assert bool(uneven) == (ratio < 1e9)
    assert list(batch_columns.of_uneven_channels(tuple(batches), ratio)) == list(batches)  # rules look at each
