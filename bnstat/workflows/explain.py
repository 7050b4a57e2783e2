"""The story of `explain`: the rules that are named, and what each of them means."""

from __future__ import annotations

from bnstat.report.explain import Explanations
from bnstat.rules import RULES
from bnstat.rules.explanation import explained
from bnstat.rules.selection import rule_named


def explain(*names: str) -> Explanations:
    """Return what rules mean, why it matters, and what to do.

    Args:
        names: codes or names of rules, as findings have them: "BN101", "zero-variance"; none for all rules.

    Raises:
        UsageError: if no rule has a name, or `python -OO` removed the texts.
    """
    rules = tuple(dict.fromkeys(map(rule_named, names))) or RULES
    return Explanations(tuple(map(explained, rules)), in_full=bool(names))
