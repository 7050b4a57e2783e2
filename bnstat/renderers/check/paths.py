"""Paths as a code host knows files: relative to the root of the repository if they lie in it, else absolute.

The repository is that of the current folder, else that of the file: the nearest folder upwards that holds a `.git`.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from bnstat.reports.check import Check
from bnstat.sources.formats.registry import path_of


def located(check: Check) -> dict[str | None, str]:
    """Return the path of each source, with slashes; for None, the whole cohort, that of the folder that holds all."""
    here = _here()
    home = _root(here)
    first = {one.source: one.files[0] for one in check.samples if one.files}  # a case's name is that of no file
    found: dict[str | None, str] = {
        source: _path(first.get(source, file_of(source)), here, home) for source in _sources(check)
    }
    return {**found, None: _common(list(found.values()))}


def _sources(check: Check) -> set[str]:
    """Return every source that was read, that cannot be read, or that a finding is about."""
    read = {*check.sources, *(one.source for one in check.errors)}
    return read | {one.source for one in (*check.findings, *check.known) if one.source is not None}


def file_of(source: str) -> str:
    """Return the file of a source, without the key of an array in it."""
    return path_of(source)


def uri(path: str) -> str:
    """Return a path as a URI reference, with %XX for every byte that is not allowed in one."""
    escaped = quote(_bytes(path), safe="/:" if _is_url(path) else "/")
    if path.startswith("/"):
        return f"file://{escaped}"
    return f"file:///{escaped}" if Path(path).is_absolute() else escaped


def _is_url(path: str) -> bool:
    """Return True if a file lies on another machine, and so in no repository."""
    return "://" in path


def readable(path: str) -> str:
    """Return a path as valid text, with undecodable bytes escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _bytes(path: str) -> bytes:
    """Return the bytes that the system names a file by, or an escaped form of them if it can have no such file."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        return path.encode("utf-8", "backslashreplace")


def _here() -> Path:
    """Return the current folder, or the root of the file system if that folder is gone."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.sep)


def _path(file: str, here: Path, home: Path | None) -> str:
    if _is_url(file):
        return file
    whole = Path(os.path.normpath(here / file))
    root = home or _root(whole.parent)
    if root is None:
        return whole.as_posix()
    inside = whole if whole.is_relative_to(root) else _resolved(whole)
    return inside.relative_to(root).as_posix() if inside.is_relative_to(root) else whole.as_posix()


def _resolved(path: Path) -> Path:
    """Return a path with its links followed, or as it is if that fails."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def _root(folder: Path) -> Path | None:
    """Return the nearest folder upwards that holds a `.git`."""
    for above in (folder, *folder.parents):
        try:
            if (above / ".git").exists():
                return above
        except (OSError, ValueError):  # a name that is too long, or has a NUL
            continue
    return None


def _common(paths: list[str]) -> str:
    """Return the folder that holds all of them, or the repository's root if there is none."""
    if any(map(_is_url, paths)):
        return "."
    absolute = {path.startswith("/") or Path(path).is_absolute() for path in paths}
    if len(absolute) != 1:
        return "."
    try:
        return Path(os.path.commonpath([Path(path).parent for path in paths])).as_posix() or "."
    except ValueError:  # on two drives
        return "."
