"""Named checks of a report: a rule is a file, its docstring is its documentation. Listed by hand, in order."""

from __future__ import annotations

from bnstat.report import Finding, Report
from bnstat.rules import (
    epsilon_effect,
    float16_overflow,
    inaccurate_variance,
    inf_voxels,
    nan_voxels,
    near_zero_variance,
    negative_variance,
    single_value_per_channel,
    time_as_channels,
    vanishing_variance,
    zero_variance,
)
from bnstat.rules.rule import Rule

__all__ = ["RULES", "Rule", "findings_of"]

RULES: tuple[Rule, ...] = (
    zero_variance.RULE,
    near_zero_variance.RULE,
    epsilon_effect.RULE,
    nan_voxels.RULE,
    inf_voxels.RULE,
    float16_overflow.RULE,
    single_value_per_channel.RULE,
    negative_variance.RULE,
    vanishing_variance.RULE,
    inaccurate_variance.RULE,
    time_as_channels.RULE,
)


def findings_of(report: Report, rules: tuple[Rule, ...] = RULES) -> tuple[Finding, ...]:
    """All findings in a report, in the order of the rules, then of batches and channels or groups."""
    found: list[Finding] = []
    spoken: set[tuple[str | None, tuple[int | None, int | None]]] = set()
    for rule in rules:
        new = [one for one in rule.check(rule, report) if (rule.family, one.place) not in spoken]
        if rule.family is not None:
            spoken.update((rule.family, one.place) for one in new)
        found.extend(new)
    return tuple(found)
