"""ε takes a visible share of what the layer divides by.

What it does: reports a channel, or a group of channels, where ε/(variance + ε) is over 1 %. RMS norm has its mean
square in place of the variance.

Why it matters: the output's variance is variance/(variance + ε), not 1. At ε = 1e-3, Keras' default, data scaled to
[0, 1] with a standard deviation of 0.03 come out at 0.688. Two frameworks with different ε then train different
networks on the same data.

What to do: give the layer a smaller ε, or scale the data to a variance far above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from bnstat.frameworks import unlike
from bnstat.report import Channel, Finding, Group, Report, Settings
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    epsilon = report.settings.epsilon
    if epsilon is None:
        return
    for batch, part in each_part(report):
        share = part.epsilon_share
        if not part.divisor or share is None or share <= report.limits.epsilon_share:
            continue
        message = (
            f"{part.title}: ε {epsilon:g} is {100 * share:.3g} % of {divisor_name(report.settings)} + ε, so "
            f"{output_of(part, report.settings)}{remedy(epsilon, part, report)}"
        )
        yield rule.finding(report, batch, part, message, value=share, threshold=report.limits.epsilon_share)


def divisor_name(settings: Settings) -> str:
    """What ε is added to."""
    return "mean square" if settings.kind == "rms" else "variance"


def output_of(part: Channel | Group, settings: Settings) -> str:
    """What ε leaves of 1, in words."""
    before = " before r and d" if settings.kind == "renorm" else ""
    return f"the output{before} has {divisor_name(settings)} {part.output:.3g} instead of 1"


def remedy(epsilon: float, part: Channel | Group, report: Report) -> str:
    """What another framework's ε would give for values that vary, and what to do."""
    divisor = part.divisor or 0.0
    settings, share = report.settings, report.limits.epsilon_share
    harmless = _rounded_down(divisor * share / (1 - share)) if share < 1 else 0.0
    use = f"Use ε ≤ {harmless:g} (a share of {100 * share:g} %), or scale the data up."
    use = use if harmless else "Scale the data up."
    if settings.kind == "weight-init":
        return f". {use}"  # the paper has no ε, so no framework has one for it
    other, its_epsilon = unlike(epsilon, settings.kind)
    there = divisor / (divisor + its_epsilon)
    return f"; {other.title}'s ε {its_epsilon:g} would give {there:.3g}. {use}"


def _rounded_down(number: float) -> float:
    """To two digits, never up; 0 where float64 has no digits left."""
    if number < 1e-300:
        return 0.0
    step = 10.0 ** (floor(log10(number)) - 1)
    return float(f"{floor(number / step) * step:.2g}")


RULE = Rule("BN103", "epsilon-effect", "warning", _check, family="spread")
