"""The document of `bnstat layers --format json`, which a report shows: read, and checked as far as it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnstat.errors import InputError
from bnstat.sources.neighbours import unopened

_SCHEMA = "bnstat.layers/1"
# How such a file is written, for a message.
_WRITE = "write it with: bnstat layers MODEL PATH -o layers.json"


def given_layers(file: str) -> Mapping[str, Any]:
    """Return the document in a file.

    Raises:
        InputError: if the file cannot be read, or is another document.
    """
    try:
        found: object = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise unopened(file, error) from error
    except (ValueError, RecursionError) as error:  # also of bytes that are no text
        raise InputError(file, f"is not JSON, and so not a document of bnstat layers; {_WRITE}") from error
    said = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(found, dict) or said != _SCHEMA:
        other = f"is a document of {said}" if isinstance(said, str) else "is another document"
        raise InputError(file, f"{other}, and a report takes that of bnstat layers ({_SCHEMA}); {_WRITE}")
    return found
