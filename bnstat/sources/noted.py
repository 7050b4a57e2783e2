"""What a run of the command line has read, by name, so that no output replaces it (see `originals`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Noted:
    """The names of what was read. It is no dataclass, because the module of these would slow `--help` down.

    Attributes:
        files: descriptions, tables, lists and whatever else is read beside the volumes.
        cases: the cases that were found, as they were found together.
    """

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.cases: list[Sequence[Any]] = []


# What is remembered now; the library alone remembers nothing.
_now: list[Noted] = []


@contextmanager
def remembered() -> Iterator[None]:
    """Remember until the block ends."""
    _now.append(Noted())
    try:
        yield
    finally:
        _now.pop()


def note(path: str | os.PathLike[str]) -> None:
    """Remember the name of a file that is read."""
    if _now:
        _now[-1].files[os.fspath(path)] = None


def note_cases(cases: Sequence[Any]) -> None:
    """Remember cases, with their label maps and descriptions."""
    if _now:
        _now[-1].cases.append(cases)


def noted() -> Noted:
    """Return what is remembered; nothing if nothing is to be."""
    return _now[-1] if _now else Noted()
