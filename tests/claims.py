"""What sentences claim about data, and whether it is so: each number of a sentence against the values of the report.

A claim is a pattern with numbers in it and the values that they must be, from the JSON document or computed from it
here, in another way than the package does. `faults` returns what is wrong with a text. A number that no claim accounts
for is a fault too, so that a new sentence cannot pass unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

# A number as it is printed: with thousands separated, a fraction, a power of ten.
NUMBER = r"[−-]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?|[−-]?inf|nan"
FREE_NUMBER = re.compile(r"(?<![\w.,/\-–−])(?:[−-]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?)(?!\w)")

# A space of a pattern, or a set of characters, in which a space is one of them.
_SPACE = re.compile(r"\[[^\]]*\]| ")

Values = Iterable[float | int | None]
Check = Callable[["Said", Mapping[str, str]], "bool | Values"]


@dataclass(frozen=True)
class SampleChannel:
    """The statistics of one channel of one sample, of values in float64."""

    count: int
    mean: float | None
    variance: float | None
    minimum: float | None
    maximum: float | None

    @property
    def constant(self) -> bool:
        """True if all values are equal."""
        return self.minimum == self.maximum

    @property
    def varies(self) -> bool:
        """True if the values are finite and not all equal."""
        return self.mean is not None and self.minimum != self.maximum

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return sqrt(self.variance or 0.0)


class SampleChannels(tuple[SampleChannel, ...]):
    """The channels of one sample, with the name of its source, and its NaN and infinite values in each channel."""

    source: str
    nan: list[int]
    inf: list[int]


@dataclass(frozen=True)
class Said:
    """A text and what it is about.

    Attributes:
        kind: the code of the rule, or what else the text is: "note", "answer", "title".
        text: the sentences.
        finding: the fields of the finding; empty for other texts.
        part: the fields of the channel or group that it is about; empty if it is about no single one.
        batch: the fields of its batch; empty likewise.
        settings: the settings of the report.
        document: the JSON document.
        inspected: the JSON document of `inspect` on the same data with the same layer; empty if there is none.
        curve: what `compare` says of this batch size, for the larger set: of the channel of the finding, or of all.
        samples: the statistics of each sample by itself.
        volumes: the statistics of each volume, which are those of samples unless samples are patches.
        limits: the thresholds of rules.
        need: the batch size that the channel of the finding needs for its figure as a cohort of its own, and the upper
            end of the range; None if that is not known here.
        report: the report itself.
        inputs: the images in memory that it is about, in the order of their names.
    """

    kind: str
    text: str
    finding: Mapping[str, Any]
    part: Mapping[str, Any]
    batch: Mapping[str, Any]
    settings: Mapping[str, Any]
    document: Mapping[str, Any]
    inspected: Mapping[str, Any]
    curve: Any = None
    samples: Sequence[SampleChannels] = ()
    volumes: Sequence[SampleChannels] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    need: tuple[int | None, int | None] | None = None
    report: Any = None
    inputs: Sequence[Any] = ()

    @property
    def parts(self) -> Sequence[Mapping[str, Any]]:
        """The channels or groups of the batch."""
        parts: Sequence[Mapping[str, Any]] = self.batch.get("channels") or self.batch["groups"]
        return parts

    def usable(self, channel: int) -> int:
        """Return the number of samples, or of volumes with patches, whose values of this channel are all finite."""
        return len({row.source.partition("[")[0] for row in self.samples if row[channel].mean is not None})


@dataclass(frozen=True)
class Claim:
    """A pattern, with `#` for each number, and the values of these numbers in this order.

    Attributes:
        kinds: the texts in which it occurs, as a regular expression on their kind.
        pattern: the compiled pattern.
        holds: returns the values of the numbers, or whether the claim is true.
    """

    kinds: re.Pattern[str]
    pattern: re.Pattern[str]
    holds: Check


def claim(kinds: str, pattern: str, holds: Check) -> Claim:
    """Return a claim; in its pattern, `#` is a number and a space may be one that does not break a line."""
    spaced = _SPACE.sub(lambda found: found[0] if found[0] != " " else r"[ \u00a0]", pattern).replace(
        "#", f"({NUMBER})"
    )
    return Claim(re.compile(f"(?:{kinds})$"), re.compile(spaced), holds)


class Addend(float):
    """A part of a sum, which may be printed with its last digit one off, so that the printed parts add up."""


def equals(printed: str, value: float | int | None) -> bool:
    """Return True if a printed number is this value, rounded to the digits that are printed."""
    if value is None:
        return False
    number, half = parsed(printed)
    if number in (float("inf"), float("-inf")):
        return float(value) == number
    half *= 2 if isinstance(value, Addend) else 1
    return abs(number - float(value)) <= half + 4e-16 * abs(float(value))


def parsed(printed: str) -> tuple[float, float]:
    """Return a printed number and half a unit of its last digit; the part before the point is never rounded."""
    text = printed.replace(",", "").replace("−", "-")
    mantissa, _, power = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(text), 0.5 * 10.0 ** (int(power or 0) - decimals) * (1 + 1e-9)


def faults(said: Said, claims: Iterable[Claim]) -> Iterator[str]:
    """Yield what is wrong with a text: claims that do not hold, and numbers that no claim accounts for."""
    accounted: set[int] = set()
    for one in claims:
        if not one.kinds.match(said.kind):
            continue
        for match in one.pattern.finditer(said.text):
            found = one.holds(said, match.groupdict())
            named = one.pattern.groupindex.values()
            printed = [
                match[place] for place in range(1, one.pattern.groups + 1) if place not in named and match[place]
            ]
            for place in range(1, len(match.groups()) + 1):
                accounted.update(range(*match.span(place)))
            if isinstance(found, bool):
                if not found:
                    yield f"{said.kind}: not so: {match.group()!r}"
                continue
            values = list(found)
            if len(values) != len(printed):
                yield f"{said.kind}: {len(printed)} numbers and {len(values)} values: {match.group()!r}"
            yield from (
                f"{said.kind}: {number} is {value!r}: {match.group()!r}"
                for number, value in zip(printed, values, strict=False)
                if not equals(number, value)
            )
    for match in FREE_NUMBER.finditer(said.text):
        if match.start() not in accounted:
            yield f"{said.kind}: nothing accounts for {match.group()}: {said.text!r}"
