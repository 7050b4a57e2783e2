"""Rows as CSV: names in the first line; what is undefined is an empty field, and truth is true or false."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any


def written(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV; nothing at all where there are none."""
    if not rows:
        return ""
    file = StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a field holds)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
