"""Every report as CSV: column names in the first line. An undefined value is an empty field, truth is true or false."""

from __future__ import annotations

import csv
from io import StringIO

from bnstat.reports.documents.document import Document


def render(report: Document) -> str:
    """Return the report as CSV, always complete: the columns of the row with the most of them come first."""
    rows = report.to_rows()
    fullest = sorted(rows, key=len, reverse=True)
    names = report.column_names or tuple(dict.fromkeys(name for row in fullest for name in row))
    if not names:
        return ""
    file = StringIO()
    writer = csv.DictWriter(file, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _field(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
