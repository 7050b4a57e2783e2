"""A small change of the core, which a test has to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What takes long and is the same each time: the places of changes, and the tests of lines.
CACHE = ROOT / ".cache" / "mutants"
# The core: what computes numbers.
CORE = (
    "bnstat/moments",
    "bnstat/layers/normalizers",
    "bnstat/layers/batch_columns.py",
    "bnstat/layers/bounded.py",
    "bnstat/layers/columns.py",
    "bnstat/batch_size",
    "bnstat/sources/layout.py",
)


@dataclass(frozen=True)
class Mutant:
    """A change of one place of a file.

    Attributes:
        file: its path in the repository.
        line: the first line of what is changed.
        change: the name of the change, as cosmic-ray has it.
        before: the line as it is.
        after: the line as it becomes.
        source: the whole file as it becomes.
    """

    file: str
    line: int
    change: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """The identity of the mutant, which stays when lines move."""
        return f"{self.file}: {self.before} => {self.after}"
