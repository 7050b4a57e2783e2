"""The findings of a list of rules in the evidence that they judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule

E = TypeVar("E")


def judged(
    evidence: E, rules: Sequence[Rule[E]], drops: Callable[[Finding], bool] = lambda _: False
) -> tuple[Finding, ...]:
    """Return all findings in the evidence, in the order of the rules, then as each rule yields them.

    Args:
        evidence: What the rules judge.
        rules: The rules that judge.
        drops: Returns True for a finding that is left out, as if its rule were not selected: another rule of its family
            may then report.
    """
    found: list[Finding] = []
    spoken: set[tuple[str | None, str | None, tuple[int | None, int | None]]] = set()
    said = [(rule, [one for one in rule.check(rule, evidence) if not drops(one)]) for rule in rules]
    exact = {(one.rule, one.source, one.channel) for _, new in said for one in new if one.channel is not None}
    for rule, all_of_it in said:
        new = [
            one
            for one in all_of_it
            if (rule.family, one.layer, one.place) not in spoken
            and (rule.gives_way, one.source, one.channel) not in exact
        ]
        if rule.family is not None:
            spoken.update((rule.family, one.layer, one.place) for one in new)
        found.extend(new)
    return tuple(found)
