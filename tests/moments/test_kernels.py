from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from exact import exact_moments, relative_error

from bnstat import Moments
from bnstat.moments import kernels
from bnstat.moments.pieces import BLOCK_VALUES, RUN_VALUES, pieces


def normal(size, mean=0.0, sd=1.0, seed=1):
    return mean + sd * np.random.default_rng(seed).normal(size=size)


@pytest.mark.parametrize("mean", [0.0, 1.0, 8.1, 1e3, 1e6, -1e6])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_variance_of_a_hundred_thousand_values_is_exact_to_1e_11(mean, dtype):
    values = normal(100_000, mean).astype(dtype)
    found = Moments.from_array(values.reshape(-1, 1))
    exact_mean, m2 = exact_moments(values)
    assert relative_error(found.m2[0], m2) < 1e-11
    assert relative_error(found.mean[0], exact_mean) < 1e-12 or abs(found.mean[0]) < 1e-2


@pytest.mark.parametrize("mean", [1e3, 1e6])
def test_a_trend_over_many_small_parts_loses_nothing(mean):
    values = mean + np.linspace(-1.7, 1.7, 120_000)
    parts = [Moments.from_array(part.reshape(-1, 1)) for part in np.array_split(values, 37)]
    _, m2 = exact_moments(values)
    assert relative_error(parts[0].merge(*parts[1:]).m2[0], m2) < 1e-11


def test_variance_at_mean_1e6_and_sd_1e_3_is_that_of_float64_data():
    values = normal(100_000, 1e6, 1e-3)
    found = Moments.from_array(values.reshape(-1, 1))
    _, m2 = exact_moments(values)
    assert relative_error(found.m2[0], m2) < 4 * 2**-53 * 1e9 + 1e-13


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2"])
@pytest.mark.parametrize("size", [2, 511, 40_000, BLOCK_VALUES])
def test_small_integers_are_summed_exactly(dtype, size):
    limits = np.iinfo(dtype)
    values = np.random.default_rng(2).integers(limits.min, limits.max, size, dtype=dtype, endpoint=True)
    found = Moments.from_array(values.reshape(-1, 1))
    wide = values.astype(object)
    total, squares = int(wide.sum()), int((wide * wide).sum())
    assert found.m2[0] == (size * squares - total * total) / size
    assert found.mean[0] + found.mean_tail[0] == pytest.approx(total / size, rel=1e-15)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2"])
@pytest.mark.parametrize("shape", [(2, 3), (7, 5), (400, 90), (2600, 20), (2, 3, 5), (60, 40, 3)])
def test_small_integers_of_channels_that_alternate_in_memory_are_summed_exactly(dtype, shape):
    limits = np.iinfo(dtype)
    random = np.random.default_rng(5)
    for values in (
        random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True),
        (limits.max - random.integers(0, 3, shape)).astype(dtype),
        (limits.min + random.integers(0, 2, shape)).astype(dtype),
    ):
        found = Moments.from_array(values, axis=1)
        for channel in range(shape[1]):
            wide = values[:, channel].astype(object)
            count, total, squares = wide.size, int(wide.sum()), int((wide * wide).sum())
            assert relative_error(found.m2[channel], Fraction(count * squares - total * total, count)) <= 2**-52
            mean = Fraction(found.mean[channel]) + Fraction(found.mean_tail[channel])
            assert abs(mean - Fraction(total, count)) <= Fraction(1, 2**53)


@pytest.mark.parametrize("high", [11, 180, 4095, 11_584, 11_586, 32_767])
def test_integers_of_every_range_take_the_path_that_holds_them(high):
    values = np.random.default_rng(3).integers(0, high, 300_000, dtype="i2", endpoint=True)
    found = Moments.from_array(values.reshape(-1, 1))
    assert found.variance[0] == pytest.approx(values.astype(np.float64).var(), rel=1e-12)


@pytest.mark.parametrize(
    "shape", [(5, 3, 1), (4000, 4, 1), (3, 600, 900), (700, 2, 64), (2, 3, RUN_VALUES), (1, 40, 20_000)]
)
@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "i8"])
def test_channels_that_alternate_in_memory_equal_numpy(shape, dtype):
    values = np.random.default_rng(4).integers(0, 100, shape).astype(dtype)
    values[:, 1] += 20
    found = Moments.from_array(values, axis=1)
    moved = np.moveaxis(values, 1, 0).reshape(shape[1], -1).astype(np.float64)
    np.testing.assert_allclose(found.mean, moved.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(found.variance, moved.var(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(found.minimum, moved.min(axis=1))


def test_alternating_channels_far_from_zero_keep_their_variance():
    values = normal((50_000, 3), 1e6).astype("f8") * np.array([1.0, 2.0, 0.0]) + np.array([0.0, 0.0, 7.1])
    found = Moments.from_array(values)
    for channel in range(2):
        assert relative_error(found.m2[channel], exact_moments(values[:, channel])[1]) < 1e-10
    assert found.constant.tolist() == [False, False, True]
    assert found.variance[2] == 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mean", [2.0, 7.9, 8.1])
@pytest.mark.parametrize("size", [500, 3000, 30_000])
def test_the_bound_holds_near_the_limit_of_plain_sums_however_channels_lie(channels, mean, size):
    values = normal((size, channels), mean)
    found = Moments.from_array(values)
    for channel in range(channels):
        error = relative_error(found.m2[channel], exact_moments(values[:, channel])[1])
        assert error <= 4 * 2**-53 * mean + 1e-13


def test_a_nan_in_one_of_many_alternating_channels_stays_there():
    values = normal((3000, 5, 2)).astype("f4")
    values[17, 2, 1] = np.nan
    found = Moments.from_array(values, axis=1)
    assert found.nan.tolist() == [0, 0, 1, 0, 0]
    np.testing.assert_allclose(found.variance[2], np.nanvar(values[:, 2].astype("f8")), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_so_few_values_are_enough(size):
    values = np.array([3.0, 5.0, 10.0])[:size]
    found = Moments.from_array(values.reshape(-1, 1))
    assert found.variance[0] == pytest.approx(values.var())


def test_values_whose_squares_overflow_give_no_number_and_no_warning(recwarn):
    found = Moments.from_array(np.array([[1e200], [-1e200], [3e200]]))
    assert not np.isfinite(found.variance[0])
    assert not recwarn.list


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 1, BLOCK_VALUES), (2, 5, RUN_VALUES + 1), (70_000, 3, 9), (2, 100, 30_000)]
)
def test_pieces_cover_every_value_once_and_none_is_larger_than_a_block(shape):
    outer, cells, inner = shape
    seen = np.zeros(cells, np.int64)
    for piece in pieces(*shape):
        assert 0 < piece.size <= BLOCK_VALUES
        seen[piece.first_cell : piece.first_cell + piece.cells] += piece.outer * piece.inner
    assert (seen == outer * inner).all()


@pytest.mark.parametrize("shape", [(BLOCK_VALUES + 3, 1, 1), (70_000, 1, 9), (3, 1, RUN_VALUES + 5), (1, 1, 7)])
def test_a_channel_by_itself_is_cut_into_whole_blocks(shape):
    """Where a block ends does not depend on how the values are called: as rows, or as a run."""
    sizes = [piece.size for piece in pieces(*shape, first_cell=4)]
    blocks, rest = divmod(shape[0] * shape[2], BLOCK_VALUES)
    assert sizes == [BLOCK_VALUES] * blocks + [rest] * bool(rest)
    assert {(piece.first_cell, piece.cells) for piece in pieces(*shape, first_cell=4)} == {(4, 1)}


def test_results_do_not_depend_on_the_threads_of_a_blas_library():
    program = (
        "import numpy as np; from bnstat import Moments;"
        "x = np.random.default_rng(0).normal(3, 1, (200_000, 2)).astype('f4');"
        "m = Moments.from_array(x); y = Moments.from_array(x.reshape(-1, 1));"
        "print(m.m2.tobytes().hex(), y.m2.tobytes().hex())"
    )
    found = set()
    for threads in ("1", "2", "4"):
        import os

        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_values_of_which_none_is_finite_have_moments_that_change_no_merge(dtype):
    cell = kernels.reduce_run(np.array([np.nan, np.inf, -np.inf, np.nan], dtype), kernels.Workspace())
    assert cell == (0, 0.0, 0.0, 0.0, np.inf, -np.inf, 2, 2)
    values = normal(50).astype(dtype)
    alone = Moments.from_array(values.reshape(-1, 1))
    together = alone.merge(Moments.from_array(np.full((3, 1), np.nan, dtype)))
    assert (together.mean[0], together.m2[0]) == (alone.mean[0], alone.m2[0])
    assert (together.finite[0], together.nan[0]) == (50, 3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["b1", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "i8", "u8", "f8"])
def test_values_are_reduced_in_the_type_of_their_extremes(dtype, order):
    stored = np.array([0, 1, 1, 0], np.dtype(dtype).newbyteorder(order))
    found = kernels.native_real(stored)
    assert found.dtype == kernels.reduced_type(stored.dtype)
    assert found.dtype.isnative
    assert found.tolist() == [0, 1, 1, 0]
