"""Named axes: space comes first and channels last, and every value keeps its place."""

from __future__ import annotations

from itertools import permutations
from math import prod

import numpy as np
import pytest

from bnstat.sources.formats.named_axes import laid_out

SIZES = {"x": 5, "y": 4, "z": 3, "c": 2, "t": 6}


@pytest.mark.parametrize("names", list(permutations("tczyx", 5))[::7] + list(permutations("czyx", 4))[::3])
def test_every_order_of_axes_gives_the_same_array(names):
    shape = [SIZES[name] for name in names]
    stored = np.arange(prod(shape)).reshape(shape)
    layout = laid_out(names, shape)
    read = [name for name in "xyztc" if name in names]
    memory = stored.reshape([layout.shape[axis] for axis in layout.order])
    np.testing.assert_array_equal(
        memory.transpose(np.argsort(layout.order)), stored.transpose([names.index(name) for name in read])
    )


def test_an_image_without_channels_has_one():
    layout = laid_out("zyx", (3, 4, 5))
    assert (layout.shape, layout.order, layout.notes) == ((5, 4, 3, 1), (3, 2, 1, 0), ())


def test_an_axis_of_one_entry_that_is_not_of_space_is_left_out():
    assert laid_out("tczyx", (1, 2, 1, 4, 5)).shape == (5, 4, 1, 2)


def test_time_is_reduced_with_space_and_a_note_says_how_to_make_it_samples():
    layout = laid_out("tzyx", (6, 3, 4, 5))
    assert layout.shape == (5, 4, 3, 6, 1)
    assert "`batch_axis=3` makes each a sample" in layout.notes[0]
