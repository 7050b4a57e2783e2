from __future__ import annotations

import pytest

from bnstat.errors import UsageError
from bnstat.rules import RULES
from bnstat.rules.selection import selected


def codes(select=(), ignore=()):
    return [rule.code for rule in selected(select, ignore)]


def test_nothing_selects_all_in_their_order():
    assert codes() == [rule.code for rule in RULES]


@pytest.mark.parametrize("token", ["BN101", "bn101", "zero-variance", "Zero-Variance"])
def test_a_rule_goes_by_its_code_and_by_its_name(token):
    assert codes([token]) == ["BN101"]


def test_a_text_alone_is_one_name():
    assert codes("BN101") == ["BN101"]
    assert codes((), "BN101") == [rule.code for rule in RULES if rule.code != "BN101"]


def test_a_prefix_names_a_family():
    assert codes(["BN1"]) == [rule.code for rule in RULES if rule.code.startswith("BN1")]
    assert "BN104" not in codes(["BN1"], ["nan-voxels"])
    assert codes(["BN"]) == codes()


@pytest.mark.parametrize(
    ("token", "near"), [("zero-varianc", "zero-variance"), ("BN11O", "BN110"), ("nan-voxel", "nan-voxels")]
)
def test_an_unknown_name_is_refused_with_the_near_one(token, near):
    with pytest.raises(UsageError, match=f"no rule is called '{token}'; did you mean '{near}"):
        codes([], [token])


@pytest.mark.parametrize("token", ["", "qqqqqq"])
def test_what_is_near_nothing_points_to_the_list(token):
    with pytest.raises(UsageError, match="bnstat explain"):
        codes([token])


def test_no_rule_left_is_refused():
    with pytest.raises(UsageError, match="no rule is left"):
        codes(["BN101"], ["BN1"])
