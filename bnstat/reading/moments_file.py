"""Moments files: JSON lines, one sample a line, so that files can be appended to, resumed and joined with `cat`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnstat.errors import InputError
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_line import MomentsLine, line_of
from bnstat.reading.moments_lines import Gathering, Lines
from bnstat.reading.moments_schema import decode_identity
from bnstat.reading.network_layer import NetworkLayer, mixed
from bnstat.reading.rows import Indices, Rows
from bnstat.reading.scan_settings import difference
from bnstat.sources.neighbours import unopened
from bnstat.sources.regular import open_regular
from bnstat.text import plural

# The bytes of lines that are read at once: enough for columns to be worth it, and little beside them in memory.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class MomentsFile:
    """The contents of a moments file.

    Attributes:
        lines: the samples of all complete cases, in order.
        notes: what was skipped, a sentence each.
    """

    lines: Lines
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> Rows:
        """The samples as rows of the table."""
        return self.lines.rows

    @property
    def preparation(self) -> Preparation:
        """The preprocessing that all samples went through."""
        return self.lines[0].settings.preparation

    @property
    def network(self) -> NetworkLayer | None:
        """The layer of a network that the moments are of; None for voxels."""
        return self.lines[0].settings.network


def read_moments(path: str) -> MomentsFile:
    """Read a moments file.

    Raises:
        InputError: if the file cannot be read, a line is damaged, two lines contradict each other, or no case is
            complete.
    """
    found = examine(path)
    if not found.lines:
        raise InputError(path, "no case in this moments file is complete; scan the volumes again")
    lines = found.lines
    first = lines.settings[0]
    for sample, settings in zip(lines.rows.samples, lines.settings, strict=True):
        if settings is first or settings == first:
            continue
        if settings.network != first.network:
            raise InputError(path, f"{mixed(settings.network, first.network)}; give each a file")
        raise InputError(
            path,
            f"its samples were scanned with different settings: {sample.title} was scanned "
            f"{difference(settings, first)}; scan all volumes again with the same settings",
        )
    return MomentsFile(lines, tuple(_notes(path, found)))


def _notes(path: str, found: Examined) -> Iterator[str]:
    reasons = ["its last line is incomplete"] * found.cut
    if found.incomplete:
        reasons.append(f"{plural(found.incomplete, 'case')} {'lacks' if found.incomplete == 1 else 'lack'} a sample")
    if reasons:
        yield (
            f"{path}: skipped what an interrupted scan left: {' and '.join(reasons)}; "
            "bnstat scan --resume completes the file"
        )
    if found.repeated:
        lines = "1 repeated line" if found.repeated == 1 else f"{found.repeated:,} repeated lines"
        yield f"{path}: skipped {lines}; each sample counts once"


@dataclass(frozen=True)
class Examined:
    """The lines of a moments file, sorted: complete cases, and what is left over.

    Attributes:
        lines: the samples of each case that has all of them, in order.
        incomplete: the number of cases that lack some.
        repeated: the number of lines that repeat a line before them.
        cut: True if the last line is incomplete.
        end: where the last line with an end ends, in bytes.
    """

    lines: Lines
    incomplete: int
    repeated: int
    cut: bool
    end: int

    @property
    def complete(self) -> tuple[tuple[MomentsLine, ...], ...]:
        """The samples of each case, in order."""
        return tuple(self.lines.cases)

    @property
    def clean(self) -> bool:
        """True if every line belongs to a complete case, and none is repeated."""
        return not (self.incomplete or self.repeated)


def examine(path: str) -> Examined:
    """Read every line of a moments file.

    Raises:
        InputError: if the file cannot be read, a line is damaged, or two lines of one sample differ.
    """
    gathering = Gathering()
    end = 0
    cut = False
    damaged: ValueError | None = None
    for texts in _blocks(path):
        cut = not texts[-1].endswith(b"\n")  # such a line belongs to a scan that was interrupted
        fields = []
        try:
            for text in texts[:-1] if cut else texts:
                fields.append(decode_identity(text))
                end += len(text)
        except ValueError as error:
            damaged = error
        try:
            gathering.add(fields)
        except ValueError as error:  # of a line before that one
            damaged = error
        if damaged is not None:
            break
    lines = gathering.lines()
    sorting = _Sorting.of(lines)
    for place, known in sorting.repeated:
        _require_same(path, lines, place, known)
    if damaged is not None:
        raise InputError(path, f"line {len(lines) + 1} is damaged: {damaged}; scan the volumes again") from damaged
    return Examined(lines.taken(sorting.order, sorting.starts), sorting.incomplete, len(sorting.repeated), cut, end)


@dataclass(frozen=True)
class _Sorting:
    """The order of the lines of complete cases, with the place where each case starts in it, and what is left over.

    Attributes:
        order: the places of the lines in the file.
        starts: where each case starts in this order; at the end, the number of lines.
        repeated: each line that repeats another, and that one.
        incomplete: the number of cases that lack a sample.
    """

    order: list[int]
    starts: list[int]
    repeated: list[tuple[int, int]]
    incomplete: int

    @classmethod
    def of(cls, lines: Lines) -> _Sorting:
        """Sort lines by the first place of their case, then by their place in it."""
        cases: dict[object, int] = {}
        firsts: list[int] = []  # the first line of each case
        further: dict[tuple[int, int], int] = {}
        numbers: list[int] = []
        repeated: list[tuple[int, int]] = []
        for at, (sample, place) in enumerate(zip(lines.rows.samples, lines.places, strict=True)):
            case = cases.setdefault((sample.source, sample.files) if sample.files else sample.source, len(cases))
            numbers.append(case)
            if case == len(firsts):
                firsts.append(at)
                continue
            # a sample may be repeated, as by `cat` of two files, but not with other moments
            known = firsts[case] if lines.places[firsts[case]] == place else further.setdefault((case, place), at)
            if known != at:
                repeated.append((at, known))
        return cls._complete(lines, np.array(numbers, np.intp), firsts, repeated)

    @classmethod
    def _complete(cls, lines: Lines, numbers: Indices, firsts: list[int], repeated: list[tuple[int, int]]) -> _Sorting:
        """Leave out cases that lack a sample, and lines that repeat another."""
        places, samples = (np.array(column, np.int64) for column in (lines.places, lines.samples))
        kept = np.ones(len(lines), np.bool_)
        kept[[at for at, _ in repeated]] = False
        order = np.lexsort((places, numbers))
        order = order[kept[order]]
        starts = np.searchsorted(numbers[order], np.arange(len(firsts) + 1))
        found, last = np.diff(starts), order[starts[1:] - 1]
        asked = samples[firsts]
        complete = (found == asked) & (places[last] < asked)
        order = order[complete[numbers[order]]]
        starts = np.concatenate([[0], np.cumsum(found[complete])])
        return cls(order.tolist(), starts.tolist(), repeated, int((~complete).sum()))


def _require_same(path: str, lines: Lines, place: int, known: int) -> None:
    """Raise InputError if a line says something else than one of the same sample before it."""
    line = lines[place]
    if line_of(lines[known]) != line_of(line):
        raise InputError(
            path,
            f"line {place + 1} has other moments of {line.row.sample.title} than a line before it: the volume or the "
            "settings changed between two scans; delete one of the two lines",
        )


def _blocks(path: str) -> Iterator[list[bytes]]:
    """Yield the lines of a file, some at once."""
    try:
        with open_regular(path) as file:
            while lines := file.readlines(_BLOCK):
                yield lines
    except OSError as error:
        raise unopened(path, error) from error
