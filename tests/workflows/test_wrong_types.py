"""A value of a wrong type is a TypeError that names its parameter."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat

VALUES = np.random.default_rng(0).normal(size=(2, 4, 4, 4, 1))


@pytest.mark.parametrize("wrong", [3, 2.5, object(), [object()]])
@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (bnstat.check, "select"),
        (bnstat.check, "ignore"),
        (bnstat.compare, "frameworks"),
        (bnstat.compare, "group_by"),
        (bnstat.diagnose, "normalizer"),
        (bnstat.diagnose, "framework"),
    ],
)
def test_it_is_named_before_anything_is_read(ask, name, wrong):
    with pytest.raises(TypeError, match=rf"`{name.removesuffix('s')}s?` must be"):
        ask(VALUES, **{name: wrong})


def test_a_stride_that_is_no_sequence_is_named():
    with pytest.raises(TypeError, match="`strides` must be several whole numbers, and is 3"):
        bnstat.plan((8, 8, 8), strides=3)


def test_one_rule_by_itself_is_one_rule():
    assert bnstat.check(np.ones((1, 4, 4, 4, 1)), select="BN101").findings
