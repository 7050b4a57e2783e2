"""Bounds of many channels at once: which values are exact, and that no channel depends on how many there are."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.layers import bounded

TENSOR = np.random.default_rng(1).normal(3, 2, (2, 4, 4, 4, 7)).astype(np.float32)


@pytest.mark.parametrize(("dtype", "most"), [("float32", 2**24), ("float16", 2**11), ("bfloat16", 2**8)])
def test_whole_numbers_are_exact_up_to_the_last_one_that_the_type_has(dtype, most):
    largest = np.array([most - 1, most, most + 1, most + 1, most, np.nan])
    whole = np.array([True, True, True, False, True, False])
    fits = np.array([True, True, True, True, False, True])
    found = bounded.is_exact(largest, fits, whole, dtype)
    assert found.dtype == bool
    assert found.tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_bounds_do_not_depend_on_how_many_channels_are_bounded_at_once(monkeypatch, at_once):
    expected = bnstat.diagnose(TENSOR, framework="torch", axis=4).batches
    monkeypatch.setattr(bounded, "_AT_ONCE", at_once)
    found = bnstat.diagnose(TENSOR, framework="torch", axis=4).batches
    assert [one.channels for one in found] == [one.channels for one in expected]
    assert all(channel.prediction is not None for one in found for channel in one.channels)


@pytest.mark.parametrize(
    ("shape", "axis", "inner", "divided"),
    [
        ((2, 5, 3, 4), 1, True, True),
        ((1, 3, 2), 1, True, False),
        ((2, 3, 2), 1, True, True),
        ((2, 3, 1), 1, False, False),
        ((2, 5, 3, 4), 3, False, False),
        ((2, 5, 3, 1), 3, True, False),
    ],
)
def test_the_layout_of_channels_says_which_axes_are_summed_on_either_side(shape, axis, inner, divided):
    layout = bounded.TensorLayout(shape, axis, shape[0], shape[axis], None)
    assert (layout.inner, layout.divided) == (inner, divided)


@pytest.mark.parametrize(
    ("shape", "axis", "together"),
    [
        ((2, 3), 1, 2),
        ((2, 3, 5), 2, 2),
        ((2, 3, 5), 1, 2),
        ((2, 3, 4, 5), 3, 2),
        ((2, 3, 4, 5), 2, 6),
        ((2, 3, 4, 5, 6), 4, 2),
        ((2, 3, 4, 5, 6), 3, 24),
        ((2, 3, 4, 5, 6), 1, 2),
    ],
)
def test_samples_are_reduced_together_with_the_axes_before_a_kept_one_unless_it_is_the_last(shape, axis, together):
    layout = bounded.TensorLayout(shape, axis, shape[0], shape[axis], None)
    assert layout.together(np.array([7, 8])).tolist() == [together, together]


@pytest.mark.parametrize(
    ("grouped", "inner", "divided", "together"), [(1, True, False, 1), (2, True, True, 12), (4, True, False, 1)]
)
def test_the_layout_of_groups_does_too(grouped, inner, divided, together):
    layout = bounded.TensorLayout((3, 4, 6, 2), 1, 1, 4 // grouped, grouped)
    assert (layout.inner, layout.divided) == (inner, divided)
    count = np.array([12 * grouped])
    assert layout.together(count).tolist() == [together]
    assert layout.voxels(count).tolist() == [12]


@pytest.mark.parametrize("normalizer", ["batch", "layer"])
@pytest.mark.parametrize(
    ("stored", "most", "rounded"),
    [("i2", 2048, False), ("i2", 2049, True), ("f2", 2048, False), ("f4", 2048, True), ("u1", 255, False)],
)
def test_values_that_the_type_of_the_input_may_not_have_are_said_to_be_rounded(normalizer, stored, most, rounded):
    values = np.resize(np.array([0, 1, most]), (2, 4, 4, 4, 7)).astype(stored)
    batches = bnstat.diagnose(values, framework="torch", axis=4, normalizer=normalizer, dtype="float16").batches
    parts = [part for batch in batches for part in batch.parts]
    assert {part.prediction.rounded for part in parts} == {rounded}
