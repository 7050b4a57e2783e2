"""Rows as CSV: names in the first line; what is undefined is an empty field, and truth is true or false."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any


def written(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> str:
    """The rows as CSV, the fields in the order of the fullest; without rows the names given, or nothing at all."""
    names = names or list(dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row))
    if not names:
        return ""
    file = StringIO()
    writer = csv.DictWriter(file, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a field holds)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
