"""The result of `--list`: what would be read, before anything is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.documents.inputs import failure_fields
from bnstat.reports.finding import Failure
from bnstat.text import plural


@dataclass(frozen=True)
class ListedCase:
    """A case that would be read.

    Attributes:
        name: its name, which is the `source` of its samples.
        files: its files, in the order of their channels.
        channels: the names of its channels; empty if they are not known before the headers are read.
        labels: its label map, which is read only for foreground and masks; None if there is none.
    """

    name: str
    files: tuple[str, ...]
    channels: tuple[str, ...] = ()
    labels: str | None = None

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each file after the channel in it: its name, or its number; several of one file are joined."""
        if len(self.files) == 1:
            yield ", ".join(self.channels), self.files[0]
            return
        named = len(self.channels) == len(self.files)
        for number, file in enumerate(self.files):
            yield self.channels[number] if named else str(number), file


@dataclass(frozen=True, repr=False)
class Listing(Document):
    """The cases that would be read, the inputs that cannot be, and the notes on how they were found."""

    cases: tuple[ListedCase, ...]
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The content of the listing in a few words."""
        files = sum(len(case.files) for case in self.cases)
        return f"{plural(len(self.cases), 'case')} of {plural(files, 'file')}"

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.list/1"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of the table."""
        return ("case", "channel", "file", "labels")

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "cases": [
                {"case": one.name, "files": list(one.files), "channels": list(one.channels), "labels": one.labels}
                for one in self.cases
            ],
            "errors": list(map(failure_fields, self.errors)),
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each file."""
        return [
            {"case": case.name, "channel": channel, "file": file, "labels": case.labels}
            for case in self.cases
            for channel, file in case.rows()
        ]
