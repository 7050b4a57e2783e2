from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from exact import condition, exact_moments, relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import arrays, offset_values, splits

from bnstat import Moments


def moments_of(values, axis=-1):
    return Moments.from_array(values, axis)


def column(values):
    """Return the moments of these values as one channel."""
    return moments_of(np.asarray(values).reshape(-1, 1))


@given(st.data(), arrays())
def test_any_axis_equals_numpy_on_the_moved_axis(data, values):
    axis = data.draw(st.integers(-values.ndim, values.ndim - 1))
    found = moments_of(values, axis)
    moved = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    np.testing.assert_allclose(found.mean, moved.mean(axis=1, dtype=np.float64), rtol=1e-12, atol=1e-9)
    # Exact, since numpy's variance of seven equal integers of 51 bits is 0.0625.
    exact = [float(exact_moments(row)[1] / row.size) for row in moved]
    np.testing.assert_allclose(found.variance, exact, rtol=1e-10, atol=1e-9)
    assert (found.finite == moved.shape[1]).all()


@given(arrays())
def test_minimum_and_maximum_are_the_stored_values_themselves(values):
    found = moments_of(values.reshape(-1, 1))
    assert found.minimum[0] == values.min()
    assert found.maximum[0] == values.max()
    assert found.minimum.dtype.kind == ("u" if values.dtype.kind == "b" else values.dtype.kind)


@given(arrays())
def test_a_channel_is_constant_exactly_where_minimum_is_maximum(values):
    found = moments_of(values.reshape(-1, 1))
    assert found.constant[0] == (values.min() == values.max())
    if found.constant[0]:
        assert found.variance[0] == 0
        assert found.mean[0] == float(values.ravel()[0])


@given(st.data(), offset_values())
@settings(max_examples=300)
def test_any_split_however_small_its_parts_merges_to_the_whole(data, values):
    cuts = data.draw(splits(len(values)))
    parts = [column(part) for part in np.split(values, cuts) if len(part)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    _, m2 = exact_moments(values)
    bound = 4 * 2**-53 * condition(values) + 1e-13
    assert relative_error(merged.m2[0], m2) <= bound
    assert relative_error(parts[0].merge(*parts[1:]).m2[0], m2) <= bound


@given(offset_values(st.integers(50, 400)))
def test_single_values_merged_one_by_one_keep_the_bound(values):
    merged = Moments.empty(1)
    for value in values:
        merged = merged.merge(column([value]))
    _, m2 = exact_moments(values)
    assert relative_error(merged.m2[0], m2) <= 4 * 2**-53 * condition(values) + 1e-13
    assert merged.finite[0] == len(values)


@given(st.lists(offset_values(st.integers(1, 40)), min_size=2, max_size=6), st.randoms())
def test_the_order_of_a_merge_does_not_matter_beyond_rounding(groups, random):
    parts = [column(group) for group in groups]
    shuffled = random.sample(parts, len(parts))
    one, other = parts[0].merge(*parts[1:]), shuffled[0].merge(*shuffled[1:])
    bound = 1e-13 + 8 * 2**-53 * min(condition(np.concatenate(groups)), 1e9)
    np.testing.assert_allclose(one.m2, other.m2, rtol=bound)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12, atol=1e-9)


@given(offset_values(), offset_values(), offset_values())
def test_merging_is_associative_beyond_rounding(a, b, c):
    x, y, z = column(a), column(b), column(c)
    left, right = x.merge(y).merge(z), x.merge(y.merge(z))
    bound = 1e-13 + 8 * 2**-53 * condition(np.concatenate([a, b, c]))
    np.testing.assert_allclose(left.m2, right.m2, rtol=bound)
    assert left.finite == right.finite


@given(arrays())
def test_empty_is_neutral_on_either_side(values):
    found = moments_of(values.reshape(-1, 1))
    for merged in (
        found.merge(Moments.empty(1)),
        Moments.empty(1).merge(found),
        Moments.empty(1).merge(found, Moments.empty(1)),
    ):
        for name in ("finite", "mean", "m2", "minimum", "maximum", "nan", "inf"):
            before, after = getattr(found, name), getattr(merged, name)
            assert before.dtype.kind == after.dtype.kind, name
            np.testing.assert_array_equal(before, after, err_msg=name)


@given(offset_values(), st.sampled_from([-0.5, 2.0, 1e-3, -7.25]), st.sampled_from([0.0, -1024.0, 1e5]))
def test_an_affine_map_of_the_values_is_one_of_the_moments(values, slope, intercept):
    mapped = column(values).affine(slope, intercept)
    direct = column(slope * values + intercept)
    bound = 1e-12 + 8 * 2**-53 * max(condition(values), condition(slope * values + intercept))
    np.testing.assert_allclose(mapped.mean, direct.mean, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(mapped.m2, direct.m2, rtol=bound)
    assert mapped.minimum[0] == (slope * values + intercept).min()
    assert mapped.maximum[0] == (slope * values + intercept).max()


def test_nan_and_inf_are_counted_apart_and_poison_no_other_channel():
    values = np.arange(24.0).reshape(8, 3)
    values[1, 1], values[2, 1], values[3, 1] = np.nan, np.inf, -np.inf
    found = moments_of(values)
    finite = np.delete(values[:, 1], [1, 2, 3])
    assert found.nan.tolist() == [0, 1, 0]
    assert found.inf.tolist() == [0, 2, 0]
    assert found.finite.tolist() == [8, 5, 8]
    assert found.count.tolist() == [8, 8, 8]
    np.testing.assert_allclose(found.mean[1], finite.mean(), rtol=1e-15)
    np.testing.assert_allclose(found.variance, [values[:, 0].var(), finite.var(), values[:, 2].var()], rtol=1e-14)
    assert not found.constant.any()


def test_a_channel_of_nothing_but_nan_has_no_mean():
    found = column([np.nan, np.nan]).merge(column([np.nan]))
    assert (found.finite[0], found.nan[0]) == (0, 3)
    assert np.isnan(found.variance[0])
    assert found.merge(column([1.0, 3.0])).mean[0] == 2.0


def test_a_constant_with_a_nan_beside_it_is_not_constant():
    assert not column([5.0, 5.0, np.nan]).constant[0]


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_64_bit_integers_keep_their_spread(dtype):
    values = (np.arange(1000, dtype=dtype) % 7) + np.array(2**60 + 1, dtype)
    found = moments_of(values.reshape(-1, 1))
    mean, m2 = exact_moments(values)
    assert relative_error(found.m2[0], m2) < 1e-14
    assert int(found.minimum[0]) == 2**60 + 1
    assert found.mean[0] == float(mean)


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match="real numbers"):
        moments_of(np.ones(3, complex))


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(np.exceptions.AxisError):
        moments_of(np.ones((2, 3)), 2)


def test_values_are_frozen():
    found = column([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        found.mean[0] = 3.0
    with pytest.raises(AttributeError):
        found.mean = np.zeros(1)  # type: ignore[misc]


def test_a_scale_factor_cannot_make_a_channel_constant():
    found = column(np.array([0, 1], np.int16)).affine(1e-20, 1.0)
    assert found.minimum == found.maximum == 1.0
    assert not found.constant[0]
    assert found.variance[0] == pytest.approx(0.25e-40)


@pytest.mark.parametrize("other", ["uint64", "float64"])
def test_two_constants_that_float64_takes_for_one_vary_together(other):
    merged = column(np.full(4, 2**53 + 1)).merge(column(np.full(4, 2**53).astype(other)))
    assert not merged.constant[0]
    assert merged.variance[0] == 0.25


def test_signed_and_unsigned_64_bit_integers_keep_whole_extremes():
    merged = column(np.array([-1, 5])).merge(column(np.array([0, 2**64 - 1], np.uint64)))
    assert (merged.minimum[0], merged.maximum[0]) == (-1, 2**64 - 1)


def test_empty_cells_of_any_type_are_neutral():
    values = column([1e6, 2e6])
    for empty in (Moments.empty(1, "i2"), Moments.empty(1, "i2").affine(2.0, 0.0), Moments.empty(1)):
        assert empty.merge(values).minimum[0] == 1e6
    half = Moments.stack([column(np.array([3], np.int16)), Moments.empty(1, "i2")]).reshape((2,))
    both = half.merge(Moments.stack([values, values]).reshape((2,)))
    assert both.minimum.tolist() == [3, 1e6]


@pytest.mark.parametrize(("shape", "channels"), [((3, 0), 0), ((0, 3), 3)])
def test_an_array_without_values_has_empty_moments(shape, channels):
    found = moments_of(np.empty(shape))
    assert found.finite.tolist() == [0] * channels


def test_a_masked_array_is_refused_since_its_mask_would_be_lost():
    with pytest.raises(TypeError, match="mask"):
        moments_of(np.ma.masked_array([1.0, 2.0], [True, False]))


# Moments of values and their merges, as fractions have them, where float64 is at its ends.

LARGEST = np.finfo(np.float64).max


def assert_exact(found, exact):
    """Assert that moments of one channel are those of values given as fractions."""
    mean = sum(exact, Fraction(0)) / len(exact)
    variance = sum(((value - mean) ** 2 for value in exact), Fraction(0)) / len(exact)
    assert found.mean[0] == pytest.approx(float(mean), rel=1e-15)
    assert found.variance[0] == pytest.approx(float(variance), rel=1e-12)
    assert found.varies[0] == (len(set(exact)) > 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("values", [[1.5e308] * 3 + [1.5e308 * (1 + 2**-52)], [LARGEST, LARGEST, 1.0, 2.0]])
def test_a_mean_is_a_number_although_the_sum_of_the_values_is_none(values, channels):
    found = moments_of(np.repeat(np.array(values)[:, np.newaxis], channels, axis=1))
    exact = sum(map(Fraction, values)) / len(values)
    assert found.mean.tolist() == pytest.approx([float(exact)] * channels, rel=1e-15)


def test_values_whose_sum_overflows_keep_a_small_variance():
    values = 1.7e308 + np.ldexp([0.0, 1, 2, 5, 9], 971)  # spaced as float64 is there
    _, m2 = exact_moments(values)
    assert m2 > np.finfo(np.float64).max
    small = 1e302 + np.ldexp(np.random.default_rng(0).integers(0, 9, 2_000_000), 951)
    assert np.isinf(small.sum())
    found = column(small)
    assert found.mean[0] == pytest.approx(1e302, rel=1e-15)
    assert np.isfinite(found.mean_tail[0])


def test_constants_at_opposite_ends_of_float64_have_a_common_mean():
    merged = column([LARGEST]).merge(column([-LARGEST]), column([LARGEST]))
    assert merged.mean[0] == pytest.approx(LARGEST / 3, rel=1e-15)
    assert np.isinf(merged.m2[0])
    assert (merged.minimum[0], merged.maximum[0]) == (-LARGEST, LARGEST)


@pytest.mark.parametrize("value", [1.34e300, 1e308, -1e308])
@pytest.mark.parametrize("slope", [-0.5, 1e-300, 0.1])
def test_a_large_constant_stays_one_after_a_scale_factor(value, slope):
    found = column([value] * 3).affine(slope, 0.0).merge(column([value]).affine(slope, 0.0))
    assert found.constant[0]
    assert found.mean[0] == slope * value
    assert np.isfinite(found.mean_tail[0])


def test_constants_that_a_scale_factor_rounds_to_one_number_vary_together():
    for one, other, slope, intercept in (
        (5e-324, 1e-323, 0.25, 0.0),
        (1.0, 2.0, 1e-300, 1e-310),
        (2**60, 2**60 + 1, 1.0, 2.0**200),
        (1, 2, 1e-320, 1.0),
    ):
        scaled = [column(np.array([value])).affine(slope, intercept) for value in (one, other)]
        assert not scaled[0].merge(scaled[1]).constant[0], (one, other)
        assert scaled[0].merge(scaled[0]).constant[0]


def test_constants_that_a_scale_factor_makes_infinite_keep_their_own_value():
    same = column([1e300]).affine(1e300, 0.0)
    assert same.merge(same).constant[0]
    assert not same.merge(column([2e300]).affine(1e300, 0.0)).constant[0]


@pytest.mark.parametrize("exponent", [-0.5, 1e-300, 1e300, 1e-160, 1e160])
def test_squares_that_only_scaled_values_have_are_taken_of_those(exponent):
    values = np.array([1.0, 2.0, 4.0]) / exponent
    again = []

    def scaled(power):
        again.append(power)
        return column(np.ldexp(values, power))

    found = column(values).scaled(exponent, 0.0, scaled)
    assert_exact(found, [Fraction(value) * Fraction(exponent) for value in values.tolist()])
    assert len(again) == (exponent != -0.5)


@pytest.mark.parametrize("slope", [0.5 + 2.0**-20, 2.0**-4 + 2.0**-24, 2.0**-400 * (1 + 2.0**-20)])
def test_squares_of_scaled_values_that_just_fit_are_not_lost_by_the_power_that_they_are_taken_with(slope):
    """The squares of values times the next power of two, which is nearly twice the slope, are beyond float64."""
    values = np.array([-8e153, 0.0, 8e153]) / slope
    found = column(values).scaled(slope, 0.0, lambda power: column(np.ldexp(values, power)))
    assert_exact(found, [Fraction(value) * Fraction(slope) for value in values.tolist()])


def test_the_mean_is_rounded_after_the_intercept_not_before():
    found = column(np.array([2.0, 4.0])).scaled(0.1, -0.3, column)  # 3 × 0.1 is 0.3 but for rounding
    assert found.mean[0] == float(3 * Fraction(0.1) - Fraction(0.3))
    constant = column(np.array([0.1])).scaled(-0.3, 0.03, column)
    assert constant.mean[0] == constant.minimum[0] == -0.3 * 0.1 + 0.03


@pytest.mark.parametrize("whole", [2**53 + 1, 2**63 - 1, -(2**63) + 1, 2**64 - 1])
def test_whole_extremes_beyond_float64_stay_themselves_beside_floats(whole):
    merged = column([0.5]).merge(column(np.array([whole])), Moments.empty(1, "i8"))
    assert {merged.minimum.tolist()[0], merged.maximum.tolist()[0]} == {0.5, whole}
    joined = Moments.join([column(np.array([whole])), column([0.5])])
    assert joined.maximum.tolist() == [whole, 0.5]


def test_small_whole_extremes_beside_floats_are_floats():
    assert column([0.5]).merge(column(np.array([3]))).maximum.dtype == np.float64


extended = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no longer type than float64 here")


@extended
def test_extended_floats_differ_where_float64_does_not():
    least = np.longdouble(2) ** -60
    values = 1 + least * np.array([0, 1, 2], np.longdouble)
    found = column(values)
    assert found.varies[0]
    assert found.variance[0] == pytest.approx(float(least) ** 2 * 2 / 3, rel=1e-12)
    assert not column(values[:1]).merge(column(values[1:2])).constant[0]
    assert found.minimum.dtype == np.float64


@extended
def test_extended_floats_beyond_float64_are_infinite():
    found = column(np.array([np.longdouble("1e400"), np.longdouble(1), np.longdouble(3)]))
    assert (found.inf[0], found.finite[0], found.mean[0]) == (1, 2, 2.0)
