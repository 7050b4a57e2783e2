"""The folder of a run: inputs that reach new code, failures, and what was tried so far."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing.reader import Failure


@dataclass(frozen=True)
class State:
    """The folder of a run for one reader."""

    top: Path
    reader: str

    @property
    def corpus(self) -> Path:
        """The inputs that reach new code."""
        return self._folder("corpus")

    @property
    def failures(self) -> Path:
        """The inputs that failed, one for each cause, with their traces."""
        return self._folder("failures")

    @property
    def stopped(self) -> Path:
        """The inputs at which the fuzzer was stopped: after the time limit, over the memory limit, or by a signal."""
        return self._folder("stopped")

    @property
    def progress(self) -> Path:
        """The file in which a process counts what it tries."""
        return self._folder("progress") / "now.json"

    @property
    def rounds(self) -> Path:
        """The file with a line for each round."""
        return self.top / f"{self.reader}.jsonl"

    def _folder(self, name: str) -> Path:
        folder = self.top / name / self.reader
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def add_seed(self, data: bytes) -> None:
        """Put an input into the corpus."""
        (self.corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)

    def add_failure(self, failure: Failure, data: bytes) -> bool:
        """Keep a failure if its cause is new, or the input is shorter than that which was kept; True if it is new."""
        name = hashlib.sha1(f"{failure.kind} {failure.place}".encode(), usedforsecurity=False).hexdigest()[:12]
        kept = self.failures / f"{failure.kind}-{name}"
        new = not kept.exists()
        if new or len(data) < kept.stat().st_size:
            kept.write_bytes(data)
            kept.with_suffix(".txt").write_text(f"{failure.place}\n\n{failure.trace}", encoding="utf-8")
        return new

    def add_round(self, one: dict[str, Any]) -> None:
        """Write down what a round did."""
        with self.rounds.open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")

    def done(self) -> Iterator[dict[str, Any]]:
        """Yield what each round did."""
        if self.rounds.exists():
            yield from map(json.loads, self.rounds.read_text(encoding="utf-8").splitlines())

    def unpublished(self) -> list[dict[str, Any]]:
        """Return the rounds since this was last called."""
        mark = self.rounds.with_suffix(".published")
        done = list(self.done())
        known = int(mark.read_text(encoding="utf-8")) if mark.exists() else 0
        mark.write_text(str(len(done)), encoding="utf-8")
        return done[known:]

    def failed(self) -> list[Path]:
        """Return the inputs that failed."""
        return sorted(path for path in self.failures.iterdir() if path.suffix != ".txt")
