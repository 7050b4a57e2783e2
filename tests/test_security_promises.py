"""Every promise of SECURITY.md names tests; these exist, and were seen to fail when the protection was taken away."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import built
import pytest
from patience import LONGEST
from protections import ledger
from protections.ledger import Trial
from protections.promises import Promise, promises
from protections.removal import Edit, Removal, removals
from protections.trial import TIME_LIMIT, Failure, first_failure

ROOT = Path(__file__).parents[1]
PROMISES = promises()
REMOVALS = removals()
PAGES = (ROOT / "action.yml", *sorted((ROOT / "docs" / "how-to").glob("*.md")))
TRY = "run python scripts/protections/run.py --stale"


def defined(path: Path) -> set[str]:
    """Return the names of the test functions of a file, also those in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_the_document_makes_promises():
    assert len(PROMISES) > 20
    assert "## How to report" in (ROOT / "SECURITY.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("promise", PROMISES, ids=range(len(PROMISES)))
def test_a_promise_names_tests_that_exist(promise):
    assert promise.tests, promise.text
    for test in promise.tests:
        file, _, name = test.partition("::")
        assert name in defined(ROOT / file), f"{file} has no {name}"


@pytest.mark.parametrize("promise", PROMISES, ids=range(len(PROMISES)))
def test_each_test_of_a_promise_was_seen_to_fail_without_its_protection(promise):
    own = [one for one in REMOVALS if one.of(PROMISES) is promise]
    assert own, f"scripts/protections/removals takes nothing of this promise away: {promise.text}"
    assert ledger.never_noticed(promise, PROMISES, REMOVALS, ledger.read()) == [], TRY


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: removal.what)
def test_what_takes_a_protection_away_is_still_in_the_code_once(removal):
    assert [edit.file for edit in removal.edits if edit.places() != 1] == [], (
        f"bring scripts/protections/removals in line with the code, then {TRY}"
    )
    assert set(removal.tests) <= {test.partition("::")[2] for test in removal.of(PROMISES).tests}


def test_every_removal_was_tried_as_it_is_now_and_each_has_a_name_of_its_own():
    assert len({one.what for one in REMOVALS}) == len(REMOVALS)
    assert set(ledger.valid(REMOVALS, ledger.read())) == {one.what for one in REMOVALS}, TRY
    assert set(ledger.read()) == {one.what for one in REMOVALS}, TRY


def test_no_test_missed_a_removal_that_it_has_to_notice():
    assert {one.what: list(one.missed) for one in ledger.read().values() if one.missed} == {}


def test_a_trial_counts_for_the_promise_and_the_edits_that_it_was_made_with(tmp_path):
    promise, other = Promise("No number is wrong.", ("tests/a.py::test_a", "tests/a.py::test_b")), Promise("All.", ())
    removal = Removal("No number", "all are wrong", (Edit("a.py", "1", "2"),))
    changed = Removal("No number", "all are wrong", (Edit("a.py", "1", "3"),))
    path = tmp_path / "ledger.json"
    ledger.add(Trial(removal.what, removal.digest, {"tests/a.py::test_a": "assert 1 == 2"}), [removal], path)
    every = [promise, other]
    assert ledger.never_noticed(promise, every, [removal], ledger.read(path)) == ["tests/a.py::test_b"]
    assert ledger.never_noticed(promise, every, [changed], ledger.read(path)) == list(promise.tests)
    assert len(json.loads(path.read_text("utf-8"))) == 1
    ledger.add(Trial("another", "0"), [Removal("All", "another", ())], path)
    assert list(ledger.read(path)) == ["another"]


def test_a_text_that_a_file_does_not_have_once_takes_nothing_away(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    for before in ("x = 1\n", "y = 1\n"):
        with pytest.raises(ValueError, match="times and not once"):
            Edit("a.py", before, "").apply(tmp_path)
    with pytest.raises(SyntaxError):
        Edit("a.py", "x = 1\nx = 1", "x = ").apply(tmp_path)
    assert (tmp_path / "a.py").read_text() == "x = 1\nx = 1\n"


TESTS = """
import time
import pytest
def test_right(): pass
@pytest.mark.parametrize("place", [0, 1])
def test_wrong(place): assert place == 0
def test_broken(): import a_package_that_does_not_exist
def test_without_end(): time.sleep(6000)
"""


def test_a_failure_and_a_hang_notice_a_removal_and_a_broken_import_does_not(tmp_path):
    (tree := tmp_path / "tree").mkdir()
    (tree / "test_it.py").write_text(TESTS)
    assert first_failure(tree, "test_it.py::test_right", LONGEST) is None
    assert first_failure(tree, "test_it.py::test_broken", LONGEST) is None
    assert first_failure(tree, "test_it.py::test_missing", LONGEST) is None
    assert first_failure(tree, "test_it.py::test_wrong", LONGEST) == Failure(
        "test_it.py::test_wrong[1]", "assert 1 == 0"
    )
    assert first_failure(tree, "test_it.py::test_without_end", 5) == Failure("test_it.py::test_without_end", TIME_LIMIT)


def test_every_action_is_pinned_by_the_hash_of_a_commit():
    used = [
        (path.name, action)
        for path in PAGES
        for action in re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(used) > 5
    loose = [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+|OWNER/bnstat@COMMIT", one[1])]
    assert loose == []


def test_every_submission_builds_and_lints_what_is_released():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {"python scripts/built.py", "python scripts/workflow_lint.py"} <= set(steps)


@pytest.mark.parametrize(("name", "content"), [("a.whl", b"2"), ("b.whl", b"1")])
def test_two_builds_that_differ_are_an_error(tmp_path, name, content):
    for folder in ("first", "again", "other"):
        (tmp_path / folder).mkdir()
    first, again, other = tmp_path / "first" / "a.whl", tmp_path / "again" / "a.whl", tmp_path / "other" / name
    first.write_bytes(b"1")
    again.write_bytes(b"1")
    other.write_bytes(content)
    built.require_same([first], [again])
    with pytest.raises(SystemExit, match="two builds differ"):
        built.require_same([first], [other])
