"""The story of `explain`: the rules that are named, and what each of them means."""

from __future__ import annotations

from itertools import chain

from bnstat.reports.explain import Explanations
from bnstat.rules.every_rule import EVERY_RULE
from bnstat.rules.explanation import explained
from bnstat.rules.selection import rules_named


def explain(*names: str) -> Explanations:
    """Return what rules mean, why it matters, and what to do.

    Args:
        names: codes or names of rules, as findings have them: "BN101", "zero-variance"; none for all rules. A prefix of
            codes ("BN1") names a family, whose rules are listed.

    Raises:
        UsageError: if no rule has a name, or `python -OO` removed the texts.
    """
    named = [rules_named(name) for name in names]
    rules = tuple(dict.fromkeys(chain.from_iterable(named))) or EVERY_RULE
    return Explanations(tuple(map(explained, rules)), in_full=bool(names) and all(len(one) == 1 for one in named))
