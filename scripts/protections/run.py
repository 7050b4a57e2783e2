"""Take each protection that SECURITY.md promises away, and see whether the tests of its promise fail.

The removals are in scripts/protections/removals. For each one the working tree is copied, changed there, and the tests
run there: each up to its first case that fails, which then has to pass in a copy that is not changed. A test that hangs
until the time limit has noticed, too. An error of an import or of a collection is no failure.

    python scripts/protections/run.py                  all, in about 40 minutes on two busy cores
    python scripts/protections/run.py --only pickle    those that have this word in their promise, name or files
    python scripts/protections/run.py --stale          those that were changed or missed, or not tried yet
    python scripts/protections/run.py --show           what the ledger says

What came of each removal is kept in scripts/protections/ledger.json. The exit code is 1 if a test missed a removal that
it has to notice, or if one that SECURITY.md names failed in no removal of its promise: then the test is weak, or
another protection holds as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts")]

from protections import ledger  # noqa: E402  (of this folder, found on the path that is set above)
from protections.promises import Promise, promises  # noqa: E402
from protections.removal import Removal, removals  # noqa: E402
from protections.trial import copied, try_removal  # noqa: E402

# The longest of these tests takes a minute on a machine that has nothing else to do.
LIMIT_S = 600


def _matches(removal: Removal, word: str) -> bool:
    said = " ".join((removal.promise, removal.what, *(edit.file for edit in removal.edits)))
    return word.lower() in said.lower()


def _left(chosen: list[Removal], every: list[Promise], known: list[Removal]) -> list[str]:
    """Return a line for each test that missed a removal, and for each test of their promises that failed in none."""
    trials = ledger.read()
    valid = ledger.valid(chosen, trials)
    missed = [f"missed by {test}: {what}" for what, trial in valid.items() for test in trial.missed]
    asked = [promise for promise in every if any(one.of(every) is promise for one in chosen)]
    return missed + [
        f"never seen to fail: {test} ({promise.text})"
        for promise in asked
        for test in ledger.never_noticed(promise, every, known, trials)
    ]


def _try(tree: Path, removal: Removal, every: list[Promise], known: list[Removal], limit_s: float) -> None:
    """Try one removal, keep what came of it, and tell it."""
    before = time.monotonic()
    found = try_removal(tree, removal, removal.tests_of(removal.of(every)), limit_s)
    ledger.add(found, known)
    print(f"{removal.promise}\n  {removal.what} ({time.monotonic() - before:.0f} s)")
    for test, line in found.noticed.items():
        print(f"    noticed by {test}: {line}")
    for test in found.missed:
        print(f"    MISSED by {test}")
    sys.stdout.flush()


def main() -> int:
    """Try the removals that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--stale", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS", help="when a test counts as hanging")
    asked = parser.parse_args()
    every, known = promises(), removals()
    chosen = [one for one in known if _matches(one, asked.only)]
    tried = ledger.valid(known, ledger.read()) if asked.stale else {}
    left_to_try = [one for one in chosen if one.what not in tried or tried[one.what].missed]
    if left_to_try and not asked.show:
        with copied() as tree:
            for removal in left_to_try:
                _try(tree, removal, every, known, removal.limit_s or asked.limit)
    left = _left(chosen, every, known)
    print("\n".join(left) or "Every test was seen to fail without its protection.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
