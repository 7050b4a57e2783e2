"""Every promise of SECURITY.md names tests, and these exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = re.findall(r"^- (.*?)(?=^- |^#|^$)", TEXT.partition("## What is promised")[2], re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PAGES = (ROOT / "action.yml", *sorted((ROOT / "docs" / "how-to").glob("*.md")))


def defined(path: Path) -> set[str]:
    """Return the names of the test functions of a file, also those in classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


def test_the_document_makes_promises():
    assert len(PROMISES) > 10
    assert "## How to report" in TEXT


@pytest.mark.parametrize("promise", PROMISES, ids=range(len(PROMISES)))
def test_a_promise_names_tests_that_exist(promise):
    named = TEST.findall(promise)
    assert named, promise
    for file, name in named:
        assert name in defined(ROOT / file), f"{file} has no {name}"


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
