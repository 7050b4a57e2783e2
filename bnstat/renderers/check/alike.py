"""Findings of one rule on one file, which every format that a person reads says together; and the verdict in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bnstat.renderers import text
from bnstat.report.check import Check, Stale
from bnstat.report.finding import SEVERITIES, Finding
from bnstat.text import plural

# What findings about no single file stand under.
SEVERAL = "several samples"
# What stands above stale entries.
STALE = "stale in the baseline, as no longer found (--update-baseline drops them):"
# Places that are named before the rest is counted.
MOST_PLACES = 12


@dataclass(frozen=True)
class Alike:
    """Findings of one rule on one file, at least one.

    Attributes:
        findings: in the order in which they were found.
        batches: whether a place is told by its batch too: the file is in several.
    """

    findings: tuple[Finding, ...]
    batches: bool

    @property
    def first(self) -> Finding:
        """The one whose message stands for all."""
        return self.findings[0]

    @property
    def title(self) -> str:
        """The rule, as in "BN101 zero-variance"."""
        return f"{self.first.rule} {self.first.name}"

    @property
    def where(self) -> str:
        """The file, safe to print."""
        return SEVERAL if self.first.source is None else text.printable(self.first.source)

    @property
    def places(self) -> str:
        """Channels, groups and batches, as in "channels 0–2, 5 of batch 1"; empty where they are the whole file."""
        return _places(self.findings, self.batches)

    @property
    def message(self) -> str:
        """The first message in one line, and where else the same was found."""
        others = _places(self.findings[1:], self.batches)
        return one_line(self.first.message) + (f" Likewise {others}." if others else "")


def gathered(check: Check, findings: Iterable[Finding]) -> list[Alike]:
    """Findings file by file, the files as they were read and what is about several last, the worst rules first."""
    files = Counter(sample.source for sample in check.samples)
    order = {source: place for place, source in enumerate(files)}
    groups: dict[tuple[str | None, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.source, finding.rule), []).append(finding)
    found = [Alike(tuple(group), source is None or files[source] > 1) for (source, _), group in groups.items()]
    last = len(order)
    return sorted(
        found,
        key=lambda one: (
            last + 1 if one.first.source is None else order.get(one.first.source, last),
            SEVERITIES.index(one.first.severity),
        ),
    )


def worst_first(groups: Iterable[Alike]) -> list[Alike]:
    """The same, all errors before all warnings."""
    return sorted(groups, key=lambda one: SEVERITIES.index(one.first.severity))


def one_line(message: str) -> str:
    """A message on one line, safe to print."""
    return " ".join(text.printable(line.strip()) for line in message.splitlines())


def outcome(check: Check) -> str:
    """The verdict in a word, which never says that all is well where something could not be read."""
    if check.failed:
        return "failed"
    return "incomplete" if check.errors else "passed"


def verdict(check: Check) -> str:
    """All in a line, as in "2 errors, 1 warning in 12 samples; 3 known from the baseline"."""
    parts = [f"{_counted(check)} in {plural(len(check.samples), 'sample')}"]
    if not check.samples and not check.findings:
        parts = ["no sample was read"]
    if check.known:
        parts.append(f"{len(check.known):,} known from the baseline")
    if check.stale:
        parts.append(f"{len(check.stale):,} stale in the baseline")
    if check.errors:
        parts.append(f"{plural(len(check.errors), 'input')} could not be read")
    return "; ".join(parts)


def _counted(check: Check) -> str:
    counts = Counter(finding.severity for finding in check.findings)
    named = [plural(counts[severity], severity) for severity in SEVERITIES if counts[severity]]
    return ", ".join(named) or ("nothing new found" if check.known else "nothing found")


def stale_line(entry: Stale) -> str:
    """A stale entry in words."""
    where = SEVERAL if entry.path is None else text.printable(entry.path)
    return f"{entry.rule} {entry.name}: {where}" + ("" if entry.channel is None else f", channel {entry.channel}")


def hint(check: Check) -> str:
    """Where more is said: of the worst rule that found anything."""
    worst = min(check.findings, key=lambda finding: SEVERITIES.index(finding.severity))
    return f"bnstat explain {worst.rule}"


def _places(findings: Sequence[Finding], batches: bool) -> str:
    """Batches with the same channels or groups together, the first ones of many."""
    parts: dict[tuple[int | None, str], list[int]] = {}
    for finding in findings:
        kind, number = _part(finding)
        parts.setdefault((finding.batch if batches else None, kind), []).extend(number)
    same: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for (batch, kind), numbers in parts.items():
        same.setdefault((kind, tuple(numbers)), []).extend([] if batch is None else [batch])
    named = [_place(kind, numbers, found) for (kind, numbers), found in same.items()]
    more = f"; … ({len(named) - MOST_PLACES:,} more)" if len(named) > MOST_PLACES else ""
    return "; ".join(filter(None, named[:MOST_PLACES])) + more


def _part(finding: Finding) -> tuple[str, list[int]]:
    if finding.channel is not None:
        return "channel", [finding.channel]
    return ("", []) if finding.group is None else ("group", [finding.group])


def _place(kind: str, numbers: Sequence[int], batches: Sequence[int]) -> str:
    return " of ".join(filter(None, (_numbered(kind, kind + "s", numbers), _numbered("batch", "batches", batches))))


def _numbered(one: str, several: str, numbers: Sequence[int]) -> str:
    """As in "channel 2" or "channels 0–2, 5", the first ones of many; empty where there are none."""
    runs = list(_runs(numbers))
    more = f", … ({len(runs) - MOST_PLACES:,} more)" if len(runs) > MOST_PLACES else ""
    word = one if len(set(numbers)) == 1 else several
    return f"{word} {', '.join(runs[:MOST_PLACES])}{more}" if runs else ""


def _runs(numbers: Sequence[int]) -> Iterator[str]:
    """Whole numbers in order, three or more that follow each other as in "0–2"."""
    ordered = sorted(set(numbers))
    for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield from [f"{found[0]}–{found[-1]}"] if len(found) > 2 else map(str, found)
