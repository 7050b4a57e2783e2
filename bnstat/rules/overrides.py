"""Overrides: rules that are ignored for some files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import cached_property
from os.path import normcase
from pathlib import Path

from bnstat.errors import UsageError
from bnstat.reports.finding import Finding
from bnstat.rules.baseline import relative
from bnstat.rules.selection import codes_of

# What makes a path a pattern.
_WILDCARD = re.compile(r"[*?[]")


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
        return finding.source is not None and finding.rule in self._codes and self._holds(finding.source)

    @cached_property
    def _codes(self) -> frozenset[str]:
        """The codes of the rules."""
        return frozenset(code for token in self.ignore for code in codes_of(token))

    @cached_property
    def _named(self) -> frozenset[str]:
        """The paths that are meant as they are written, in the case that this system compares."""
        return frozenset(map(normcase, self.paths))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The patterns with wildcards as one, each for the whole path and for its end from any folder on."""
        wild = [translate(normcase(one)) for one in self.paths if _WILDCARD.search(one)]
        return re.compile(f"(?s:.*{re.escape(normcase('/'))})?(?:{'|'.join(wild)})" if wild else "(?!)")

    def _holds(self, source: str) -> bool:
        """Return True if the path of a file matches."""
        path = self._relative(source)
        names = [path, path.rpartition("[")[0]] if path.endswith("]") else [path]  # of an array, that of its archive
        return any(map(self._names, names))

    def _names(self, name: str) -> bool:
        """Return True if a path matches: as it is written, its end after a slash without wildcards, or a pattern."""
        ends = (normcase(name[at + 1 :]) for at, letter in enumerate(name) if letter == "/")
        return (
            normcase(name) in self._named
            or any(end in self._named and not _WILDCARD.search(end) for end in ends)
            or self._pattern.match(normcase(name)) is not None
        )

    def _relative(self, source: str) -> str:
        """Return a path with slashes, relative to the folder if it is inside."""
        path = Path(source if self.folder is None else relative(source, self.folder))
        return (Path(source) if ".." in path.parts else path).as_posix()


def dropping(overrides: Iterable[Override]) -> Callable[[Finding], bool]:
    """Return what is True for findings that one of the overrides ignores.

    Overrides of the same rules and folder are one, so that a file's path is taken apart once, and matched once.
    """
    together: dict[tuple[frozenset[str], str | None], list[Override]] = {}
    for one in overrides:
        together.setdefault((one._codes, one.folder), []).append(one)
    merged = [replace(some[0], paths=[path for one in some for path in one.paths]) for some in together.values()]
    return lambda finding: any(override.drops(finding) for override in merged)
