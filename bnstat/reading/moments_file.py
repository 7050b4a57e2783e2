"""Moments files: JSON lines, one sample a line, so that files can be appended to, resumed and joined with `cat`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bnstat.errors import InputError
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_line import MomentsLine, line_of, parse
from bnstat.reading.network_layer import NetworkLayer, mixed
from bnstat.reading.scan_settings import difference
from bnstat.sources.neighbours import unopened
from bnstat.text import plural


@dataclass(frozen=True)
class MomentsFile:
    """The contents of a moments file.

    Attributes:
        lines: the samples of all complete cases, in order.
        notes: what was skipped, a sentence each.
    """

    lines: tuple[MomentsLine, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The samples as rows of the table."""
        return tuple(line.row for line in self.lines)

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
    if not found.complete:
        raise InputError(path, "no case in this moments file is complete; scan the volumes again")
    lines = tuple(chain.from_iterable(found.complete))
    for line in lines:
        if line.settings.network != lines[0].settings.network:
            raise InputError(path, f"{mixed(line.settings.network, lines[0].settings.network)}; give each a file")
        if line.settings != lines[0].settings:
            differs = difference(line.settings, lines[0].settings)
            raise InputError(
                path,
                f"its samples were scanned with different settings: {line.row.sample.title} was scanned {differs}; "
                "scan all volumes again with the same settings",
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
        complete: the samples of each case that has all of them, in order.
        incomplete: the number of cases that lack some.
        repeated: the number of lines that repeat a line before them.
        cut: True if the last line is incomplete.
        end: where the last line with an end ends, in bytes.
    """

    complete: tuple[tuple[MomentsLine, ...], ...]
    incomplete: int
    repeated: int
    cut: bool
    end: int

    @property
    def clean(self) -> bool:
        """True if every line belongs to a complete case, and none is repeated."""
        return not (self.incomplete or self.repeated)


def examine(path: str) -> Examined:
    """Read every line of a moments file.

    Raises:
        InputError: if the file cannot be read, a line is damaged, or two lines of one sample differ.
    """
    cases: dict[object, dict[int, MomentsLine]] = {}
    repeated = end = 0
    cut = False
    for number, text in enumerate(_lines(path), 1):
        # a last line that was not written to its end belongs to a scan that was interrupted
        if not text.endswith(b"\n"):
            cut = True
            break
        end += len(text)
        try:
            line = parse(text)
        except ValueError as error:
            raise InputError(path, f"line {number} is damaged: {error}; scan the volumes again") from error
        # a sample may be repeated, as by `cat` of two files, but not with other moments
        known = cases.setdefault(line.case, {}).setdefault(line.place, line)
        repeated += known is not line
        if known is not line and line_of(known) != line_of(line):
            raise InputError(
                path,
                f"line {number} has other moments of {line.row.sample.title} than a line before it: the volume or the "
                "settings changed between two scans; delete one of the two lines",
            )
    complete = [tuple(case[place] for place in sorted(case)) for case in cases.values() if _is_complete(case)]
    return Examined(tuple(complete), len(cases) - len(complete), repeated, cut, end)


def _is_complete(case: Mapping[int, MomentsLine]) -> bool:
    samples = next(iter(case.values())).samples
    return len(case) == samples and max(case) < samples


def _lines(path: str) -> Iterator[bytes]:
    try:
        with Path(path).open("rb") as file:
            yield from file
    except OSError as error:
        raise unopened(path, error) from error
