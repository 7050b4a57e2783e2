"""The document of `bnstat layers --format json`, which a report shows: read, and checked as far as it is used."""

from __future__ import annotations

import json

from bnstat.errors import InputError, UsageError
from bnstat.reports.full.network import SCHEMA, ReportedNetwork
from bnstat.sources.documents import parsed, read_text

# How such a file is written, for a message.
_WRITE = "write it with: bnstat layers MODEL PATH -o layers.json"


def given_layers(file: str) -> ReportedNetwork:
    """Return what the document in a file says of the layers of a network.

    Raises:
        InputError: if the file cannot be read, is another document, or a field that a report shows is wrong.
    """
    found = parsed(read_text(file, _WRITE), file, _WRITE, _refused)
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise InputError(file, f"contains halves of characters, which no page can hold; {_WRITE}") from error
    said = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(found, dict) or said != SCHEMA:
        other = f"is a document of {said}" if isinstance(said, str) else "is another document"
        raise InputError(file, f"{other}, and a report takes that of bnstat layers ({SCHEMA}); {_WRITE}")
    try:
        return ReportedNetwork.of(found)
    except UsageError as error:
        raise InputError(file, f"{error}, as a report shows it; {_WRITE}") from error


def _refused(name: str) -> float:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)
