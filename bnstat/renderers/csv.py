"""Every report as CSV: column names in the first line. An undefined value is an empty field, truth is true or false.

Names are safe to print and to open in a spreadsheet; docs/reference/csv.md says how to read escapes back.
"""

from __future__ import annotations

import csv
from io import StringIO

from bnstat.escapes import csv_cell
from bnstat.reports.documents.document import Document


def render(report: Document) -> str:
    """Return the report as CSV, always complete: the columns of the row with the most of them come first."""
    rows = report.to_rows()
    fullest = sorted(rows, key=len, reverse=True)
    names = report.column_names or tuple(dict.fromkeys(name for row in fullest for name in row))
    if not names:
        return ""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(csv_cell, names))
    writer.writerows([_field(row.get(name)) for name in names] for row in rows)
    return file.getvalue()


def _field(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str):
        return csv_cell(value)
    return str(value).lower() if isinstance(value, bool) else value
