"""The rows of arithmetics: which row a layer uses on a tensor, and that the page on them has them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnstat.layers.arithmetic.arithmetics import ARITHMETICS, BLOCKED, CHUNKS, FLOAT64, FUSED, SEQUENTIAL, THREADS, TREE

PAGE = Path(__file__).parents[3] / "docs" / "arithmetic.md"
ROWS = (*ARITHMETICS.values(), *FUSED.values(), CHUNKS.one_channel)


@pytest.mark.parametrize(
    ("row", "channels", "last", "used"),
    [
        (SEQUENTIAL, 3, True, SEQUENTIAL),
        (SEQUENTIAL, 3, False, BLOCKED),
        (SEQUENTIAL, 1, True, SEQUENTIAL),
        (THREADS, 3, False, THREADS),
        (THREADS, 1, False, FLOAT64),
        (TREE, 1, False, TREE),
        (CHUNKS, 2, False, CHUNKS),
        (CHUNKS, 1, True, CHUNKS.one_channel),
    ],
)
def test_the_layout_of_a_tensor_decides_which_row_a_layer_uses(row, channels, last, used):
    assert row.in_layout(channels=channels, last=last) is used


@pytest.mark.parametrize("axes", FUSED)
def test_tensorflows_fused_operation_is_emulated_with_channels_last_only(axes):
    assert FUSED[axes].in_layout(channels=3, last=True).is_emulated(3)
    first = FUSED[axes].in_layout(channels=3, last=False)
    assert not first.is_emulated(3)
    assert first.band is THREADS.band


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_is_whole(row):
    assert f"`{row.name}`" in PAGE.read_text(encoding="utf-8")
    assert any(digit in row.source for digit in "0123456789")
    for one in row.instead:
        assert one.advice[0].islower()
        assert not one.advice.endswith(".")
        assert one.arithmetic is not row
    assert row.squares == ("E[x²] − E[x]²" in row.title or row.name == "hull")
    assert not row.judged or row.several
