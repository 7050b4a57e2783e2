"""The group of each file: its directory, or the entry in a column of a CSV file."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bnstat.errors import InputError, UsageError, text
from bnstat.sources.documents import read_text
from bnstat.sources.noted import note

DIRECTORY = "directory"

# The forms in which a table may name a file, in the order that is tried: its path, its name, its name without endings.
_NAMES: tuple[Callable[[str], str], ...] = (
    os.path.normpath,
    lambda source: Path(source).name,
    lambda source: Path(source).name.split(".")[0],
)

# The ends of lines, also of old programs. Other characters at which Python divides a text may be part of an entry.
_LINE_END = re.compile(r"\r\n|\r|\n")

# The columns that together tell the rows of a table of sessions apart.
_SESSION = ("participant_id", "session_id")
# The entities of BIDS whose values a table may have without the key: `01` for `sub-01`.
_ENTITIES = ("sub", "ses")
# The folders above all files in which a table is looked for.
_MOST_ABOVE = 4


def groups_by_source(sources: Sequence[str], group_by: str, folders: Sequence[str] = ()) -> dict[str, str]:
    """Return the name of each file's group.

    Args:
        sources: the files.
        group_by: "directory", or "FILE.csv:COLUMN". Another column of that table contains the files' paths, names, or
            names without endings; or the participants, patients or cases that occur in the files' paths.
        folders: the folders that the user named, in which the table may be too.

    Raises:
        InputError: if the table cannot be read.
        UsageError: if it has no such column, or no row for a file; or if all files are in one group.
    """
    found = _directories(sources) if group_by == DIRECTORY else _listed(sources, group_by, folders)
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


def _listed(sources: Sequence[str], group_by: str, folders: Sequence[str]) -> dict[str, str]:
    """Return the entry of each file in a column of a table."""
    file, _, column = text("group_by", group_by).rpartition(":")
    if not file:
        raise UsageError(f"`group_by=\"{group_by}\"` is not valid; it must be 'directory' or FILE.csv:COLUMN")
    file = _place_of(file, sources, folders)
    rows = _rows(file)
    columns = list(rows[0])
    if column not in columns:
        raise UsageError(f"{file} has no column {column!r}; it has {', '.join(columns)}")
    # The column and the form of names with which the most files are found.
    found = max(_ways(rows, column, sources), key=len)
    for source in sources:
        if not found.get(source):
            raise UsageError(f"{file} has no {column} for {source}; add a row with its name, or leave the file out")
    return {source: found[source] for source in sources}


def _place_of(file: str, sources: Sequence[str], folders: Sequence[str]) -> str:
    """Return the path of a table: where it is named, or else in a folder of the inputs, or above all their files."""
    if os.path.isabs(file) or os.path.exists(file):
        return file
    above = [os.path.abspath(one) for one in sources]
    common = os.path.commonpath(above) if len(above) > 1 else os.path.dirname("".join(above))
    places = [*folders, common, *map(str, Path(common).parents[:_MOST_ABOVE])]
    return next((path for place in places if os.path.exists(path := os.path.join(place, file))), file)


def _ways(rows: Sequence[Mapping[str, str]], column: str, sources: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the groups of files for each way in which a table may name them; files that are not found are absent."""
    keys = [other for other in rows[0] if other != column] or [column]
    for key in keys:
        groups = {row[key]: row[column] for row in rows}
        for name in _NAMES:
            yield {source: groups[name(source)] for source in sources if groups.get(name(source))}
    # Columns whose entries tell rows apart, as participants do, or participants and sessions together.
    for several in (_SESSION, *([key] for key in keys)):
        if all(key in keys for key in several):
            groups_of = {tuple(row[key] for key in several): row[column] for row in rows}
            if len(groups_of) == len(rows):
                yield _by_parts(groups_of, sources)


def _by_parts(groups: Mapping[tuple[str, ...], str], sources: Sequence[str]) -> dict[str, str]:
    """Return the groups of files whose paths have all entries of one row as parts, and of no other row."""
    firsts: dict[str, list[tuple[str, ...]]] = {}
    for entry in groups:
        firsts.setdefault(entry[0], []).append(entry)
    found = {}
    for source in sources:
        parts = _parts_of(source)
        rows = [entry for part in parts for entry in firsts.get(part, ()) if all(map(parts.__contains__, entry))]
        if len(rows) == 1 and groups[rows[0]]:
            found[source] = groups[rows[0]]
    return found


def _parts_of(source: str) -> set[str]:
    """Return the parts of a path: folders, the beginnings of its name, and entities of BIDS with and without a key."""
    name = Path(source).name.split(".")[0]
    beginnings = {name[: match.start()] for match in re.finditer(r"[_\W]", name)}
    parts = {*os.path.normpath(source).split(os.sep), name, *beginnings}
    entities = {entity for part in parts for entity in part.split("_") if "-" in entity}
    values = {entity.partition("-")[2] for entity in entities if entity.partition("-")[0] in _ENTITIES}
    return parts | entities | values


def _rows(file: str) -> list[Mapping[str, str]]:
    """Read the rows of a table, whose columns are separated by commas, semicolons or tabs."""
    note(file)
    content = read_text(file, "save the table again as CSV in UTF-8")
    head = content.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = [
            {name.strip(): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
            for row in csv.DictReader(_LINE_END.split(content), delimiter=separator, restval="")
        ]
    except csv.Error as error:
        raise InputError(file, f"the table cannot be read: {error}; save it again as CSV") from error
    if not rows:
        raise InputError(file, "the table has no rows; give one with a line of column names and a row for each file")
    return list(rows)
