"""Every report as JSON. The document is the report's own; here are the rules of how it is written."""

from __future__ import annotations

import json

from bnstat.escapes import json_text
from bnstat.reports.documents.document import Document


def render(report: Document) -> str:
    """Return the report as a JSON document, always complete."""
    return written(report.to_dict())


def written(value: object, *, ascii_only: bool = False) -> str:
    """Return a value of plain values as JSON text of several lines; undefined values are None, and NaN is refused."""
    return json_text(json.dumps(value, indent=2, ensure_ascii=ascii_only, allow_nan=False)) + "\n"


def line(value: object) -> str:
    """Return a value as JSON text on a line of its own, so that lines can be searched, cut and joined."""
    return json_text(json.dumps(value, ensure_ascii=False, allow_nan=False)) + "\n"
