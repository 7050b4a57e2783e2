"""Tests of the page of reliability: it is what the ledgers say, and they hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import adversary
import pytest
import reliability
from fuzzing import ledger as fuzzed
from mutants import entries
from mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]


def test_the_page_is_written_from_the_ledgers():
    page = reliability.PAGE.read_text(encoding="utf-8")
    for name, one in fuzzed.read().items():
        (row,) = re.findall(rf"^\| {name} \|.*$", page, re.MULTILINE)
        assert f"| {one.executions:,} |" in row
    noticed, number = entries.scores(entries.read())["all"]
    assert f"| mutants of the core | {number:,} | {noticed:,} noticed |" in page


def test_every_kind_of_fault_that_is_counted_has_its_tests():
    kinds = {path.stem.removeprefix("test_") for path in reliability.FAULTS.glob("test_*.py")}
    counts = json.loads((ROOT / "scripts" / "reliability.json").read_text(encoding="utf-8"))
    assert set(counts) <= kinds, "run python scripts/reliability.py --count"
    assert all(count > 0 for count in counts.values())


def test_a_mutant_keeps_its_explanation_when_it_is_tried_again(tmp_path):
    path = tmp_path / "ledger.json"
    mutant = Mutant("bnstat/moments/kernels.py", 3, "NumberReplacer", "a = 1", "a = 2", "")
    entries.add(mutant, "survived", "", path)
    content = json.loads(path.read_text("utf-8"))
    content[0]["why"] = "no number depends on it"
    path.write_text(json.dumps(content), "utf-8")
    entries.add(mutant, "survived", "", path)
    (one,) = entries.read(path).values()
    assert (one.why, one.noticed) == ("no number depends on it", False)
    assert entries.scores(entries.read(path))["bnstat/moments"] == (0, 1)


def test_the_interval_is_wilsons():
    low, high = entries.interval(90, 100)
    assert (low, high) == (pytest.approx(0.8256, abs=1e-4), pytest.approx(0.9448, abs=1e-4))
    assert entries.interval(0, 0) == (0.0, 1.0)


def test_runs_of_random_volumes_add_up_and_a_wrong_one_stays_named(tmp_path):
    path = tmp_path / "ledger.json"
    family = {"cases": 2, "numbers": 5, "rounded": 4, "wrong": 1, "largest": 0.5, "where": "mean"}
    adversary.added({"minutes": 1.5, "families": {"batch": {**family, "failures": ["batch:7 was refused"]}}}, path)
    ledger = json.loads(path.read_text("utf-8"))
    assert ledger["mended"] == {"batch:7": ""}
    ledger["mended"]["batch:7"] = "it is right now"
    path.write_text(json.dumps(ledger), "utf-8")
    adversary.added({"minutes": 2.0, "families": {"batch": {**family, "largest": 0.1, "failures": []}}}, path)
    ledger = json.loads(path.read_text("utf-8"))
    assert ledger["minutes"] == 3.5
    assert ledger["families"]["batch"] == {**family, "cases": 4, "numbers": 10, "rounded": 8, "wrong": 2, "refused": 0}
    assert ledger["mended"] == {"batch:7": "it is right now"}


def test_a_mutant_that_a_new_test_notices_is_known_to_have_survived_at_first(tmp_path):
    path = tmp_path / "ledger.json"
    mutant = Mutant("bnstat/moments/kernels.py", 3, "NumberReplacer", "a = 1", "a = 2", "")
    for outcome, late in (("survived", False), ("killed", True), ("killed", True), ("survived", False)):
        entries.add(mutant, outcome, "", path)
        assert entries.read(path)[mutant.key].late == late
