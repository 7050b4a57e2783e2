"""Warnings of other packages: collected while files are read, then told as notes."""

from __future__ import annotations

import logging
import os
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
    heard = _Warnings(quiet)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = heard.hear
            yield
    finally:
        log.setLevel(level)
        heard.tell()


class _Warnings:
    """The different warnings of this process; a process that was forked from it tells its own at once."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._process = quiet, os.getpid()
        self._lines: dict[str, None] = {}

    def hear(
        self, message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
    ) -> None:
        """Keep what a warning says, with its category and its place in the code."""
        text = " ".join(str(message).split())
        said = f"{text} ({category.__name__} from {'/'.join(Path(filename).parts[-2:])}:{lineno})"
        if said not in self._lines and os.getpid() != self._process and not self._quiet:
            note(said)
        self._lines[said] = None

    def tell(self) -> None:
        """Write each different warning as a note, unless quiet."""
        if not self._quiet:
            for said in self._lines:
                note(said)
