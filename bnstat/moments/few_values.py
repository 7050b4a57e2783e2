"""What counting the distinct values of a channel comes to. Rules judge it, which are listed without numpy."""

from __future__ import annotations

from dataclasses import dataclass

# Up to so many distinct values neither their order nor their regions are looked at.
FEW_VALUES = 8
# With more distinct values that lie anyhow, a piece is one of a scan.
SOME_VALUES = 16


@dataclass(frozen=True, slots=True)
class Distinct:
    """The distinct values of a channel that are all whole, scale factors applied.

    Attributes:
        count: how many there are.
        values: the number of values among which they were counted, NaN and Inf included.
        least: the least of them.
        greatest: the greatest of them.
        alike: the share of neighbours with the same value, along the fastest axis, where both are not background: the
            smaller one of that of all of them, and of the median over distinct values. None for few distinct values,
            or too few neighbours.
        steps: of neighbours that differ, the share that are next to each other among the distinct values.
        jumps: the mean difference of neighbours that differ, in standard deviations.
        declared: True if the header says that the values are labels.
    """

    count: int
    values: int
    least: float
    greatest: float
    alike: float | None = None
    steps: float | None = None
    jumps: float | None = None
    declared: bool = False
