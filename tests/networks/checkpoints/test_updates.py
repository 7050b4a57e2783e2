"""What repeated updates leave, against updates that are repeated: in numpy, and by the layers of PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bnstat.networks.checkpoints.updates import (
    momentum_told,
    only_constants,
    only_constants_lately,
    weight_of_start,
)

MOMENTA = (0.001, 0.01, 0.03, 0.1, 0.5, 0.9, 1.0, None)
BATCHES = (1, 2, 5, 30, 200, 900, 1500)


def plain(momentum, variance):
    """One update as PyTorch's CPU does it: in double, rounded to float32."""
    return np.float32((1.0 - momentum) * float(variance))


def in_float(momentum, variance):
    """One update with a momentum in float32, as GPUs do it."""
    return (np.float32(1) - np.float32(momentum)) * np.float32(variance)


def by_difference(momentum, variance):
    """One update as running + m·(0 − running), as TensorFlow had it."""
    return np.float32(variance) - np.float32(momentum) * np.float32(variance)


def flushed(momentum, variance):
    """One update on a device without denormal numbers."""
    after = plain(momentum, variance)
    return after if after >= np.float32(2.0**-126) else np.float32(0)


def repeated(update, momentum, batches):
    variance = np.float32(1)
    for _ in range(batches):
        variance = update(momentum, variance)
    return float(variance)


def found(mean, variance, momentum, batches, dtype="float32"):
    return bool(only_constants(np.array([mean]), np.array([variance]), momentum, batches, dtype)[0])


@pytest.mark.parametrize("update", [plain, in_float, by_difference, flushed])
@pytest.mark.parametrize("momentum", [0.001, 0.01, 0.03, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("batches", BATCHES)
def test_zeros_are_found_however_the_layer_rounds(update, momentum, batches):
    variance = repeated(update, momentum, batches)
    assert found(0.0, variance, momentum, batches)
    if momentum >= 0.01:
        assert found(0.0, variance, momentum, None)


@pytest.mark.parametrize("momentum", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("batches", [1, 7, 60, 150])
def test_a_channel_that_varies_a_little_in_a_single_batch_is_not_found(momentum, batches):
    # 1 % of a variance of 1, in the first batch alone, and a mean of exactly 0
    first = np.float32((1.0 - momentum) + momentum * 0.01)
    variance = first
    for _ in range(batches - 1):
        variance = plain(momentum, variance)
    assert not found(0.0, float(variance), momentum, batches)


def test_random_channels_are_not_found():
    rng = np.random.default_rng(0)
    variance, mean = np.exp(rng.normal(0, 3, 100_000)), rng.normal(size=100_000)
    for batches in (5, 50, 500):
        assert not only_constants(mean, variance, 0.1, batches, "float32").any()
    assert not only_constants_lately(mean, variance).any()


@pytest.mark.parametrize("batches", [None, 100_000])
@pytest.mark.parametrize("momentum", [0.1, 0.01, 0.001])
def test_a_layer_whose_means_were_all_set_to_0_has_no_dead_channels(momentum, batches):
    variance = np.exp(np.random.default_rng(5).uniform(-6, 0, 4000)).astype(np.float32).astype(np.float64)
    assert not only_constants(np.zeros(4000), variance, momentum, batches, "float32").any()
    # the same layer with one variance: all of its channels have had zeros, 40 batches of them
    left = np.full(4000, np.float32((1 - momentum) ** 40), np.float64)
    assert only_constants(np.zeros(4000), left, momentum, batches, "float32").all()


def test_a_count_is_needed_for_a_constant_that_is_not_zero():
    variance = repeated(plain, 0.1, 50)
    assert found(0.37, variance, 0.1, 50)
    assert not found(0.37, variance, 0.1, 49)
    assert not found(0.37, variance, 0.1, None)
    assert not found(0.37, variance, 0.1, 50, "bfloat16")
    assert not found(0.37, float(np.float32(1 - 0.0005)), 0.001, 2)  # within rounding, a variance of 0.25 fits as well


def test_initial_values_and_a_count_of_0_are_no_dead_channel():
    assert not found(0.0, 1.0, 0.1, 0)
    assert not found(0.0, 1.0, 0.1, None)


def test_the_start_weighs_what_repeated_multiplication_leaves():
    for momentum in (0.01, 0.1, 0.7):
        left = 1.0
        for batches in range(40):
            assert weight_of_start(momentum, batches) == pytest.approx(left, rel=1e-13)
            left *= 1.0 - momentum
    assert (weight_of_start(None, 0), weight_of_start(None, 1), weight_of_start(1.0, 1)) == (1.0, 0.0, 0.0)
    assert weight_of_start(0.0, 10**9) == 1.0


def test_a_variance_that_has_decayed_is_found_without_a_count():
    variance = np.array([1.2, 0.8, 3e-19, 2e-9, 0.0])
    assert only_constants_lately(np.zeros(5), variance).tolist() == [False, False, True, False, False]
    assert only_constants_lately(np.array([1e3]), np.array([1e-9])).tolist() == [True]
    assert not only_constants_lately(np.full(2, math.nan), np.full(2, math.nan)).any()


@pytest.mark.parametrize("momentum", [0.01, 0.03, 0.05, 0.1, 0.25])
def test_a_channel_of_zeros_tells_the_momentum(momentum):
    variance = np.array([0.7, repeated(plain, momentum, 200)])
    assert momentum_told(np.array([0.1, 0.0]), variance, 200, "float32") == momentum
    assert momentum_told(np.array([0.1, 0.2]), variance, 200, "float32") is None
    assert momentum_told(np.zeros(1), np.array([0.4321]), 200, "float32") is None


@pytest.mark.parametrize("momentum", MOMENTA)
def test_layers_of_pytorch_in_float32_and_rounded_once(momentum):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    layer = torch.nn.BatchNorm3d(5, momentum=momentum).train()
    generator = torch.Generator().manual_seed(0)
    done = 0
    for batches in (1, 2, 30, 200, 900):
        with torch.no_grad():
            for _ in range(batches - done):
                entering = torch.randn(1, 5, 2, 2, 2, generator=generator)
                entering[:, 1], entering[:, 2], entering[:, 3] = 0.0, 0.37, 100.1
                layer(entering * torch.tensor([1, 1, 1, 1, 0.1]).reshape(1, 5, 1, 1, 1))
        done = batches
        mean, variance = layer.running_mean, layer.running_var
        told = only_constants(mean.double().numpy(), variance.double().numpy(), momentum, batches, "float32")
        # where a batch weighs little, few batches tell no constant but 0
        constant = momentum not in (0.001, 0.01) or (momentum == 0.01 and batches >= 200)
        assert told.tolist() == [False, True, constant, constant, False], batches
        for dtype, name in ((torch.float16, "float16"), (torch.bfloat16, "bfloat16")):
            halves = (one.to(dtype).double().numpy() for one in (mean, variance))
            assert only_constants(*halves, momentum, batches, name).tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("momentum", [0.01, 0.1, None])
def test_layers_of_pytorch_whose_statistics_are_in_half_precision(name, momentum):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    layer = torch.nn.BatchNorm3d(2, momentum=momentum).to(getattr(torch, name)).train()
    done = 0
    for batches in (1, 5, 30, 200):
        with torch.no_grad():
            for _ in range(batches - done):
                entering = torch.randn(1, 2, 2, 2, 2).to(getattr(torch, name))
                entering[:, 1] = 0
                layer(entering)
        done = batches
        statistics = (one.double().numpy() for one in (layer.running_mean, layer.running_var))
        assert only_constants(*statistics, momentum, batches, name).tolist() == [False, True], batches
