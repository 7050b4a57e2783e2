"""ε takes a visible share of what the layer divides by.

What it does: reports a channel where ε/(variance + ε) is over 1 %.

Why it matters: the output's variance is variance/(variance + ε), not 1. At ε = 1e-3, Keras' default, data scaled to
[0, 1] with a standard deviation of 0.03 come out at 0.688. Two frameworks with different ε then train different
networks on the same data.

What to do: give the layer a smaller ε, or scale the data to a variance far above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from bnstat.frameworks import unlike
from bnstat.report import Channel, Finding, Report
from bnstat.rules.rule import Rule, each_channel

# Half a percent of the output's standard deviation: less is not seen beside the noise of any batch.
EPSILON_SHARE = 0.01


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    epsilon = report.settings.epsilon
    if epsilon is None:
        return
    for batch, channel in each_channel(report):
        share = channel.epsilon_share
        if not channel.variance or share is None or share <= EPSILON_SHARE:
            continue
        message = (
            f"channel {channel.channel}: ε {epsilon:g} is {100 * share:.3g} % of variance + ε, so the "
            f"output has variance {channel.output_variance:.3g} instead of 1{remedy(epsilon, channel)}"
        )
        yield rule.finding(report, batch, channel, message, value=share, threshold=EPSILON_SHARE)


def remedy(epsilon: float, channel: Channel) -> str:
    """What another framework's ε would give for a channel that varies, and what to do."""
    variance = channel.variance or 0.0
    other, its_epsilon = unlike(epsilon)
    there = variance / (variance + its_epsilon)
    harmless = _rounded_down(variance * EPSILON_SHARE / (1 - EPSILON_SHARE))
    use = f"Use ε ≤ {harmless:g} (a share of 1 %), or scale the data up." if harmless else "Scale the data up."
    return f"; {other.title}'s ε {its_epsilon:g} would give {there:.3g}. {use}"


def _rounded_down(number: float) -> float:
    """To two digits, never up; 0 where float64 has no digits left."""
    if number < 1e-300:
        return 0.0
    step = 10.0 ** (floor(log10(number)) - 1)
    return float(f"{floor(number / step) * step:.2g}")


RULE = Rule("BN103", "epsilon-effect", "warning", _check, spread=True)
