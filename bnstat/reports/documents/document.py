"""The forms that every report can take: a document of plain values, and the rows of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnstat.text import plural
from bnstat.version import __version__

if TYPE_CHECKING:
    import pandas

Fields = dict[str, object]


class Document(ABC):
    """A report that can be written as JSON or CSV. Field names are a contract; undefined values are None, never 0.

    In Python it is a line in a terminal (`repr`), a table in a notebook, a dictionary (`to_dict`), or a data frame
    (`to_pandas`).
    """

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

    @property
    @abstractmethod
    def summary(self) -> str:
        """The content of the report in a few words."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how inputs and settings were understood; the parameters in them are between backticks."""
        return ()

    @property
    def opening(self) -> Sequence[str]:
        """The sentences that every format for people opens with."""
        return ()

    @property
    def sentences(self) -> Sequence[str]:
        """The sentences that a notebook shows below the table."""
        return ()

    def __repr__(self) -> str:
        there = f", {plural(len(self.notes), 'note')} to read in .notes" if self.notes else ""
        return f"<{type(self).__name__}: {self.summary}{there}>"

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        from bnstat.reports.documents.html import table_of  # noqa: PLC0415  (2 ms, which only a notebook needs)

        rows = self.to_rows()
        told = [*self.sentences, *(f"note: {note}" for note in self.notes)]
        title = f"{type(self).__name__}: {self.summary}"
        return table_of(title, self._columns(rows), rows, opening=self.opening, sentences=told)

    def _columns(self, rows: Sequence[Fields]) -> list[str]:
        return list(dict.fromkeys((*self.column_names, *(name for row in rows for name in row))))

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows of the CSV table as a data frame of pandas: one for each batch and channel, and the like.

        Undefined numbers are NaN.

        Raises:
            ImportError: if pandas is not installed.
        """
        try:
            import pandas  # noqa: PLC0415  (an extra, and half a second)
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas; pip install 'bnstat[pandas]'") from error
        rows = self.to_rows()
        frame = pandas.DataFrame(rows, columns=self._columns(rows))
        unknown = [name for name in frame.columns if frame[name].isna().all()]  # else a column of None, and no numbers
        return frame.astype(dict.fromkeys(unknown, "float64"))

    def to_dict(self) -> Fields:
        """Return the document that `--format json` writes, always complete.

        Its notes name parameters as Python does, and those of the command line name options.
        """
        return {"schema": self.schema, "version": __version__, **self.to_fields()}
