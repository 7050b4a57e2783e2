"""The baseline: findings that a check found before and lets pass, in a file beside the data.

An entry is the code of a rule, the path of a file relative to the baseline file, a channel, and in a network a layer.
It holds no value and no number of a batch, because these change with the files around it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bnstat.errors import InputError, OutputError
from bnstat.escapes import json_text
from bnstat.reports.check import Stale
from bnstat.reports.finding import Finding
from bnstat.sources.documents import in_short, read_json
from bnstat.sources.regular import exists
from bnstat.writing import write_whole

SCHEMA = "bnstat.baseline/1"
# More channels than an array can have.
_MOST_CHANNELS = 1 << 63
_ANEW = "give another file with `baseline`, and write it with `update_baseline`"


@dataclass(frozen=True, order=True)
class KnownFinding:
    """A known finding.

    Its `path` is "" if it is about several files, its `channel` −1 if it is about none, and its `layer` "" likewise.
    """

    path: str
    rule: str
    channel: int
    name: str
    layer: str = ""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """The identity of the finding. The rule's name is no part of it, because it may change."""
        return self.path, self.rule, self.channel, self.layer


@dataclass(frozen=True)
class Baseline:
    """A baseline file and its entries, whose paths are relative to the file's folder."""

    file: Path
    entries: tuple[KnownFinding, ...] = ()

    def entry(self, finding: Finding) -> KnownFinding:
        """Return the entry of a finding."""
        path = "" if finding.source is None else self._relative(finding.source)
        channel = -1 if finding.channel is None else finding.channel
        return KnownFinding(path, finding.rule, channel, finding.name, finding.layer or "")

    def _relative(self, source: str) -> str:
        return relative(source, str(self.file.parent))

    def split(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Split findings into those that are new and those that are known."""
        known = {entry.key for entry in self.entries}
        new: list[Finding] = []
        old: list[Finding] = []
        for finding in findings:
            (old if self.entry(finding).key in known else new).append(finding)
        return tuple(new), tuple(old)

    def stale(
        self, findings: Iterable[Finding], read: Collection[str], rules: Collection[str], *, several: bool = True
    ) -> tuple[Stale, ...]:
        """Return the entries that no finding matches any more.

        Args:
            findings: All findings.
            read: The files that were read. An entry about another file is judged only if that file is gone.
            rules: The codes of the rules that judged.
            several: True if entries about several files are judged, which takes that all of them could be read.
        """
        found = {self.entry(finding).key for finding in findings}
        looked_at = {*([""] if several else []), *(self._relative(source) for source in read)}
        return tuple(
            Stale(one.rule, one.name, one.path or None, None if one.channel < 0 else one.channel, one.layer or None)
            for one in self.entries
            if one.key not in found and one.rule in rules and self._is_judged(one.path, looked_at)
        )

    def _is_judged(self, path: str, looked_at: Collection[str]) -> bool:
        return path in looked_at or (path != "" and not self._is_there(path))

    def _is_there(self, path: str) -> bool:
        """Return True if a file exists; for an array in an archive, if the archive does."""
        named = (path, path.rpartition("[")[0])
        return any(exists(self.file.parent / name) for name in named if name)

    def updated(self, findings: Iterable[Finding], stale: Iterable[Stale]) -> Baseline:
        """Return a baseline with these findings and without stale entries; entries of files that were not read stay."""
        gone = {
            (one.path or "", one.rule, -1 if one.channel is None else one.channel, one.layer or "") for one in stale
        }
        kept = {entry for entry in self.entries if entry.key not in gone}
        return Baseline(self.file, tuple(sorted({*kept, *(self.entry(finding) for finding in findings)})))


@lru_cache(maxsize=4096)
def relative(source: str, folder: str) -> str:
    """Return a path relative to a folder, with slashes; a URL and a path on another drive stay as they are.

    If the path as named is in the folder, links are not followed: their targets may be elsewhere on another computer.
    Otherwise they are followed, as for a working directory that was entered through a link.
    """
    if "://" in source:
        return source
    try:
        path = os.path.relpath(source, folder)
        if _leaves(path):
            parent, name = os.path.split(source)
            followed = os.path.relpath(Path(os.path.realpath(parent), name), os.path.realpath(folder))
            path = path if _leaves(followed) else followed
    except ValueError:
        path = source
    return Path(path).as_posix()


def _leaves(path: str) -> bool:
    return Path(path).parts[:1] == (os.pardir,)


def load(file: str, *, missing: bool = False) -> Baseline:
    """Read a baseline file.

    Args:
        file: The path of the file.
        missing: True if a file that does not exist counts as empty, as before the first update.

    Raises:
        InputError: if the file cannot be read, or is not a baseline.
    """
    path = Path(file)
    if missing and not exists(path):  # False in a folder that must not be looked into
        return Baseline(path)
    try:
        document = read_json(file, f"so it is not a bnstat baseline; {_ANEW}")
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise InputError(file, "no such file; `update_baseline` creates it") from error
        raise
    return Baseline(path, tuple(_entries(document, file)))


def _entries(document: object, file: str) -> Iterable[KnownFinding]:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(file, f"it is not a bnstat baseline, because its schema is not {SCHEMA}; {_ANEW}")
    entries = document.get("findings")
    if not isinstance(entries, list):
        raise InputError(file, f"it is not a bnstat baseline, because it has no list of findings; {_ANEW}")
    for one in entries:
        if not (
            isinstance(one, dict) and all(is_kind(one.get(key, absent)) for key, (is_kind, absent) in _FIELDS.items())
        ):
            raise InputError(file, f"one of its entries is not a finding: {in_short(one)}; {_ANEW}")
        channel = one["channel"]
        yield KnownFinding(
            one["path"] or "", one["rule"], -1 if channel is None else channel, one["name"], one.get("layer") or ""
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_channel_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_CHANNELS)


# The fields of an entry, each with what decides whether a value is one, and what stands for a field that is not there:
# only a layer may be left out.
_FIELDS: Mapping[str, tuple[Callable[[object], bool], object]] = {
    "rule": (_is_text, ...),
    "name": (_is_text, ...),
    "path": (_is_text_or_none, ...),
    "channel": (_is_channel_or_none, ...),
    "layer": (_is_text_or_none, None),
}


def _fields(one: KnownFinding) -> dict[str, object]:
    """Return an entry as the file has it."""
    return {
        "rule": one.rule,
        "name": one.name,
        "path": one.path or None,
        "channel": None if one.channel < 0 else one.channel,
        **({"layer": one.layer} if one.layer else {}),
    }


def save(baseline: Baseline) -> None:
    """Write the file, one entry per line, so that a diff of it reads well.

    Raises:
        OutputError: if the file cannot be written.
    """
    rows = [json_text(json.dumps(_fields(one))) for one in baseline.entries]
    inside = "".join(f"\n    {row}{',' * (place < len(rows) - 1)}" for place, row in enumerate(rows))
    text = f'{{\n  "schema": "{SCHEMA}",\n  "findings": [{inside}{chr(10) + "  " if rows else ""}]\n}}\n'
    try:
        write_whole(baseline.file, text.encode())
    except OSError as error:
        raise OutputError(f"{baseline.file}: cannot be written: {error.strerror}; give another `baseline`") from error
