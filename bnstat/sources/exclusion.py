"""Files that are left out: what `--exclude` names, and what the file `.bnstatignore` of a folder lists.

A pattern is one of gitignore, relative to the folder that was named:

- Without a slash it stands for a name at any depth; with one, for a path from the folder on.
- `*` is any text without a slash, `?` a character, `[ab]` one of some, `**` any number of folders.
- A slash at the end stands for folders only. All that is in a folder that is left out is left out.
- `!` before a pattern takes a file back in that an earlier one leaves out, unless its folder is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from shlex import quote

from bnstat.errors import InputError, UsageError, texts
from bnstat.redaction import redacted
from bnstat.sources import storage
from bnstat.sources.addresses import Access
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.formats.registry import path_of
from bnstat.sources.names import is_image
from bnstat.text import plural

IGNORE_FILE = ".bnstatignore"
# What means something else in a set of Python's expressions, and may do so in later versions.
_SET_SIGN, _AS_ITSELF = r"[\\\[&|~]", r"\\\g<0>"
# The ending of a name of an image.
_ENDING = r"(?:\.[A-Za-z][A-Za-z0-9]{0,4})*$"
# So many files are named one by one.
_MOST_NAMES = 3
# The parts of a pattern that stand for other text than themselves.
_WILD = r"(?P<folders>(?:^|(?<=/))\*\*/)|(?P<rest>\*\*)|(?P<any>\*)|(?P<one>\?)|\[(?P<not>[!^]?)(?P<set>[^]/]+)\]"


@dataclass(frozen=True)
class Exclusion:
    """Patterns of files that are left out, the last one that fits a name decides.

    Attributes:
        patterns: the patterns, as they were given.

    Raises:
        UsageError: if one is empty, or cannot be a pattern.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", texts("exclude", self.patterns))
        _ = self._rules  # parsed once, here

    @cached_property
    def _rules(self) -> tuple[tuple[re.Pattern[str], bool, bool, bool], ...]:
        return tuple(map(_parsed, self.patterns))

    def leaves_out(self, path: str, fitted: set[str] | None = None) -> bool:
        """Return True if a file is left out. Its path has slashes and is relative to the folder that was named.

        Args:
            path: the path.
            fitted: a set to which the patterns are added that fit the file or a folder of it.
        """
        parts = [part for part in path.split("/") if part not in ("", ".")]
        fitted = set() if fitted is None else fitted
        folders = ["/".join(parts[: place + 1]) for place in range(len(parts) - 1)]
        left_out = [self._fits(folder, fitted, is_folder=True) for folder in folders]
        return any([*left_out, self._fits("/".join(parts), fitted, is_folder=False)])

    def _fits(self, path: str, fitted: set[str], *, is_folder: bool) -> bool:
        left_out = False
        for pattern, (expression, anchored, folders_only, takes_back) in zip(self.patterns, self._rules, strict=True):
            fits = expression.fullmatch(path if anchored else path.rpartition("/")[2]) is not None
            if fits and (is_folder or not folders_only):
                fitted.add(pattern)
                left_out = not takes_back
        return left_out

    def __bool__(self) -> bool:
        """Return True if there is a pattern."""
        return bool(self.patterns)


def _parsed(pattern: str) -> tuple[re.Pattern[str], bool, bool, bool]:
    """Return the expression of a pattern; and True if it is a path, if it is for folders only, if it takes back."""
    takes_back = pattern.startswith("!")
    given = pattern.removeprefix("!").removeprefix("./")
    body = given.rstrip("/").removeprefix("/")
    if not body:
        raise UsageError(
            f"`exclude`: {pattern!r} fits nothing; give a pattern of file names, as '*_seg.nii.gz' or 'derivatives/'"
        )
    anchored = "/" in given.rstrip("/")
    try:
        return re.compile(_expression(body), re.DOTALL), anchored, given.endswith("/"), takes_back
    except re.error:
        raise UsageError(f"`exclude`: {pattern!r} is not a pattern; check its brackets") from None


def _expression(body: str) -> str:
    """Return a pattern as a regular expression."""
    found, done = "", 0
    for match in re.finditer(_WILD, body):
        found += re.escape(body[done : match.start()])
        done = match.end()
        if match["set"] is not None:
            found += f"[{'^' if match['not'] else ''}{re.sub(_SET_SIGN, _AS_ITSELF, match['set'])}]"
        else:
            found += {"folders": "(?:.*/)?", "rest": ".*", "any": "[^/]*", "one": "[^/]"}[match.lastgroup or ""]
    return found + re.escape(body[done:])


@dataclass
class Sieve:
    """What is left out of one input, counted.

    Attributes:
        root: the folder as the user named it; an empty text for files that were named one by one.
        asked: what `exclude` leaves out.
        listed: what the ignore file of the folder leaves out.
        fitted: the patterns of `asked` that fitted a file; the sieves of one call share the set.
        folders: the folders whose sieves share it.
    """

    root: str
    asked: Exclusion
    listed: Exclusion = field(default_factory=Exclusion)
    fitted: set[str] = field(default_factory=set)
    folders: list[str] = field(default_factory=list)
    _left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_folder(cls, folder: str, beside: Sieve, access: Access) -> Sieve:
        """Return the sieve of a folder, with what its ignore file lists.

        Args:
            folder: the folder as the user named it.
            beside: the sieve of the files that were named, whose `exclude` holds for the folder too.
            access: how files elsewhere may be reached.

        Raises:
            InputError: if the ignore file cannot be read, or has a line that is no pattern.
        """
        beside.folders.append(folder)
        file = storage.inside(folder, IGNORE_FILE)
        try:
            there = storage.is_there(file, access)
        except InputError:  # of a server, which listing the folder tells better
            there = False
        lines = storage.text_of(file, access).splitlines() if there else []
        patterns = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
        try:
            return cls(folder, beside.asked, Exclusion(patterns), beside.fitted)
        except UsageError as error:
            raise InputError(file, str(error).removeprefix("`exclude`: ")) from error

    def keeps(self, path: str) -> bool:
        """Return True if a file of the input is not left out; it is counted if it is."""
        if not (self.asked.patterns or self.listed.patterns):  # of thousands of files none is looked at
            return True
        inside = path_of(path).replace("\\", "/")
        if self.root:
            inside = inside.removeprefix(self.root.replace("\\", "/").rstrip("/") + "/")
        asked = self.asked.leaves_out(inside, self.fitted)
        by = "`exclude`" if asked else IGNORE_FILE if self.listed.leaves_out(inside) else None
        if by is not None:
            self._left_out[path] = by
        return by is None

    def files(self, tree: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
        """Yield directories with the names of their files that are not left out; other files than images are kept."""
        for here, names in tree:
            yield here, [name for name in names if not is_image(name) or self.keeps(storage.inside(here, name))]

    def cases(self, cases: Iterable[Case]) -> list[Case]:
        """Return the cases of which no file is left out."""
        return [case for case in cases if case.held is not None or self._keeps_all(case.files)]

    def _keeps_all(self, files: Sequence[str]) -> bool:
        kept = [self.keeps(file) for file in files]  # each is counted
        return all(kept)

    @property
    def note(self) -> str | None:
        """What was left out; None if nothing was."""
        if not self._left_out:
            return None
        by = " and ".join(dict.fromkeys(self._left_out.values()))
        where = f"{self.root}: " if self.root else ""
        return f"{where}excluded {plural(len(self._left_out), 'image')} by {by}, as {next(iter(self._left_out))}"

    def unfitting(self) -> list[str]:
        """Return the note on patterns of `exclude` that fit no image of folders, as mistyped ones; empty without any.

        Of files that were named one by one a pattern may fit none: a settings file has patterns for other inputs too.
        """
        names = [one for one in self.asked.patterns if one not in self.fitted and not one.startswith("!")]
        if not (names and self.folders):
            return []
        said = f"{' and '.join(map(repr, names[:2]))}{', …' if len(names) > 2 else ''}"
        fit = "fits" if len(names) == 1 else "fit"
        return [
            f"`exclude`: {said} {fit} no image of the inputs; a pattern is a name, or a path below the folder that was "
            "named, as '*_seg.nii.gz' or 'derivatives/'"
        ]

    def told(self, found: FoundCases) -> FoundCases:
        """Add what was left out to what was found; the failure that nothing is left takes the place of another."""
        if self.note is None:
            return found
        if found.cases or not self.root:
            found.notes.append(self.note)
            return found
        others = [failure for failure in found.failures if failure.source != redacted(self.root)]
        nothing = InputError(self.root, f"no image is left of it: {self.note.removeprefix(f'{self.root}: ')}")
        return FoundCases(failures=[*others, nothing], notes=found.notes)


def options_without(files: Sequence[str], every: Sequence[str]) -> str:
    """Return the options that leave out some of several files, as they are typed; empty if their names do not do it.

    One pattern is taken if one fits, as `*_seg.nii.gz`; otherwise the names of up to three files.
    """
    names = list(dict.fromkeys(map(_name, files)))
    others = {_name(path) for path in every} - set(names)
    if len(set(every)) - len(set(files)) > sum(_name(path) not in names for path in set(every)):
        return ""  # an image has the name of a label map, in another folder
    pattern = _common_end(names, others) if len(names) > 1 else None
    patterns = [f"*{_escaped(pattern)}"] if pattern else [_escaped(name) for name in names]
    return " ".join(f"--exclude {quote(one)}" for one in patterns) if len(patterns) <= _MOST_NAMES else ""


def _name(path: str) -> str:
    return path_of(path).replace("\\", "/").rpartition("/")[2]


def _common_end(names: Sequence[str], others: Iterable[str]) -> str | None:
    """Return the shortest end of all names, from a separator or a whole word on, that no other name has."""
    shared = names[0]
    while not all(name.endswith(shared) for name in names):
        shared = shared[1:]
    ending = len(re.sub(_ENDING, "", shared))
    starts = [place for place in range(ending - 1, -1, -1) if shared[place] in "_-. " or place == 0]
    found = (shared[place:] for place in starts)
    return next((end for end in found if not any(other.endswith(end) for other in others)), None)


def _escaped(name: str) -> str:
    """Return a pattern that fits this text alone."""
    first, rest = ("[!]", name[1:]) if name.startswith("!") else ("", name)
    return first + re.sub(r"[*?[]", lambda found: f"[{found[0]}]", rest)
