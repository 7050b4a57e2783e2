"""Whether a file is still the one whose header was read: its size, and the time of its last change.

Its number on the disk is not compared: a network mount gives another one when it has forgotten the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from bnstat.errors import InputError
from bnstat.text import printable


@dataclass(frozen=True)
class FileState:
    """A file at one time.

    Attributes:
        path: the file.
        size: its bytes.
        changed_ns: the time of its last change, in nanoseconds.
    """

    path: str
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: str) -> FileState | None:
        """Return the state of a file now; None if it is not there, or may not be looked at."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        return cls(path, found.st_size, found.st_mtime_ns)


def states_of(paths: Iterable[str]) -> tuple[FileState, ...]:
    """Return the states of the files that are there."""
    return tuple(state for state in map(FileState.of, paths) if state is not None)


def require_unchanged(source: str, states: Iterable[FileState]) -> None:
    """Refuse numbers that may be a mixture of two contents.

    Args:
        source: the input, as the user named it.
        states: its files, as they were before its header was read.

    Raises:
        InputError: if one has changed, or is gone.
    """
    for before in states:
        now = FileState.of(before.path)
        if now == before:
            continue
        file = "the file" if before.path == source else f"its file {printable(before.path)}"
        what = "was removed" if now is None else "was changed"
        raise InputError(
            source,
            f"{file} {what} while it was read, so its numbers would be a mixture; run again when no program writes it",
        )
