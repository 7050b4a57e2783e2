"""What became of each mutant, kept beside this file."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import sqrt
from pathlib import Path

from mutants.mutant import CORE, Mutant

LEDGER = Path(__file__).with_name("ledger.json")


@dataclass(frozen=True)
class Entry:
    """One mutant.

    Attributes:
        file: its path in the repository.
        before: the line as it is.
        after: the line as it becomes.
        change: the name of the change.
        outcome: "killed", "survived", or "time limit", which a test that hangs would notice.
        test: the test that noticed it.
        why: of a survivor, why no test can notice it.
        late: True if it survived at first, and is noticed by tests that were written since.
    """

    file: str
    before: str
    after: str
    change: str
    outcome: str
    test: str = ""
    why: str = ""
    late: bool = False

    @property
    def key(self) -> str:
        """The identity of the mutant."""
        return f"{self.file}: {self.before} => {self.after}"

    @property
    def noticed(self) -> bool:
        """True if a test fails with it, or does not end."""
        return self.outcome in ("killed", "time limit")


def read(path: Path = LEDGER) -> dict[str, Entry]:
    """Return every mutant that is kept, by its identity."""
    entries = [Entry(**one) for one in json.loads(path.read_text("utf-8"))] if path.exists() else []
    return {one.key: one for one in entries}


def add(mutant: Mutant, outcome: str, test: str, path: Path = LEDGER) -> None:
    """Keep what became of a mutant; an explanation that it has stays."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several parts of the core may be tried at once
        _add(mutant, outcome, test, path)


def _add(mutant: Mutant, outcome: str, test: str, path: Path) -> None:
    known = read(path)
    before = known.get(mutant.key)
    entry = Entry(mutant.file, mutant.before, mutant.after, mutant.change, outcome, test)
    if before is not None:
        entry = replace(entry, why=before.why, late=entry.noticed and (before.late or not before.noticed))
    known[mutant.key] = entry
    ordered = sorted(known.values(), key=lambda one: one.key)
    lines = ",\n".join(json.dumps({key: value for key, value in asdict(one).items() if value}) for one in ordered)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def interval(noticed: int, number: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, after Wilson (1927)."""
    if not number:
        return 0.0, 1.0
    z, share = 1.96, noticed / number
    middle = share + z * z / (2 * number)
    half = z * sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    whole = 1 + z * z / number
    return (middle - half) / whole, (middle + half) / whole


def scores(entries: Mapping[str, Entry]) -> dict[str, tuple[int, int]]:
    """Return for each part of the core, and for all of it, how many mutants were noticed, and of how many."""
    found = {}
    for part in (*CORE, ""):
        own = [one for one in entries.values() if one.file.startswith(part)]
        found[part or "all"] = (sum(one.noticed for one in own), len(own))
    return found


def shown() -> str:
    """Return the score so far, and the survivors without an explanation."""
    entries = read()
    lines = [
        f"{part}: {noticed} of {number} noticed ({low:.1%} to {high:.1%})"
        for part, (noticed, number) in scores(entries).items()
        for low, high in [interval(noticed, number)]
    ]
    left = [one for one in entries.values() if not one.noticed and not one.why]
    lines += [f"{one.outcome}: {one.file}: {one.before}  =>  {one.after}" for one in left]
    return "\n".join(lines)
