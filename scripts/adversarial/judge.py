"""Compare found numbers with expected ones, and count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from reference.balls import Ball
from reference.layers import Expected

# How many wrong numbers of a case are described.
SHOWN = 6


@dataclass
class Tally:
    """What became of the cases of one family.

    Attributes:
        cases: those that were run.
        refused: those among them that are errors by the documentation, and were refused.
        numbers: the numbers that were compared.
        rounded: those among them that are the exact number rounded to float64, or equal it.
        wrong: those that are too far off.
        largest: how much of its bound any number used at most; 1 is the edge.
        where: the field of that number.
        failures: descriptions of failed cases.
    """

    cases: int = 0
    refused: int = 0
    numbers: int = 0
    rounded: int = 0
    wrong: int = 0
    largest: float = 0.0
    where: str = ""
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for name in ("cases", "refused", "numbers", "rounded", "wrong"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.largest > self.largest:
            self.largest, self.where = other.largest, other.where
        self.failures += other.failures


class Judge:
    """The comparison of one case."""

    def __init__(self) -> None:
        self.tally = Tally(cases=1)
        self.wrong: list[str] = []

    def same(self, place: str, found: object, expected: object) -> None:
        """Compare something that has to be equal: a text, a list, a whole number, a bit."""
        self.tally.numbers += 1
        equal = found == expected and isinstance(found, bool) == isinstance(expected, bool)
        self.tally.rounded += equal
        if not equal:
            self._fails(place, found, str(expected))

    def fields(self, place: str, found: Mapping[str, Any], expected: Mapping[str, Expected]) -> None:
        """Compare the fields of an object of JSON."""
        for name, one in expected.items():
            if name not in found:
                self._fails(f"{place}.{name}", "no such field", str(one))
            else:
                self.number(f"{place}.{name}", found[name], one)

    def number(self, place: str, found: Any, expected: Expected) -> None:  # noqa: ANN401  (whatever JSON has)
        """Compare one number. If float64 may not hold it, it may also be undefined."""
        if not isinstance(expected, Ball):
            self.same(place, found, expected)
            return
        self.tally.numbers += 1
        if found is None:
            if not expected.too_large:
                self._fails(place, found, describe(expected))
            return
        if not math.isfinite(found):
            self._fails(place, found, describe(expected))
            return
        self.tally.rounded += Fraction(found) == Fraction(expected.value) or found == float(expected.value)
        part = expected.part(found)
        if part > 1:
            self._fails(place, found, f"{describe(expected)}, {part:.3g} times as far off as it may be")
        elif part > self.tally.largest and not place.endswith("clipped"):  # those say where rounding decides
            self.tally.largest, self.tally.where = part, _field(place)

    def at_most(self, place: str, found: float, most: float) -> None:
        """Compare a number that has to be no more than another."""
        self.tally.numbers += 1
        if not found <= most:
            self._fails(place, found, f"at most {most!r}")

    def _fails(self, place: str, found: object, expected: str) -> None:
        self.tally.wrong += 1
        self.wrong.append(f"{place} is {found!r} and should be {expected}")

    def description(self) -> str:
        """Return what is wrong, in a few lines."""
        more = len(self.wrong) - SHOWN
        return "\n".join(f"  {one}" for one in [*self.wrong[:SHOWN], *([f"and {more} more"] if more > 0 else [])])


def describe(ball: Ball) -> str:
    """Return a number with the distance that it may be off by."""
    return f"{ball.value:.20g} ± {ball.radius:.2g}"


def _field(place: str) -> str:
    return place.rsplit(".", 1)[-1]


def lengths(judge: Judge, place: str, found: Sequence[object], expected: Sequence[object]) -> bool:
    """Compare two numbers of entries, and return True if they are the same."""
    judge.same(f"{place} (how many)", len(found), len(expected))
    return len(found) == len(expected)
