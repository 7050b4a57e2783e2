"""Which tests noticed which removal, kept beside this file."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from protections.promises import Promise
from protections.removal import Removal

LEDGER = Path(__file__).with_name("ledger.json")


@dataclass(frozen=True)
class Trial:
    """What came of one removal.

    Attributes:
        what: the removal.
        edits: the identity of the edits that were made.
        noticed: the tests that failed, each with the first line of what failed, or "time limit".
        missed: the tests that passed, or failed with their protection too.
    """

    what: str
    edits: str
    noticed: Mapping[str, str] = field(default_factory=dict)
    missed: Sequence[str] = ()


def read(path: Path = LEDGER) -> dict[str, Trial]:
    """Return all trials, each by its removal."""
    found = [Trial(**one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    return {one.what: one for one in found}


def add(trial: Trial, known: Sequence[Removal], path: Path = LEDGER) -> None:
    """Keep a trial, in the order of the removals; trials of removals that are no more are dropped."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several parts may be tried at once
        kept = {**read(path), trial.what: trial}
        ordered = [asdict(kept[one.what]) for one in known if one.what in kept]
        path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def valid(known: Sequence[Removal], trials: Mapping[str, Trial]) -> dict[str, Trial]:
    """Return the trials of the removals as they are now."""
    return {one.what: trials[one.what] for one in known if one.what in trials and trials[one.what].edits == one.digest}


def never_noticed(
    promise: Promise, every: Sequence[Promise], known: Sequence[Removal], trials: Mapping[str, Trial]
) -> list[str]:
    """Return the tests of a promise that failed in none of its removals as they are now."""
    there = valid(known, trials)
    own = [there[one.what] for one in known if one.what in there and one.of(every) is promise]
    return [test for test in promise.tests if not any(test in trial.noticed for trial in own)]
