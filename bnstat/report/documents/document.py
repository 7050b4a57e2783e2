"""The forms that every report can take: a document of plain values, and the rows of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod

from bnstat.version import __version__

Fields = dict[str, object]


class Document(ABC):
    """A report that can be written as JSON or CSV. Field names are a contract; undefined values are None, never 0."""

    @property
    @abstractmethod
    def schema(self) -> str:
        """The name and version of the schema in `docs/schema/` that the document follows."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns of the table where a report without rows has them too; empty where the rows say them."""
        return ()

    @abstractmethod
    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""

    @abstractmethod
    def to_rows(self) -> list[Fields]:
        """Return the rows of the CSV table, each with its columns in order."""

    def to_dict(self) -> Fields:
        """Return the document that `--format json` writes, always complete."""
        return {"schema": self.schema, "version": __version__, **self.to_fields()}
