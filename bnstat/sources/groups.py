"""The group of each file: its directory, or the entry in a column of a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bnstat.errors import InputError, UsageError, text

DIRECTORY = "directory"

# The forms in which a table may name a file, in the order that is tried: its path, its name, its name without endings.
_NAMES: tuple[Callable[[str], str], ...] = (
    os.path.normpath,
    lambda source: Path(source).name,
    lambda source: Path(source).name.split(".")[0],
)


def groups_by_source(sources: Sequence[str], group_by: str) -> dict[str, str]:
    """Return the name of each file's group.

    Args:
        sources: the files.
        group_by: "directory", or "FILE.csv:COLUMN". Another column of that table contains the files' paths, names, or
            names without endings.

    Raises:
        InputError: if the table cannot be read.
        UsageError: if it has no such column, or no row for a file; or if all files are in one group.
    """
    found = _directories(sources) if group_by == DIRECTORY else _listed(sources, group_by)
    if len(set(found.values())) == 1:
        only = next(iter(found.values()))
        raise UsageError(
            f'`group_by="{group_by}"` puts all files into one group, {only!r}; give files of several groups'
        )
    return found


def _directories(sources: Sequence[str]) -> dict[str, str]:
    """Return the directory of each file, relative to the one that they have in common."""
    folders = {source: Path(os.path.abspath(source)).parent for source in sources}
    common = os.path.commonpath(folders.values())
    return {source: os.path.relpath(folder, common) for source, folder in folders.items()}


def _listed(sources: Sequence[str], group_by: str) -> dict[str, str]:
    """Return the entry of each file in a column of a table."""
    file, _, column = text("group_by", group_by).rpartition(":")
    if not file:
        raise UsageError(f"`group_by=\"{group_by}\"` is not valid; it must be 'directory' or FILE.csv:COLUMN")
    rows = _rows(file)
    columns = list(rows[0])
    if column not in columns:
        raise UsageError(f"{file} has no column {column!r}; it has {', '.join(columns)}")
    keys = [other for other in columns if other != column] or columns
    # The column and the form of names with which the most files are found.
    tables = [({row[key]: row[column] for row in rows}, name) for key in keys for name in _NAMES]
    named, name = max(tables, key=lambda table: sum(table[1](source) in table[0] for source in sources))
    for source in sources:
        if not named.get(name(source)):
            raise UsageError(f"{file} has no {column} for {source}; add a row with its name, or leave the file out")
    return {source: named[name(source)] for source in sources}


def _rows(file: str) -> list[Mapping[str, str]]:
    """Read the rows of a table, whose columns are separated by commas, semicolons or tabs."""
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            content = opened.read()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(file, f"the table cannot be read: {why}") from error
    head = content.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = [
            {name.strip(): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
            for row in csv.DictReader(content.splitlines(), delimiter=separator, restval="")
        ]
    except csv.Error as error:
        raise InputError(file, f"the table cannot be read: {error}; save it again as CSV") from error
    if not rows:
        raise InputError(file, "the table has no rows; give one with a line of column names and a row for each file")
    return list(rows)
