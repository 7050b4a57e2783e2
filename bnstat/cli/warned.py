"""Warnings of other packages: collected while files are read, then told as notes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnstat.cli.messages import note

# nibabel logs what it mends in a header (a zero voxel size, say). None of that touches a voxel's value.
_HEADER_LOG = "nibabel.global"


@contextmanager
def warnings_as_notes(quiet: bool) -> Iterator[None]:
    """Collect warnings, and tell each different one as a note at the end, also if reading is interrupted."""
    log = logging.getLogger(_HEADER_LOG)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        log.setLevel(level)
        if not quiet:
            for line in dict.fromkeys(map(_line, caught)):
                note(line)


def _line(warning: warnings.WarningMessage) -> str:
    """Return what a warning says, with its kind and the file of code that it comes from."""
    text = " ".join(str(warning.message).split())
    return f"{text} ({warning.category.__name__} from {'/'.join(Path(warning.filename).parts[-2:])})"
