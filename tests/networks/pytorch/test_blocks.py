"""Moments that PyTorch takes block by block are those of numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bnstat.networks.pytorch import blocks  # noqa: E402  (needs torch)
from bnstat.networks.pytorch.blocks import moments_of, reduced  # noqa: E402


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of so few values that every tensor has several."""
    monkeypatch.setattr(blocks, "_PER_THREAD", 37)


def expected(tensor, axis):
    """For each channel of each sample its finite values, in float64."""
    array = tensor.double().movedim(axis, 1).reshape(tensor.shape[0], tensor.shape[axis], -1).numpy()
    return [[row[np.isfinite(row)] for row in sample] for sample in array], array


def assert_right(tensor, axis, rtol=1e-12):
    found = moments_of(reduced(tensor, axis).numpy())
    rows, array = expected(tensor, axis)
    assert found.shape == (tensor.shape[0], tensor.shape[axis])
    np.testing.assert_array_equal(found.nan, np.isnan(array).sum(2))
    np.testing.assert_array_equal(found.inf, np.isinf(array).sum(2))
    for place in np.ndindex(found.shape):
        row = rows[place[0]][place[1]]
        assert found.finite[place] == len(row)
        if len(row):
            assert (found.minimum[place], found.maximum[place]) == (row.min(), row.max())
            assert found.varies[place] == (row.min() != row.max())
            np.testing.assert_allclose(found.mean[place], row.mean(), rtol=1e-12, atol=1e-12 * (row.std() or 1e-300))
            variance = row.var() if row.min() != row.max() else 0.0
            np.testing.assert_allclose(found.variance[place], variance, rtol=rtol)


SHAPES = [(2, 3, 5, 7, 4), (1, 1, 1), (3, 4), (2, 70, 9), (1, 2, 200), (4, 2, 6, 6)]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_all_shapes_and_types(shape, dtype):
    tensor = (torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 3 + 1).to(getattr(torch, dtype))
    assert_right(tensor, 1)
    assert_right(tensor, tensor.ndim - 1)


@pytest.mark.parametrize("mean", [1e2, 1e4, -1e4])
def test_a_large_mean_costs_no_digits(mean):
    generator = torch.Generator().manual_seed(0)
    assert_right(torch.randn((2, 3, 50, 10, 9), generator=generator) + mean, 1)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("layout", ["channels_last_3d", "transposed", "sliced", "expanded"])
def test_layouts_of_memory(layout):
    tensor = torch.randn((2, 3, 6, 5, 4), generator=torch.Generator().manual_seed(0))
    laid = {
        "channels_last_3d": lambda: tensor.to(memory_format=torch.channels_last_3d),
        "transposed": lambda: tensor.transpose(2, 4),
        "sliced": lambda: tensor[:, :, ::2, 1:],
        "expanded": lambda: tensor[:, :1].expand(2, 3, 6, 5, 4),
    }[layout]()
    assert_right(laid, 1)


@pytest.mark.usefixtures("small_blocks")
def test_gaps_are_counted_and_left_out():
    tensor = torch.randn((2, 3, 7, 30), generator=torch.Generator().manual_seed(0))
    tensor[0, 0, 0, 0], tensor[0, 1], tensor[1, 2, :, 3] = torch.nan, torch.inf, -torch.inf
    tensor[1, 0, 0], tensor[1, 1] = torch.nan, torch.nan
    assert_right(tensor, 1)
    assert_right(tensor, 3)


@pytest.mark.usefixtures("small_blocks")
def test_constants_have_variance_zero_whatever_their_value():
    tensor = torch.full((1, 2, 1000), 0.1)
    tensor[0, 1] = 1e30
    found = moments_of(reduced(tensor, 1).numpy())
    assert (found.m2 == 0).all()
    assert not found.varies.any()
    np.testing.assert_array_equal(found.mean[0], [float(np.float32(0.1)), float(np.float32(1e30))])


def test_values_that_only_float64_can_square():
    tensor = torch.tensor([[[3e38, -3e38, 1e38]]])
    found = moments_of(reduced(tensor, 1).numpy())
    np.testing.assert_allclose(found.variance, tensor.double().var(2, correction=0).numpy(), rtol=1e-12)


def test_nothing_is_written_to_the_tensor_and_no_graph_is_made():
    tensor = torch.randn((2, 2, 9), requires_grad=True)
    before = tensor.detach().clone()
    assert not reduced(tensor * 1, 1).requires_grad
    assert torch.equal(tensor, before)


def test_autocast_leaves_the_sums_in_float64():
    with torch.autocast("cpu", torch.bfloat16):
        assert_right(torch.randn((2, 3, 5, 5), generator=torch.Generator().manual_seed(0)), 1)
