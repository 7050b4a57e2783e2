"""The result of `bnstat scan`."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.report.finding import Failure


@dataclass(frozen=True)
class Scan:
    """The moments file, and counts of what was read.

    Attributes:
        output: The moments file.
        cases: The number of files, or cases of a data set, that were read now.
        samples: The number of samples in the moments file.
        unchanged: The number of cases that it contained before.
        errors: The inputs that could not be read.
        notes: Notes on how files were found.
    """

    output: str
    cases: int
    samples: int
    unchanged: int
    errors: tuple[Failure, ...]
    notes: tuple[str, ...] = ()
