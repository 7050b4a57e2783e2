"""The machine reads what Python's pickle writes, in every protocol."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnstat.networks.checkpoints.pickled import Made, NotAPickleError, Stream

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
ATOMS = st.none() | st.booleans() | NUMBERS | st.text() | st.binary()
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=20,
)


def rebuilt(value: object) -> Any:
    """Return a described value as Python has it."""
    if isinstance(value, Made) and value.what is None:
        return {key: rebuilt(inner) for key, inner in value.pairs}
    if isinstance(value, Made):  # protocols 0 to 2 write bytes as a call with a text
        if value.what.name == "bytes":
            return b""
        (held, encoding) = value.arguments
        assert (value.what.name, encoding) == ("encode", "latin1")
        return held.encode("latin-1")
    if isinstance(value, (list, tuple)):
        return type(value)(map(rebuilt, value))
    return value


@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_values_are_those_that_were_pickled(value, protocol):
    assert rebuilt(Stream(pickle.dumps(value, protocol)).load()) == value


@given(VALUES, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_a_pickle_that_is_cut_off_is_refused(value, protocol):
    whole = pickle.dumps(value, protocol)
    for end in range(len(whole)):
        with pytest.raises(NotAPickleError):
            Stream(whole[:end]).load()


@given(st.binary())
def test_any_bytes_are_a_value_or_are_refused(held):
    with suppress(NotAPickleError):
        Stream(held).load()


def test_pickles_that_follow_each_other_are_read_in_turn():
    stream = Stream(pickle.dumps(1) + pickle.dumps(["a"]) + b"rest")
    assert (stream.load(), stream.load()) == (1, ["a"])
    assert stream.place == len(pickle.dumps(1) + pickle.dumps(["a"]))


def test_an_object_is_noted_with_its_class_and_its_state():
    made = Stream(pickle.dumps(OrderedDict(a=1), 2)).load()
    assert (made.what.module, made.what.name, made.pairs) == ("collections", "OrderedDict", [("a", 1)])
