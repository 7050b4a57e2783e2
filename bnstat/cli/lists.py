"""Lists of paths, in a file or on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bnstat.errors import InputError, UsageError
from bnstat.sources.noted import note
from bnstat.sources.regular import MOST_BYTES, read_up_to

STDIN = "-"


def joined(paths: Sequence[str], files_from: str | None, separator: str) -> tuple[str, ...]:
    """Return all paths: those on standard input in place of `-`, and those in a file last.

    Args:
        paths: paths as they were given.
        files_from: a file of paths, or "-"; None if there is none.
        separator: the end of a path in a list, a line break or NUL. Empty paths are skipped.

    Raises:
        InputError: if a list cannot be read.
        UsageError: if standard input is asked for twice, or a list contains no path.
    """
    lists = [path for path in paths if path == STDIN] + [files_from] * (files_from == STDIN)
    if len(lists) > 1:
        raise UsageError("standard input can be read only once; give - once")
    found: list[str] = []
    for path in paths:
        found += _listed(STDIN, separator) if path == STDIN else [path]
    if files_from is not None:
        found += _listed(files_from, separator)
    return tuple(found)


def _listed(file: str, separator: str) -> list[str]:
    """Return the paths in one list, decoded as the system decodes file names."""
    name = "standard input" if file == STDIN else file
    note(file)
    try:
        content = _stdin() if file == STDIN else _content(file)
    except OSError as error:
        raise InputError(name, f"cannot be read as a list of paths: {error.strerror}") from error
    except ValueError as error:
        raise InputError(name, f"no file can have this name ({error}); check the path") from error
    if len(content) > MOST_BYTES:
        raise InputError(name, f"is larger than {MOST_BYTES >> 20} MB, which no list of paths is; name another")
    lines = [os.fsdecode(line) for line in content.split(separator.encode())]
    if separator == "\n":
        lines = [line.removesuffix("\r") for line in lines]
    found = [line for line in lines if line]
    if any("\0" in line for line in found):
        raise InputError(name, "cannot be read as a list of paths: it contains NUL; add -0 if NUL ends each path")
    if not found:
        raise UsageError(f"{name} lists no path; write one path a line")
    return found


def _content(file: str) -> bytes:
    """Return the bytes of a list, up to one more than any has: it may be a pipe that a shell makes, as <(find .)."""
    with Path(file).open("rb") as opened:
        return read_up_to(opened, MOST_BYTES)


def _stdin() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input", "is closed; give a list with --files-from FILE")
    return read_up_to(sys.stdin.buffer, MOST_BYTES)
