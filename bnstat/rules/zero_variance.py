"""A channel is constant in a batch, so its variance is zero.

What it does: reports a channel whose least and greatest value are equal. This is decided on the values themselves,
never by a tolerance on a rounded variance.

Why it matters: the layer's output for such a channel is β, whatever the values are. Nothing divides by zero, since ε
is added to the variance, but the channel carries nothing; in float32 some frameworks even compute a variance that is
not zero for it. Mostly a modality is missing, or a crop holds background only.

What to do: look at the file. Supply the modality, drop the channel, or sample patches with foreground.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report import Finding, Report
from bnstat.rules.rule import Rule, each_channel
from bnstat.wording import plural


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    for batch, channel in each_channel(report):
        if channel.constant and channel.count > 1:
            message = (
                f"channel {channel.channel} is constant: all of {plural(channel.count, 'value')} are "
                f"{channel.minimum:,g}, so the variance is 0 and the layer gives β for every input. "
                "If a modality is missing, supply it or drop the channel."
            )
            yield rule.finding(report, batch, channel, message, value=0.0)


RULE = Rule("BN101", "zero-variance", "error", _check, spread=True)
