"""The parts that an array of chunks is read in: together they are the array, in its order, in bounded memory."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.sources.formats import slabs as module
from bnstat.sources.formats.slabs import slabs


@st.composite
def chunked(draw):
    shape = draw(st.lists(st.integers(1, 7), max_size=4))
    return shape, [draw(st.integers(1, size + 2)) for size in shape]


@given(array=chunked(), usual=st.integers(1, 200), more=st.integers(0, 400))
def test_parts_follow_each_other_and_are_the_array(array, usual, more):
    shape, chunks = array
    values = np.arange(prod(shape)).reshape(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_USUAL_BYTES", usual)
        patch.setattr(module, "_MOST_BYTES", usual + more)
        parts = [values[part] for part in slabs(shape, chunks, 8)]
    assert np.concatenate([part.ravel() for part in parts]).tolist() == values.ravel().tolist()
    row = shape[-1] * 8 if shape else 8
    assert max(part.nbytes for part in parts) <= max(usual + more, 8) or row > usual + more


def test_a_chunk_is_read_once_where_its_slab_fits_into_memory():
    parts = list(slabs((100, 512, 512), (16, 64, 64), 4))
    assert [part[0].start % 16 for part in parts] == [0] * len(parts)
    assert all(part[1:] == (slice(0, 512), slice(0, 512)) for part in parts)


def test_a_slab_that_is_too_large_is_cut_within_its_chunks():
    parts = list(slabs((64, 4096, 4096), (64, 64, 64), 4))
    assert {(part[0].stop - part[0].start) * 4096 * 4096 * 4 for part in parts} == {1 << 28}
