"""Lists of paths: a file that holds them, or standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bnstat.errors import InputError, UsageError

STDIN = "-"


def joined(paths: Sequence[str], files_from: str | None, separator: str) -> tuple[str, ...]:
    """Paths with lists in their place: `-` among them is standard input, `files_from` comes last.

    Args:
        paths: as they were given.
        files_from: a file of paths, or "-"; None without one.
        separator: what ends a path in a list, a line break or NUL. Empty ones are passed over.

    Raises:
        InputError: a list cannot be read.
        UsageError: standard input is asked for twice, or a list holds no path.
    """
    lists = [path for path in paths if path == STDIN] + [files_from] * (files_from == STDIN)
    if len(lists) > 1:
        raise UsageError("standard input can be read once: give - once")
    found: list[str] = []
    for path in paths:
        found += _listed(STDIN, separator) if path == STDIN else [path]
    if files_from is not None:
        found += _listed(files_from, separator)
    return tuple(found)


def _listed(file: str, separator: str) -> list[str]:
    """The paths in one list, decoded as the system's file names are."""
    name = "standard input" if file == STDIN else file
    try:
        content = _stdin() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise InputError(name, f"cannot be read as a list of paths: {error.strerror}") from error
    lines = [os.fsdecode(line) for line in content.split(separator.encode())]
    if separator == "\n":
        lines = [line.removesuffix("\r") for line in lines]
    found = [line for line in lines if line]
    if any("\0" in line for line in found):
        raise InputError(
            name, "cannot be read as a list of paths: it holds NUL; give a text, or -0 if NUL ends each path"
        )
    if not found:
        raise UsageError(f"{name} lists no path; give one a line")
    return found


def _stdin() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input", "is closed; give a file with --files-from")
    return sys.stdin.buffer.read()
