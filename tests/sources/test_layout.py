from __future__ import annotations

import numpy as np
import pytest

from bnstat.sources.layout import AxisError, arrange, memory_of, require_batched


@pytest.mark.parametrize(
    ("shape", "options", "tensor"),
    [
        ((240, 240, 155), {}, (1, 240, 240, 155, 1)),
        ((240, 240, 155, 4), {}, (1, 240, 240, 155, 4)),
        ((17, 21, 3, 20), {"batch_axis": 3}, (20, 17, 21, 3, 1)),
        ((17, 21, 3, 20), {"batch_axis": -1}, (20, 17, 21, 3, 1)),
        ((5, 6, 7, 1, 3), {}, (1, 5, 6, 7, 1, 3)),
        ((5, 6, 7, 1, 3), {"batch_axis": 4}, (3, 5, 6, 7, 1)),
        ((5, 6, 7), {"dtype_channels": 3}, (1, 5, 6, 7, 3)),
        ((5, 6), {}, (1, 5, 6, 1)),
        ((5,), {}, (1, 5, 1)),
        ((8, 5, 6, 7, 2), {"batch_axis": 0, "batched": True}, (8, 5, 6, 7, 2)),
        ((8, 5, 6), {"batch_axis": 0, "batched": True}, (8, 5, 6)),
        ((8, 5), {"batch_axis": 0, "batched": True}, (8, 5)),
        ((5, 6, 2), {"channels_last": True}, (1, 5, 6, 2)),
        ((5, 6, 2), {"channels_last": True, "batch_axis": 2}, (2, 5, 6, 1)),
        ((5, 6, 2), {"channels_last": True, "batch_axis": 1}, (6, 5, 2)),
        ((5, 6, 7, 2), {"channels_last": True, "batch_axis": -1}, (2, 5, 6, 7, 1)),
    ],
)
def test_the_batch_axis_is_taken_out_and_channels_are_appended_to_three_axes(shape, options, tensor):
    found = arrange(shape, order="F", **options)
    assert (found.samples, *found.tensor.sample_shape) == tensor
    assert found.tensor.axis == len(tensor) - 1
    assert found.tensor.reduction_axes == tuple(range(len(tensor) - 1))


@pytest.mark.parametrize(
    ("axis", "reduced"), [(1, (0, 2, 3, 4)), (2, (0, 1, 3, 4)), (-2, (0, 1, 2, 4)), (4, (0, 1, 2, 3))]
)
def test_all_axes_but_the_kept_one_are_reduced(axis, reduced):
    assert arrange((4, 5, 6, 2), order="F", axis=axis).tensor.reduction_axes == reduced


@pytest.mark.parametrize("axis", [0, -5, 5, -6, 99])
def test_axis_0_and_axes_that_are_not_there_are_refused(axis):
    with pytest.raises(AxisError, match="1 to 4"):
        arrange((4, 5, 6), order="F", axis=axis)


@pytest.mark.parametrize("batch_axis", [3, -4])
def test_a_batch_axis_that_is_not_there_is_refused(batch_axis):
    with pytest.raises(AxisError, match="axes 0 to 2"):
        arrange((4, 5, 6), order="F", batch_axis=batch_axis)


def test_a_batch_with_no_other_axis_has_nothing_to_keep():
    with pytest.raises(AxisError, match="no axis can be kept"):
        arrange((9,), order="C", batch_axis=0, batched=True)


@pytest.mark.parametrize("order", ["C", "F", "last axis fastest, then F"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2), (3, 1, 5, 2, 6), (1, 1, 1)])
@pytest.mark.parametrize("batch_axis", [None, 0, 1, 2])
def test_the_loops_visit_the_cells_in_memory_order(order, shape, batch_axis):
    values = np.arange(np.prod(shape)).reshape(shape)
    if order not in ("C", "F"):
        order = (*reversed(range(len(shape) - 1)), len(shape) - 1)
    for axis in range(1, 3):
        found = arrange(shape, order=order, axis=axis, batch_axis=batch_axis)
        tensor = values[np.newaxis] if batch_axis is None else np.moveaxis(values, batch_axis, 0)
        tensor = tensor.reshape(found.samples, *found.tensor.sample_shape)
        cells = np.moveaxis(tensor, found.tensor.axis, 1).reshape(found.samples, found.channels, -1).sum(axis=-1)
        loops = found.loops()
        flat = values.transpose(memory_of(order, len(shape))).reshape(
            loops.repeat, loops.slow, loops.outer, loops.fast, loops.inner
        )
        by_memory = flat.sum(axis=(0, 2, 4)).ravel()
        kept = (found.samples, found.channels) if found.samples_are_slow else (found.channels, found.samples)
        looped = by_memory.reshape(kept)
        np.testing.assert_array_equal(looped if found.samples_are_slow else looped.T, cells)


@pytest.mark.parametrize(
    ("shape", "readings"),
    [
        ((64, 64, 64), ('one volume (type `batch_axis="none"`)', "64 images of one channel each", "`axis=2`")),
        ((4, 64, 64), ('one volume (type `batch_axis="none"`)', "numpy.expand_dims(array, -1)", "`axis=2`")),
        ((2, 32, 48, 48), ("2 samples with 32 channels on axis 1 (`axis=1`)", "for 2 volumes of one channel each")),
        ((2, 32, 32, 32), ("2 channels first, as nnU-Net saves", '`batch_axis="none"` `axis=1`', "`axis=3`")),
        ((1, 96, 96, 64), ("1 channel first, as nnU-Net saves", '`batch_axis="none"` `axis=1`', "`axis=3`")),
        ((240, 240, 155, 4), ("one volume with 4 channels last", '(type `batch_axis="none"`), or 240', "`axis=3`")),
        ((64, 64, 40, 1), ("one volume with 1 channel last", '(type `batch_axis="none"`), or 64', "`axis=3`")),
    ],
)
def test_an_array_that_may_be_one_volume_is_refused_with_what_to_type(shape, readings):
    with pytest.raises(AxisError) as error:
        require_batched(shape)
    assert all(words in str(error.value) for words in readings)


@pytest.mark.parametrize(
    "shape",
    [
        *[(1, 1000, 1), (20, 5, 6), (3, 4000, 16), (16, 64, 64, 3), (8, 14, 14, 512), (2, 5, 5, 1)],
        *[(2, 16, 16, 16, 3), (1, 4, 32, 32, 32), (32, 64), (5,), ()],
    ],
)
def test_other_arrays_are_batches(shape):
    require_batched(shape)


@pytest.mark.parametrize(
    ("axis", "said"),
    [(0, "is the batch axis"), (-5, "is the batch axis"), (5, "does not exist"), (-6, "does not exist")],
)
def test_an_axis_that_cannot_be_kept_is_told_from_one_that_is_not_there(axis, said):
    with pytest.raises(AxisError, match=rf"`axis={axis}` {said}"):  # of the tensor (1, 5, 4, 3, 1)
        arrange((5, 4, 3), order="C", axis=axis)
