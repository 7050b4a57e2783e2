"""Batches as columns: the same as values, and made only when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.layers import batch_columns
from bnstat.layers.parts import Parts

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
