"""A channel varies, but its variance is below ε.

What it does: reports a channel that is not constant and whose variance is less than ε.

Why it matters: the layer divides by √(variance + ε). Where ε is the larger part, the output keeps less than half of
the variance that normalization promises, and the next layers see a channel that is nearly β.

What to do: scale the data so that their variance is far above ε, or give the layer a smaller ε.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report import Finding, Report
from bnstat.rules.epsilon_effect import remedy
from bnstat.rules.rule import Rule, each_channel


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    epsilon = report.settings.epsilon
    if epsilon is None:
        return
    for batch, channel in each_channel(report):
        variance = channel.variance
        if variance is not None and not channel.constant and channel.count > 1 and variance < epsilon:
            message = (
                f"channel {channel.channel}: the variance {variance:.3g} is below ε {epsilon:g}, so the "
                f"output has variance {channel.output_variance:.3g} instead of 1{remedy(epsilon, channel)}"
            )
            yield rule.finding(report, batch, channel, message, value=variance, threshold=epsilon)


RULE = Rule("BN102", "near-zero-variance", "warning", _check, spread=True)
