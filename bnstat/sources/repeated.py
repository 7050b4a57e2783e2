"""Files that are among the inputs more than once, whatever names lead to them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.sources.formats.registry import split_key


def repeated(cases: Iterable[Case]) -> list[str]:
    """Return a note if a file is read more than once: under one name, another spelling of it, or a link to it."""
    # the first name of each file, and all names of those that have more than one
    names: dict[object, str] = {}
    again: dict[object, list[str]] = {}
    for case in cases:
        for file in case.files if case.held is None else ():
            identity = _identity(file)
            if identity in names:
                again.setdefault(identity, [names[identity]]).append(file)
            else:
                names[identity] = file
    if not again:
        return []
    # the files in the order in which they were first named
    first = next(again[identity] for identity in names if identity in again)
    more = len(again) - 1
    spelled = list(dict.fromkeys(first))
    times = "twice" if len(first) == 2 else f"{len(first)} times"
    what = f"{spelled[0]} is among the inputs {times}" + (f", also as {spelled[1]}" if len(spelled) > 1 else "")
    others = f"; so {'is 1 more file' if more == 1 else f'are {more:,} more files'}" if more else ""
    return [f"{what}{others}; its values count each time, so give it once"]


def _identity(file: str) -> object:
    """Return what is the same for all names of a file: its place on the disk; its name if it is not on a disk."""
    if is_remote(file):
        return file
    path, key = split_key(file)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return file
    # some file systems have no numbers for files
    return (found.st_dev, found.st_ino, key) if found.st_ino else (os.path.realpath(path), key)
