"""PyTorch's cascaded sums: of equal values to the bit, and how long their chains are."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from bnstat.layers.arithmetic.cascades import Ways, longest_chain, one_pass_of_equal, ways_of

IN_REGISTERS, IN_FOUR, CASCADE = Ways(True, False, False), Ways(False, True, False), Ways(False, False, True)


def test_which_ways_of_summing_a_tensor_may_meet():
    assert ways_of(1, inner=True) == ways_of(1, inner=False) == IN_REGISTERS
    assert ways_of(3, inner=False) == IN_FOUR
    assert ways_of(4, inner=False) == Ways(False, True, True)
    assert ways_of(4, inner=True) == IN_REGISTERS
    assert ways_of(8, inner=None) == Ways(True, True, True)


@pytest.mark.parametrize(
    ("rows", "chain"),
    [(10, 10), (64, 24), (1000, 39), (2**12, 53), (2**19, 180), (2**19 + 1, 116), (2**23, 356), (2**23 + 1, 228)],
)
def test_chains_grow_with_the_rows_until_the_levels_grow(rows, chain):
    # up to 2^p additions in 3 levels, rows/8^p in the fourth, 4 to join them; p is 4 to 2^19 rows, and 5 to 2^23
    assert longest_chain(rows, CASCADE) == chain


def test_few_channels_have_shorter_chains_than_channels_side_by_side():
    assert longest_chain(2**19, IN_FOUR) == 90
    assert longest_chain(2**19, IN_REGISTERS) == 94
    assert longest_chain(2**19, Ways(True, True, True)) == longest_chain(2**19, CASCADE)


def test_squares_beyond_float32_leave_the_variance_open():
    assert one_pass_of_equal(1e20, 1000, IN_FOUR) == (-inf, inf)


# what Keras 3.15.1 on PyTorch 2.13.0 computed of constants, with ATEN_CPU_CAPABILITY=default and avx2
MEASURED = [
    (17.3, 524_288, 4, -0.00128173828125),
    (17.3, 524_288, 3, 0.000152587890625),
    (17.3, 524_288, 2, 0.000152587890625),
    (17.3, 524_288, 1, -3.0517578125e-05),
    (17.3, 300_000, 8, 3.0517578125e-05),
    (1000.3, 300_000, 4, -0.3125),
    (293.5960693359375, 368_640, 3, -0.0703125),
    (6836.93603515625, 262_144, 8, -24.0),
]


@pytest.mark.parametrize(("value", "count", "channels", "variance"), MEASURED)
def test_a_constant_has_the_variance_that_the_layer_computed(value, count, channels, variance):
    low, high = one_pass_of_equal(value, count, ways_of(channels, inner=channels == 1))
    assert low <= variance <= high
    assert variance in (low, high)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 33])
@pytest.mark.parametrize("count", [10, 566, 4095, 100_000, 524_288])
def test_sums_of_constants_are_those_of_pytorch_to_the_bit(count, channels):
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x = torch.full((1, count, 1, 1, channels), 17.3)
        mean, square = (torch.mean(one, dim=(0, 1, 2, 3)).numpy() for one in (x, torch.square(x)))
    finally:
        torch.set_num_threads(threads)
    found = {float(one) for one in square - mean * mean}
    ways = ways_of(channels, inner=channels == 1)
    each = [Ways(*(number == place for number in range(3))) for place in range(3)]
    known = {
        end
        for way, used in zip(each, (ways.registers, ways.in_four, ways.cascade), strict=True)
        if used
        for end in one_pass_of_equal(17.3, count, way)
    }
    assert found <= known
    assert np.isfinite(list(known)).all()
