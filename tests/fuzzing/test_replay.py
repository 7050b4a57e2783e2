"""Every reader that is fuzzed, without the fuzzer: its seeds, changes of them, and all inputs that were kept."""

from __future__ import annotations

import logging
import random
import warnings

import numpy as np
import pytest
from fuzzing import kept, ledger
from fuzzing.expected import compare, expected
from fuzzing.reader import Reader, WrongNumberError, failure_of
from fuzzing.readers import READERS
from fuzzing.state import State
from fuzzing.what import READS

from bnstat import BnstatError, Moments

# Changed seeds of each reader that are tried here.
CHANGED = 60


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_what_was_kept_is_answered_or_refused_with_one_line(reader, tmp_path):
    every = {**kept.inputs("corpus", reader.name), **kept.inputs("failed", reader.name)}
    failures = {name: failure_of(reader, data, tmp_path) for name, data in every.items()}
    assert {name: one.place for name, one in failures.items() if one is not None} == {}


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_seeds_are_answered_and_changed_ones_are_answered_or_refused(reader, tmp_path):
    if reader.name == "checkpoints":
        pytest.importorskip("onnx")
    seeds = list(reader.seeds())
    for seed in seeds:
        reader.attempt(seed, tmp_path)
        assert len(seed) <= reader.most
    draw = random.Random(17)
    for _ in range(CHANGED):
        data = reader.mutate(draw.choice(seeds), draw)
        assert failure_of(reader, data, tmp_path) is None, data


def test_the_documentation_says_what_each_reader_reads():
    assert list(READS) == list(READERS)
    assert all(name == reader.name for name, reader in READERS.items())


def test_a_failure_has_its_kind_and_its_place(tmp_path):
    def attempt(data, _folder):
        if data == b"wrong":
            raise WrongNumberError("mean (found 1, expected 2)")
        if data == b"crash":
            Moments.from_array(["text"])
        raise BnstatError("one line")

    reader = Reader("x", list, attempt, lambda data, _: data)
    found = {data: failure_of(reader, data, tmp_path) for data in (b"wrong", b"crash", b"refused")}
    assert found.pop(b"refused") is None
    assert [one.kind for one in found.values()] == ["wrong-number", "crash"]
    assert "mean" in found[b"wrong"].place
    assert "TypeError in kernels.py" in found[b"crash"].place


def test_a_cause_is_kept_once_with_its_shortest_input(tmp_path):
    reader = Reader("x", list, lambda data, _: data.decode("ascii") and 1 / 0, lambda data, _: data)
    state = State(tmp_path, "x")
    for data, new in ((b"long one", True), (b"short", False), (b"longer one", False)):
        assert state.add_failure(failure_of(reader, data, tmp_path), data) is new
    assert [path.read_bytes() for path in state.failed()] == [b"short"]


@pytest.mark.parametrize("kind", ["u1", "<i8", "u8", ">f4", "f8", "?"])
def test_the_reference_agrees_with_numpy_and_finds_another_number(kind):
    values = np.random.default_rng(3).integers(0, 2 if kind == "?" else 90, (4, 3, 2)).astype(kind)
    if values.dtype.kind == "f":
        values[0, 0, 0], values[1, 1, 1] = np.nan, -np.inf
    right = expected(values, 0.5, 3.0)
    finite = values[np.isfinite(values)].astype(np.float64) * 0.5 + 3.0
    assert float(right.mean) == pytest.approx(finite.mean(), rel=1e-14)
    assert float(right.variance) == pytest.approx(finite.var(), rel=1e-13)
    assert (right.finite, right.nan + right.inf) == (finite.size, values.size - finite.size)
    assert tuple(map(float, right.ends)) == (finite.min(), finite.max())
    found = Moments.from_array(values)
    compare([found], values)
    with pytest.raises(WrongNumberError):
        compare([found], np.roll(values, 1))


def test_rounds_are_added_up(tmp_path):
    one = {"commit": "a", "wall_seconds": 60.04, "cpu_seconds": 30.0, "executions": 5, "edges": 9, "corpus": 3}
    state = State(tmp_path, "images")
    for commit, edges in (("a", 9), ("b", 7)):
        state.add_round({**one, "commit": commit, "edges": edges, "failures": 1, "stopped": 0})
    tried = ledger.summed(state.unpublished())
    assert (tried.rounds, tried.executions, tried.edges, tried.first, tried.last) == (2, 10, 9, "a", "b")
    assert state.unpublished() == []
    ledger.write({"images": tried}, tmp_path / "ledger.json")
    assert ledger.read(tmp_path / "ledger.json")["images"].wall_seconds == 120.1
