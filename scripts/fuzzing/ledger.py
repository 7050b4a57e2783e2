"""What was tried so far, by reader: the sums of all rounds, kept beside this file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

LEDGER = Path(__file__).with_name("ledger.json")


@dataclass
class Tried:
    """The sums of the rounds of one reader.

    Attributes:
        rounds: the number of rounds.
        wall_seconds: how long they took.
        cpu_seconds: the processor time that they used; a busy machine gives less than the wall time.
        executions: the inputs that were tried.
        edges: the most edges of the code that one round reached.
        corpus: the inputs that reach different code, after the last round.
        failures: the causes of failures that were found, of any kind, whether mended or not.
        open: those of them that failed when the ledger was last written.
        stopped: inputs at which a process was ended from outside: no answer in the time limit, too much memory, a
            signal.
        first: the commit of the first round.
        last: the commit of the last round.
    """

    rounds: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    executions: int = 0
    edges: int = 0
    corpus: int = 0
    failures: int = 0
    stopped: int = 0
    open: int = 0
    first: str = ""
    last: str = ""

    def add(self, one: Mapping[str, Any]) -> None:
        """Add a round, as `run.py` writes it."""
        self.rounds += 1
        for name in ("wall_seconds", "cpu_seconds", "executions", "failures", "stopped"):
            setattr(self, name, getattr(self, name) + one[name])
        self.edges = max(self.edges, one["edges"])
        self.corpus = one["corpus"]
        self.first, self.last = self.first or one["commit"], one["commit"]


def summed(rounds: Iterable[Mapping[str, Any]], before: Tried | None = None) -> Tried:
    """Return the sums of rounds."""
    found = Tried() if before is None else before
    for one in rounds:
        found.add(one)
    return found


def read(path: Path = LEDGER) -> dict[str, Tried]:
    """Return the sums that are kept, by reader."""
    known = {field.name for field in fields(Tried)}
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: Tried(**{key: value for key, value in one.items() if key in known}) for name, one in content.items()}


def write(tried: Mapping[str, Tried], path: Path = LEDGER) -> None:
    """Keep the sums."""
    content = {name: {**asdict(one), **_rounded(one)} for name, one in tried.items()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _rounded(one: Tried) -> dict[str, float]:
    return {"wall_seconds": round(one.wall_seconds, 1), "cpu_seconds": round(one.cpu_seconds, 1)}
