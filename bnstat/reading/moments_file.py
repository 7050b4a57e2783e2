"""Moments files: JSON lines, one sample a line, so that files can be appended to, resumed and joined with `cat`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bnstat.errors import InputError
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_failure import MomentsFailure, failure_in
from bnstat.reading.moments_line import MomentsLine, line_of
from bnstat.reading.moments_lines import Gathering, Lines
from bnstat.reading.moments_schema import decode_identity
from bnstat.reading.network_layer import NetworkLayer, mixed
from bnstat.reading.rows import Indices, Rows
from bnstat.reading.scan_settings import ScanSettings, difference
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
        settings: the settings of the scan, which all lines share.
        failures: the inputs that could not be read at the scan.
        notes: what was skipped, a sentence each.
    """

    lines: Lines
    settings: ScanSettings
    failures: tuple[InputError, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> Rows:
        """The samples as rows of the table."""
        return self.lines.rows

    @property
    def preparation(self) -> Preparation:
        """The preprocessing that all samples went through."""
        return self.settings.preparation

    @property
    def network(self) -> NetworkLayer | None:
        """The layer of a network that the moments are of; None for voxels."""
        return self.settings.network


def read_moments(path: str) -> MomentsFile:
    """Read a moments file.

    Raises:
        InputError: if the file cannot be read, a line is damaged, two lines contradict each other, or no case is
            complete and none has failed.
    """
    found = examine(path)
    told = [one.error.source for one in found.failures]
    settings = (*found.lines.settings, *(one.settings for one in found.failures))
    if not settings:
        raise InputError(path, "no case in this moments file is complete; scan the volumes again")
    first = settings[0]
    for place, one in enumerate(settings):
        if one is first or one == first:
            continue
        if one.network != first.network:
            raise InputError(path, f"{mixed(one.network, first.network)}; give each a file")
        samples = len(found.lines)
        name = found.lines.rows.samples[place].title if place < samples else told[place - samples]
        raise InputError(
            path,
            f"its samples were scanned with different settings: {name} was scanned "
            f"{difference(one, first)}; scan all volumes again with the same settings",
        )
    return MomentsFile(found.lines, first, tuple(one.error for one in found.failures), tuple(_notes(path, found)))


def has_samples(path: str) -> bool:
    """Return False if a file has only lines on inputs that could not be read, or none."""
    for texts in _blocks(path):
        for text in texts:
            try:
                if failure_in(text) is None:
                    return True
            except ValueError:  # a damaged line, which may have been one of a sample
                return True
    return False


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
        failures: the inputs that could not be read, each once, and none of which a line has the samples.
        outdated: the number of other lines of failures.
    """

    lines: Lines
    incomplete: int
    repeated: int
    cut: bool
    end: int
    failures: tuple[MomentsFailure, ...] = ()
    outdated: int = 0

    @property
    def complete(self) -> tuple[tuple[MomentsLine, ...], ...]:
        """The samples of each case, in order."""
        return tuple(self.lines.cases)

    @property
    def clean(self) -> bool:
        """True if every line belongs to a complete case or a failure, and none is repeated."""
        return not (self.incomplete or self.repeated or self.outdated)


def examine(path: str) -> Examined:
    """Read every line of a moments file.

    Raises:
        InputError: if the file cannot be read, a line is damaged, or two lines of one sample differ.
    """
    gathering = Gathering()
    failures: list[MomentsFailure] = []
    before: list[int] = []  # the number of samples before each failure
    end = 0
    cut = False
    damaged: ValueError | None = None
    for texts in _blocks(path):
        cut = not texts[-1].endswith(b"\n")  # such a line belongs to a scan that was interrupted
        fields = []
        try:
            for text in texts[:-1] if cut else texts:
                try:
                    fields.append(decode_identity(text))
                except ValueError:
                    failure = failure_in(text)
                    if failure is None:
                        raise
                    failures.append(failure)
                    before.append(len(gathering) + len(fields))
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
        _require_same(path, lines, place, known, before)
    if damaged is not None:
        number = _number(len(lines), before)
        raise InputError(path, f"line {number} is damaged: {damaged}; scan the volumes again") from damaged
    complete = lines.taken(sorting.order, sorting.starts)
    current = _current(complete, failures)
    outdated = len(failures) - len(current)
    return Examined(complete, sorting.incomplete, len(sorting.repeated), cut, end, current, outdated)


def _number(place: int, before: Sequence[int]) -> int:
    """Return the number of the line of a sample in its file, in which lines of failures are between."""
    return place + 1 + bisect_right(before, place)


def _current(complete: Lines, failures: Sequence[MomentsFailure]) -> tuple[MomentsFailure, ...]:
    """Return the last failure of each case that could not be read at another time either."""
    last = {failure.case: failure for failure in failures}
    if last:
        for first in complete.starts[:-1]:
            sample = complete.rows.samples[first]
            last.pop((sample.source, sample.files), None)
    return tuple(last.values())


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


def _require_same(path: str, lines: Lines, place: int, known: int, before: Sequence[int]) -> None:
    """Raise InputError if a line says something else than one of the same sample before it."""
    line = lines[place]
    if line_of(lines[known]) != line_of(line):
        raise InputError(
            path,
            f"line {_number(place, before)} has other moments of {line.row.sample.title} than a line before it: "
            "the volume or the settings changed between two scans; delete one of the two lines",
        )


def _blocks(path: str) -> Iterator[list[bytes]]:
    """Yield the lines of a file, some at once."""
    try:
        with open_regular(path) as file:
            while lines := file.readlines(_BLOCK):
                yield lines
    except OSError as error:
        raise unopened(path, error) from error
