"""How many findings each rule has: what `bnstat check --statistics` prints in place of the findings."""

from __future__ import annotations

from collections import Counter

from bnstat.renderers.check import alike
from bnstat.reports.check import Check


def render(check: Check) -> str:
    """Return a line for each rule that found something, the most findings first: count, code, name and severity."""
    counts = Counter((one.rule, one.name, one.severity) for one in check.findings)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    numbers = [f"{count:,}" for _, count in ordered]
    widths = max(map(len, numbers), default=0), max((len(name) for (_, name, _), _ in ordered), default=0)
    lines = [
        f"{number:>{widths[0]}}  {rule} {name:{widths[1]}}  {severity}"
        for number, ((rule, name, severity), _) in zip(numbers, ordered, strict=True)
    ]
    return "\n".join([*lines, alike.closing(check)]) + "\n"
