"""Drawn batches: how many there are, and that equal seeds give equal batches."""

from __future__ import annotations

import numpy as np
import pytest
from small_samples import of_values, small

from bnstat.batch_size import draws


def test_equal_seeds_draw_equal_batches_for_every_channel():
    one = of_values(small(40)).draw(8, 500, seed=3)
    other = of_values(small(40)).draw(8, 500, seed=3)
    np.testing.assert_array_equal(one.means, other.means)
    assert (of_values(small(40)).draw(8, 500, seed=4).means != one.means).any()


@pytest.mark.parametrize("kind", ["finite", "infinite"])
def test_drawn_batches_are_of_the_right_number_even_where_memory_is_parted(kind, monkeypatch):
    monkeypatch.setattr(draws, "_AT_ONCE", 1000)
    monkeypatch.setattr(draws, "_IN_CACHE", 100)
    drawn = of_values(small(40), kind).draw(8, 777, seed=0)
    assert len(drawn.means) == len(drawn.variances) == 777
