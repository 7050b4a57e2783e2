"""What the room hands on cannot be changed by whoever gets it."""

from __future__ import annotations

from frozen_values import changeable

from bnstat import batch_size


def test_values_are_frozen():
    assert changeable(batch_size) == set()
