"""What `bnstat scan` tells."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.report.finding import Failure


@dataclass(frozen=True)
class Scan:
    """What was kept.

    Attributes:
        output: the file of moments.
        cases: files, or cases of a data set, that were read now.
        samples: lines that the file has in all.
        unchanged: cases that it had before.
        errors: inputs that could not be read.
        notes: on how files were found.
    """

    output: str
    cases: int
    samples: int
    unchanged: int
    errors: tuple[Failure, ...]
    notes: tuple[str, ...] = ()
