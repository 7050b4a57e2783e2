"""An input that could not be read at a scan, as a line of the moments file: schema `bnstat.moments-failure/1`.

Without such a line, an answer from the file would be that on a whole cohort, while one from the volumes says which are
missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bnstat.errors import InputError
from bnstat.escapes import json_text
from bnstat.reading.moments_line import settings_fields, settings_of
from bnstat.reading.moments_schema import FAILURE_SCHEMA, decode_failure, decode_identity
from bnstat.reading.scan_settings import ScanSettings

# What every line of a failure has, and hardly another.
_MARK = b"bnstat.moments-failure/"

# What the lines of one case share: its name, and its files if it has several.
CaseKey = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class MomentsFailure:
    """The contents of a line.

    Attributes:
        case: what the lines of the case share: its name, and its files if it has several. An input in which no case was
            found has its own name.
        error: what was wrong, as a report on the volumes has it.
        settings: the settings of the scan.
    """

    case: CaseKey
    error: InputError
    settings: ScanSettings

    @classmethod
    def of_input(cls, error: InputError, settings: ScanSettings) -> MomentsFailure:
        """Return the failure of an input in which no case was found."""
        return cls((error.source, ()), error, settings)


def failure_line_of(failure: MomentsFailure) -> str:
    """Return the text of a line, with its end."""
    (case, files), error = failure.case, failure.error
    optional = {"files": list(files), "missing": list(error.missing)}
    fields = {
        "schema": FAILURE_SCHEMA,
        "case": case,
        "source": error.source,
        "message": error.message,
        **{name: value for name, value in optional.items() if value},
        "settings": settings_fields(failure.settings),
    }
    return json_text(json.dumps(fields, allow_nan=False)) + "\n"


def failure_in(line: bytes) -> MomentsFailure | None:
    """Return the failure that a line is of; None for any other line.

    Raises:
        ValueError: if the line is of a failure, and was damaged or edited to something that bnstat does not write.
    """
    if _MARK not in line:
        return None
    try:
        decode_identity(line)  # a sample whose name has the mark
    except ValueError:
        pass
    else:
        return None
    fields = decode_failure(line)
    error = InputError(fields.source, fields.message, fields.missing)
    return MomentsFailure((fields.case, fields.files), error, settings_of(fields.settings))
