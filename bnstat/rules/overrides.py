"""Overrides: rules that are ignored for some files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from bnstat.errors import UsageError
from bnstat.reports.finding import Finding
from bnstat.rules.baseline import relative
from bnstat.rules.selection import codes_of


@dataclass(frozen=True)
class Override:
    """Rules that are ignored for files whose path matches one of these patterns.

    `Override(["phantoms/*"], ["BN101"])` ignores BN101 in the folders called `phantoms`.

    Attributes:
        paths: patterns of `fnmatch`, whose * matches slashes too; they may match from any folder on.
        ignore: codes, names or prefixes of rules.
        folder: the folder that paths inside it are relative to, however the user names them; None to match paths as
            they are named.

    Raises:
        UsageError: if one of them names no rule, or a text is given in place of a list of texts.
    """

    paths: Sequence[str]
    ignore: Sequence[str]
    folder: str | None = None

    def __post_init__(self) -> None:
        for name, given in (("paths", self.paths), ("ignore", self.ignore)):
            if isinstance(given, str):  # its characters would be patterns and prefixes
                raise UsageError(f"`{name}` of an override must be a list of texts, as in [{given!r}]")
        for token in self.ignore:
            codes_of(token)

    def drops(self, finding: Finding) -> bool:
        """Return True if a finding is ignored."""
        if finding.source is None:
            return False
        path = self._relative(finding.source)
        names = [path, path.rpartition("[")[0]] if path.endswith("]") else [path]  # of an array, that of its archive
        matched = any(
            name == pattern or fnmatch(name, pattern) or fnmatch(name, f"*/{pattern}")
            for name in names
            for pattern in self.paths
        )
        return matched and any(finding.rule in codes_of(token) for token in self.ignore)

    def _relative(self, source: str) -> str:
        """Return a path with slashes, relative to the folder if it is inside."""
        path = Path(source if self.folder is None else relative(source, self.folder))
        return (Path(source) if ".." in path.parts else path).as_posix()
