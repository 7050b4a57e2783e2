from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.moments.exact import affine_residues, residues, sum_residues, two_product, two_sum

PRIME = 2**61 - 1
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def residue(number):
    exact = Fraction(number)
    return exact.numerator * pow(exact.denominator, -1, PRIME) % PRIME


@given(FLOATS)
def test_the_residue_of_a_float_is_that_of_its_fraction(number):
    assert residues(np.array([number])).tolist() == [residue(number)]


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_the_residue_of_an_integer_is_the_same_in_every_type(dtype):
    limits = np.iinfo(dtype)
    numbers = [limits.min, limits.max, 0, 1, limits.max - 1]
    assert residues(np.array(numbers, dtype)).tolist() == [number % PRIME for number in numbers]


@given(FLOATS, FLOATS, FLOATS)
def test_residues_follow_a_scale_factor_exactly_even_if_it_overflows_or_vanishes(number, slope, intercept):
    found = affine_residues(residues(np.array([number])), np.array([slope]), np.array([intercept]))
    assert found.tolist() == [(residue(slope) * residue(number) + residue(intercept)) % PRIME]


@given(FLOATS, FLOATS)
def test_the_residue_of_a_sum_is_that_of_the_exact_sum(left, right):
    found = sum_residues(np.array([left]), np.array([right]))
    assert found.tolist() == [residue(Fraction(left) + Fraction(right))]


@given(FLOATS, FLOATS)
def test_a_sum_and_its_rest_are_the_exact_sum(left, right):
    if np.isfinite(left + right):
        total, rest = two_sum(np.array([left]), np.array([right]))
        assert Fraction(total[0]) + Fraction(rest[0]) == Fraction(left) + Fraction(right)


@given(FLOATS.filter(lambda number: abs(number) > 1e-120), FLOATS.filter(lambda number: abs(number) > 1e-120))
def test_a_product_and_its_rest_are_the_product_up_to_the_greatest_float64(left, right):
    with np.errstate(over="ignore"):
        product, rest = two_product(np.array([left]), np.array([right]))
    if np.isfinite(product[0]):
        assert Fraction(product[0]) + Fraction(rest[0]) == Fraction(left) * Fraction(right)
