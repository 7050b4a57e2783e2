"""What takes a protection away: a few lines of the code, as they are and as a careless change would leave them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protections.promises import ROOT, Promise

FOLDER = Path(__file__).with_name("removals")


@dataclass(frozen=True)
class Edit:
    """A change of one file.

    Attributes:
        file: its path in the repository.
        before: the text that is replaced. The file has it exactly once.
        after: what takes its place.
    """

    file: str
    before: str
    after: str

    def places(self, root: Path = ROOT) -> int:
        """Return how often the file has the text."""
        return (root / self.file).read_text(encoding="utf-8").count(self.before)

    def apply(self, root: Path) -> None:
        """Change the file in a copy of the repository.

        Raises:
            ValueError: if the file does not have the text exactly once, or is no program afterwards.
        """
        if (places := self.places(root)) != 1:
            raise ValueError(f"{self.file} has the text {places} times and not once:\n{self.before}")
        path = root / self.file
        changed = path.read_text(encoding="utf-8").replace(self.before, self.after)
        if path.suffix == ".py":
            compile(changed, self.file, "exec")
        path.write_text(changed, encoding="utf-8")


@dataclass(frozen=True)
class Removal:
    """One way to take a protection away.

    Attributes:
        promise: the promise that it breaks, as SECURITY.md has it up to the tests, or the beginning of that.
        what: what bnstat does then, in a clause; no two removals have the same.
        edits: the changes, all of which are made.
        tests: the names of those tests of the promise that have to notice it; none for all of its tests.
        limit_s: the seconds after which a test counts as one that hangs, where it is known to hang; else None.
    """

    promise: str
    what: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()
    limit_s: float | None = None

    @property
    def digest(self) -> str:
        """The identity of the edits: what was tried with other ones has to be tried again."""
        every = repr([(edit.file, edit.before, edit.after) for edit in self.edits])
        return hashlib.sha256(every.encode()).hexdigest()[:16]

    def of(self, known: Sequence[Promise]) -> Promise:
        """Return the promise that it breaks.

        Raises:
            ValueError: if not exactly one promise begins so.
        """
        found = [one for one in known if one.text.startswith(self.promise)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} promises of SECURITY.md begin with: {self.promise}")
        return found[0]

    def tests_of(self, promise: Promise) -> list[str]:
        """Return the tests that have to notice it, as "tests/test_x.py::test_y"."""
        return [one for one in promise.tests if not self.tests or one.partition("::")[2] in self.tests]


def removals(folder: Path = FOLDER) -> list[Removal]:
    """Return all removals: a file for each heading of SECURITY.md."""
    found = []
    for file in sorted(folder.glob("*.toml")):
        for one in tomllib.loads(file.read_text(encoding="utf-8"))["removal"]:
            edits = tuple(Edit(**edit) for edit in one["edit"])
            tests = tuple(one.get("tests", ()))
            found.append(Removal(one["promise"], one["what"], edits, tests, one.get("limit_s")))
    return found
