"""The result of `bnstat scan`."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.inputs import failure_fields
from bnstat.reports.finding import Failure
from bnstat.text import plural


@dataclass(frozen=True, repr=False)
class Scan(Document):
    """The moments file, and counts of what was read.

    Attributes:
        output: The moments file.
        cases: The number of files, or cases of a data set, that were read in this run.
        samples: The number of samples in the moments file.
        unchanged: The number of cases that it contained before.
        errors: The inputs that could not be read.
        notes: Notes on how files were found.
    """

    output: str
    cases: int
    samples: int
    unchanged: int
    errors: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.scan/1"

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        errors = f", {plural(len(self.errors), 'input')} cannot be read" if self.errors else ""
        return (
            f"{self.output} has {plural(self.samples, 'sample')}, {plural(self.cases, 'case')} read in this run{errors}"
        )

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {**self._counts(), "errors": [failure_fields(one) for one in self.errors], "notes": list(self.notes)}

    def to_rows(self) -> list[Fields]:
        """Return one row: the file, and how much was read."""
        return [{**self._counts(), "errors": len(self.errors)}]

    def _counts(self) -> Fields:
        return {
            "output": self.output,
            "cases": self.cases,
            "samples": self.samples,
            "unchanged": self.unchanged,
        }
