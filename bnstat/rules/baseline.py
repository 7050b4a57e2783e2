"""Known findings: what a check has found before and lets pass, kept in a file that lies beside the data.

An entry is the code of a rule, the path of a file relative to the baseline file, and a channel: never a value or the
number of a batch, which change with the files around it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bnstat.errors import InputError, OutputError
from bnstat.report.check import Stale
from bnstat.report.finding import Finding

SCHEMA = "bnstat.baseline/1"


@dataclass(frozen=True, order=True)
class KnownFinding:
    """A known finding: `path` is "" where it is about several files, `channel` −1 where it is about none."""

    path: str
    rule: str
    channel: int
    name: str

    @property
    def key(self) -> tuple[str, str, int]:
        """What a finding is matched by: names may be put better one day."""
        return self.path, self.rule, self.channel


@dataclass(frozen=True)
class Baseline:
    """The entries of a baseline file, and the folder that their paths are relative to."""

    file: Path
    entries: tuple[KnownFinding, ...] = ()

    def entry(self, finding: Finding) -> KnownFinding:
        """The entry that a finding has."""
        path = "" if finding.source is None else self._relative(finding.source)
        return KnownFinding(path, finding.rule, -1 if finding.channel is None else finding.channel, finding.name)

    def _relative(self, source: str) -> str:
        return relative(source, str(self.file.parent))

    def split(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Findings that are new, and those that are known."""
        known = {entry.key for entry in self.entries}
        new: list[Finding] = []
        old: list[Finding] = []
        for finding in findings:
            (old if self.entry(finding).key in known else new).append(finding)
        return tuple(new), tuple(old)

    def stale(
        self, findings: Iterable[Finding], read: Collection[str], rules: Collection[str], *, several: bool = True
    ) -> tuple[Stale, ...]:
        """Entries that no finding matches any more.

        Args:
            findings: all there are.
            read: the files that were read; an entry of another file is judged only where that is gone.
            rules: the codes that judged.
            several: whether entries about several files are judged: not where one of them could not be read.
        """
        found = {self.entry(finding).key for finding in findings}
        looked_at = {*([""] if several else []), *(self._relative(source) for source in read)}
        return tuple(
            Stale(one.rule, one.name, one.path or None, None if one.channel < 0 else one.channel)
            for one in self.entries
            if one.key not in found and one.rule in rules and self._is_judged(one.path, looked_at)
        )

    def _is_judged(self, path: str, looked_at: Collection[str]) -> bool:
        return path in looked_at or (path != "" and not self._is_there(path))

    def _is_there(self, path: str) -> bool:
        """Whether a file is there; of an array of an archive, the archive."""
        return any((self.file.parent / name).exists() for name in (path, path.rpartition("[")[0]) if name)

    def updated(self, findings: Iterable[Finding], stale: Iterable[Stale]) -> Baseline:
        """With these findings, and without what is stale; entries of files that were not read stay."""
        gone = {(one.path or "", one.rule, -1 if one.channel is None else one.channel) for one in stale}
        kept = {entry for entry in self.entries if entry.key not in gone}
        return Baseline(self.file, tuple(sorted({*kept, *(self.entry(finding) for finding in findings)})))


@lru_cache(maxsize=4096)
def relative(source: str, folder: str) -> str:
    """A path with slashes from a folder on, however the user named it; a URL, and what is on another drive, stay.

    As it is named where it lies in the folder so: what is linked into it may be elsewhere on another computer. Where it
    does not, links on the way are followed, as of a working directory that was entered through one.
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
        file: its path.
        missing: whether one that is not there is an empty one, as before the first update.

    Raises:
        InputError: it cannot be read, or is no baseline.
    """
    path = Path(file)
    if missing and not path.exists():
        return Baseline(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        hint = "; --update-baseline makes it" if isinstance(error, FileNotFoundError) else ""
        raise InputError(file, f"cannot be read: {error.strerror}{hint}") from error
    except ValueError as error:
        raise InputError(file, "is no baseline: it is not JSON; make it anew with --update-baseline") from error
    return Baseline(path, tuple(_entries(document, file)))


def _entries(document: object, file: str) -> Iterable[KnownFinding]:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(file, f"is no baseline of schema {SCHEMA}; make it anew with --update-baseline")
    entries = document.get("findings")
    if not isinstance(entries, list):
        raise InputError(file, "has no list of findings; make it anew with --update-baseline")
    for one in entries:
        try:
            rule, path, channel = str(one["rule"]), str(one["path"] or ""), one["channel"]
            yield KnownFinding(path, rule, -1 if channel is None else int(channel), one["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                file, f"has an entry that is none: {one!r}; make it anew with --update-baseline"
            ) from error


def save(baseline: Baseline) -> None:
    """Write the file, an entry a line, so that a diff of it reads well.

    Raises:
        OutputError: it cannot be written.
    """
    rows = [
        json.dumps(
            {
                "rule": one.rule,
                "name": one.name,
                "path": one.path or None,
                "channel": None if one.channel < 0 else one.channel,
            }
        )
        for one in baseline.entries
    ]
    inside = "".join(f"\n    {row}{',' * (place < len(rows) - 1)}" for place, row in enumerate(rows))
    text = f'{{\n  "schema": "{SCHEMA}",\n  "findings": [{inside}{chr(10) + "  " if rows else ""}]\n}}\n'
    try:
        baseline.file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{baseline.file}: cannot be written: {error.strerror}; give another --baseline") from error
