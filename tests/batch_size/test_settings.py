"""Settings that no comparison can have are refused, by name."""

from __future__ import annotations

import inspect

import pytest

import bnstat
from bnstat.batch_size.settings import CompareSettings
from bnstat.errors import UsageError


@pytest.mark.parametrize(("name", "least"), [("draws", 1), ("ranks", 1), ("seed", 0), ("steps", 1)])
def test_a_number_below_the_least_is_refused(name, least):
    assert CompareSettings.of(**{name: least})
    with pytest.raises(UsageError, match=f"`{name}` must be at least {least}, and is {least - 1}"):
        CompareSettings.of(**{name: least - 1})


@pytest.mark.parametrize("sizes", [[0], [4, 0], [1, -2, 3]])
def test_a_batch_size_below_1_is_refused(sizes):
    with pytest.raises(UsageError, match=f"`batch_sizes` must all be at least 1, and one is {min(sizes)}"):
        CompareSettings.of(batch_sizes=sizes)
    assert CompareSettings.of(batch_sizes=[1, 7]).batch_sizes == (1, 7)


def test_a_population_that_is_neither_is_refused():
    with pytest.raises(UsageError, match="`population` must be one of finite, infinite, and is 'none'"):
        CompareSettings.of(population="none")


def test_defaults_are_those_of_the_function_that_people_call():
    own, public = (inspect.signature(one).parameters for one in (CompareSettings.of, bnstat.compare))
    shared = set(own) & set(public)
    assert {"axis", "batch_axis", "draws", "epsilon", "momentum", "population", "ranks", "seed", "steps"} <= shared
    assert {name: own[name].default for name in shared} == {name: public[name].default for name in shared}
